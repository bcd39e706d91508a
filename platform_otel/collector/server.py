"""uvicorn's server on a socket of ours: no signal handlers, no log lines, and time limits on what clients send."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

# What goes on then ends; whoever runs the server has told it to before.
_SECONDS_TO_STOP = 0.6


class Limits(NamedTuple):
    """Seconds that a client has.

    Args:
        head: from the first byte of a request, or the connection, to the end of its headers.
        body: from there to the end of its body.
        idle: between two requests. Exporters that send every minute keep their connection.
    """

    head: float = 10
    body: float = 30
    idle: float = 120


class Server(uvicorn.Server):
    """One application on one socket, until ``should_exit``."""

    def __init__(self, app: Any, limits: Limits) -> None:  # Any: ASGI applications come in several types
        class Protocol(_TimedProtocol):
            LIMITS = limits

        config = uvicorn.Config(
            app,
            http=Protocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=int(limits.idle),
            timeout_graceful_shutdown=_SECONDS_TO_STOP,  # type: ignore[arg-type]  # asyncio.wait_for takes fractions
        )
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen from now on."""
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are for whoever runs several servers."""
        yield


class _TimedProtocol(H11Protocol):
    """uvicorn limits idle connections; this one limits heads and bodies too, by closing the connection."""

    LIMITS: Limits
    _waits_for = ""
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._wait_for("head")

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        state = self.conn.their_state
        self._wait_for("head" if state is h11.IDLE else "body" if state is h11.SEND_BODY else "")

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait_for("body" if self.conn.their_state is h11.SEND_BODY else "")

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_for("")
        super().connection_lost(exc)

    def _wait_for(self, what: str) -> None:
        if what == self._waits_for:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._waits_for = what
        self._timer = self.loop.call_later(getattr(self.LIMITS, what), self.transport.abort) if what else None


class _Errors(logging.Handler):
    """Says what went wrong in an application, which uvicorn answered with 500; its other lines are of no use."""

    def __init__(self, say: Callable[[str], object]) -> None:
        super().__init__(logging.ERROR)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, asyncio.CancelledError):
            self._say(f"a request failed with {type(error).__name__}: {error}; please report this")


def say_errors(say: Callable[[str], object]) -> None:
    """Have errors of the applications said in one line."""
    logger = logging.getLogger("uvicorn.error")
    logger.handlers = [_Errors(say)]
    logger.propagate = False


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 for any that is free.

    Raises:
        OSError: the address cannot be used.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )[0]
    # With its protocol named, asyncio turns off Nagle's algorithm: else each answer waits 40 ms for an acknowledgement.
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(512)
    except BaseException:
        listener.close()
        raise
    return listener
