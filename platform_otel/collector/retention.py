"""What is too old, or too much, goes: whole traces with their logs, those that arrived first before the others."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from platform_otel.collector.folds import KEYS, WIDTHS, remove_before
from platform_otel.collector.rollups import MINUTE

# As many go in one transaction, so that no acknowledgement waits long.
_SPANS_AT_ONCE = 2000
_LOGS_AT_ONCE = 2000

_OLDEST_TRACES = "SELECT id, spans, arrived FROM traces ORDER BY id LIMIT ?"
_OLDEST_LOG = "SELECT id, arrived FROM batches WHERE signal = 1 ORDER BY id LIMIT 1"
_OLDEST_MINUTE = """
    SELECT min(minute) FROM (
        SELECT min(minute) AS minute FROM operation_minutes UNION ALL SELECT min(minute) FROM call_minutes)"""
_NEVER = 2**62
_OF_TRACES = (
    "DELETE FROM trace_operations WHERE (operation, trace) IN (SELECT operation, trace FROM spans WHERE trace <= ?)",
    "DELETE FROM logs WHERE trace_id IN (SELECT trace_id FROM traces WHERE id <= ?)",
    "DELETE FROM orphans WHERE trace <= ?",
    "DELETE FROM links WHERE trace <= ?",
    "DELETE FROM spans WHERE trace <= ?",
    "DELETE FROM traces WHERE id <= ?",
)
_POINTING_SPANS = "SELECT batch, count(*) FROM spans WHERE trace <= ? GROUP BY batch"
_POINTING_LOGS = """
    SELECT batch, count(*) FROM logs WHERE trace_id IN (SELECT trace_id FROM traces WHERE id <= ?) GROUP BY batch"""


class Removed(NamedTuple):
    """What one step removed."""

    traces: int = 0
    logs: int = 0
    minutes: int = 0


def remove_old(connection: sqlite3.Connection, before: int) -> Removed:
    """One step towards a store without what arrived before this time, and without minutes before it."""
    found = connection.execute(_OLDEST_TRACES, (_SPANS_AT_ONCE,)).fetchall()
    traces = _remove_traces(connection, [row for row in found if row[2] < before])
    return Removed(traces, _remove_logs(connection, before), _remove_minutes(connection, before // MINUTE))


def remove_oldest(connection: sqlite3.Connection) -> Removed:
    """One step towards a smaller store: the oldest traces, or the oldest logs if they are older."""
    found = connection.execute(_OLDEST_TRACES, (_SPANS_AT_ONCE,)).fetchall()
    log = connection.execute(_OLDEST_LOG).fetchone()
    if log is not None and (not found or log[1] < found[0][2]):
        return Removed(logs=_remove_logs(connection, log[1] + 1))
    return Removed(traces=_remove_traces(connection, found))


def remove_oldest_minutes(connection: sqlite3.Connection) -> Removed:
    """One step towards fewer counts."""
    return Removed(minutes=_remove_minutes(connection))


def _remove_traces(connection: sqlite3.Connection, oldest: list[tuple[int, int, int]]) -> int:
    """Remove as many of these traces as have spans for one step, and one at least."""
    spans, count = 0, 0
    for _, of_trace, _ in oldest:
        if count and spans + of_trace > _SPANS_AT_ONCE:
            break
        spans, count = spans + of_trace, count + 1
    if count:
        last = oldest[count - 1][:1]
        pointing = [*connection.execute(_POINTING_SPANS, last), *connection.execute(_POINTING_LOGS, last)]
        for sql in _OF_TRACES:
            connection.execute(sql, last)
        _release(connection, pointing)
    return count


def _remove_logs(connection: sqlite3.Connection, before: int) -> int:
    """Remove the oldest batches of log records that arrived before this time."""
    sql = "SELECT id, live FROM batches WHERE signal = 1 AND arrived < ? ORDER BY id LIMIT 100"
    removed = 0
    for batch, live in connection.execute(sql, (before,)).fetchall():
        if removed and removed + live > _LOGS_AT_ONCE:
            break
        connection.execute("DELETE FROM logs WHERE batch = ?", (batch,))
        connection.execute("DELETE FROM batches WHERE id = ?", (batch,))
        removed += live
    return removed


def _remove_minutes(connection: sqlite3.Connection, before: int = _NEVER) -> int:
    """Remove the oldest minutes that are before this one, up to an edge of the smallest folds."""
    (oldest,) = connection.execute(_OLDEST_MINUTE).fetchone()
    if oldest is None or oldest >= before:
        return 0
    until = min(before, (oldest // WIDTHS[0] + 1) * WIDTHS[0])
    removed = sum(connection.execute(f"DELETE FROM {of}_minutes WHERE minute < ?", (until,)).rowcount for of in KEYS)
    remove_before(connection, until)
    return removed


def _release(connection: sqlite3.Connection, pointing: list[tuple[int, int]]) -> None:
    """Count the rows that no longer point to their batches, and remove the batches that none points to."""
    connection.executemany(
        "UPDATE batches SET live = live - ? WHERE id = ?", [(count, batch) for batch, count in pointing]
    )
    connection.executemany("DELETE FROM batches WHERE id = ? AND live <= 0", [(batch,) for batch, _ in pointing])
