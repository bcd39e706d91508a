"""Batches into the store's tables, within the transaction that is open."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from platform_otel.collector.folds import Folds
from platform_otel.collector.linking import enter
from platform_otel.collector.model import ERROR, Batch, LogBatch, Span, SpanBatch
from platform_otel.collector.names import Names
from platform_otel.collector.rollups import MINUTE, Rollups

# How many traces are known by number without asking SQLite; some 200 bytes each.
_MOST_KEPT = 20_000
# SQLite takes 999 parameters in its older releases.
_AT_ONCE = 500

# So many new spans may be missing from trace_operations; a search looks at each of them.
_SPANS_TO_INDEX = 8000

_INDEX = (
    "INSERT OR IGNORE INTO trace_operations SELECT DISTINCT operation, trace FROM spans WHERE trace > ? ORDER BY 1, 2"
)
_NEW_TRACE = "INSERT INTO traces VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
# The right-hand sides see the row as it was: https://www.sqlite.org/lang_update.html
_GROWN_TRACE = """
    UPDATE traces SET
        start = min(start, :start),
        duration = max(start + duration, :end) - min(start, :start),
        spans = spans + :spans,
        errors = errors + :errors,
        root = coalesce(root, :root),
        earliest = CASE WHEN :start < start THEN :earliest ELSE earliest END
    WHERE id = :id"""
_NEW_SPAN = "INSERT INTO spans VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
# {} are the marks of the ids asked for.
_NUMBERS = "SELECT trace_id, id FROM traces WHERE trace_id IN ({})"
_STORED = "SELECT span_id, operation FROM spans WHERE trace = ? AND span_id IN ({})"
_WAITING = """
    SELECT orphans.span_id, orphans.parent_id, operation, start, duration, status
    FROM orphans JOIN spans USING (trace, span_id) WHERE orphans.trace = ? AND orphans.parent_id IN ({})"""

_Row = tuple[int, bytes, bytes | None, int, int, int, int, int, int]


class _Fragment(NamedTuple):
    """What arrived of one trace: the rows of the spans that are new."""

    trace_id: bytes
    number: int
    is_new: bool
    rows: list[_Row]


class Ingestion:
    """Writes what is new and leaves what was there: spans are the same if trace id and span id are."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._names = Names(connection)
        self._operations = Rollups(connection, "operation_minutes", "minute", "operation")
        self._calls = Rollups(connection, "call_minutes", "minute", "caller", "callee")
        self._operation_folds = Folds(connection, "operation")
        self._call_folds = Folds(connection, "call")
        self._traces: dict[bytes, int] = {}
        self._next_trace = self._next_batch = self._indexed = self._not_indexed = 0
        self.forget()

    def forget(self) -> None:
        """Read from the store again, after a rollback."""
        self._names.load()
        self.forget_rollups()
        self.forget_traces()
        (self._indexed,) = self._connection.execute("SELECT trace FROM indexing").fetchone()
        sql = "SELECT count(*) FROM spans WHERE trace > ?"
        (self._not_indexed,) = self._connection.execute(sql, (self._indexed,)).fetchone()
        self._next_trace = max(self._next_trace, self._last("traces") + 1, self._indexed + 1)
        self._next_batch = max(self._next_batch, self._last("batches") + 1)

    def forget_traces(self) -> None:
        """Some traces were removed."""
        self._traces.clear()

    def forget_rollups(self) -> None:
        """Some minutes were removed."""
        self._operations.forget()
        self._calls.forget()
        self.forget_folds()

    def forget_folds(self) -> None:
        """There are more folds."""
        self._operation_folds.forget()
        self._call_folds.forget()

    def add(self, batch: Batch, arrived: int) -> set[int]:
        """Write a batch; the numbers of the traces that have changed."""
        if isinstance(batch, SpanBatch):
            return self._add_spans(batch, arrived)
        self._add_logs(batch, arrived)
        return set()

    def finish(self) -> None:
        """Write what was counted: once in each transaction, before its end."""
        for counts in (self._operations, self._calls, self._operation_folds, self._call_folds):
            counts.write()
        if len(self._traces) > _MOST_KEPT:
            self._traces.clear()

    @property
    def has_to_index(self) -> bool:
        """Whether there are enough new spans to index them."""
        return self._not_indexed >= _SPANS_TO_INDEX

    def index(self) -> None:
        """Enter the operations of all new traces at once: one by one, that costs 5 us a span at a million spans.

        It takes some 20 ms, so it has a transaction of its own, after the senders have their answers.
        """
        self._connection.execute(_INDEX, (self._indexed,))
        self._indexed, self._not_indexed = self._next_trace - 1, 0
        self._connection.execute("UPDATE indexing SET trace = ?", (self._indexed,))

    # --- Spans --------------------------------------------------------------------------------------------------------

    def _add_spans(self, batch: SpanBatch, arrived: int) -> set[int]:
        self._find_traces(batch.traces)
        fragments = [self._fragment(trace_id, spans, arrived) for trace_id, spans in batch.traces.items()]
        fragments = [fragment for fragment in fragments if fragment.rows]
        if fragments:
            self._write_traces(fragments, arrived)
            self._write_spans(fragments)
            if batch.links:
                places = {row[-1]: row[:2] for fragment in fragments for row in fragment.rows}
                enter(self._connection, batch.links, places)
            self._add_batch(0, arrived, sum(len(fragment.rows) for fragment in fragments), batch.raw)
        return {fragment.number for fragment in fragments}

    def _write_spans(self, fragments: Sequence[_Fragment]) -> None:
        # Sorted, so that rows are appended where they can be.
        rows = sorted(row for fragment in fragments for row in fragment.rows)
        self._connection.executemany(_NEW_SPAN, rows)
        late = sorted({(row[3], row[0]) for row in rows if row[0] <= self._indexed})
        self._connection.executemany("INSERT OR IGNORE INTO trace_operations VALUES (?, ?)", late)
        self._not_indexed += len(rows)

    def _add_batch(self, signal: int, arrived: int, live: int, raw: bytes) -> None:
        sql = "INSERT INTO batches VALUES (?, ?, ?, ?, ?)"
        self._connection.execute(sql, (self._next_batch, signal, arrived, live, raw))
        self._next_batch += 1

    def _fragment(self, trace_id: bytes, spans: Sequence[Span], arrived: int) -> _Fragment:
        """What arrived of one trace that is new."""
        number = self._traces.get(trace_id)
        is_new = number is None
        if number is None:
            number, self._next_trace = self._next_trace, self._next_trace + 1
            self._traces[trace_id] = number
        stored = {} if is_new else self._stored(number, spans)
        rows = self._rows(number, spans, stored)
        if rows:
            self._count(rows, stored, arrived, is_new)
        return _Fragment(trace_id, number, is_new, rows)

    def _rows(self, trace: int, spans: Sequence[Span], stored: dict[bytes, int]) -> list[_Row]:
        number, batch = self._names.number, self._next_batch
        rows: dict[bytes, _Row] = {}
        for _, span_id, parent_id, operation, start, duration, status, position in spans:
            if span_id not in stored and span_id not in rows:
                of_operation = number(operation)
                row = (trace, span_id, parent_id or None, of_operation, start, duration, status, batch, position)
                rows[span_id] = row
        return list(rows.values())

    def _find_traces(self, trace_ids: Iterable[bytes]) -> None:
        """Look for those that are not known, all at once: one by one, that costs 0.5 us a span."""
        known = self._traces
        known.update(self._select(_NUMBERS, [each for each in trace_ids if each not in known]))

    def _stored(self, trace: int, spans: Sequence[Span]) -> dict[bytes, int]:
        """The operations of those of these spans, and of their parents, that the store has."""
        wanted = {each for span in spans for each in (span.span_id, span.parent_id) if each}
        return dict(self._select(_STORED, wanted, trace))

    def _select(self, sql: str, wanted: Iterable[bytes], *parameters: int) -> Iterator[Any]:
        """The rows for these parameters and ids, some at a time."""
        left = list(wanted)
        for first in range(0, len(left), _AT_ONCE):
            ids = left[first : first + _AT_ONCE]
            # A power of two of them, so that few statements are to be compiled.
            marks = 1 << (len(ids) - 1).bit_length()
            ids += ids[:1] * (marks - len(ids))
            yield from self._connection.execute(sql.format(",".join("?" * marks)), (*parameters, *ids)).fetchall()

    def _write_traces(self, fragments: Sequence[_Fragment], arrived: int) -> None:
        new, grown = [], []
        for trace_id, number, is_new, rows in fragments:
            start, end, errors, root, earliest = _summary(rows)
            if is_new:
                new.append((number, trace_id, arrived, start, end - start, len(rows), errors, root, earliest))
            else:
                trace = {"id": number, "start": start, "end": end, "spans": len(rows), "errors": errors}
                grown.append({**trace, "root": root, "earliest": earliest})
        self._connection.executemany(_NEW_TRACE, new)
        self._connection.executemany(_GROWN_TRACE, grown)

    # --- Rollups ------------------------------------------------------------------------------------------------------

    def _count(self, rows: Sequence[_Row], stored: dict[bytes, int], arrived: int, is_new: bool) -> None:
        """Count the operations, and each call when the later one of its two spans arrives."""
        # A clock that is far ahead would leave rows that never grow old.
        latest = arrived // MINUTE + 60
        operations = {**stored, **{row[1]: row[3] for row in rows}}
        orphans = []
        add, folded_until = self._operations.add, self._operation_folds.until
        for trace, span_id, parent_id, operation, start, duration, status, _, _ in rows:
            minute = min(start // MINUTE, latest)
            add((minute, operation), duration, status == ERROR)
            if minute < folded_until:
                self._operation_folds.add(minute, (operation,), duration, status == ERROR)
            if parent_id is not None:
                parent = operations.get(parent_id)
                if parent is None:
                    orphans.append((trace, parent_id, span_id))
                else:
                    self._count_call(minute, parent, operation, duration, status)
        if not is_new:
            self._adopt(rows, latest)
        if orphans:
            self._connection.executemany("INSERT INTO orphans VALUES (?, ?, ?)", orphans)

    def _adopt(self, rows: Sequence[_Row], latest: int) -> None:
        """Count the calls of spans that waited for one of these as their parent."""
        trace, arrived = rows[0][0], {row[1]: row[3] for row in rows}
        for span_id, parent_id, operation, start, duration, status in self._select(_WAITING, arrived, trace):
            self._count_call(min(start // MINUTE, latest), arrived[parent_id], operation, duration, status)
            key = (trace, parent_id, span_id)
            self._connection.execute("DELETE FROM orphans WHERE (trace, parent_id, span_id) = (?, ?, ?)", key)

    def _count_call(self, minute: int, parent: int, operation: int, duration: int, status: int) -> None:
        service_of = self._names.service_of
        caller, callee = service_of[parent], service_of[operation]
        if caller != callee:
            self._calls.add((minute, caller, callee), duration, status == ERROR)
            if minute < self._call_folds.until:
                self._call_folds.add(minute, (caller, callee), duration, status == ERROR)

    # --- Logs ---------------------------------------------------------------------------------------------------------

    def _add_logs(self, batch: LogBatch, arrived: int) -> None:
        rows = [
            (record.trace_id or None, record.span_id or None, record.time, self._next_batch, record.position)
            for record in batch.records
        ]
        if rows:
            sql = "INSERT INTO logs (trace_id, span_id, time, batch, position) VALUES (?, ?, ?, ?, ?)"
            self._connection.executemany(sql, rows)
            self._add_batch(1, arrived, len(rows), batch.raw)

    def _last(self, table: str) -> int:
        number: int | None = self._connection.execute(f"SELECT max(id) FROM {table}").fetchone()[0]
        return number or 0


def _summary(rows: Sequence[_Row]) -> tuple[int, int, int, int | None, int]:
    """Start, end, errors, operation of a root if one is among them, operation of the earliest: in one loop, as hot."""
    _, _, _, earliest, start, _, _, _, _ = rows[0]
    end, errors, root = start, 0, None
    for _, _, parent_id, operation, begun, duration, status, _, _ in rows:
        if begun < start:
            start, earliest = begun, operation
        end = max(end, begun + duration)
        errors += status == ERROR
        if parent_id is None and root is None:
            root = operation
    return start, end, errors, root, earliest
