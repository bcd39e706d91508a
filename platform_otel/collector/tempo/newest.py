"""The spans that came last, for what no column knows: which attributes there are, and their values."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from platform_otel.collector.messages import Item, Unpacked
from platform_otel.collector.reader import Reader
from platform_otel.collector.reading import raw

# A list of names is not worth waiting longer for.
_SECONDS = 1.0
_MOST_SPANS = 20_000
_BATCHES_AT_ONCE = 200
_AHEAD = 3600 * 10**9

_BATCHES = f"""
    SELECT id FROM batches WHERE signal = 0 AND id < ? AND arrived >= ? ORDER BY id DESC LIMIT {_BATCHES_AT_ONCE}"""


class Window(NamedTuple):
    """When spans began, in nanoseconds since the epoch."""

    start: int = 0
    end: int = 2**63 - 1


def spans(reader: Reader, window: Window) -> Iterator[Item]:
    """The newest spans of a while, as many as there is time for.

    Raises:
        TooSlow
    """
    stop_at = time.monotonic() + _SECONDS
    seen = 0
    for number in _batches(reader, window.start):
        for item in Unpacked("traces", raw(reader, number)).items():
            if window.start <= item.item.start_time_unix_nano < window.end:
                seen += 1
                yield item
        reader.check()
        if seen >= _MOST_SPANS or time.monotonic() > stop_at:
            return


def _batches(reader: Reader, since: int) -> Iterator[int]:
    """Their numbers, the newest first: nothing arrives before it has begun, but for clocks that are ahead."""
    last = 2**63 - 1
    while rows := reader.rows(_BATCHES, (last, since - _AHEAD)):
        for (last,) in rows:
            yield last
