"""Finished spans that wait to be sent: bounded in bytes, counted exactly, appended to without a lock."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from itertools import repeat
from typing import Any, NamedTuple

from platform_otel.process.guard import BY_A_VALUE

# Memory that finished spans may take while the collector is away.
LARGEST = 64 * 1024 * 1024
# What a queued span takes beside its bytes: the list, the tuple, the bytes object, the deque's slot.
_OVERHEAD = 200
# So many are encoded together: each alone would find the processor's caches cold, and take half as long again. More
# would hardly be quicker, and whoever ends the last of them pays for all.
TOGETHER = 16

# What the codec made of a span, and its size in bytes; or a span and _NOT_ENCODED, until the other is written in its
# place: at once, and the same whichever thread does it, so that none needs to wait for another.
_Entry = list[Any]
_NOT_ENCODED = -1


class Counts(NamedTuple):
    """What became of the finished spans of this process; together they are all of them."""

    exported: int = 0
    rejected: int = 0
    dropped: int = 0
    queued: int = 0


class Batch(NamedTuple):
    """Spans taken from the queue to be sent together, the bytes they hold, and how many could not be encoded."""

    items: list[Any]  # Any: what the codec made of a span
    size: int
    left_out: int = 0


class SpanQueue:
    """Any thread puts; one thread at a time, the exporter's, takes and settles.

    ``deque.append`` is one operation of the interpreter, so nothing is lost and nothing counted twice without
    a lock. A lock could be held for ever by a thread that a fork left behind or a signal interrupted.

    Args:
        encode: what is sent of a span, and its size in bytes.
        largest: bytes that all may take.
        most: spans that may wait.
    """

    def __init__(
        self, encode: Callable[[Any], tuple[Any, int]], largest: int = LARGEST, most: int = sys.maxsize
    ) -> None:
        self._encode = encode
        self._largest = largest
        self._most = most
        self._items: deque[_Entry] = deque()
        # Those of them that nobody encodes yet.
        self._left: deque[_Entry] = deque()
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
        self._items.append([item, size])

    def put_plain(self, span: Any) -> None:
        """The same for a span that is encoded later, with others: as it takes little room, what it takes may differ.

        Raises:
            Whatever comes while spans are encoded here, such as the exception of a signal's handler. All stay.
        """
        if self._bytes > self._largest or len(self._items) >= self._most:
            self.drop()
            return
        entry = [span, _NOT_ENCODED]
        self._bytes += _OVERHEAD
        self._items.append(entry)
        self._left.append(entry)
        if len(self._left) >= TOGETHER:
            self._encode_what_is_left()

    def drop(self) -> None:
        """Count a finished span that is not queued."""
        next(self._drops)

    def holds(self, spans: int, size: int) -> bool:
        """Whether so many spans wait, or so many bytes."""
        return len(self._items) >= spans or (self._bytes >= size and bool(self._items))

    def take(self, most: int, most_bytes: int) -> Batch:
        """The oldest spans, as many as fit; at least one if there is any. They count as queued until settled."""
        items: list[Any] = []
        size = left_out = 0
        while len(items) < most:
            self._in_flight += 1  # first: a span that is nowhere for a moment would let a flush end too early
            try:
                entry = self._items.popleft()
            except IndexError:
                self._in_flight -= 1
                break
            try:
                item, length = self._encoded(entry)
            except BY_A_VALUE:  # no more memory, perhaps
                left_out += 1
                self._leave_out()
                continue
            if items and size + length > most_bytes:
                self._items.appendleft(entry)
                self._in_flight -= 1
                break
            items.append(item)
            size += length
        return Batch(items, size, left_out)

    def _leave_out(self) -> None:
        self.drop()
        self._in_flight -= 1
        self._bytes -= _OVERHEAD

    def _encode_what_is_left(self) -> None:
        left = self._left
        for _ in range(len(left)):
            try:
                entry = left.popleft()
            except IndexError:  # another thread was quicker
                break
            self._encoded(entry)

    def _encoded(self, entry: _Entry) -> _Entry:
        """An entry as it is sent."""
        span, size = entry
        if size == _NOT_ENCODED:
            item, size = self._encode(span)
            if entry[1] == _NOT_ENCODED:  # else another thread was quicker
                self._bytes += size
                entry[:] = item, size
        return entry

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
