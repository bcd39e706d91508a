"""Random trace and span ids."""

import os
from _random import Random
from typing import Any

from platform_otel.process.guard import guarded


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


class GuardedIds:
    """The id generator of another package; where it raises, ours takes its turn."""

    def __init__(self, generator: Any) -> None:
        self._generator = generator
        self._ours = RandomIds()

    def generate_trace_id(self) -> int:
        """Its trace id, else a random one."""
        with guarded(f"ask {type(self._generator).__qualname__} for a trace id"):
            return int(self._generator.generate_trace_id())
        return self._ours.generate_trace_id()

    def generate_span_id(self) -> int:
        """Its span id, else a random one."""
        with guarded(f"ask {type(self._generator).__qualname__} for a span id"):
            return int(self._generator.generate_span_id())
        return self._ours.generate_span_id()

    def is_trace_id_random(self) -> bool:
        """What it says of itself; those before trace context level 2 say nothing."""
        return bool(getattr(self._generator, "is_trace_id_random", bool)())
