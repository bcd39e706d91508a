"""Clients that are slow, silent or many keep nobody else from being served."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from time import monotonic

import pytest

from tests.collector.running import Collector, Made, body
from tests.collector.test_http_receiver import address, head
from tests.support import PATIENCE

HASTY = """
from platform_otel.collector.collector import Options, Ports, run
from platform_otel.collector.server import Limits
def ready(ports):
    print("OTLP/gRPC 127.0.0.1:%d, OTLP/HTTP http://127.0.0.1:%d, queries http://127.0.0.1:%d" % ports, flush=True)
run(Options(":memory:", ports=Ports(0, 0, 0), limits=Limits(head=0.5, body=0.5, idle=1)), ready, print)
"""


@pytest.fixture(scope="module")
def hasty() -> Iterator[Collector]:
    """A collector with short limits."""
    with Collector(command=[sys.executable, "-c", HASTY]) as running:
        yield running


def rest(client: socket.socket) -> bytes:
    """All that the server sends until it closes."""
    client.settimeout(PATIENCE)
    received = b""
    try:
        while data := client.recv(65536):
            received += data
    except ConnectionError:
        pass
    return received


@pytest.mark.parametrize("port", ["http", "query"])
@pytest.mark.parametrize("begun", [b"", b"POST /v1/traces HT", b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n"])
def test_a_head_that_does_not_come_to_its_end_is_not_waited_for(hasty: Collector, port: str, begun: bytes) -> None:
    with socket.create_connection(address(getattr(hasty, port)), PATIENCE) as client:
        client.sendall(begun)

        assert rest(client) == b""


@pytest.mark.parametrize("begun", [b"", b"some of it"])
def test_a_body_that_does_not_come_to_its_end_is_not_waited_for(hasty: Collector, begun: bytes) -> None:
    with socket.create_connection(address(hasty.http), PATIENCE) as client:
        client.sendall(head(b"Content-Length: 1000") + begun)

        assert rest(client) == b""


def test_a_head_that_drips_is_not_waited_for(hasty: Collector) -> None:
    with socket.create_connection(address(hasty.http), PATIENCE) as client:
        client.settimeout(0.05)
        began = monotonic()
        closed = False
        while not closed and monotonic() - began < PATIENCE:
            try:
                client.sendall(b"X")
                closed = client.recv(1) == b""
            except TimeoutError:
                pass
            except ConnectionError:
                closed = True

    assert closed


def test_a_second_request_is_limited_like_the_first(hasty: Collector) -> None:
    data = body(Made(1, 1))
    whole = head(b"Content-Length: %d" % len(data)) + data
    with socket.create_connection(address(hasty.http), PATIENCE) as client:
        client.sendall(whole + whole + b"POST /v1/tra")
        received = rest(client)

    assert received.count(b"HTTP/1.1 200 OK") == 2


def test_an_idle_connection_is_closed(hasty: Collector) -> None:
    data = body(Made(1, 1))
    with socket.create_connection(address(hasty.http), PATIENCE) as client:
        client.sendall(head(b"Content-Length: %d" % len(data)) + data)

        assert rest(client).startswith(b"HTTP/1.1 200 OK")


def test_a_request_that_takes_its_time_but_comes_is_served(hasty: Collector) -> None:
    data = body(Made(3, 1))
    with socket.create_connection(address(hasty.http), PATIENCE) as client:
        whole = head(b"Content-Length: %d" % len(data)) + data
        for byte in whole:
            client.sendall(bytes([byte]))

        assert client.recv(12) == b"HTTP/1.1 200"


def test_five_hundred_idle_connections_keep_nobody_from_being_served(collector: Collector) -> None:
    with ExitStack() as stack:
        for port in (collector.http, collector.query):
            for _ in range(250):
                stack.enter_context(socket.create_connection(address(port), PATIENCE))

        assert collector.send(body(Made(1, 1))).status == 200
        assert collector.spans(Made(1, 1).trace_id)
