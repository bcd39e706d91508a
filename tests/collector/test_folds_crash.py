"""A collector that is killed while it folds, again and again: its overviews are those of the spans that are there."""

from __future__ import annotations

import random
import signal
import sqlite3
from collections import Counter
from collections.abc import Sequence
from functools import partial
from http.client import HTTPException
from pathlib import Path
from threading import Thread
from typing import Any

from platform_otel.collector import histogram, overviews
from platform_otel.collector.database import Database
from platform_otel.collector.folds import WIDTHS
from platform_otel.collector.ingestion import Ingestion
from platform_otel.collector.otlp_decoding import decode
from platform_otel.collector.overviews import Window
from platform_otel.collector.rollups import MINUTE
from tests.collector.running import BASE, Collector, Made, body, eventually

DAY = 1440
# Of whole days that are over, each with all of its folds.
TENS = 3 * DAY // 10
LATEST = BASE // MINUTE // DAY * DAY - DAY
FIRST = LATEST - TENS * 10
WINDOWS = [
    Window(start * MINUTE, end * MINUTE - 1)
    for start, end in ((0, LATEST + 60), (FIRST + 7, FIRST + 2000), (FIRST + 1433, LATEST - 61), (FIRST, FIRST + 70))
]
_SPANS = """
    SELECT services.name, operations.name, start, duration, status
    FROM spans JOIN operations ON operations.id = operation JOIN services ON services.id = service"""
_CALLS = """
    SELECT callers.name, callees.name, spans.start, spans.duration, spans.status FROM spans
    JOIN spans AS parents ON parents.trace = spans.trace AND parents.span_id = spans.parent_id
    JOIN operations AS called ON called.id = spans.operation JOIN services AS callees ON callees.id = called.service
    JOIN operations AS calling ON calling.id = parents.operation
    JOIN services AS callers ON callers.id = calling.service
    WHERE callers.id != callees.id"""


def pair(trace: int, minute: int) -> tuple[Made, Made]:
    """A call between two services in this minute; lasting a different time each."""
    start = (minute * MINUTE - BASE) // 10**6
    status = 2 if trace % 7 == 0 else 0
    caller = Made(trace, 1, service="gate", start=start, milliseconds=trace % 900)
    return caller, Made(trace, 2, parent=1, service="meter", start=start, milliseconds=trace % 800, status=status)


def unfolded(path: Path) -> None:
    """A file with some days of minutes, none of which is folded."""
    database = Database(str(path))
    made = [each for number in range(TENS) for each in pair(number + 1, FIRST + number * 10 + number % 10)]
    with database.writing() as connection:
        ingestion = Ingestion(connection)
        for batch in decode("traces", body(*made)).batches:
            ingestion.add(batch, BASE)
        ingestion.finish()
    database.close()


class Late(Thread):
    """Sends calls of minutes long ago until the collector is gone."""

    def __init__(self, collector: Collector, first: int) -> None:
        super().__init__()
        self._collector = collector
        self._numbers = range(first, first + 10**6)
        self._minutes = random.Random(first)
        self.acknowledged: list[int] = []

    def run(self) -> None:
        for number in self._numbers:
            minute = self._minutes.randrange(FIRST, LATEST)
            try:
                answer = self._collector.send(body(*pair(number, minute)))
            except (OSError, HTTPException):
                return
            assert answer.status == 200, answer
            self.acknowledged.append(number)


def folds(path: Path) -> int:
    """How many there are."""
    with sqlite3.connect(path, timeout=60) as connection:
        (found,) = connection.execute("SELECT count(*) FROM operation_folds").fetchone()
    connection.close()
    return int(found)


def has_folds(path: Path, at_least: int) -> bool:
    return folds(path) >= at_least


def expected(*widths: int) -> int:
    """How many there are of two operations when all of these widths are made."""
    return sum(2 * TENS * 10 // width for width in widths)


def by_spans(connection: sqlite3.Connection, sql: str, window: Window) -> dict[tuple[str, str], tuple[int, ...]]:
    """What an overview has to say, from the spans themselves."""
    durations: dict[tuple[str, str], Counter[int]] = {}
    errors: Counter[tuple[str, str]] = Counter()
    for first, second, start, duration, status in connection.execute(sql):
        if window.start // MINUTE <= start // MINUTE <= window.end // MINUTE:
            durations.setdefault((first, second), Counter())[histogram.bucket_of(duration)] += 1
            errors[first, second] += status == 2
    return {
        key: (buckets.total(), errors[key], *(round(histogram.quantile(buckets, share)) for share in (0.5, 0.95, 0.99)))
        for key, buckets in durations.items()
    }


def by_overview(rows: Sequence[Any], *names: str) -> dict[tuple[str, str], tuple[int, ...]]:
    figures = ("count", "errorCount", "p50Nano", "p95Nano", "p99Nano")
    return {(row[names[0]], row[names[1]]): tuple(row[figure] for figure in figures) for row in rows}


def check(path: Path, acknowledged: Sequence[int]) -> None:
    database = Database(str(path))
    with database.writing() as connection, database.reading(60) as reader:
        traces = {int.from_bytes(each, "big") for (each,) in connection.execute("SELECT trace_id FROM traces")}
        assert set(acknowledged) <= traces
        for window in WINDOWS:
            operations: list[Any] = overviews.operations(reader, window)
            calls: list[Any] = overviews.calls(reader, window)
            assert by_overview(operations, "service", "operation") == by_spans(connection, _SPANS, window)
            assert by_overview(calls, "caller", "callee") == by_spans(connection, _CALLS, window)
    database.close()


# After how many folds to kill: while those of ten minutes are made, of an hour, and of a day.
MOMENTS = (1, expected(10) // 2, expected(10) + expected(60) // 2, expected(10, 60) + 1)


def test_overviews_are_right_after_kill_9_while_folding(tmp_path: Path) -> None:
    path = tmp_path / "db"
    unfolded(path)
    acknowledged: list[int] = []
    for turn, moment in enumerate(MOMENTS, 1):
        with Collector("--retention", "90d", db=path) as collector:
            late = Late(collector, turn * 10**6)
            late.start()
            eventually(partial(has_folds, path, moment))
            collector.stop(signal.SIGKILL)
            late.join()
        acknowledged += late.acknowledged
        check(path, acknowledged)
    with Collector("--retention", "90d", db=path):
        eventually(partial(has_folds, path, expected(*WIDTHS)))

    check(path, acknowledged)
    assert acknowledged
