"""Finished spans that wait to be sent: bounded in bytes, counted exactly, appended to without a lock."""

from __future__ import annotations

import sys
from collections import deque
from itertools import repeat
from typing import Any, NamedTuple

# Memory that finished spans may take while the collector is away.
LARGEST = 64 * 1024 * 1024
# What a queued span takes beside its bytes: the tuple, the bytes object, the deque's slot.
_OVERHEAD = 120


class Counts(NamedTuple):
    """What became of the finished spans of this process; together they are all of them."""

    exported: int = 0
    rejected: int = 0
    dropped: int = 0
    queued: int = 0


class Batch(NamedTuple):
    """Spans taken from the queue to be sent together, and the bytes they hold."""

    items: list[Any]  # Any: what the codec made of a span
    size: int


class SpanQueue:
    """Any thread puts; one thread at a time, the exporter's, takes and settles.

    ``deque.append`` is one operation of the interpreter, so nothing is lost and nothing counted twice without
    a lock. A lock could be held for ever by a thread that a fork left behind or a signal interrupted.
    """

    def __init__(self, largest: int = LARGEST, most: int = sys.maxsize) -> None:
        self._largest = largest
        self._most = most
        self._items: deque[tuple[Any, int]] = deque()
        # Counts down from a number that is never used up: one operation advances it, another reads it, in no memory.
        self._drops = repeat(None, sys.maxsize)
        self._counts = Counts()
        self._in_flight = 0
        # An estimate while several threads put at the same moment; exact again when the queue is empty.
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Any, size: int) -> None:
        """Append a finished span, or drop it where no room is left: what waits stays, the newest goes."""
        if self._bytes + size > self._largest or len(self._items) >= self._most:
            self.drop()
            return
        self._bytes += size + _OVERHEAD
        self._items.append((item, size))

    def drop(self) -> None:
        """Count a finished span that is not queued."""
        next(self._drops)

    def holds(self, spans: int, size: int) -> bool:
        """Whether so many spans wait, or so many bytes."""
        return len(self._items) >= spans or (self._bytes >= size and bool(self._items))

    def take(self, most: int, most_bytes: int) -> Batch:
        """The oldest spans, as many as fit; at least one if there is any. They count as queued until settled."""
        items: list[Any] = []
        size = 0
        while self._items and len(items) < most and (not items or size + self._items[0][1] <= most_bytes):
            self._in_flight += 1  # first: a span that is nowhere for a moment would let a flush end too early
            item, length = self._items.popleft()
            items.append(item)
            size += length
        return Batch(items, size)

    def settle(self, batch: Batch, *, rejected: int = 0, dropped: bool = False) -> None:
        """Say what became of a batch that was taken: exported but for ``rejected`` of it, or dropped."""
        number = len(batch.items)
        rejected = min(rejected, number)
        counts = self._counts
        self._counts = counts._replace(
            exported=counts.exported + (0 if dropped else number - rejected),
            rejected=counts.rejected + (0 if dropped else rejected),
            dropped=counts.dropped + (number if dropped else 0),
        )
        self._in_flight = 0
        self._bytes = self._bytes - batch.size - _OVERHEAD * number if self._items else 0

    def counts(self) -> Counts:
        """What became of all spans so far."""
        counts = self._counts
        not_queued = sys.maxsize - self._drops.__length_hint__()
        return counts._replace(dropped=counts.dropped + not_queued, queued=len(self._items) + self._in_flight)
