"""A collector that misbehaves as it is told, counts who comes, and keeps what it was sent."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import parse_headers
from pathlib import Path
from threading import Condition, Event, Thread
from typing import BinaryIO, NamedTuple

import trustme
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from tests.support import PATIENCE

# How much a huge answer has, and what a bomb becomes.
HUGE = 600 * 1024 * 1024
_PIECE = 1024 * 1024
PROTOBUF = "application/x-protobuf"


class Request(NamedTuple):
    """What arrived; header names in lower case, the body as it was on the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Exchange:
    """One connection with a client, seen by a fault."""

    def __init__(self, collector: Collector, sock: socket.socket) -> None:
        self._collector = collector
        self.sock = sock
        self.reader: BinaryIO = sock.makefile("rb")
        self.stopped = collector.stopped

    def receive(self) -> Request | None:
        """The next request, kept by the collector; None if the client closed."""
        words = self.reader.readline(65537).decode("latin-1").split()
        if len(words) != 3:
            return None
        headers = {name.lower(): value for name, value in parse_headers(self.reader).items()}
        body = self.reader.read(int(headers.get("content-length", "0")))
        request = Request(words[0], words[1], headers, body)
        self._collector.keep(request)
        return request

    def answer(self, status: int = 200, body: bytes = b"", **headers: str) -> None:
        """Send an answer; ``_`` in names of headers stands for ``-``."""
        described = {"Content-Type": PROTOBUF, "Content-Length": str(len(body))}
        described.update({name.replace("_", "-"): value for name, value in headers.items()})
        self.sock.sendall(head(status, **described) + body)


Fault = Callable[[Exchange], None]


