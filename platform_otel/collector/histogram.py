"""Distributions of durations: counts in buckets that grow by 2 %, so that a quantile is wrong by at most 1 %.

The buckets are those of DDSketch (https://arxiv.org/abs/1908.10693): bucket b holds (GAMMA^(b-1), GAMMA^b].
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping

ACCURACY = 0.01
GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
# For the hot path: one multiplication instead of a division.
PER_LOG = 1 / math.log(GAMMA)

Buckets = Mapping[int, int]


def bucket_of(nanoseconds: int) -> int:
    """The bucket that a duration falls into; up to 2184, for 63 bits."""
    return math.ceil(math.log(nanoseconds) * PER_LOG) if nanoseconds > 1 else 0


def value_of(bucket: int) -> float:
    """The duration that stands for a bucket: at most 1 % from any that fell into it."""
    return 2 * GAMMA**bucket / (GAMMA + 1) if bucket else 1.0


def quantile(buckets: Buckets, share: float) -> float:
    """The duration that this share of all does not exceed, by nearest rank; 0.0 if there is none."""
    rank = max(1, math.ceil(share * sum(buckets.values())))
    for bucket in sorted(buckets):
        rank -= buckets[bucket]
        if rank <= 0:
            return value_of(bucket)
    return 0.0


def total(buckets: Buckets) -> float:
    """What all of them take together, within 1 %."""
    return sum(value_of(bucket) * times for bucket, times in buckets.items())


def encode(buckets: Buckets) -> bytes:
    """All bucket numbers (16 bits, little endian), then all counts (32 bits)."""
    count = len(buckets)
    return struct.pack(f"<{count}H{count}I", *buckets, *buckets.values())


def decode(blob: bytes) -> dict[int, int]:
    """What was encoded."""
    count = len(blob) // 6
    numbers = struct.unpack(f"<{count}H{count}I", blob)
    return dict(zip(numbers[:count], numbers[count:], strict=True))
