"""What was acknowledged survives the end of the process, whenever and however that comes."""

from __future__ import annotations

import random
import signal
import sqlite3
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.collector.running import Collector, Made, body, eventually, log_body


class Senders:
    """Threads that send until the collector is gone, and remember what it acknowledged."""

    def __init__(self, collector: Collector, first: int, threads: int = 3) -> None:
        self._collector = collector
        self._stopped = Event()
        self.acknowledged: list[int] = []
        self.refused = 0
        self._threads = [Thread(target=self._send, args=(first + number * 10**6,)) for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, acknowledged: int) -> None:
        eventually(lambda: len(self.acknowledged) >= acknowledged)

    def join(self) -> Sequence[int]:
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        return self.acknowledged

    def _send(self, number: int) -> None:
        while not self._stopped.is_set():
            number += 1
            try:
                answer = self._collector.send(
                    body(
                        Made(number, 1, service="gate"),
                        Made(number, 2, parent=1, service="meter"),
                        Made(number - 1, 3, parent=4, service="gate"),
                        Made(number - 1, 4, parent=1, service="meter"),
                    )
                )
                logs = self._collector.send(log_body("x", trace=number, span=1), "logs")
            except (OSError, HTTPException):
                return
            if (answer.status, logs.status) == (200, 200):
                self.acknowledged.append(number)
            else:
                self.refused += 1


def check(path: Path, acknowledged: Sequence[int]) -> None:
    """Every acknowledged span and record is there, the file is whole, and the rollups are those of its spans."""
    with sqlite3.connect(path) as connection:
        found = {
            (int.from_bytes(trace, "big"), int.from_bytes(span, "big"))
            for trace, span in connection.execute(
                "SELECT trace_id, span_id FROM spans JOIN traces ON traces.id = spans.trace"
            )
        }
        logs = {int.from_bytes(trace, "big") for (trace,) in connection.execute("SELECT trace_id FROM logs")}
        health = connection.execute("PRAGMA integrity_check").fetchone()[0]
        counted = connection.execute("SELECT sum(count) FROM operation_minutes").fetchone()[0]
        calls = connection.execute("SELECT sum(count) FROM call_minutes").fetchone()[0]
        live = connection.execute("SELECT sum(live) FROM batches").fetchone()[0]
    edges = sum(((number, 1) in found and (number, span) in found) for number, span in found if span in (2, 4))
    edges += sum(((number, 4) in found) for number, span in found if span == 3)
    wanted = {(number, span) for number in acknowledged for span in (1, 2)}
    wanted |= {(number - 1, span) for number in acknowledged for span in (3, 4)}
    connection.close()

    assert wanted - found == set()
    assert set(acknowledged) - logs == set()
    assert health == "ok"
    assert (counted, calls) == (len(found), edges)
    assert live >= len(found) + len(logs)


def rounds(path: Path, times: int) -> None:
    moments = random.Random(7)
    acknowledged: list[int] = []
    for number in range(times):
        with Collector(db=path) as collector:
            senders = Senders(collector, first=(number + 1) * 10**9)
            senders.wait_for(moments.randint(1, 100))
            collector.stop(signal.SIGKILL)
            acknowledged += senders.join()
        check(path, acknowledged)
    with Collector(db=path) as collector:
        assert collector.output().count("\n") == 1
    assert len(acknowledged) > times


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    rounds(tmp_path / "db", 3)


@pytest.mark.matrix
@pytest.mark.timeout(600)
def test_what_was_acknowledged_survives_fifty_times_kill_9(tmp_path: Path) -> None:
    rounds(tmp_path / "db", 50)


def test_what_was_acknowledged_survives_sigterm_under_load(tmp_path: Path) -> None:
    with Collector("--durable", db=tmp_path / "db") as collector:
        senders = Senders(collector, first=1)
        senders.wait_for(20)
        assert collector.stop() == 0
        acknowledged = senders.join()

    assert acknowledged
    check(tmp_path / "db", acknowledged)
