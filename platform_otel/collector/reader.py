"""One state of the store, read by one query within its time limit."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

_ROWS_AT_ONCE = 1000


class TooSlow(Exception):
    """A query took longer than it may, or the collector stops."""


@contextmanager
def _in_time() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if str(error) == "interrupted":
            raise TooSlow("it takes too long") from None
        raise


class Reader:
    """One state of the store, for as long as may be."""

    def __init__(self, connection: sqlite3.Connection, is_late: Callable[[], bool]) -> None:
        self._connection = connection
        self._is_late = is_late

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        """What a query gives, all of it; Any: tuples of what its columns are.

        Raises:
            TooSlow
        """
        with _in_time():
            return self._connection.execute(sql, parameters).fetchall()

    def each(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[Any]:
        """The same one after the other: of many rows, few are in memory, and what is done with them has its limit too.

        Raises:
            TooSlow
        """
        with _in_time():
            cursor = self._connection.execute(sql, parameters)
        while rows := self._some(cursor):
            yield from rows
            self.check()

    def _some(self, cursor: sqlite3.Cursor) -> list[Any]:
        with _in_time():
            return cursor.fetchmany(_ROWS_AT_ONCE)

    def check(self) -> None:
        """Between two steps of work on what was read.

        Raises:
            TooSlow
        """
        if self._is_late():
            raise TooSlow("it takes too long")
