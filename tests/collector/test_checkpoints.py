"""SQLite's log is copied into the file while writing goes on, begins anew, and is cut when there is time."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from threading import Event, Thread

import pytest

from platform_otel.collector import checkpoints, database, store
from platform_otel.collector.checkpoints import Checkpoints
from platform_otel.collector.database import Database
from tests.collector.running import Made, eventually
from tests.collector.test_store import Kept
from tests.support import PATIENCE

LARGE = {"noise": "x" * 1000}


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """All limits are reached soon, and whoever waits for a reader waits forever."""
    monkeypatch.setattr(checkpoints, "_ROWS", 10)
    monkeypatch.setattr(checkpoints, "_SECONDS_BETWEEN", 0.03)
    monkeypatch.setattr(store, "_SECONDS_BETWEEN_LOOKS", 0.05)
    monkeypatch.setattr(database, "_SECONDS_TO_WAIT", 1000)


def log_size(folder: Path) -> int:
    return os.stat(folder / "db-wal").st_size


def beginnings(folder: Path) -> int:
    """How often the log began anew.

    https://www.sqlite.org/fileformat2.html#walformat
    """
    with open(folder / "db-wal", "rb") as log:
        return int.from_bytes(log.read(16)[12:], "big")


def test_the_log_begins_anew_after_most_copies_while_several_write(
    hasty: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers, copies, stopped = count(1), count(), Event()
    copy = Checkpoints._copy

    def write() -> None:
        while not stopped.is_set():
            kept.add(Made(next(numbers), 1, attributes=LARGE))

    def counted(self: Checkpoints) -> None:
        copy(self)
        if next(copies) == 20:
            stopped.set()

    monkeypatch.setattr(Checkpoints, "_copy", counted)
    with Kept(tmp_path / "db") as kept:
        kept.add(Made(next(numbers), 1))
        first = beginnings(tmp_path)
        writers = [Thread(target=write) for _ in range(3)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()

        assert beginnings(tmp_path) >= first + 10
        assert kept.count("spans") == next(numbers) - 1


def test_the_log_begins_anew_while_there_is_always_something_to_write(hasty: None, tmp_path: Path) -> None:
    numbers = count(1)

    def write_more() -> int:
        number = next(numbers)
        kept.add(*(Made(number, span, attributes=LARGE) for span in range(1, 50)))
        return number * 4096

    with Kept(tmp_path / "db") as kept:
        # Each transaction writes some pages, and yet the log has fewer than one of each.
        eventually(lambda: write_more() > log_size(tmp_path) + 20 * 4096)
        assert kept.count("spans") == 49 * (next(numbers) - 1)


def test_nobody_who_writes_waits_for_somebody_who_reads(hasty: None, tmp_path: Path) -> None:
    with Kept(tmp_path / "db") as kept:
        kept.add(Made(1, 1))
        with kept.database.reading(60) as reader:
            reader.rows("SELECT 1 FROM spans")
            for number in range(2, 40):
                kept.add(Made(number, 1, attributes=LARGE))
            kept.database.restart_log()

            assert reader.rows("SELECT count(*) FROM spans") == [(1,)]
        assert kept.count("spans") == 39


@contextmanager
def read_until(database: Database, is_over: Callable[[], bool]) -> Iterator[None]:
    """Somebody reads in the log until then."""
    begun = Event()

    def read() -> None:
        with database.reading(PATIENCE) as reader:
            reader.rows("SELECT 1 FROM spans")
            begun.set()
            eventually(is_over)

    with ThreadPoolExecutor(1) as thread:
        reading = thread.submit(read)
        assert begun.wait(PATIENCE)
        yield
        reading.result()


def somebody_writes(path: Path) -> bool:
    """Whether somebody does just now, or waits for those who read in the log."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        return False


def test_a_log_that_is_too_large_begins_anew_after_those_who_read_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_LARGE", 1)
    monkeypatch.setattr(checkpoints, "_TOO_LARGE", 1)
    monkeypatch.setattr(checkpoints, "_MILLISECONDS_TO_WAIT", int(PATIENCE * 1000))
    database, looked = Database(str(tmp_path / "db")), Event()
    log = Checkpoints(database)
    with closing(database):
        write(database)
        first = beginnings(tmp_path)
        with read_until(database, lambda: looked.is_set() or somebody_writes(tmp_path / "db")):
            log._copy()
            log.look(is_idle=False)
            write(database)
            looked.set()

        assert beginnings(tmp_path) == first + 1


def test_the_log_is_cut_when_nobody_reads_in_it_any_more(tmp_path: Path) -> None:
    database, over = Database(str(tmp_path / "db")), Event()
    log = Checkpoints(database)
    with closing(database):
        write(database)
        with read_until(database, over.is_set):
            log.look(is_idle=True)
            before = log_size(tmp_path)
            over.set()
        log.look(is_idle=True)

        assert before > 0
        assert log_size(tmp_path) == 0


def write(database: Database) -> None:
    with database.writing() as connection:
        connection.execute("INSERT INTO services (name) SELECT 'service ' || count(*) FROM services")


def test_the_log_is_cut_when_nothing_comes(hasty: None, tmp_path: Path) -> None:
    with Kept(tmp_path / "db") as kept:
        kept.add(Made(1, 1))

        eventually(lambda: log_size(tmp_path) == 0)
        assert kept.count("spans") == 1