def head(status: int, **headers: str) -> bytes:
    """Status line and headers of an answer."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
    return f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode("latin-1")


class Collector:
    """Listens on a port of the loopback and treats each connection by the fault it has. A context manager.

    Args:
        fault: what is done with a connection, until it returns; may be replaced while the collector runs.
        tls: secures the connections, before the fault comes to see them.
        port: 0 for any that is free.
    """

    def __init__(self, fault: Fault, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        self.fault = fault
        self.stopped = Event()
        self._tls = tls
        self._changed = Condition()
        self._requests: list[Request] = []
        self._connections = 0
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=64
        )
        self.port: int = self._listener.getsockname()[1]
        self.url = (
            f"{'https' if tls else 'http'}://{'localhost' if tls else f'[{host}]' if ':' in host else host}:{self.port}"
        )

    def __enter__(self) -> Collector:
        Thread(target=self._accept, name="faults", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        # A thread that waits in accept is not woken by close alone.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._changed:
            for connection in self._open:
                _wake(connection)

    @property
    def requests(self) -> Sequence[Request]:
        """What arrived so far."""
        with self._changed:
            return tuple(self._requests)

    @property
    def connections(self) -> int:
        """How many clients connected so far."""
        with self._changed:
            return self._connections

    def wait_for(self, condition: Callable[[Collector], bool], timeout: float = PATIENCE) -> bool:
        """Wait until the condition holds, asked again with each connection and request; whether it does."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), timeout)

    def keep(self, request: Request) -> None:
        """Remember a request."""
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE)
            with self._changed:
                self._connections += 1
                self._changed.notify_all()
            Thread(target=self._serve, args=(connection,), name="faults", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with self._changed:
                self._open.add(connection)
            self.fault(Exchange(self, connection))
        except (OSError, ValueError):
            pass  # the client went away, or the test is over
        finally:
            with self._changed:
                self._open.discard(connection)
            connection.close()


# --- Faults -----------------------------------------------------------------------------------------------------------


def healthy(exchange: Exchange) -> None:
    """Take everything, on one connection as long as the client likes."""
    while exchange.receive():
        exchange.answer()


def status(code: int, body: bytes = b"", **headers: str) -> Fault:
    """Answer every request with this."""

    def answer(exchange: Exchange) -> None:
        while exchange.receive():
            exchange.answer(code, body, **headers)

    return answer


def in_turn(*faults: Fault) -> Fault:
    """The first connection meets the first fault, the next the second, and so on; the last one stays."""
    left = list(faults)

    def next_fault(exchange: Exchange) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(exchange)

    return next_fault


def partial_success(rejected: int, message: str) -> Fault:
    """Take a request but for so many spans."""
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    return status(200, ExportTraceServiceResponse(partial_success=partial).SerializeToString())


def hang(exchange: Exchange) -> None:
    """Never answer; below TLS, never shake hands."""
    exchange.stopped.wait(PATIENCE)


def hang_after_request(exchange: Exchange) -> None:
    """Take a request and never answer."""
    exchange.receive()
    exchange.stopped.wait(PATIENCE)


def drip(text: bytes, interval: float) -> Fault:
    """Answer with this text, one byte in so many seconds."""

    def answer(exchange: Exchange) -> None:
        exchange.receive()
        for byte in text:
            if exchange.stopped.wait(interval):
                break
            exchange.sock.sendall(bytes([byte]))

    return answer


def close_at_once(exchange: Exchange) -> None:
    """Hang up without reading."""


def close_after_request(exchange: Exchange) -> None:
    """Take a request and hang up without an answer."""
    exchange.receive()


def close_after_answer(exchange: Exchange) -> None:
    """Answer as if the connection stayed open, and hang up."""
    exchange.receive()
    exchange.answer()


def reset(exchange: Exchange) -> None:
    """Break the connection in the middle of the answer."""
    exchange.receive()
    exchange.sock.sendall(b"HTTP/1.1 200 O")
    # Closing then means a reset.
    exchange.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def refuse_unread(code: int) -> Fault:
    """Answer after the headers, and hang up while the client still sends."""

    def answer(exchange: Exchange) -> None:
        exchange.reader.readline()
        exchange.answer(code, Connection="close")

    return answer


def huge(chunked: bool = False, code: int = 200) -> Fault:
    """Answer with 600 MB."""

    def answer(exchange: Exchange) -> None:
        exchange.receive()
        length = {} if chunked else {"Content-Length": str(HUGE)}
        exchange.sock.sendall(
            head(code, **{"Content-Type": PROTOBUF, "Transfer-Encoding": "chunked" if chunked else "", **length})
        )
        piece = bytes(_PIECE)
        for _ in range(HUGE // _PIECE):
            exchange.sock.sendall(b"%x\r\n%s\r\n" % (_PIECE, piece) if chunked else piece)

    return answer


def gzip_bomb(exchange: Exchange) -> None:
    """Answer with half a megabyte that becomes 600 MB."""
    exchange.receive()
    exchange.answer(200, bomb(), Content_Encoding="gzip")


def bomb() -> bytes:
    """Gzip of 600 MB of zeros: members of 20 MB each, which gzip allows to follow one another."""
    compressor = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    member = b"".join(compressor.compress(bytes(_PIECE)) for _ in range(20)) + compressor.flush()
    return member * (HUGE // _PIECE // 20)


def garbage(exchange: Exchange) -> None:
    """Answer with something that is not HTTP, and wait for more."""
    exchange.receive()
    exchange.sock.sendall(b"220 mail.example ESMTP\r\n")
    exchange.stopped.wait(PATIENCE)


def http2(exchange: Exchange) -> None:
    """Answer as a server of HTTP/2 begins, with a SETTINGS frame, and wait for more."""
    exchange.sock.sendall(b"\0\0\x06\x04\0\0\0\0\0" + b"\0\x03\0\0\0\x64")
    exchange.stopped.wait(PATIENCE)


def tls_alert(exchange: Exchange) -> None:
    """Answer a plain request as many TLS servers do: with an alert."""
    exchange.receive()
    exchange.sock.sendall(b"\x15\x03\x01\0\x02\x02\x46")


def proxy(exchange: Exchange) -> None:
    """Open tunnels; what is sent whole is taken."""
    while request := exchange.receive():
        if request.method != "CONNECT":
            exchange.answer()
            continue
        host, _, port = request.target.rpartition(":")
        tunnel(exchange, host.strip("[]"), int(port))


def tunnel(exchange: Exchange, host: str, port: int) -> None:
    """Let the client speak to somebody else from now on."""
    with socket.create_connection((host, port), PATIENCE) as other:
        exchange.sock.sendall(head(200))
        Thread(target=relay, args=(other, exchange.sock), name="faults", daemon=True).start()
        relay(exchange.sock, other)


def relay(source: socket.socket, to: socket.socket, count: Callable[[int], object] = int) -> None:
    """Pass on what comes, and then its end; ``count`` is told the size of each piece."""
    try:
        while data := source.recv(65536):
            count(len(data))
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one side went away


def _wake(sock: socket.socket) -> None:
    """End what a thread waits for, which closing would not."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


@contextmanager
def refusing() -> Iterator[int]:
    """A port of the loopback where nobody listens, and nobody else can."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextmanager
def unreachable() -> Iterator[int]:
    """A port whose queue of connections is full, so that connecting to it hangs, as to a black hole."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(8)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        yield address[1]
        for filler in fillers:
            filler.close()


# --- Certificates -----------------------------------------------------------------------------------------------------


class Authority:
    """A certificate authority of the tests, with files for the settings that name files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA()
        self.certificate = str(folder / "authority.pem")
        self._authority.cert_pem.write_to_path(self.certificate)

    def server(self, host: str = "localhost", expired: bool = False, client: Authority | None = None) -> ssl.SSLContext:
        """What a server is secured by; one with ``client`` asks for a certificate that this authority signed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.issue(host, expired).configure_cert(context)
        if client is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client.certificate)
        return context

    def issue(self, host: str = "localhost", expired: bool = False) -> trustme.LeafCert:
        """A certificate and its key."""
        began = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)
        ended = dt.datetime(2021, 1, 1, tzinfo=dt.timezone.utc)
        return (
            self._authority.issue_cert(host, not_before=began, not_after=ended)
            if expired
            else self._authority.issue_cert(host)
        )

    def client(self, name: str = "client") -> tuple[str, str]:
        """Paths of a client's key and certificate."""
        issued = self.issue(f"{name}.example")
        key, certificate = self._folder / f"{name}-key.pem", self._folder / f"{name}.pem"
        issued.private_key_pem.write_to_path(str(key))
        certificate.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
        return str(key), str(certificate)
