"""A server that answers as the path asks, remembers every request with all its headers, and is a proxy as well."""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import NamedTuple

from tests.faults import relay
from tests.support import PATIENCE

BODY = b"hello"


class Seen(NamedTuple):
    """A request as it arrived: the header names in lower case."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for key, value in self.headers if key == name]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, seen: list[Seen], stopped: Event) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen = seen
        self.stopped = stopped

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away, or does not trust us, is nothing to print."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class AnsweringServer:
    """A context manager. ``url`` is where it is.

    Args:
        tls: secures the connections; then clients speak to ``localhost``.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._seen: list[Seen] = []
        self._stopped = Event()
        self._server = _Server(self._seen, self._stopped)
        self.port: int = self._server.server_port
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://localhost:{self.port}" if tls else f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> AnsweringServer:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def seen(self) -> Sequence[Seen]:
        """What arrived so far."""
        return tuple(self._seen)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""

    def handle_one_request(self) -> None:
        """Take any method there is."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self.server.seen.append(
            Seen(self.command, self.path, tuple((name.lower(), value) for name, value in self.headers.items()))
        )
        self.rfile.read(int(self.headers.get("content-length", "0")))
        if self.command == "CONNECT":
            self._tunnel()
        else:
            self._answer("/" + self.path.partition("://")[2].partition("/")[2] if "://" in self.path else self.path)

    def _answer(self, target: str) -> None:
        words = target.partition("?")[0].strip("/").split("/")
        getattr(self, f"_{words[0]}", self._hello)(*words[1:])

    def _hello(self, *_: str) -> None:
        self._send(200)

    def _status(self, code: str) -> None:
        self._send(int(code))

    def _redirect(self, times: str = "1") -> None:
        """To itself, and in the end to /hello."""
        left = int(times) - 1
        self._send(302, Location=f"/redirect/{left}" if left else "/hello?token=secret")

    def _flaky(self, times: str) -> None:
        """503 so many times, then 200."""
        before = sum(seen.target == self.path for seen in self.server.seen)
        self._send(503 if before <= int(times) else 200)

    def _challenge(self) -> None:
        if "authorization" in self.headers:
            self._send(200)
        else:
            self._send(401, WWW_Authenticate='Digest realm="r", nonce="n", qop="auth", algorithm=MD5')

    def _slow(self) -> None:
        self.server.stopped.wait(PATIENCE)

    def _stream(self, chunks: str) -> None:
        self._begin(200, Transfer_Encoding="chunked")
        for _ in range(int(chunks)):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(BODY), BODY))
        self.wfile.write(b"0\r\n\r\n")

    def _endless(self) -> None:
        """A body whose end never comes."""
        self._begin(200, Content_Length="1000000")
        self.wfile.write(BODY)
        self.wfile.flush()
        self.server.stopped.wait(PATIENCE)

    def _broken(self) -> None:
        """A body that breaks off."""
        self._begin(200, Content_Length="1000000")
        self.wfile.write(BODY)
        self.close_connection = True

    def _send(self, code: int, **headers: str) -> None:
        body = b"" if self.command == "HEAD" or code in (204, 304) else BODY
        self._begin(code, Content_Length=str(len(body)), **headers)
        self.wfile.write(body)

    def _begin(self, code: int, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _tunnel(self) -> None:
        """Let the client speak to somebody else from now on."""
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), PATIENCE) as other:
            self.connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            Thread(target=relay, args=(other, self.connection), daemon=True).start()
            relay(self.connection, other)
        self.close_connection = True
