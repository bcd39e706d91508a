"""SQLite's log is copied into the file while writing goes on, begins anew, and is cut when there is time."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path
from threading import Event, Thread

import pytest

from platform_otel.collector import checkpoints, database, store
from platform_otel.collector.checkpoints import Checkpoints
from tests.collector.running import Made, eventually
from tests.collector.test_store import Kept

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


def test_the_log_is_cut_when_nothing_comes(hasty: None, tmp_path: Path) -> None:
    with Kept(tmp_path / "db") as kept:
        kept.add(Made(1, 1))

        eventually(lambda: log_size(tmp_path) == 0)
        assert kept.count("spans") == 1
