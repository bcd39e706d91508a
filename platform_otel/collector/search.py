"""Finding traces: by what the columns and indexes know first, by attributes then, newest or slowest first."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from platform_otel.collector import summaries
from platform_otel.collector.expression import Expression, Lookup
from platform_otel.collector.messages import Item, Unpacked, value
from platform_otel.collector.model import ERROR, KINDS, STATUSES
from platform_otel.collector.otlp_decoding import service_name
from platform_otel.collector.reader import Reader
from platform_otel.collector.reading import raw
from platform_otel.collector.summaries import Summary

NEWEST, SLOWEST = "newest", "slowest"
ORDERS = (NEWEST, SLOWEST)

# Longer than this nobody waits for a page; what was found by then is the answer.
_SECONDS = 2.0
# The first look is at a few traces, as most searches end there; then more at a time.
_FEWEST_AT_ONCE = 50
_MOST_AT_ONCE = 2000
# An operation of at most so many traces is looked up; others are met soon on the way anyway.
_RARE = 20_000
_BATCHES_KEPT = 16

_COLUMN = {NEWEST: "start", SLOWEST: "duration"}
_OF_OPERATION = """operation IN (
    SELECT operations.id FROM operations JOIN services ON services.id = service
    WHERE (? = '' OR services.name = ?) AND (? = '' OR operations.name = ?) AND (? < 0 OR kind = ?))"""

# A span that was called by another service: its parent is at hand by its id.
_OF_CALLER = """EXISTS (
    SELECT 1 FROM spans AS parents JOIN operations ON operations.id = parents.operation
    JOIN services ON services.id = service
    WHERE parents.trace = spans.trace AND parents.span_id = spans.parent_id AND services.name = ?)
    AND operation NOT IN (
        SELECT operations.id FROM operations JOIN services ON services.id = service WHERE services.name = ?)"""


class Query(NamedTuple):
    """What is looked for: traces of which one span is as asked; "" and None ask for nothing.

    Args:
        kind, status: one of KINDS and of STATUSES.
        start, end: when the trace began, in nanoseconds since the epoch.
        shortest, longest: how long the trace took, in nanoseconds.
        where: what else must hold for the span.
        span_shortest, span_longest: how long the span took, in nanoseconds.
        after: where the page before ended.
        id: the least and the greatest trace id.
        caller: another service, of which the span's parent is.
    """

    service: str = ""
    operation: str = ""
    kind: str = ""
    status: str = ""
    start: int | None = None
    end: int | None = None
    shortest: int | None = None
    longest: int | None = None
    where: Expression | None = None
    order: str = NEWEST
    limit: int = 20
    after: tuple[int, int] | None = None
    span_shortest: int | None = None
    span_longest: int | None = None
    id: tuple[bytes, bytes] | None = None
    caller: str = ""


# Whether a trace is as asked, by its row of summaries.COLUMNS: what the columns of its spans do not tell.
Judge = Callable[[Sequence[Any]], bool]


class Found(NamedTuple):
    """A page of traces, and how far the search looked.

    Args:
        looked_at: how many traces were examined.
        reached: start or duration, by the order, of the last one of them; None if there was none.
        next: where the next page begins; None if all was looked at.
    """

    traces: list[Summary]
    looked_at: int
    reached: int | None
    next: tuple[int, int] | None


def search(reader: Reader, query: Query, judge: Judge | None = None) -> Found:
    """The next page of traces.

    ``judge``, if there is one, is asked in place of ``query.where``.

    Raises:
        TooSlow: a single step took too long.
    """
    if judge is None and query.where is not None:
        judge = _judge(reader, query, query.where)
    stop_at = time.monotonic() + _SECONDS
    traces: list[Summary] = []
    looked_at, last = 0, query.after
    for key, row, is_candidate in _candidates(reader, query):
        looked_at, last = looked_at + 1, key
        if is_candidate and (judge is None or judge(row)):
            traces.append(summaries.of(reader, row))
        if len(traces) == query.limit or time.monotonic() > stop_at:
            return Found(traces, looked_at, key[0], key)
    return Found(traces, looked_at, last[0] if last else None, None)


# --- By columns -------------------------------------------------------------------------------------------------------


def _candidates(reader: Reader, query: Query) -> Iterator[tuple[tuple[int, int], Sequence[Any], bool]]:
    """Every trace of the time and duration asked for, in order; and whether a span is as asked, by its columns."""
    column, after = _COLUMN[query.order], query.after
    conditions, parameters = _conditions(reader, query)
    of_spans, of_spans_parameters = _of_spans(query)
    exists = f"EXISTS (SELECT 1 FROM spans WHERE trace = traces.id AND {of_spans})"
    at_once = _FEWEST_AT_ONCE
    while True:
        page = f"AND ({column}, id) < (?, ?)" if after else ""
        sql = f"""SELECT {column}, {exists}, {summaries.COLUMNS} FROM traces
                  WHERE {conditions} {page} ORDER BY {column} DESC, id DESC LIMIT {at_once}"""
        rows = reader.rows(sql, (*of_spans_parameters, *parameters, *(after or ())))
        for key, is_candidate, *row in rows:
            after = (key, row[0])
            yield after, row, bool(is_candidate)
        if len(rows) < at_once:
            return
        at_once = min(4 * at_once, _MOST_AT_ONCE)


def _conditions(reader: Reader, query: Query) -> tuple[str, list[object]]:
    """What must hold for the trace itself."""
    ranges = (
        ("start >= ?", query.start),
        ("start < ?", query.end),
        ("duration >= ?", query.shortest),
        ("duration <= ?", query.longest),
    )
    conditions = ["1", *(sql for sql, limit in ranges if limit is not None)]
    parameters: list[object] = [limit for _, limit in ranges if limit is not None]
    if query.status == STATUSES[ERROR]:
        conditions.append("errors > 0")
    if query.id is not None:
        conditions.append("id IN (SELECT id FROM traces WHERE trace_id BETWEEN ? AND ?)")
        parameters += query.id
    for wanted in (query, Query(service=query.caller)):
        if _asks_for_operation(wanted) and _is_rare(reader, wanted):
            conditions.append(
                f"""id IN (SELECT trace FROM trace_operations WHERE {_OF_OPERATION}
                           UNION ALL SELECT id FROM traces WHERE id > (SELECT trace FROM indexing))"""
            )
            parameters += _operation_parameters(wanted)
    return " AND ".join(conditions), parameters


def _of_spans(query: Query) -> tuple[str, list[object]]:
    """What must hold for one of its spans."""
    conditions: list[str] = ["1"]
    parameters: list[object] = []
    if _asks_for_operation(query):
        conditions.append(_OF_OPERATION)
        parameters += _operation_parameters(query)
    if query.status:
        conditions.append("status = ?")
        parameters.append(STATUSES.index(query.status))
    for sql, limit in (("duration >= ?", query.span_shortest), ("duration <= ?", query.span_longest)):
        if limit is not None:
            conditions.append(f"spans.{sql}")
            parameters.append(limit)
    if query.caller:
        # Last, as it costs most.
        conditions.append(_OF_CALLER)
        parameters += [query.caller] * 2
    return " AND ".join(conditions), parameters


def _asks_for_operation(query: Query) -> bool:
    return bool(query.service or query.operation or query.kind)


def _operation_parameters(query: Query) -> list[object]:
    kind = KINDS.index(query.kind) if query.kind else -1
    return [query.service, query.service, query.operation, query.operation, kind, kind]


def _is_rare(reader: Reader, query: Query) -> bool:
    sql = f"SELECT count(*) FROM (SELECT 1 FROM trace_operations WHERE {_OF_OPERATION} LIMIT {_RARE + 1})"
    return bool(reader.rows(sql, _operation_parameters(query))[0][0] <= _RARE)


# --- By attributes ----------------------------------------------------------------------------------------------------


class Spans:
    """Looks into the spans of traces, which stand in a few batches that many traces share."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._batches: OrderedDict[int, Unpacked] = OrderedDict()

    def of(self, trace: int, conditions: str = "1", parameters: Sequence[object] = ()) -> Iterator[Item]:
        """The spans of the trace with this number for which the SQL holds."""
        self._reader.check()
        sql = f"SELECT batch, position FROM spans WHERE trace = ? AND {conditions}"
        for batch, position in self._reader.rows(sql, (trace, *parameters)):
            yield self._batch(batch).item(position)

    def _batch(self, number: int) -> Unpacked:
        batch = self._batches.get(number)
        if batch is None:
            batch = self._batches[number] = Unpacked("traces", raw(self._reader, number))
            if len(self._batches) > _BATCHES_KEPT:
                self._batches.popitem(last=False)
        return batch


