"""Intervals of time as (start, end), in nanoseconds: how much they cover together, and whose each moment is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Interval = tuple[int, int]


def covered(intervals: Iterable[Interval]) -> int:
    """How long at least one of them lasts."""
    total, until = 0, None
    for start, end in sorted(intervals):
        begin = start if until is None else max(start, until)
        if end > begin:
            total, until = total + end - begin, end
    return total


def clipped(interval: Interval, bounds: Interval) -> Interval:
    """The part of it within the bounds; of no length if there is none."""
    start = max(interval[0], bounds[0])
    return start, max(start, min(interval[1], bounds[1]))


def shares(intervals: Sequence[Interval]) -> list[int]:
    """How much time is whose, if each moment is counted once: it belongs to the one that ends last."""
    owned = [0] * len(intervals)
    holder, since = -1, 0
    for index in sorted(range(len(intervals)), key=lambda index: (intervals[index][0], -intervals[index][1])):
        start, end = intervals[index]
        if holder >= 0 and end <= intervals[holder][1]:
            continue
        if holder >= 0:
            owned[holder] += min(start, intervals[holder][1]) - since
        holder, since = index, start
    if holder >= 0:
        owned[holder] += intervals[holder][1] - since
    return owned
