"""The minutes of a longer time that is over, added up, so that an overview of a week looks at few rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from platform_otel.collector import histogram, runs
from platform_otel.collector.histogram import Buckets
from platform_otel.collector.rollups import MINUTE, Rollup, Rollups

# In minutes, each a multiple of the one before it: the edges of a time are made of the smaller ones.
WIDTHS = (10, 60, 1440)
# Folded later than it is over, as most spans of its last minutes are still on their way then.
_MINUTES_TO_WAIT = 2

# By what is counted: the columns of its key.
KEYS = {"operation": ("operation",), "call": ("caller", "callee")}


class Extent(NamedTuple):
    """Which minutes the folds of a width hold: from `since` on, and before `until`."""

    width: int
    since: int
    until: int

    def place_of(self, minute: int) -> tuple[int, int] | None:
        """Width and first minute of the fold that holds a minute; None if there is none."""
        first = minute - minute % self.width
        return (self.width, first) if self.since <= first < self.until else None


class Piece(NamedTuple):
    """A part of a time, from a minute on and before another: all folds of a width, or minutes, whose width is 1."""

    width: int
    start: int
    end: int

    def source(self, of: str) -> tuple[str, Sequence[int]]:
        """What stands after FROM, with its parameters, to have the rows of an operation or a call."""
        if self.width == 1:
            return f"{of}_minutes WHERE minute >= ? AND minute < ?", (self.start, self.end)
        return f"{of}_folds WHERE width = ? AND first >= ? AND first < ?", self


class Merged:
    """By key, what the rows of pieces add up to."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, ...], Rollup] = {}
        self._totals: dict[tuple[int, ...], runs.Total] = {}

    def add(self, piece: Piece, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add rows that were selected for a piece."""
        form = histogram if piece.width == 1 else runs
        for row in rows:
            key = row[:-3]
            rollup = self._found.get(key)
            if rollup is None:
                rollup = self._found[key] = Rollup()
            rollup.count += row[-3]
            rollup.errors += row[-2]
            # As long as there are fewer in all, none outgrows its 32 bits.
            if form is runs and rollup.count < 2**32:
                total = self._totals.get(key)
                if total is None:
                    total = self._totals[key] = runs.Total()
                total.add(row[-1])
            else:
                _add(rollup.buckets, form.decode(row[-1]))

    def all(self) -> dict[tuple[int, ...], Rollup]:
        """All of it."""
        while self._totals:
            key, total = self._totals.popitem()
            _add(self._found[key].buckets, total.buckets())
        return self._found


class Folds:
    """The folds of operations, or of calls, that what comes late is counted in."""

    def __init__(self, connection: sqlite3.Connection, of: str) -> None:
        self._connection = connection
        self._rollups = Rollups(connection, f"{of}_folds", "width", "first", *KEYS[of], form=runs)
        self._extents: Sequence[Extent] = ()
        self.until = 0
        self.forget()

    def add(self, minute: int, key: tuple[int, ...], duration: int, is_error: bool) -> None:
        """Count one in each fold that holds its minute; there is none from the minute `until` on."""
        for extent in self._extents:
            place = extent.place_of(minute)
            if place is not None:
                self._rollups.add((*place, *key), duration, is_error)

    def write(self) -> None:
        """Write what has changed into the transaction that is open."""
        self._rollups.write()

    def forget(self) -> None:
        """Read from the store again: after a rollback, and when there are more folds, or fewer."""
        self._rollups.forget()
        self._extents = extents(self._connection.execute(EXTENTS).fetchall())
        self.until = max(extent.until for extent in self._extents)


EXTENTS = "SELECT width, since, until FROM folding ORDER BY width"


def extents(rows: Sequence[tuple[int, int, int]]) -> Sequence[Extent]:
    """What EXTENTS gives."""
    return [Extent(*row) for row in rows]


def pieces(start: int, end: int, known: Sequence[Extent]) -> Iterator[Piece]:
    """Minutes from one on and before another, made of the widest folds that are known, the widest last in `known`."""
    if start >= end:
        return
    if not known:
        yield Piece(1, start, end)
        return
    *smaller, (width, since, until) = known
    first, last = _up(max(start, since), width), min(end, until) // width * width
    if first >= last:
        yield from pieces(start, end, smaller)
    else:
        yield from pieces(start, first, smaller)
        yield Piece(width, first, last)
        yield from pieces(last, end, smaller)


def fold_next(connection: sqlite3.Connection, now: int) -> bool:
    """Fold one more time that is over, in a transaction of the caller's; whether there was one.

    Args:
        connection: within a transaction, after all that was counted is written.
        now: nanoseconds since the epoch.
    """
    known = extents(connection.execute(EXTENTS).fetchall())
    over = now // MINUTE - _MINUTES_TO_WAIT
    for place, extent in enumerate(known):
        first = _next(connection, extent)
        if first is not None and first + extent.width <= over:
            _fold(connection, first, extent.width, known[:place])
            until = (first + extent.width, extent.width)
            connection.execute("UPDATE folding SET until = ? WHERE width = ?", until)
            return True
    return False


def remove_before(connection: sqlite3.Connection, minute: int) -> None:
    """Minutes before this one were removed: so the folds that held any of them go."""
    for width in WIDTHS:
        since = _up(minute, width)
        connection.execute("UPDATE folding SET since = max(since, ?) WHERE width = ?", (since, width))
        for of in KEYS:
            connection.execute(f"DELETE FROM {of}_folds WHERE width = ? AND first < ?", (width, since))


def _next(connection: sqlite3.Connection, extent: Extent) -> int | None:
    """The first minute of the next fold that would hold anything."""
    unfolded = (max(extent.since, extent.until),)
    found = [
        minute
        for of in KEYS
        for (minute,) in connection.execute(f"SELECT min(minute) FROM {of}_minutes WHERE minute >= ?", unfolded)
        if minute is not None
    ]
    return min(found) // extent.width * extent.width if found else None


def _fold(connection: sqlite3.Connection, first: int, width: int, smaller: Sequence[Extent]) -> None:
    for of, key in KEYS.items():
        merged = Merged()
        for piece in pieces(first, first + width, smaller):
            merged.add(piece, connection.execute(*selected(of, piece)))
        rows = [
            (width, first, *numbers, rollup.count, rollup.errors, runs.encode(rollup.buckets))
            for numbers, rollup in sorted(merged.all().items(), key=lambda item: item[0])
        ]
        marks = ", ".join("?" * (len(key) + 5))
        connection.executemany(f"REPLACE INTO {of}_folds VALUES ({marks})", rows)


def selected(of: str, piece: Piece) -> tuple[str, Sequence[int]]:
    """SQL, with its parameters, for the key, count, errors and durations of each row of a piece."""
    source, parameters = piece.source(of)
    return f"SELECT {', '.join(KEYS[of])}, count, errors, durations FROM {source}", parameters


def _add(buckets: dict[int, int], more: Buckets) -> None:
    if not buckets:
        buckets.update(more)
        return
    for bucket, times in more.items():
        buckets[bucket] = buckets.get(bucket, 0) + times


def _up(minute: int, width: int) -> int:
    return -(-minute // width) * width