def _judge(reader: Reader, query: Query, where: Expression) -> Judge:
    """Whether one of the spans that are as asked by their columns is so by the expression too."""
    spans, (conditions, parameters) = Spans(reader), _of_spans(query)
    return lambda row: any(where.holds(lookup_of(item)) for item in spans.of(row[0], conditions, parameters))


def lookup_of(item: Item) -> Lookup:
    """What a span says to the fields of an expression."""

    def lookup(field: str) -> object:
        if field in _OWN:
            return _OWN[field](item)
        where, _, name = field.partition(".")
        if where == "span":
            return _attribute(item.item, name)
        if where == "resource":
            return _attribute(item.of_resource.resource, name)
        found = _attribute(item.item, field)
        return _attribute(item.of_resource.resource, field) if found is None else found

    return lookup


def _attribute(holder: Any, name: str) -> object:
    for attribute in holder.attributes:
        if attribute.key == name:
            return value(attribute.value)
    return None


_OWN: dict[str, Callable[[Item], object]] = {
    "service": lambda item: service_name(item.of_resource.resource),
    "name": lambda item: item.item.name,
    "kind": lambda item: KINDS[item.item.kind] if item.item.kind in range(len(KINDS)) else KINDS[0],
    "status": lambda item: STATUSES[item.item.status.code] if item.item.status.code in range(3) else STATUSES[0],
    "message": lambda item: item.item.status.message or None,
    "duration": lambda item: max(0, item.item.end_time_unix_nano - item.item.start_time_unix_nano),
}
