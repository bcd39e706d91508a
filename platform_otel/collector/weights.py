"""How many bytes the counts take, about: weighed an hour at a time, as SQLite does not know it of a table."""

from __future__ import annotations

import sqlite3

from platform_otel.collector.folds import KEYS, WIDTHS

_HOUR = 60
_OLDEST = "SELECT min(minute) FROM operation_minutes WHERE minute >= ?"
# A longer row of a table without row ids has a page of its own for most of it
# (https://www.sqlite.org/fileformat2.html#b_tree_pages). What is added is for keys, counts and the index.
_OF_MINUTES = """
    SELECT sum(CASE WHEN length(durations) > 980 THEN 4600 ELSE 24 + length(durations) END) FROM {}_minutes
    WHERE minute >= ? AND minute < ?"""
_OF_FOLDS = f"""
    SELECT sum(48 + length(durations)) FROM {{}}_folds
    WHERE width IN ({", ".join(map(str, WIDTHS))}) AND first >= ? AND first < ?"""


class Weights:
    """By hour, what its minutes and folds take. Hours are weighed in turn, again and again, as late spans come.

    Attributes:
        is_complete: whether each hour was weighed once.
    """

    def __init__(self) -> None:
        self._of: dict[int, int] = {}
        self._next = 0
        self.is_complete = False

    @property
    def total(self) -> int:
        """All hours together, as they were when they were weighed."""
        return sum(self._of.values())

    def weigh_next(self, connection: sqlite3.Connection) -> bool:
        """Weigh the next hour that has anything; whether there are some that never were."""
        (minute,) = connection.execute(_OLDEST, (self._next,)).fetchone()
        if minute is None:
            self._next, self.is_complete = 0, True
        else:
            self._weigh(connection, minute // _HOUR)
            self._next = (minute // _HOUR + 1) * _HOUR
        return not self.is_complete

    def forget_removed(self, connection: sqlite3.Connection) -> None:
        """The oldest minutes were removed: all of some hours, and a part of another."""
        (minute,) = connection.execute(_OLDEST, (0,)).fetchone()
        oldest = None if minute is None else minute // _HOUR
        self._of = {hour: bytes_ for hour, bytes_ in self._of.items() if oldest is not None and hour >= oldest}
        if oldest is not None:
            self._weigh(connection, oldest)

    def _weigh(self, connection: sqlite3.Connection, hour: int) -> None:
        minutes = (hour * _HOUR, (hour + 1) * _HOUR)
        self._of[hour] = sum(
            connection.execute(sql.format(of), minutes).fetchone()[0] or 0
            for sql in (_OF_MINUTES, _OF_FOLDS)
            for of in KEYS
        )
