"""What waits when the collector stops gets its answer at once, whatever keeps the file, and nothing else is said."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import grpc
import pytest

from platform_otel.collector.otlp_decoding import decode
from platform_otel.collector.store import Refused, Store
from tests.collector.running import PROTOBUF, Collector, Made, body, eventually
from tests.collector.test_store import Kept
from tests.support import PATIENCE

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
MANY = int(2 * PATIENCE / 5)


@contextmanager
def somebody_else_writes(path: Path) -> Iterator[None]:
    """Another process that does not end its transaction."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def handed_in(kept: Kept) -> list[Future[None]]:
    """So many that there is no patience for a try of five seconds for each."""
    batches = [decode("traces", body(Made(trace, 1))).batches[0] for trace in range(1, MANY)]
    return [kept._store.add(each) for each in batches]


def test_all_who_wait_for_a_lock_are_refused_together_after_a_while(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "db")
    futures = handed_in(kept)
    with somebody_else_writes(tmp_path / "db"), kept:
        left = wait(futures, PATIENCE).not_done

    assert left == set()
    assert {repr(future.exception()) for future in futures} == {repr(Refused("database is locked"))}
    assert [line.partition(": ")[2] for line in kept.said] == ["database is locked; senders are told to come again"]


def test_all_who_wait_for_a_lock_are_refused_at_the_end(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "db")
    futures = handed_in(kept)
    with somebody_else_writes(tmp_path / "db"), kept:
        pass

    assert {repr(future.exception(0)) for future in futures} == {repr(Refused("the collector stops"))}
    assert kept.said == []


def test_who_comes_after_the_end_is_refused_too() -> None:
    with Kept() as kept:
        pass

    with pytest.raises(Refused, match="the collector stops"):
        kept.add(Made(1, 1))


def test_whoever_sends_while_there_is_a_lock_waits_for_nothing_else_that_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[bool] = []
    tidy = Store._tidy

    def counted(self: Store, is_idle: bool) -> None:
        tidy(self, is_idle)
        tries.append(is_idle)

    monkeypatch.setattr(Store, "_tidy", counted)
    monkeypatch.setattr("platform_otel.collector.store._SECONDS_BETWEEN_LOOKS", 0.05)
    monkeypatch.setattr("platform_otel.collector.database._SECONDS_TO_WAIT", 1000)
    kept = Kept(tmp_path / "db")
    with somebody_else_writes(tmp_path / "db"), kept:
        eventually(lambda: len(tries) > 3)


def test_a_lock_that_is_given_back_in_time_is_nothing_to_speak_of(tmp_path: Path) -> None:
    with Kept(tmp_path / "db") as kept:
        with somebody_else_writes(tmp_path / "db"):
            future = kept._store.add(decode("traces", body(Made(1, 1))).batches[0])
        future.result(PATIENCE)

    assert kept.said == []


def test_a_collector_whose_file_is_locked_stops_at_once_and_answers_everybody(tmp_path: Path) -> None:
    data = body(Made(1, 1))
    with Collector(db=tmp_path / "db") as collector, somebody_else_writes(tmp_path / "db"), ExitStack() as stack:
        clients = [stack.enter_context(posting(collector, data)) for _ in range(MANY)]
        hung_up = posting(collector, data)
        hung_up.close()
        channel = stack.enter_context(grpc.insecure_channel(collector.grpc))
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
        call = export.future(data, timeout=PATIENCE)
        for _ in range(5):
            collector.get("/query/status")

        assert collector.stop() == 0
        answers = {client.makefile("rb").readline() for client in clients}

    # Whoever is late on a busy machine finds the connection closed.
    assert answers - {b""} == {b"HTTP/1.1 503 Service Unavailable\r\n"}
    assert call.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    assert collector.output().count("\n") == 1, collector.output()


def posting(collector: Collector, data: bytes) -> socket.socket:
    """A connection on which a whole request is sent."""
    host, _, port = collector.http.partition(":")
    client = socket.create_connection((host, int(port)), PATIENCE)
    head = f"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: {PROTOBUF}\r\nContent-Length: {len(data)}"
    client.sendall(head.encode() + b"\r\n\r\n" + data)
    return client
