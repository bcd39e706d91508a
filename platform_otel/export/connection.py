"""One connection to the collector, every step of it within one deadline: names, proxies, TLS, a dripping answer."""

import _socket
import os
import socket
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from platform_otel.export.endpoint import Endpoint
from platform_otel.export.http_answer import Answer, Reader, read_answer, read_head
from platform_otel.export.outcome import Outcome, Refusal, failed
from platform_otel.export.proxies import Proxy
from platform_otel.process.standard_output import file_identity
from platform_otel.process.threads import Done, start

if TYPE_CHECKING:
    import ssl

# A day; sockets take no infinite time.
_LONGEST_WAIT = 86400.0
NOT_IN_TIME = "the collector did not answer in time"


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
            if not start(self._lookup.run):
                # An interpreter that shuts down starts no thread (3.12): what was found earlier must do.
                self._lookup = None
                return self._known or _look_up(host, port)
        if not self._lookup.done.wait_until(deadline):
            raise TimeoutError
        found, self._lookup = self._lookup.found, None
        if isinstance(found, OSError):
            raise found
        return found


class _Lookup:
    """One call of getaddrinfo. Nobody waits for it when the process ends."""

    def __init__(self, host: str, port: int) -> None:
        self._of = host, port
        self.found: list[Address] | OSError = _UnknownName("the lookup ended early")
        self.done = Done()

    def run(self) -> None:
        """In a thread of its own."""
        try:
            self.found = _look_up(*self._of)
        except OSError as error:
            self.found = error
        finally:
            self.done.set()


def _look_up(host: str, port: int, flags: int = 0) -> list[Address]:
    try:
        # As bytes: getaddrinfo would import the codec for international names for every text.
        # The system's own: gevent's would start a thread, and a process that ends starts none.
        found = _socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM, flags=flags)
    except socket.gaierror as error:
        raise _UnknownName(f"{host} cannot be resolved ({error.strerror})") from None
    return [Address(*each) for each in found]


# --- Sockets ----------------------------------------------------------------------------------------------------------


def open_connection(
    endpoint: Endpoint,
    proxy: Proxy | None,
    context: "ssl.SSLContext | None",
    resolver: Resolver,
    deadline: float,
    tunnel: bool = False,
) -> "Connection":
    """Connect, through the proxy if there is one, and secure the connection if there is a context.

    The proxy is asked for a tunnel if the connection is to be secured, or if that is wanted; otherwise it is the
    proxy that is spoken to, and it is sent plain HTTP requests whole.

    Raises:
        OSError, Refusal: ``outcome_of`` says what they mean.
    """
    host, port = (proxy.host, proxy.port) if proxy else (endpoint.host, endpoint.port)
    sock = _connect(resolver.addresses(host, port, deadline), deadline)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock)
        if proxy is not None and (tunnel or context is not None):
            _open_tunnel(connection, endpoint, proxy, deadline)
        return connection if context is None else _secured(sock, endpoint, context, deadline)
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


def _secured(sock: socket.socket, endpoint: Endpoint, context: "ssl.SSLContext", deadline: float) -> "Connection":
    # Who made the context has imported ssl; nobody else is to.
    from platform_otel.export.secured import secured

    sock.settimeout(time_left(deadline))  # for the whole handshake, which is one call
    return secured(sock, context, endpoint.host.rstrip("."))


def _open_tunnel(connection: "Connection", endpoint: Endpoint, proxy: Proxy, deadline: float) -> None:
    """Source: https://www.rfc-editor.org/rfc/rfc9110#name-connect ."""
    lines = [f"CONNECT {endpoint.authority} HTTP/1.1", f"Host: {endpoint.authority}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    connection.send("\r\n".join([*lines, "", ""]).encode("ascii"), deadline)
    status = read_head(connection.reader(deadline)).status
    if status in (429, 502, 503, 504):
        raise ConnectionError(f"the proxy cannot reach the collector now ({status})")
    if status != 200:
        variable = f"{endpoint.scheme.upper()}_PROXY"
        advice = f"check the credentials in {variable}" if status in (401, 407) else f"check {variable} and NO_PROXY"
        raise Refusal(f"the proxy refuses the connection ({status})", advice)


class Connection:
    """An open connection. For one thread at a time.

    A program that becomes a daemon closes all descriptors. What it opens next may have our number, and is not touched.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._file = file_identity(sock.fileno())
        self._ahead = bytearray()

    def send(self, data: bytes, deadline: float) -> None:
        """Send all of it."""
        rest = memoryview(data)
        while rest:
            self._sock.settimeout(time_left(deadline))
            rest = rest[self._send(rest) :]

    def offer(self, data: bytes, deadline: float) -> None:
        """Send all of it, or as much as is taken: who hangs up before has said why, and that can be read."""
        try:
            self.send(data, deadline)
        except ConnectionError:
            pass

    def answer(self, deadline: float) -> Answer:
        """The answer to a request that was sent."""
        return read_answer(self.reader(deadline))

    def reader(self, deadline: float) -> Reader:
        """What the other side sends, until the deadline."""

        def receive(size: int) -> bytes:
            # A socket's time limit is for one call, and many of them are made for a dripping answer: watch the clock.
            self._sock.settimeout(time_left(deadline))
            return self._receive(size)

        return Reader(receive, self._ahead)

    def is_usable(self) -> bool:
        """Whether another request can be sent: since the last answer, the other side neither closed nor sent."""
        if not self._is_ours():
            return False
        try:
            self._sock.settimeout(0)
            self._receive(1)
        except BlockingIOError:
            return True
        except (OSError, Refusal):
            pass
        return False

    def close(self) -> None:
        """Close our end only, without a word on the wire: after a fork the connection is the other process's, too."""
        if self._is_ours():
            self._sock.close()
        else:
            self._sock.detach()

    def abandon(self) -> None:
        """In a child process: close its end of the parent's, and touch nothing that a thread there was using."""
        is_ours, descriptor = self._is_ours(), self._sock.detach()
        if is_ours:
            os.close(descriptor)

    def _is_ours(self) -> bool:
        """Whether the descriptor is still open, and still this connection's."""
        return file_identity(self._sock.fileno()) == self._file

    # What a secured connection does in its own way.

    def _send(self, data: memoryview) -> int:
        return self._sock.send(data)

    def _receive(self, size: int) -> bytes:
        return self._sock.recv(size)


# --- What failures mean -----------------------------------------------------------------------------------------------


def outcome_of(error: Exception) -> Outcome:
    """What became of a request that ended with this error. Faults of the connection may pass; the rest does not."""
    if isinstance(error, Refusal):
        return failed("refused", error.reason)
    return Outcome("retry", message=_fault(error))


def _fault(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return NOT_IN_TIME
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there (connection refused)"
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return "the collector closed the connection without an answer"
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__
