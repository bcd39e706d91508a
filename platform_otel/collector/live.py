"""Which traces have just changed, for those who watch: from the writing thread to the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager

MOST_WATCHERS = 64
# A watcher that is slower than the traces come misses the oldest of them.
_MOST_WAITING = 1000
_SECONDS_TO_GATHER = 0.25
_SECONDS_OF_QUIET = 15.0


class TooManyWatchers(Exception):
    """No more can watch at once."""


class Watcher:
    """One who watches: an iterator over the numbers of traces that changed, none of them after a while of quiet."""

    def __init__(self) -> None:
        self._waiting: dict[int, None] = {}
        self._woken = asyncio.Event()
        self._closed = False

    def add(self, traces: Iterable[int]) -> None:
        """Let these wait to be handed out."""
        self._waiting.update(dict.fromkeys(traces))
        for trace in list(self._waiting)[: max(0, len(self._waiting) - _MOST_WAITING)]:
            del self._waiting[trace]
        self._woken.set()

    def close(self) -> None:
        """End the iteration."""
        self._closed = True
        self._woken.set()

    async def __aiter__(self) -> AsyncIterator[list[int]]:
        while not self._closed:
            try:
                await asyncio.wait_for(self._woken.wait(), _SECONDS_OF_QUIET)
            except asyncio.TimeoutError:
                yield []
                continue
            self._woken.clear()
            traces = list(self._waiting)
            self._waiting.clear()
            if traces:
                yield traces
                # What comes meanwhile is handed out together.
                await asyncio.sleep(_SECONDS_TO_GATHER)


class Hub:
    """Tells every watcher what changed."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watchers: set[Watcher] = set()

    def publish(self, traces: set[int]) -> None:
        """Tell that these have changed; called from any thread."""
        if self._watchers:
            self._loop.call_soon_threadsafe(self._tell, traces)

    def check(self) -> None:
        """Ask whether there is room for one more.

        Raises:
            TooManyWatchers
        """
        if len(self._watchers) >= MOST_WATCHERS:
            raise TooManyWatchers(f"{MOST_WATCHERS} are watching already")

    @contextmanager
    def watching(self) -> Iterator[Watcher]:
        """Watch for a while; in the event loop."""
        watcher = Watcher()
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def close(self) -> None:
        """End every watcher's iteration."""
        for watcher in self._watchers:
            watcher.close()

    def _tell(self, traces: set[int]) -> None:
        for watcher in self._watchers:
            watcher.add(traces)
