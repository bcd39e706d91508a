"""Per minute, how many spans of an operation or calls between services there were, and how long they took."""

from __future__ import annotations

import sqlite3
from types import ModuleType

from platform_otel.collector import histogram

MINUTE = 60 * 10**9
# What stays in memory between two transactions, some kilobytes each.
_MOST_KEPT = 2000

_Key = tuple[int, ...]


class Rollup:
    """The counts of a minute, or of a longer time."""

    __slots__ = ("buckets", "count", "errors")

    def __init__(self, count: int = 0, errors: int = 0, buckets: dict[int, int] | None = None) -> None:
        self.count = count
        self.errors = errors
        self.buckets = {} if buckets is None else buckets


class Rollups:
    """The rollups of one table, written with the transaction that they belong to.

    Args:
        table: its first columns are the key, the others count, errors and durations.
        columns: those of the key, beginning with when.
        form: encodes and decodes durations.
    """

    def __init__(self, connection: sqlite3.Connection, table: str, *columns: str, form: ModuleType = histogram) -> None:
        self._connection = connection
        self._form = form
        where = " AND ".join(f"{column} = ?" for column in columns)
        self._select = f"SELECT count, errors, durations FROM {table} WHERE {where}"
        self._replace = f"REPLACE INTO {table} VALUES ({', '.join('?' * (len(columns) + 3))})"
        self._kept: dict[_Key, Rollup] = {}
        self._changed: dict[_Key, Rollup] = {}

    def add(self, key: _Key, duration: int, is_error: bool) -> None:
        """Count one."""
        rollup = self._changed.get(key)
        if rollup is None:
            rollup = self._changed[key] = self._find(key)
        rollup.count += 1
        rollup.errors += is_error
        bucket = histogram.bucket_of(duration)
        rollup.buckets[bucket] = rollup.buckets.get(bucket, 0) + 1

    def write(self) -> None:
        """Write what has changed into the transaction that is open."""
        rows = [
            (*key, rollup.count, rollup.errors, self._form.encode(rollup.buckets))
            for key, rollup in self._changed.items()
        ]
        self._connection.executemany(self._replace, rows)
        self._changed.clear()
        if len(self._kept) > _MOST_KEPT:
            self._kept.clear()

    def forget(self) -> None:
        """Read from the store again: after a rollback, and when rows were removed."""
        self._kept.clear()
        self._changed.clear()

    def _find(self, key: _Key) -> Rollup:
        rollup = self._kept.get(key)
        if rollup is None:
            rollup = self._kept[key] = self._read(key)
        return rollup

    def _read(self, key: _Key) -> Rollup:
        row = self._connection.execute(self._select, key).fetchone()
        return Rollup(row[0], row[1], self._form.decode(row[2])) if row else Rollup()
