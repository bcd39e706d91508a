"""Who watches is told of each trace that changes."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from platform_otel.collector.access import Access
from platform_otel.collector.api import Api
from platform_otel.collector.database import MEMORY, Database
from platform_otel.collector.intake import Intake
from platform_otel.collector.live import MOST_WATCHERS, Hub
from platform_otel.collector.otlp_decoding import decode
from platform_otel.collector.store import Retention, Store
from tests.collector.running import Collector, Made, body, eventually
from tests.support import PATIENCE


@contextmanager
def watching(collector: Collector) -> Iterator[Any]:
    """The lines of the stream, once it has begun."""
    host, _, port = collector.query.partition(":")
    with socket.create_connection((host, int(port)), PATIENCE) as client:
        client.sendall(b"GET /query/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        lines = client.makefile("r", encoding="utf-8")
        for line in lines:
            if line.startswith((": watching", "HTTP/1.1 5")):
                break
        yield lines


def next_event(lines: Any) -> list[dict[str, Any]]:
    for line in lines:
        if line.startswith("data: "):
            traces: list[dict[str, Any]] = json.loads(line.removeprefix("data: "))["traces"]
            return traces
    raise AssertionError("the stream ended")


def test_a_trace_is_told_of_when_it_comes_and_when_it_grows(collector: Collector) -> None:
    with watching(collector) as lines:
        collector.send(body(Made(1, 2, parent=1, service="meter")))
        (first,) = next_event(lines)
        collector.send(body(Made(1, 1, service="gate", name="GET /x")))
        (second,) = next_event(lines)

    assert (first["spanCount"], first["rootArrived"]) == (1, False)
    assert (second["spanCount"], second["operation"], second["services"]) == (2, "GET /x", ["gate", "meter"])


def test_a_span_that_comes_again_is_no_change(collector: Collector) -> None:
    collector.send(body(Made(1, 1)))
    with watching(collector) as lines:
        collector.send(body(Made(1, 1)))
        collector.send(body(Made(2, 1)))
        (event,) = next_event(lines)

    assert event["traceId"] == Made(2, 1).trace_id


def test_many_changes_come_together(collector: Collector) -> None:
    with watching(collector) as lines:
        for number in range(1, 30):
            collector.send(body(Made(number, 1)))
        seen: set[str] = set()
        events = 0
        while len(seen) < 29:
            seen |= {each["traceId"] for each in next_event(lines)}
            events += 1

    assert events < 29


def test_more_watchers_than_there_may_be_are_told_to_come_later(collector: Collector) -> None:
    streams = [watching(collector) for _ in range(MOST_WATCHERS)]
    for stream in streams:
        stream.__enter__()
    refused = collector.ask("/query/live").status
    for stream in streams:
        stream.__exit__(None, None, None)

    assert refused == 503
    # Those that went make room, once the server writes to them.
    collector.send(body(Made(1, 1)))
    eventually(lambda: begins_with(collector, b"HTTP/1.1 200"))


def begins_with(collector: Collector, text: bytes) -> bool:
    host, _, port = collector.query.partition(":")
    with socket.create_connection((host, int(port)), PATIENCE) as client:
        client.sendall(b"GET /query/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return client.recv(100).startswith(text)


def test_who_watches_a_collector_that_stops_sees_the_end(collector: Collector) -> None:
    with watching(collector) as lines:
        collector.stop()

        assert "data:" not in lines.read()


LOCAL = [(b"host", b"localhost")]


async def anext_of(stream: Any) -> Any:
    return await stream.__anext__()


async def parts(application: Any, path: str) -> Any:
    """What an ASGI application answers, piece by piece: first the status, then bodies."""
    sent: asyncio.Queue[Any] = asyncio.Queue()
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": LOCAL}
    asking = asyncio.create_task(application(scope, asyncio.Event().wait, sent.put))
    try:
        while True:
            message = await asyncio.wait_for(sent.get(), PATIENCE)
            yield message.get("status") or message["body"]
    finally:
        asking.cancel()


async def watch_a_store_that_is_not_read_any_more() -> list[Any]:
    """What is sent to who watches when a trace changes as the collector stops."""
    with ThreadPoolExecutor(1) as threads:
        hub, database = Hub(asyncio.get_running_loop()), Database(MEMORY)
        api = Api(database, Intake(Store(database, Retention(10**18, 2**40))), hub, Access(), threads, threads, 0)
        sent: asyncio.Queue[Any] = asyncio.Queue()
        scope = {"type": "http", "method": "GET", "path": "/query/live", "query_string": b"", "headers": LOCAL}
        application: Any = api.application()
        watching = asyncio.create_task(application(scope, asyncio.Event().wait, sent.put))
        messages = [await asyncio.wait_for(sent.get(), PATIENCE) for _ in range(2)]
        database.stop_reading()
        hub.publish({1})
        await asyncio.wait_for(watching, PATIENCE)
        return messages + [sent.get_nowait() for _ in range(sent.qsize())]


def test_the_stream_ends_without_an_error_when_the_store_is_not_read_any_more() -> None:
    *_, end = asyncio.run(watch_a_store_that_is_not_read_any_more())

    assert (end["body"], end["more_body"]) == (b"", False)


async def watch_while_nobody_else_is_answered(released: threading.Event) -> tuple[int, bytes]:
    """With all threads for questions taken and as many asking as may: what another is told, and who watches."""
    with ExitStack() as stack:
        threads, live_threads = (stack.enter_context(ThreadPoolExecutor(1)) for _ in range(2))
        stack.callback(released.set)
        threads.submit(released.wait)
        hub, database = Hub(asyncio.get_running_loop()), Database(MEMORY)
        store = stack.enter_context(Store(database, Retention(10**18, 2**40), hub.publish))
        api = Api(database, Intake(store), hub, Access(), threads, live_threads, 0)
        application = api.application()
        asking = [asyncio.create_task(anext_of(parts(application, "/query/services"))) for _ in range(64)]
        stream = parts(application, "/query/live")
        assert [await anext(stream) for _ in range(2)] == [200, b": watching\n\n"]
        refused = await anext(parts(application, "/query/services"))
        store.add(decode("traces", body(Made(1, 1))).batches[0])
        event = await anext(stream)
        assert not any(task.done() for task in asking)
    return refused, event


def test_who_watches_does_not_wait_for_those_who_ask() -> None:
    refused, event = asyncio.run(watch_while_nobody_else_is_answered(threading.Event()))

    assert refused == 503
    assert Made(1, 1).trace_id in event.decode()
