"""The whole of a collector, from its start to its stop: store, receivers and query port."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import NamedTuple

from starlette.middleware.cors import CORSMiddleware

from platform_otel.collector.access import Access
from platform_otel.collector.api import Api
from platform_otel.collector.body import Budget
from platform_otel.collector.database import Database
from platform_otel.collector.grpc_receiver import GrpcReceiver
from platform_otel.collector.http_receiver import HttpReceiver
from platform_otel.collector.intake import Intake
from platform_otel.collector.live import Hub
from platform_otel.collector.server import Limits, Server, listen, say_errors
from platform_otel.collector.store import Retention, Store
from platform_otel.errors import PlatformTraceError

# Bodies that are being worked on; each takes about as much again while it is decoded.
_MOST_BYTES = 128 * 1024 * 1024
_DECODING_THREADS = 2
_QUERY_THREADS = 4
_LIVE_THREADS = 1
# What is being received when the signal comes gets its answer, if it does not take longer.
_SECONDS_TO_STOP = 0.4
# Batches are many objects and no cycles. With Python's own thresholds a large one has every object looked at again and
# again: 4 s for JSON of 46 MiB, in which nothing else goes on.
_GC = (50_000, 20, 100)
# A thread that computes lets others go on after so many seconds. A request waits for its turn several times on its way
# to the answer, each time as long as this if threads are decoding; by default that is 5 ms.
_SECONDS_OF_TURN = 0.001


class Ports(NamedTuple):
    """Where the collector listens; 0 for any port that is free."""

    grpc: int = 4317
    http: int = 4318
    query: int = 16686


class Options(NamedTuple):
    """What a collector is asked to be."""

    path: str
    host: str = "127.0.0.1"
    ports: Ports = Ports()
    retention: Retention = Retention(age=7 * 24 * 3600 * 10**9, size=2**30)
    durable: bool = False
    access: Access = Access()
    limits: Limits = Limits()


def run(options: Options, ready: Callable[[Ports], object], say: Callable[[str], object]) -> None:
    """Be a collector until SIGINT or SIGTERM.

    Args:
        options: what it is asked to be.
        ready: is told the ports once everything listens.
        say: is told in one line what an operator should know.

    Raises:
        PlatformTraceError: a port or the file cannot be used.
    """
    say_errors(say)
    asyncio.run(_run(options, ready, say))


async def _run(options: Options, ready: Callable[[Ports], object], say: Callable[[str], object]) -> None:
    loop = asyncio.get_running_loop()
    hub = Hub(loop)
    with ExitStack() as stack:
        http, query = (_listening(stack, options.host, port) for port in options.ports[1:])
        _check_free(options.host, options.ports.grpc)
        database = Database(options.path, options.durable, say)
        store = stack.enter_context(Store(database, options.retention, hub.publish, say))
        intake, budget = Intake(store), Budget(_MOST_BYTES)
        grpc = GrpcReceiver(_address(options.host, options.ports.grpc), intake, options.access, budget)
        decoding = stack.enter_context(ThreadPoolExecutor(_DECODING_THREADS, "decoding"))
        queries = stack.enter_context(ThreadPoolExecutor(_QUERY_THREADS, "queries"))
        live = stack.enter_context(ThreadPoolExecutor(_LIVE_THREADS, "live"))
        receiver = _for_pages(HttpReceiver(intake, options.access, budget, decoding), options.access)
        api = Api(database, intake, hub, options.access, queries, live, _port(http))
        servers = [(Server(receiver, options.limits), http), (Server(api.application(), options.limits), query)]
        grpc.start()
        ports = Ports(grpc.port, _port(http), _port(query))

        def on_stop() -> None:
            api.stop()
            store.end()
            loop.call_later(_SECONDS_TO_STOP, intake.stop)

        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC)
        sys.setswitchinterval(_SECONDS_OF_TURN)
        await _serve(servers, lambda: ready(ports), on_stop)
        await asyncio.to_thread(grpc.stop, _SECONDS_TO_STOP)


async def _serve(
    servers: list[tuple[Server, socket.socket]], ready: Callable[[], object], on_stop: Callable[[], object]
) -> None:
    """Serve until a signal comes, and then until what goes on is done."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(server.serve(sockets=[sock])) for server, sock in servers]
    await asyncio.gather(*(server.listening.wait() for server, _ in servers))
    ready()
    await stop.wait()
    on_stop()
    for server, _ in servers:
        server.should_exit = True
    await asyncio.gather(*tasks)


def _for_pages(receiver: HttpReceiver, access: Access) -> Callable[..., object]:
    """The receiver, answering browsers' questions beforehand if pages may send."""
    if not access.origins:
        return receiver
    return CORSMiddleware(receiver, sorted(access.origins), allow_methods=["POST"], allow_headers=["*"])


def _listening(stack: ExitStack, host: str, port: int) -> socket.socket:
    try:
        return stack.enter_context(listen(host, port))
    except OSError as error:
        raise _cannot_listen(host, port, error) from error


def _check_free(host: str, port: int) -> None:
    """Ask for the port before grpcio does, which would write its own lines to stderr."""
    if port:
        try:
            listen(host, port).close()
        except OSError as error:
            raise _cannot_listen(host, port, error) from error


def _cannot_listen(host: str, port: int, error: OSError) -> PlatformTraceError:
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error
    return PlatformTraceError(
        f"cannot listen on {_address(host, port)}: {reason}",
        "stop what listens there, or choose other ports: --grpc-port, --http-port, --query-port; 0 is any free one",
    )


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _port(sock: socket.socket) -> int:
    port: int = sock.getsockname()[1]
    return port
