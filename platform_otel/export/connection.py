"""One connection to the collector, every step of it within one deadline: names, proxies, TLS, a dripping answer."""

import io
import socket
import ssl
import threading
from http.client import HTTPException, HTTPResponse
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from platform_otel.export import tls
from platform_otel.export.endpoint import Endpoint
from platform_otel.export.outcome import Outcome, Refusal
from platform_otel.export.proxies import Proxy

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# A day; sockets take no infinite time.
_LONGEST_WAIT = 86400.0
TLS_HINT = "TLS is spoken there: use https:// in OTEL_EXPORTER_OTLP_ENDPOINT"
_GRPC_HINT = "use port 4318, or OTEL_EXPORTER_OTLP_PROTOCOL=grpc"


class Address(NamedTuple):
    """What getaddrinfo finds. Any: its form depends on the family."""

    family: int
    kind: int
    protocol: int
    name: str
    address: Any


class _UnknownName(OSError):
    """A host name that cannot be resolved now; the network may know it later."""


def time_left(deadline: float) -> float:
    """Seconds until the deadline; TimeoutError if it is over."""
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError
    return min(left, _LONGEST_WAIT)


# --- Names ------------------------------------------------------------------------------------------------------------


class Resolver:
    """Finds the addresses of a host, and waits no longer than it is told."""

    def __init__(self) -> None:
        self._lookup: _Lookup | None = None
        self._known: list[Address] = []

    def addresses(self, host: str, port: int, deadline: float) -> list[Address]:
        """The addresses of this host; _UnknownName, or TimeoutError after the deadline."""
        try:
            return _look_up(host, port, socket.AI_NUMERICHOST)
        except OSError:  # a name
            self._known = self._found(host, port, deadline)
            return self._known

    def _found(self, host: str, port: int, deadline: float) -> list[Address]:
        # getaddrinfo cannot be interrupted and may hang for minutes, so a thread waits for it, and we for the
        # thread. One that still hangs from the last time is waited for again: there is never a second one.
        if self._lookup is None:
            self._lookup = _Lookup(host, port)
            try:
                self._lookup.start()
            except RuntimeError:
                # An interpreter that shuts down starts no thread (3.12): what was found earlier must do.
                self._lookup = None
                return self._known or _look_up(host, port)
        self._lookup.join(time_left(deadline))
        if self._lookup.is_alive():
            raise TimeoutError
        found, self._lookup = self._lookup.found, None
        if isinstance(found, OSError):
            raise found
        return found


