"""What answers in a collector's place: well, badly, slowly or never."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import NamedTuple

from tests.support import PATIENCE


class Reply(NamedTuple):
    """What a server answers, whatever it is asked."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


class HttpServer(ThreadingHTTPServer):
    """Answers every POST with one reply and keeps what it was asked: path and headers."""

    daemon_threads = True

    def __init__(self, reply: Reply, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reply = reply
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A doctor that hangs up is no error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HttpServer

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.send_response(self.server.reply.status)
        for name, value in self.server.reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.server.reply.body)))
        self.end_headers()
        self.wfile.write(self.server.reply.body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


@contextmanager
def answering(
    status: int, body: bytes = b"", context: ssl.SSLContext | None = None, **headers: str
) -> Iterator[HttpServer]:
    """A server that gives one answer to everything."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with HttpServer(Reply(status, named, body), context) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


@contextmanager
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@contextmanager
def dripping() -> Iterator[int]:
    """The port of a server that answers a byte now and then and never comes to an end."""
    over = Event()

    def drip(connection: socket.socket) -> None:
        with connection:
            try:
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not over.wait(0.2):
                    connection.sendall(b"a")
            except OSError:
                pass

    def accept(listener: socket.socket) -> None:
        while not over.is_set():
            try:
                Thread(target=drip, args=(listener.accept()[0],), daemon=True).start()
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=accept, args=(listener,), daemon=True).start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            over.set()


class GrpcServer(NamedTuple):
    """A grpcio server with OTLP's Export; what it was asked is in ``metadata`` and ``bodies``."""

    port: int
    metadata: list[Mapping[str, str]]
    bodies: list[bytes]


@contextmanager
def grpc_server(
    answer: bytes = b"",
    refusal: str = "",
    credentials: object | None = None,
    method: str = "Export",
    details: str = "not you",
) -> Iterator[GrpcServer]:
    """A real gRPC server.

    Args:
        answer: what Export returns.
        refusal: the status code to end each call with, such as "UNAUTHENTICATED".
        credentials: from grpc.ssl_server_credentials; None for plain text.
        method: what Export is called there.
        details: what it says to a refusal.
    """
    import grpc

    metadata: list[Mapping[str, str]] = []
    bodies: list[bytes] = []

    def export(request: bytes, context: grpc.ServicerContext) -> bytes:
        metadata.append({key: str(value) for key, value in context.invocation_metadata()})
        bodies.append(request)
        if refusal:
            context.abort(grpc.StatusCode[refusal], details)
        return answer

    handler = grpc.method_handlers_generic_handler(
        "opentelemetry.proto.collector.trace.v1.TraceService", {method: grpc.unary_unary_rpc_method_handler(export)}
    )
    server = grpc.server(ThreadPoolExecutor(2), handlers=[handler])
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        assert isinstance(credentials, grpc.ServerCredentials)
        port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield GrpcServer(port, metadata, bodies)
    finally:
        server.stop(0).wait(PATIENCE)
