"""Connections secured by TLS: they fail as others do, or by a Refusal that says which check failed."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from platform_otel.export.connection import Connection
from platform_otel.export.outcome import Refusal
from platform_otel.export.tls import explained


def secured(sock: socket.socket, context: ssl.SSLContext, host: str) -> Connection:
    """Secure a connection to this host, within the socket's time limit."""
    with _as_without_tls():
        return _Secured(context.wrap_socket(sock, server_hostname=host.encode("ascii")))


class _Secured(Connection):
    def _send(self, data: memoryview) -> int:
        with _as_without_tls():
            return super()._send(data)

    def _receive(self, size: int) -> bytes:
        with _as_without_tls():
            return super()._receive(size)


@contextmanager
def _as_without_tls() -> Iterator[None]:
    """Inside, only what goes wrong with TLS itself is a failure of its own kind."""
    try:
        yield
    except ssl.SSLWantReadError:
        raise BlockingIOError from None
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError):
        raise ConnectionResetError from None
    except ssl.SSLError as error:
        raise Refusal(*explained(error)[:2]) from None