class _Lookup(threading.Thread):
    """One call of getaddrinfo. Nobody waits for it when the process ends."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(name="platform-trace resolver", daemon=True)
        self._of = host, port
        self.found: list[Address] | OSError = _UnknownName("the lookup ended early")

    def run(self) -> None:
        try:
            self.found = _look_up(*self._of)
        except OSError as error:
            self.found = error


def _look_up(host: str, port: int, flags: int = 0) -> list[Address]:
    try:
        # As bytes: getaddrinfo would import the codec for international names for every text.
        found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM, flags=flags)
    except socket.gaierror as error:
        raise _UnknownName(f"{host} cannot be resolved ({error.strerror})") from None
    return [Address(*each) for each in found]


# --- Sockets ----------------------------------------------------------------------------------------------------------


def open_connection(
    endpoint: Endpoint,
    proxy: Proxy | None,
    context: ssl.SSLContext | None,
    resolver: Resolver,
    deadline: float,
    tunnel: bool = False,
) -> "Connection":
    """Connect, through the proxy if there is one, and secure the connection if there is a context.

    The proxy is asked for a tunnel if the connection is to be secured, or if that is wanted; otherwise it is the
    proxy that is spoken to, and it is sent plain HTTP requests whole.

    Raises:
        OSError, HTTPException, Refusal: ``outcome_of`` says what they mean.
    """
    host, port = (proxy.host, proxy.port) if proxy else (endpoint.host, endpoint.port)
    sock = _connect(resolver.addresses(host, port, deadline), deadline)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if proxy is not None and (tunnel or context is not None):
            _open_tunnel(Connection(sock), endpoint, proxy, deadline)
        if context is None:
            return Connection(sock)
        sock.settimeout(time_left(deadline))  # for the whole handshake, which is one call
        return Connection(context.wrap_socket(sock, server_hostname=endpoint.host.rstrip(".").encode("ascii")))
    except BaseException:
        sock.close()
        raise


def _connect(addresses: list[Address], deadline: float) -> socket.socket:
    """The first of these addresses that answers. Each has its share of the time: a dead one must leave some."""
    failed: OSError = _UnknownName("the host has no address")
    for index, each in enumerate(addresses):
        share = time_left(deadline) / (len(addresses) - index)
        try:
            return _connected(each, share)
        except OSError as error:
            failed = error
    raise failed


def _connected(to: Address, timeout: float) -> socket.socket:
    sock = socket.socket(to.family, to.kind, to.protocol)
    try:
        sock.settimeout(timeout)
        sock.connect(to.address)
    except BaseException:
        sock.close()
        raise
    return sock


def _open_tunnel(connection: "Connection", endpoint: Endpoint, proxy: Proxy, deadline: float) -> None:
    """Source: https://www.rfc-editor.org/rfc/rfc9110#name-connect ."""
    lines = [f"CONNECT {endpoint.authority} HTTP/1.1", f"Host: {endpoint.authority}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    connection.send("\r\n".join([*lines, "", ""]).encode("ascii"), deadline)
    status = connection.answer(deadline, "CONNECT").status
    if status in (429, 502, 503, 504):
        raise ConnectionError(f"the proxy cannot reach the collector now ({status})")
    if status != 200:
        variable = f"{endpoint.scheme.upper()}_PROXY"
        advice = f"check the credentials in {variable}" if status in (401, 407) else f"check {variable} and NO_PROXY"
        raise Refusal(f"the proxy refuses the connection ({status}): {advice}")


class Connection:
    """An open connection, plain or secured."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def send(self, data: bytes, deadline: float) -> None:
        """Send all of it."""
        rest = memoryview(data)
        while rest:
            self._sock.settimeout(time_left(deadline))
            rest = rest[self._sock.send(rest) :]

    def offer(self, data: bytes, deadline: float) -> None:
        """Send all of it, or as much as is taken: who hangs up before has said why, and that can be read."""
        try:
            self.send(data, deadline)
        except (ConnectionError, *tls.BROKEN_OFF):
            pass

    def answer(self, deadline: float, method: str = "POST") -> HTTPResponse:
        """The status and headers of the answer; its body keeps the deadline, too."""
        reader = self.reader(deadline)
        _check_that_it_is_http(reader.peek(1))
        # It asks its socket for nothing but makefile.
        response = HTTPResponse(_Readable(reader), method=method)  # type: ignore[arg-type]
        response.begin()
        return response

    def reader(self, deadline: float) -> io.BufferedReader:
        """What the other side sends, until the deadline."""
        return io.BufferedReader(_Raw(self._sock, deadline))

    def is_usable(self) -> bool:
        """Whether another request can be sent: since the last answer, the other side neither closed nor sent."""
        try:
            self._sock.settimeout(0)
            self._sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            pass
        return False

    def close(self) -> None:
        """Close our end only, without a word on the wire: after a fork the connection is the other process's, too."""
        self._sock.close()


class _Readable(NamedTuple):
    reader: io.BufferedReader

    def makefile(self, mode: str) -> io.BufferedReader:
        return self.reader


class _Raw(io.RawIOBase):
    """A socket's time limit is for one call, and many of them are made for a dripping answer: watch the clock."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        self._sock.settimeout(time_left(self._deadline))
        return self._sock.recv_into(buffer)


def _check_that_it_is_http(start: bytes) -> None:
    """Say what it is instead. http.client would wait for the end of a line that never comes."""
    if start[:5] == b"HTTP/"[: len(start)]:
        return
    # The first frame of HTTP/2 is SETTINGS (type 4). https://www.rfc-editor.org/rfc/rfc9113#name-frame-format
    if start[:3] == b"PRI" or (start[:1] == b"\0" and start[3:4] in (b"\x04", b"\x07")):
        raise Refusal(f"HTTP/2 is spoken there, as by a gRPC port: {_GRPC_HINT}")
    # An alert of TLS (type 21). https://www.rfc-editor.org/rfc/rfc8446#section-5.1
    if start[:2] == b"\x15\x03":
        raise Refusal(TLS_HINT)
    raise Refusal("what answers there is no HTTP server: check the host and port in OTEL_EXPORTER_OTLP_ENDPOINT")


# --- What failures mean -----------------------------------------------------------------------------------------------


def outcome_of(error: Exception) -> Outcome:
    """What became of a request that ended with this error. Faults of the connection may pass; the rest does not."""
    if isinstance(error, Refusal):
        return Outcome("refused", message=str(error))
    if isinstance(error, ssl.SSLError) and not isinstance(error, tls.BROKEN_OFF):
        return Outcome("refused", message=tls.explained(error))
    if isinstance(error, HTTPException) and not isinstance(error, OSError):
        return Outcome(
            "refused", message=f"the answer is not HTTP as it should be ({type(error).__name__}): check the port"
        )
    return Outcome("retry", message=_fault(error))


def _fault(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "the collector did not answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there (connection refused)"
    if isinstance(error, (ConnectionResetError, BrokenPipeError, *tls.BROKEN_OFF)):
        return "the collector closed the connection without an answer"
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__
