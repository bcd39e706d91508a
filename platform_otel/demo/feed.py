"""The traces that arrive at a collector, each once: when it is complete, or when nothing of it comes any more."""

from __future__ import annotations

from time import monotonic, sleep
from typing import Any

from platform_otel.demo.traces import is_complete, request
from platform_otel.show.otlp import spans
from platform_otel.show.source import NoSuchTrace, Source
from platform_otel.show.trace import Trace, read

_SECONDS_BETWEEN_LOOKS = 0.1
_NEWEST = 50


class Feed:
    """Hands out traces that begin to arrive after it was made."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._done = {each["traceId"] for each in self._newest()}
        self._seen: dict[str, tuple[int, float]] = {}

    def next(self, quiet: float) -> list[Trace]:
        """Wait at most `quiet` seconds for complete traces; an incomplete one is due after as much silence."""
        deadline = monotonic() + quiet
        while not (due := self._due(quiet)) and monotonic() < deadline:
            sleep(_SECONDS_BETWEEN_LOOKS)
        return due

    def _due(self, quiet: float) -> list[Trace]:
        found = (self._look_at(each, quiet) for each in self._newest() if each["traceId"] not in self._done)
        return [trace for trace in found if trace is not None]

    def _look_at(self, summary: Any, quiet: float) -> Trace | None:  # Any: a trace in short
        trace_id, size = summary["traceId"], summary["spanCount"]
        known, since = self._seen.get(trace_id, (0, monotonic()))
        is_silent = known == size and monotonic() - since >= quiet
        if known == size and not is_silent:
            return None
        if known != size:
            self._seen[trace_id] = size, monotonic()
        trace = read(self._source, trace_id)
        found = spans(trace.otlp)
        if not (is_complete(found) or is_silent):
            return None
        self._done.add(trace_id)
        # A service that starts may leave traces in which nobody asks for anything.
        return trace if any(request(span) for span in found) else None

    def _newest(self) -> list[Any]:
        newest: list[Any] = self._source.ask("/query/traces", limit=_NEWEST)["traces"][::-1]
        return newest


def await_trace(source: Source, path: str, seconds: float) -> tuple[Trace | None, bool]:
    """The trace of a request for this path, and whether it is complete; what has arrived after so many seconds."""
    deadline = monotonic() + seconds
    while True:
        trace = _trace_of(source, path)
        if trace is not None and is_complete(spans(trace.otlp)):
            return trace, True
        if monotonic() > deadline:
            return trace, False
        sleep(_SECONDS_BETWEEN_LOOKS)


def _trace_of(source: Source, path: str) -> Trace | None:
    # By the stable conventions, and by those before, which gate's own tracing has.
    where = f'url.path = "{path}" or http.target = "{path}"'
    for each in source.ask("/query/traces", where=where, limit=1)["traces"]:
        try:
            return read(source, each["traceId"])
        except NoSuchTrace:  # it has become too much in the meantime
            return None
    return None
