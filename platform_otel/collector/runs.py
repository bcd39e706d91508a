"""Distributions of many durations as runs of neighbouring buckets: one addition of large numbers adds two of them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from platform_otel.collector.histogram import Buckets

# Runs begin at multiples of it, so that most runs of an operation begin at the same buckets.
_BLOCK = 16
_HEAD = struct.Struct("<HH")
_BITS = 32


def encode(buckets: Buckets) -> bytes:
    """Runs: the first bucket, how many (16 bits each, little endian), and as many counts (32 bits)."""
    parts = []
    for numbers in _runs(sorted({bucket // _BLOCK for bucket in buckets})):
        counts = [buckets.get(bucket, 0) for bucket in numbers]
        parts.append(struct.pack(f"<HH{len(counts)}I", numbers.start, len(counts), *counts))
    return b"".join(parts)


def decode(blob: bytes) -> dict[int, int]:
    """What was encoded."""
    total = Total()
    total.add(blob)
    return total.buckets()


class Total:
    """What several add up to, as long as no count outgrows its 32 bits."""

    def __init__(self) -> None:
        # By the first bucket of a run: its counts, as one number.
        self._runs: dict[int, int] = {}

    def add(self, blob: bytes) -> None:
        """Add what was encoded."""
        found, place = self._runs, 0
        while place < len(blob):
            first, size = _HEAD.unpack_from(blob, place)
            start = place + 4
            place = start + size * 4
            found[first] = found.get(first, 0) + int.from_bytes(blob[start:place], "little")

    def buckets(self) -> dict[int, int]:
        """All of it."""
        base = min(self._runs, default=0)
        number = sum(run << ((first - base) * _BITS) for first, run in self._runs.items())
        size = -(-number.bit_length() // _BITS)
        counts = struct.unpack(f"<{size}I", number.to_bytes(size * 4, "little"))
        return {bucket: count for bucket, count in enumerate(counts, base) if count}


def _runs(blocks: Sequence[int]) -> Iterator[range]:
    """The buckets of each run of neighbouring blocks."""
    start = 0
    for place, block in enumerate(blocks, 1):
        if place == len(blocks) or blocks[place] != block + 1:
            yield range(blocks[start] * _BLOCK, (block + 1) * _BLOCK)
            start = place
