"""Random trace and span ids."""

import os
from _random import Random


class RandomIds:
    """Ids from a generator of our own.

    Not the module random's: a service that seeds it would give equal ids to all its processes, and would
    itself get other numbers than without us. The C class alone, since importing random costs milliseconds.
    """

    __slots__ = ("_bits",)

    def __init__(self) -> None:
        self.seed()

    def seed(self) -> None:
        """Start anew from the system's entropy, as a child process must."""
        self._bits = Random(int.from_bytes(os.urandom(32), "big")).getrandbits

    def generate_trace_id(self) -> int:
        """128 random bits, never zero: zero means no trace."""
        return self._bits(128) or 1

    def generate_span_id(self) -> int:
        """64 random bits, never zero: zero means no span."""
        return self._bits(64) or 1

    def is_trace_id_random(self) -> bool:
        """Whether the low 56 bits are random, which W3C trace context level 2 says by a flag."""
        return True
