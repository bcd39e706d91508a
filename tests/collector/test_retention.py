"""A file that has too much gets smaller step by step, and counts leave room for traces in it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from platform_otel.collector.otlp_decoding import decode
from platform_otel.collector.retention import remove_old, remove_oldest
from platform_otel.collector.schema import migrate
from platform_otel.collector.store import Retention
from tests.collector.running import Made, body, eventually
from tests.collector.test_store import FOREVER, Kept
from tests.support import PATIENCE

SMALL = Retention(age=10**18, size=400_000)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file with more than SMALL lets it have."""
    with Kept(tmp_path / "db", FOREVER) as kept:
        for trace in range(1, 201):
            kept.add(Made(trace, 1, attributes={"noise": os.urandom(6000).hex()}))
        assert kept.database.size() > 2 * SMALL.size
    return tmp_path / "db"


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """One trace, or one batch, at a time."""
    monkeypatch.setattr("platform_otel.collector.retention._SPANS_AT_ONCE", 1)
    monkeypatch.setattr("platform_otel.collector.store._MOST_BYTES", 0)


def sizes_when_acknowledged(kept: Kept, traces: range) -> list[int]:
    """How much is in use as each of these is; they are handed in before the first is written."""
    sizes: list[int] = []
    futures = [kept._store.add(decode("traces", body(Made(trace, 1))).batches[0]) for trace in traces]
    for future in futures:
        future.add_done_callback(lambda _: sizes.append(kept.database.last_size))
    with kept:
        for future in futures:
            future.result(PATIENCE)
        eventually(lambda: kept.database.last_size <= SMALL.size)
    return sizes


def test_what_comes_is_acknowledged_while_the_file_is_still_too_large(large: Path, small_steps: None) -> None:
    sizes = sizes_when_acknowledged(Kept(large, SMALL), range(1000, 1010))

    assert len(sizes) == 10
    assert sizes[-1] > SMALL.size
    assert sizes == sorted(sizes, reverse=True)


def test_a_store_ends_while_its_file_is_still_too_large(
    large: Path, small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform_otel.collector.store._SECONDS_TO_END", 0.0)
    ending = Kept(large, SMALL)
    ending._store.end()
    with ending:
        pass

    with Kept(large) as kept:
        assert kept.count("traces") > 0
        assert kept.database.last_size > SMALL.size


def test_a_step_that_fails_again_and_again_is_said_once_and_what_comes_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: list[Exception] = []

    def fold(_: object, __: int) -> bool:
        failed.append(error)
        raise error

    error = sqlite3.DatabaseError("no such table: folding")
    monkeypatch.setattr("platform_otel.collector.store.fold_next", fold)
    monkeypatch.setattr("platform_otel.collector.store._SECONDS_BETWEEN_LOOKS", 0.01)
    with Kept(tmp_path / "db") as kept:
        kept.add(Made(1, 1))
        eventually(lambda: len(failed) >= 3)
        kept.add(Made(2, 1))

    assert kept.said == [f"cannot tidy {tmp_path / 'db'}: no such table: folding; tried again every few seconds"]


def test_minutes_that_are_too_old_go_a_few_at_a_time() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection, ":memory:")
        for table, numbers in (("operation_minutes", "1"), ("call_minutes", "1, 2")):
            connection.executemany(
                f"INSERT INTO {table} VALUES (?, {numbers}, 1, 0, x'')", [(minute,) for minute in range(5, 41)]
            )
        removed = [remove_old(connection, 38 * 60 * 10**9).minutes for _ in range(6)]

        assert removed == [2 * each for each in (5, 10, 10, 8, 0, 0)]
        assert connection.execute("SELECT minute FROM operation_minutes").fetchall() == [(38,), (39,), (40,)]
        assert connection.execute("SELECT minute FROM call_minutes").fetchall() == [(38,), (39,), (40,)]


# --- Counts -----------------------------------------------------------------------------------------------------------


def busy_minutes(count: int) -> Iterator[list[Made]]:
    """120 operations in each of these minutes, the oldest first, a minute and a trace at a time."""
    for minute in range(count, 0, -1):
        yield [Made(minute, span, name=f"GET /{span}", start=-60_000 * minute) for span in range(1, 121)]


def bytes_of_counts(path: Path) -> int:
    """How many bytes less are in use without them, in a copy."""
    with closing(sqlite3.connect(path)) as original, closing(sqlite3.connect(":memory:")) as copy:
        original.backup(copy)
        before = in_use(copy)
        for table in ("operation_minutes", "operation_folds", "call_minutes", "call_folds"):
            copy.execute(f"DELETE FROM {table}")
        return before - in_use(copy)


def in_use(connection: sqlite3.Connection) -> int:
    names = ("page_count", "freelist_count", "page_size")
    pages, free, each = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    return int((pages - free) * each)


def test_counts_leave_room_for_traces_and_the_oldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform_otel.collector.store._SECONDS_BETWEEN_LOOKS", 0.0)
    limit = 500_000
    with Kept(tmp_path / "db", Retention(age=10**18, size=limit)) as kept:
        for spans in busy_minutes(150):
            kept.add(*spans)
        eventually(lambda: kept.database.last_size <= limit)
        left = [minute for (minute,) in kept.rows("SELECT DISTINCT minute FROM operation_minutes ORDER BY minute")]
        newest = kept.rows("SELECT spans FROM traces WHERE trace_id = ?", (1).to_bytes(16, "big"))

    assert 0 < bytes_of_counts(tmp_path / "db") < limit / 3
    assert left == list(range(left[-1] - len(left) + 1, left[-1] + 1))
    assert len(left) < 150
    assert newest == [(120,)]
    assert kept.said == ["counts fill a quarter of --max-size: the oldest go before they are as old as --retention"]


def without_its_traces(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the traces of a file, but not their counts, as they go when they are too much."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection, monkeypatch.context() as patch:
        patch.setattr("platform_otel.collector.retention._SPANS_AT_ONCE", 10**6)
        connection.execute("BEGIN")
        remove_oldest(connection)
        connection.execute("COMMIT")


def test_counts_that_fill_a_file_go_before_its_traces_after_a_start_too(
    tmp_path: Path, small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Kept(tmp_path / "db") as kept:
        for spans in busy_minutes(60):
            kept.add(*spans)
    without_its_traces(tmp_path / "db", monkeypatch)
    with Kept(tmp_path / "db") as kept:
        for trace in range(1000, 1020):
            kept.add(Made(trace, 1, attributes={"noise": os.urandom(3000).hex()}))
        limit = int(kept.database.size() * 0.8)

    with Kept(tmp_path / "db", Retention(age=10**18, size=limit)) as kept:
        eventually(lambda: kept.database.last_size <= limit)
        assert kept.count("traces") == 20
        assert kept.rows("SELECT count(DISTINCT minute) FROM operation_minutes") < [(60,)]


def test_counts_stay_as_long_as_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform_otel.collector.store._SHARE_OF_COUNTS", 0.0)
    with Kept(tmp_path / "db") as kept:
        for spans in busy_minutes(5):
            kept.add(*spans)

        assert kept.rows("SELECT count(DISTINCT minute) FROM operation_minutes") == [(5,)]
    assert kept.said == []
