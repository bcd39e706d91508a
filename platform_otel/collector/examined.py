"""The newest traces of a while with all their spans, as `analysis/` takes them: so many of them, and no more."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from platform_otel.analysis import peers
from platform_otel.analysis.tree import TraceSpan
from platform_otel.collector.messages import Unpacked, value
from platform_otel.collector.model import KINDS, STATUSES
from platform_otel.collector.overviews import Window
from platform_otel.collector.reader import Reader, TooSlow
from platform_otel.collector.reading import raw

# Among so many traces, the newest, those with errors or of one operation are looked for.
MOST_CONSIDERED = 100_000
# Of one trace: some 2 s of work. Nobody reads the hops of a trace that never ends.
MOST_OF_ONE = 50_000
# Decoding ends then; what was read by then is examined.
_SECONDS = 3.0


class Limits(NamedTuple):
    """How much is examined at most.

    Args:
        traces: how many.
        spans: of all of them together.
        compressed: bytes of the batches that they are in, which are decoded whole; None for no limit.
    """

    traces: int
    spans: int
    compressed: int | None = None


FINDINGS = Limits(1000, 20_000)
# For what is asked for all the time: some 30 ms.
OVERVIEW = Limits(100, 1000, 1_000_000)

_ATTRIBUTES = peers.ATTRIBUTES | {
    "error.type",
    "exception.type",
    "http.response.status_code",
    "http.status_code",
    "rpc.grpc.status_code",
    "user_agent.original",
    "platform_trace.ignored_context",
}
_NEWEST = """
    SELECT id, spans, start FROM (
        SELECT id, spans, errors, start, COALESCE(root, earliest) AS root FROM traces
        WHERE start BETWEEN ? AND ? ORDER BY start DESC, id DESC LIMIT ?) AS traces
    WHERE {} LIMIT ?"""
_SPANS = """
    SELECT batch, position, trace_id, services.name FROM spans
    JOIN traces ON traces.id = trace
    JOIN operations ON operations.id = operation JOIN services ON services.id = service
    WHERE trace IN ({}) ORDER BY batch, position"""
_BATCHES = """
    SELECT id, length(raw) FROM batches WHERE id IN (SELECT batch FROM spans WHERE trace = ?)"""
_OF_TRACE = _SPANS.format("SELECT id FROM traces WHERE trace_id = ?")
_AT_ONCE = 100

FAILED = "errors > 0"
ENTERED = """root IN (
    SELECT operations.id FROM operations JOIN services ON services.id = service
    WHERE (? = '' OR services.name = ?) AND (? = '' OR operations.name = ?))"""

# The traces that a service has spans in; the newest may not be in the index yet. Of the index, which has all traces of
# the store, what is before those of the while is left out. Its parameters are those of `through`.
THROUGH = """(id > (SELECT trace FROM indexing) AND EXISTS (
        SELECT 1 FROM spans JOIN operations ON operations.id = operation JOIN services ON services.id = service
        WHERE spans.trace = traces.id AND services.name = ?)
    OR id IN (
        SELECT trace FROM trace_operations JOIN operations ON operations.id = operation
        JOIN services ON services.id = service WHERE services.name = ?
        AND trace >= (SELECT min(id) FROM traces WHERE start BETWEEN ? AND ?)))"""

# OTLP's Span.flags: whether it is known that the parent is remote, and whether it is.
_KNOWN_REMOTE, _IS_REMOTE = 0x100, 0x200


class Examined(NamedTuple):
    """Spans of whole traces, and how far back they reach.

    Args:
        traces: how many they are.
        reached: when the oldest of them began; None if there is none.
        complete: whether these are all of the time asked for.
    """

    spans: Sequence[TraceSpan]
    traces: int
    reached: int | None
    complete: bool


def newest(
    reader: Reader, window: Window, limits: Limits = FINDINGS, condition: str = "", parameters: Sequence[object] = ()
) -> Examined:
    """The newest traces that began in a while.

    Args:
        reader: of the store.
        window: when they began.
        limits: how much at most.
        condition: SQL on the columns id, errors and root of a trace.
        parameters: of the condition.

    Raises:
        TooSlow
    """
    considered = (window.start, window.end, MOST_CONSIDERED)
    rows = reader.rows(_NEWEST.format(condition or "1"), (*considered, *parameters, limits.traces + 1))
    chosen = _within(limits, rows)
    if limits.compressed is not None:
        chosen = _in_few_batches(reader, limits.compressed, chosen)
    spans: list[TraceSpan] = []
    stop_at = time.monotonic() + _SECONDS
    for place in range(0, len(chosen), _AT_ONCE):
        part = chosen[place : place + _AT_ONCE]
        spans += _decoded(reader, _SPANS.format(", ".join("?" * len(part))), [number for number, _, _ in part])
        if time.monotonic() > stop_at:
            chosen = chosen[: place + _AT_ONCE]
            break
    complete = len(chosen) == len(rows) and (not condition or _considers_all(reader, considered))
    return Examined(spans, len(chosen), chosen[-1][2] if chosen else None, complete)


def through(service: str, window: Window) -> tuple[object, ...]:
    """The parameters of THROUGH."""
    return service, service, window.start, window.end


def trace(reader: Reader, trace_id: bytes) -> list[TraceSpan]:
    """The spans of one trace.

    Raises:
        TooSlow: also for one of more than MOST_OF_ONE spans.
    """
    count = sum(spans for (spans,) in reader.rows("SELECT spans FROM traces WHERE trace_id = ?", (trace_id,)))
    if count > MOST_OF_ONE:
        raise TooSlow(f"to analyse a trace of {count} spans takes too long; {MOST_OF_ONE} are the most")
    return list(_decoded(reader, _OF_TRACE, (trace_id,)))


def extent(found: Examined) -> dict[str, object]:
    """How far it was looked, for an answer."""
    reached = None if found.reached is None else str(found.reached)
    return {"lookedAt": found.traces, "reached": reached, "complete": found.complete}


def _within(limits: Limits, rows: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    chosen: list[tuple[int, int, int]] = []
    spans = 0
    for row in rows[: limits.traces]:
        if row[1] > limits.spans:
            continue  # one trace is not worth all of the others
        spans += row[1]
        if spans > limits.spans:
            break
        chosen.append(row)
    return chosen


def _in_few_batches(reader: Reader, most: int, rows: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """As many of these traces, the newest first, as are in batches of so many bytes, but one at least."""
    sizes: dict[int, int] = {}
    for place, (number, _, _) in enumerate(rows):
        sizes.update(reader.rows(_BATCHES, (number,)))
        if place and sum(sizes.values()) > most:
            return rows[:place]
    return rows


def _considers_all(reader: Reader, considered: tuple[int, int, int]) -> bool:
    sql = "SELECT count(*) FROM (SELECT 1 FROM traces WHERE start BETWEEN ? AND ? LIMIT ?)"
    start, end, most = considered
    return bool(reader.rows(sql, (start, end, most + 1))[0][0] <= most)


# --- From rows to spans -----------------------------------------------------------------------------------------------


def _decoded(reader: Reader, sql: str, parameters: Iterable[object]) -> Iterator[TraceSpan]:
    current, unpacked = -1, None
    for batch, position, trace_id, service in reader.rows(sql, tuple(parameters)):
        if batch != current or unpacked is None:
            reader.check()
            current, unpacked = batch, Unpacked("traces", raw(reader, batch))
        yield _span(unpacked.item(position).item, trace_id, service)


def _span(span: Any, trace_id: bytes, service: str) -> TraceSpan:  # Any: a generated class
    flags = span.flags
    parent = span.parent_span_id
    exception = _exception(span.events)
    return TraceSpan(
        trace_id=trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=parent.hex() if any(parent) else "",
        service=service,
        name=span.name,
        kind=KINDS[span.kind] if 0 <= span.kind < len(KINDS) else KINDS[0],
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        status=STATUSES[span.status.code] if 0 <= span.status.code < len(STATUSES) else STATUSES[0],
        message=span.status.message or ": ".join(filter(None, exception)),
        attributes={each.key: value(each.value) for each in span.attributes if each.key in _ATTRIBUTES},
        remote=bool(flags & _IS_REMOTE) if flags & _KNOWN_REMOTE else None,
        exception=exception[0],
        links=len(span.links),
    )


def _exception(events: Iterable[Any]) -> tuple[str, str]:
    """The type and the message of the last exception."""
    kind = message = ""
    for event in events:
        if event.name == "exception":
            said = {each.key: each.value.string_value for each in event.attributes}
            kind, message = said.get("exception.type", ""), said.get("exception.message", "")
    return kind, message
