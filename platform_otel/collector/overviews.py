"""Services, operations and calls between services over a while, from the rollups: no span is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from platform_otel.collector import histogram
from platform_otel.collector.folds import EXTENTS, Merged, Piece, extents, pieces, selected
from platform_otel.collector.model import KINDS
from platform_otel.collector.reader import Reader
from platform_otel.collector.rollups import MINUTE, Rollup

Row = dict[str, object]

# {} is what a piece of the time has: source() of folds.py.
_COUNTS = "SELECT operation, sum(count), sum(errors) FROM {} GROUP BY operation"
_OF_SERVICE = """
    AND operation IN (
        SELECT operations.id FROM operations JOIN services ON services.id = service WHERE services.name = ?)"""
_NAMES = """
    SELECT operations.id, services.name, operations.name, kind
    FROM operations JOIN services ON services.id = service"""


class Window(NamedTuple):
    """From when to when, in nanoseconds since the epoch; minutes that are partly in it count whole."""

    start: int
    end: int


def services(reader: Reader, window: Window) -> list[Row]:
    """Each service: spans, errors, operations."""
    found: dict[str, _Service] = {}
    names = {number: name for number, name, _, _ in reader.rows(_NAMES)}
    for piece in _pieces(reader, window):
        source, parameters = piece.source("operation")
        for operation, count, errors in reader.each(_COUNTS.format(source), parameters):
            found.setdefault(names[operation], _Service()).add(operation, count, errors)
    return [{"service": name, **service.row()} for name, service in sorted(found.items())]


def operations(reader: Reader, window: Window, service: str = "") -> list[Row]:
    """Each operation, of one service or all: counts, error rate and durations; the busiest first."""
    condition = (_OF_SERVICE, [service]) if service else ("", [])
    merged = _merged(reader, window, "operation", *condition)
    names = {number: (of, name, KINDS[kind]) for number, of, name, kind in reader.rows(_NAMES)}
    found: list[Row] = []
    for (number,), rollup in sorted(merged.items(), key=_busiest):
        of_service, name, kind = names[number]
        found.append({"service": of_service, "operation": name, "kind": kind, **_statistics(rollup)})
    return found


def calls(reader: Reader, window: Window) -> list[Row]:
    """Each pair of services of which one called the other: counts, error rate, and how long the called one took."""
    merged = _merged(reader, window, "call")
    names = dict(reader.rows("SELECT id, name FROM services"))
    return [
        {
            "caller": names[caller],
            "callee": names[callee],
            **_statistics(rollup),
            "timeNano": round(histogram.total(rollup.buckets)),
        }
        for (caller, callee), rollup in sorted(merged.items(), key=_busiest)
    ]


class _Service:
    """What is counted of a service."""

    def __init__(self) -> None:
        self._operations: set[int] = set()
        self._count = self._errors = 0

    def add(self, operation: int, count: int, errors: int) -> None:
        self._operations.add(operation)
        self._count += count
        self._errors += errors

    def row(self) -> Row:
        return {"spanCount": self._count, "errorCount": self._errors, "operationCount": len(self._operations)}


def _merged(
    reader: Reader, window: Window, of: str, condition: str = "", parameters: Sequence[object] = ()
) -> dict[tuple[int, ...], Rollup]:
    merged = Merged()
    for piece in _pieces(reader, window):
        sql, of_piece = selected(of, piece)
        merged.add(piece, reader.each(sql + condition, (*of_piece, *parameters)))
    return merged.all()


def _pieces(reader: Reader, window: Window) -> Iterator[Piece]:
    """Of the minutes that the while touches, one at least; that which it ends with the beginning of is not touched."""
    first = window.start // MINUTE
    return pieces(first, max(first + 1, -(-window.end // MINUTE)), extents(reader.rows(EXTENTS)))


def _busiest(item: tuple[tuple[int, ...], Rollup]) -> tuple[int, tuple[int, ...]]:
    return -item[1].count, item[0]


def _statistics(rollup: Rollup) -> Row:
    quantiles = {f"p{share}Nano": round(histogram.quantile(rollup.buckets, share / 100)) for share in (50, 95, 99)}
    return {
        "count": rollup.count,
        "errorCount": rollup.errors,
        "errorRate": rollup.errors / rollup.count,
        **quantiles,
    }
