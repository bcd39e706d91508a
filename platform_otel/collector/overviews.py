"""Services, operations and calls between services over a while, from the rollups: no span is looked at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from platform_otel.collector import histogram
from platform_otel.collector.database import Reader
from platform_otel.collector.model import KINDS
from platform_otel.collector.rollups import MINUTE, Rollup

Row = dict[str, object]

_SERVICES = """
    SELECT services.name, sum(count), sum(errors), count(DISTINCT operation)
    FROM operation_minutes JOIN operations ON operations.id = operation JOIN services ON services.id = service
    WHERE minute BETWEEN ? AND ? GROUP BY services.id ORDER BY services.name"""
_OPERATIONS = """
    SELECT operation, count, errors, durations FROM operation_minutes
    WHERE minute BETWEEN ? AND ?
    AND (? = '' OR operation IN (
        SELECT operations.id FROM operations JOIN services ON services.id = service WHERE services.name = ?))"""
_CALLS = "SELECT caller, callee, count, errors, durations FROM call_minutes WHERE minute BETWEEN ? AND ?"
_NAMES = """
    SELECT operations.id, services.name, operations.name, kind
    FROM operations JOIN services ON services.id = service"""


class Window(NamedTuple):
    """From when to when, in nanoseconds since the epoch; minutes that are partly in it count whole."""

    start: int
    end: int

    @property
    def minutes(self) -> tuple[int, int]:
        """The first and the last minute."""
        return self.start // MINUTE, self.end // MINUTE


def services(reader: Reader, window: Window) -> list[Row]:
    """Each service: spans, errors, operations."""
    return [
        {"service": name, "spanCount": count, "errorCount": errors, "operationCount": operations}
        for name, count, errors, operations in reader.rows(_SERVICES, window.minutes)
    ]


def operations(reader: Reader, window: Window, service: str = "") -> list[Row]:
    """Each operation, of one service or all: counts, error rate and durations; the busiest first."""
    merged = _merged(((row[0],), row[1:]) for row in reader.each(_OPERATIONS, (*window.minutes, service, service)))
    names = {number: (of, name, KINDS[kind]) for number, of, name, kind in reader.rows(_NAMES)}
    found: list[Row] = []
    for (number,), rollup in sorted(merged.items(), key=_busiest):
        of_service, name, kind = names[number]
        found.append({"service": of_service, "operation": name, "kind": kind, **_statistics(rollup)})
    return found


def calls(reader: Reader, window: Window) -> list[Row]:
    """Each pair of services of which one called the other: counts, error rate, and how long the called one took."""
    merged = _merged((row[:2], row[2:]) for row in reader.each(_CALLS, window.minutes))
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


def _merged(rows: Iterable[tuple[tuple[int, ...], tuple[int, int, bytes]]]) -> dict[tuple[int, ...], Rollup]:
    merged: dict[tuple[int, ...], Rollup] = {}
    for key, (count, errors, durations) in rows:
        rollup = merged.setdefault(key, Rollup())
        rollup.count += count
        rollup.errors += errors
        buckets = rollup.buckets
        for bucket, times in histogram.decode(durations).items():
            buckets[bucket] = buckets.get(bucket, 0) + times
    return merged


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
