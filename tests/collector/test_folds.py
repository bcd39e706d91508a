"""An overview by folds is that by minutes and that by hand: in any order, late, repeated, removed, rolled back."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_otel.collector import histogram, overviews, runs, schema
from platform_otel.collector.database import MEMORY, Database
from platform_otel.collector.folds import KEYS, WIDTHS, Extent, Merged, Piece, fold_next, pieces, selected
from platform_otel.collector.ingestion import Ingestion
from platform_otel.collector.otlp_decoding import decode
from platform_otel.collector.overviews import Window
from platform_otel.collector.retention import remove_old
from platform_otel.collector.rollups import MINUTE
from platform_otel.collector.store import Retention, Store
from tests.collector.running import BASE, Made, body, eventually

DAY = 1440
# The first minute of a day.
FIRST = (BASE // MINUTE // DAY + 1) * DAY
MINUTES = st.sampled_from([0, 9, 10, 59, 60, 61, 125, 1439, 1440, 1700, 2880, 3000])


class Counted(NamedTuple):
    """One that was counted, by hand."""

    minute: int
    key: tuple[str, str]
    duration: int
    is_error: bool


class Hand:
    """What is to be counted, without a store."""

    def __init__(self) -> None:
        self._spans: dict[tuple[int, int], Made] = {}
        self._called: set[tuple[int, int]] = set()
        self.counted: dict[str, list[Counted]] = {"operation": [], "call": []}

    def add(self, batch: Sequence[Made]) -> None:
        for made in batch:
            if (made.trace, made.span) not in self._spans:
                self._spans[made.trace, made.span] = made
                self._count("operation", made, (made.service, made.name))
        for place, made in self._spans.items():
            parent = self._spans.get((made.trace, made.parent))
            if parent is not None and place not in self._called:
                self._called.add(place)
                if parent.service != made.service:
                    self._count("call", made, (parent.service, made.service))

    def _count(self, of: str, made: Made, key: tuple[str, str]) -> None:
        minute = (BASE + made.start * 10**6) // MINUTE
        self.counted[of].append(Counted(minute, key, made.milliseconds * 10**6, made.status == 2))

    def remove(self, before: int) -> None:
        for of, found in self.counted.items():
            self.counted[of] = [each for each in found if each.minute >= before]

    def overview(self, of: str, start: int, end: int) -> dict[tuple[str, str], tuple[int, int, Counter[int]]]:
        found: dict[tuple[str, str], tuple[int, int, Counter[int]]] = {}
        for minute, key, duration, is_error in self.counted[of]:
            if start <= minute < end:
                count, errors, buckets = found.get(key, (0, 0, Counter()))
                buckets[histogram.bucket_of(duration)] += 1
                found[key] = (count + 1, errors + is_error, buckets)
        return found


class Machine:
    """What the writing thread does, a step at a time, with a time of its own."""

    def __init__(self) -> None:
        self.database = Database(MEMORY)
        self.hand = Hand()
        with self.database.writing() as connection:
            self._ingestion = Ingestion(connection)

    def add(self, batch: Sequence[Made]) -> None:
        with self.database.writing():
            self._take(batch)
        self.hand.add(batch)

    def fail(self, batch: Sequence[Made]) -> None:
        try:
            with self.database.writing():
                self._take(batch)
                raise sqlite3.Error
        except sqlite3.Error:
            self._ingestion.forget()

    def fold(self, until: int) -> None:
        with self.database.writing() as connection:
            while fold_next(connection, (FIRST + until) * MINUTE):
                pass
        self._ingestion.forget_folds()

    def remove(self, before: int) -> None:
        removed = True
        while removed:  # some minutes a step
            with self.database.writing() as connection:
                removed = bool(remove_old(connection, (FIRST + before) * MINUTE).minutes)
            self._ingestion.forget_rollups()
        self.hand.remove(FIRST + before)

    def _take(self, batch: Sequence[Made]) -> None:
        for each in decode("traces", body(*batch)).batches:
            # Later than any of its spans, so that none is from the future, nor old enough to go.
            self._ingestion.add(each, (FIRST + 100 * DAY) * MINUTE)
        self._ingestion.finish()


SPANS = st.lists(
    st.builds(
        lambda trace, span, parent, service, name, minute, milliseconds, status: Made(
            trace,
            span,
            parent=parent,
            service=service,
            name=name,
            start=((FIRST + minute) * MINUTE - BASE) // 10**6,
            milliseconds=milliseconds,
            status=status,
        ),
        trace=st.integers(1, 2),
        span=st.integers(1, 8),
        parent=st.integers(0, 8),
        service=st.sampled_from(["gate", "meter"]),
        name=st.sampled_from(["GET /", "POST /"]),
        minute=MINUTES,
        milliseconds=st.sampled_from([0, 1, 3, 1000]),
        status=st.sampled_from([0, 2]),
    ),
    min_size=1,
    max_size=8,
)
STEPS: st.SearchStrategy[list[tuple[Callable[[Machine, Any], None], Any]]] = st.lists(
    st.one_of(
        st.tuples(st.just(Machine.add), SPANS),
        st.tuples(st.just(Machine.add), SPANS),
        st.tuples(st.just(Machine.fail), SPANS),
        st.tuples(st.just(Machine.fold), st.integers(0, 4 * DAY)),
        st.tuples(st.just(Machine.remove), MINUTES),
    ),
    max_size=10,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, MINUTES, st.integers(1, 3 * DAY))
def test_an_overview_by_folds_is_that_by_minutes_and_that_by_hand(
    steps: list[tuple[Callable[[Machine, Any], None], Any]], start: int, length: int
) -> None:
    machine = Machine()
    for step, with_what in steps:
        step(machine, with_what)

    for first, end in ((FIRST + start, FIRST + start + length), (FIRST, FIRST + 4 * DAY)):
        check(machine, first, end)
    machine.database.close()


def check(machine: Machine, start: int, end: int) -> None:
    window = Window(start * MINUTE, end * MINUTE - 1)
    with machine.database.reading(10) as reader:
        for of, overview in (("operation", overviews.operations), ("call", overviews.calls)):
            by_hand = machine.hand.overview(of, start, end)
            by_minutes = Merged()
            by_minutes.add(Piece(1, start, end), reader.each(*selected(of, Piece(1, start, end))))
            rows: list[Any] = overview(reader, window)
            by_folds = overviews._merged(reader, window, of)

            assert by_folds.keys() == by_minutes.all().keys()
            for key, rollup in by_minutes.all().items():
                assert tuples(by_folds[key]) == tuples(rollup)
            assert answered(of, rows) == {key: statistics(*found) for key, found in by_hand.items()}


def tuples(rollup: Any) -> tuple[int, int, dict[int, int]]:
    return rollup.count, rollup.errors, rollup.buckets


def answered(of: str, rows: Sequence[Any]) -> dict[tuple[str, str], tuple[float, ...]]:
    names = {"operation": ("service", "operation"), "call": KEYS["call"]}[of]
    return {
        tuple(row[name] for name in names): (row["count"], row["errorCount"], row["p50Nano"], row["p99Nano"])
        for row in rows
    }


def statistics(count: int, errors: int, buckets: Counter[int]) -> tuple[float, ...]:
    return count, errors, *(round(histogram.quantile(buckets, share)) for share in (0.5, 0.99))


@given(st.dictionaries(st.integers(0, 2184), st.integers(1, 2**32 - 1)))
def test_runs_come_back_from_their_encoding(buckets: dict[int, int]) -> None:
    assert runs.decode(runs.encode(buckets)) == buckets


@given(st.lists(st.dictionaries(st.integers(0, 2184), st.integers(1, 1000)), max_size=5))
def test_runs_add_up_as_their_buckets_do(several: list[dict[int, int]]) -> None:
    total = runs.Total()
    for buckets in several:
        total.add(runs.encode(buckets))

    assert total.buckets() == sum((Counter(buckets) for buckets in several), Counter())


def test_counts_that_outgrow_32_bits_are_added_too() -> None:
    merged = Merged()
    merged.add(Piece(10, 0, 20), [(1, 2**32 - 1, 0, runs.encode({5: 2**32 - 1}))] * 3)

    assert tuples(merged.all()[1,]) == (3 * (2**32 - 1), 0, {5: 3 * (2**32 - 1)})


@given(st.integers(0, 5000), st.integers(0, 5000), st.lists(st.integers(0, 4), min_size=6, max_size=6))
def test_the_pieces_of_a_time_are_all_of_it_once(start: int, length: int, days: list[int]) -> None:
    known = [
        Extent(width, days[place] * DAY, days[place + 3] * DAY + width * place) for place, width in enumerate(WIDTHS)
    ]
    found = list(pieces(start, start + length, known))
    covered = [minute for piece in found for minute in range(piece.start, piece.end)]

    assert covered == list(range(start, start + length))
    assert all(piece.start % piece.width == piece.end % piece.width == 0 for piece in found)


def test_a_week_is_made_of_few_pieces() -> None:
    known = [Extent(width, 0, 20 * DAY) for width in WIDTHS]
    worst = max(
        sum((piece.end - piece.start) // piece.width for piece in pieces(start, start + 7 * DAY, known))
        for start in range(DAY)
    )

    # Minutes, tens, hours at both ends, and days.
    assert worst <= 2 * 9 + 2 * 5 + 23 + 7


def test_the_collector_folds_the_minutes_that_a_file_of_the_first_schema_has(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "db")
    connection.executescript(schema.migrations()[0])
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    connection.execute("INSERT INTO services VALUES (1, 'shop')")
    connection.execute("INSERT INTO operations VALUES (1, 1, 'GET /', 2)")
    this_minute = time.time_ns() // MINUTE
    minutes = [5 * DAY, 5 * DAY + 1, 5 * DAY + 700, this_minute + 1]
    rows = [(minute, 1, 2, 1, histogram.encode({7: 2})) for minute in minutes]
    connection.executemany("INSERT INTO operation_minutes VALUES (?, ?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()

    database = Database(str(tmp_path / "db"))
    with Store(database, Retention(age=10**18 * 5, size=2**40)):
        eventually(lambda: folded(database) == [(10, 4), (10, 2), (60, 4), (60, 2), (1440, 6)])


def folded(database: Database) -> list[tuple[int, int]]:
    """Width and count of each fold."""
    with database.reading(10) as reader:
        return reader.rows("SELECT width, count FROM operation_folds ORDER BY width, first")
