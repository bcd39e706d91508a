"""ASGI: one span per request and per WebSocket, around any application.

Source: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any  # Any: scopes and messages hold whatever servers and applications put there

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind

from platform_otel.http.methods import named
from platform_otel.http.server_request import (
    all_asgi_headers,
    asgi_attributes,
    asgi_headers,
    websocket_attributes,
)
from platform_otel.instrumentation.bare_application import BareApplicationBase
from platform_otel.instrumentation.context import SPAN_KEY, get_current, leave
from platform_otel.instrumentation.server import Server
from platform_otel.instrumentation.server_span import (
    DISCONNECT,
    MARK,
    REQUEST,
    is_over,
    is_within_upstreams,
)
from platform_otel.process.guard import guarded

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_SWITCHING_PROTOCOLS = 101
_FORBIDDEN = 403


async def serve(application: Application, scope: Scope, receive: Receive, send: Send, server: Server) -> None:
    """Call an application with a request that is not seen to yet."""
    around = get_current()  # nearly always empty
    if around and (_is_seen_to_around(scope, around) or is_within_upstreams()):
        return await application(scope, receive, send)
    exchange: _Excluded | _Http | _WebSocket | None = None
    try:
        if type(scope["headers"]) is not list:
            scope["headers"] = list(scope["headers"])  # it may be there to be read once
        if server.settings.excluded.of(scope, scope["path"], scope.get("root_path"), _address):
            exchange = _Excluded(scope, receive, send, server)
        elif scope["type"] == "http":
            exchange = _Http(scope, receive, send, server)
        else:
            exchange = _WebSocket(scope, receive, send, server)
    except Exception:  # "with guarded" around it would do, and cost 0.2 us more
        with guarded("trace a request"):
            raise
    if exchange is None:
        return await application(scope, receive, send)
    scope[MARK] = exchange.request
    try:
        if exchange.is_watched:
            return await application(scope, exchange.receive, exchange.send)
        return await application(scope, receive, send)
    except BaseException as error:
        exchange.failed(error)
        raise
    finally:
        exchange.leave()


def is_request(scope: Scope) -> bool:
    """Whether this is something that has a span, and has none yet."""
    if scope["type"] not in _REQUESTS:
        return False
    return MARK not in scope or is_over(scope[MARK])


_REQUESTS = frozenset(("http", "websocket"))


class BareApplication(BareApplicationBase):
    """An application as a server calls it that is of no framework, or has something around it."""

    __slots__ = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the specification of ASGI 3."""
        if is_request(scope):
            return await serve(self._platform_trace_application, scope, receive, send, self._platform_trace_server)
        application: Application = self._platform_trace_application
        return await application(scope, receive, send)


def _is_seen_to_around(scope: Scope, around: Context) -> bool:
    """Whether middleware hands a request on in a new scope, without the mark; the context is the same.

    A request that an application makes to itself is another one: there a client's span is between them.
    """
    outer: Any = around.get(REQUEST)
    if outer is None or outer.ended or outer.path != scope.get("path"):
        return False
    if getattr(around.get(SPAN_KEY), "kind", None) is SpanKind.CLIENT:
        return False
    scope[MARK] = outer
    return True


def _address(scope: Scope) -> tuple[str, str]:
    """The address that was asked for without its query, and the query."""
    host = asgi_headers(scope["headers"]).get("host") or ":".join(map(str, scope.get("server") or ()))
    query = (scope.get("query_string") or b"").decode("latin-1")
    return f"{scope.get('scheme', 'http')}://{host}{scope['path']}", query


class _Excluded:
    """A request without a span."""

    request = None
    is_watched = False

    def __init__(self, scope: Scope, receive: Receive, send: Send, server: Server) -> None:
        raw = scope["headers"]
        self.receive = receive
        self.send = send
        self._span = server.exclude(asgi_headers(raw), lambda: all_asgi_headers(raw))

    def failed(self, error: BaseException) -> None:
        pass

    def leave(self) -> None:
        self._span.leave()


class _Http:
    """A request and its response. If it is watched, the application is given its ``receive`` and ``send``."""

    __slots__ = ("_has_trailers", "_is_sent", "_receive", "_scope", "_send", "is_watched", "request")

    def __init__(self, scope: Scope, receive: Receive, send: Send, server: Server) -> None:
        raw = scope["headers"]
        headers = asgi_headers(raw)
        attributes = asgi_attributes(scope, headers, server.settings.methods)
        prefix = _prefix(scope)
        name = named(attributes["http.request.method"])
        self.request = request = server.begin(name, attributes, headers, lambda: all_asgi_headers(raw))
        self._scope, self._receive, self._send = scope, receive, send
        self._has_trailers = self._is_sent = False
        self.is_watched = request.is_watched
        request.path = scope["path"]
        request.prefix = prefix
        if server.settings.request_headers is not None:
            request.asked(lambda: raw)

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self._is_sent:
            self.request.interruption = DISCONNECT
        return message

    async def send(self, message: Message) -> None:
        kind = message["type"]
        request = self.request
        if kind == "http.response.start":
            if not request.interruption:  # else nobody is there to be answered
                request.answered(message.get("status"), message.get("headers"))
            self._has_trailers = message.get("trailers", False)
            if not request.route and "path_template" in self._scope:  # Litestar says there which route it has found
                request.route = f"{request.prefix}{self._scope['path_template']}"
        # Known before the last message is sent: that the client is gone, hypercorn says while it sends that one.
        elif kind == "http.response.body":
            self._is_sent = not (self._has_trailers or message.get("more_body"))
        elif kind == "http.response.pathsend" or (
            kind == "http.response.trailers" and not message.get("more_trailers")
        ):
            self._is_sent = True
        try:
            await self._send(message)
        except OSError:  # servers say so if the client went away (https://asgi.readthedocs.io/en/latest/specs/www.html)
            request.interruption = DISCONNECT
            raise
        if self._is_sent:
            request.finish()

    def failed(self, error: BaseException) -> None:
        if not (self.request.interruption == DISCONNECT and _says_that_nobody_is_there(error)):
            self.request.failed(error)

    def leave(self) -> None:
        # Frameworks that hear that the client is gone stop what sends, that of the last message too.
        self.request.finish(is_complete=self._is_sent)
        leave(self.request.token)


class _WebSocket:
    """A connection from its handshake to its end."""

    __slots__ = ("_receive", "_received", "_send", "_sent", "is_watched", "request")

    def __init__(self, scope: Scope, receive: Receive, send: Send, server: Server) -> None:
        raw = scope["headers"]
        headers = asgi_headers(raw)
        attributes = websocket_attributes(scope, headers)
        prefix, method = _prefix(scope), _handshake_method(scope)
        self.request = request = server.begin("WS", attributes, headers, lambda: all_asgi_headers(raw))
        self._receive, self._send = receive, send
        self._received = self._sent = 0
        self.is_watched = request.recording
        request.path = scope["path"]
        request.prefix = prefix
        # Not when it begins: what has a method then is measured as a request.
        request.span.set_attribute("http.request.method", method)
        if server.settings.request_headers is not None:
            request.asked(lambda: raw)

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "websocket.receive":
            self._received += 1
        elif message["type"] == "websocket.disconnect":
            self._closed(message.get("code", _NO_CODE))
        return message

    async def send(self, message: Message) -> None:
        try:
            await self._send(message)
        except OSError:
            self.request.interruption = DISCONNECT
            raise
        kind = message["type"]
        if kind == "websocket.send":
            self._sent += 1
        elif kind == "websocket.accept":
            self.request.answered(_SWITCHING_PROTOCOLS, message.get("headers"))
        elif kind == "websocket.http.response.start":
            self.request.answered(message.get("status"), message.get("headers"))
        elif kind == "websocket.close":
            if self.request.status:
                self._closed(message.get("code", _NORMAL))
            else:  # refused before it was accepted
                self.request.answered(_FORBIDDEN, ())

    def _closed(self, code: Any) -> None:
        if isinstance(code, int):
            self.request.span.set_attribute("platform_trace.websocket.close_code", code)

    def failed(self, error: BaseException) -> None:
        if type(error).__name__ == "WebSocketDisconnect":  # Starlette's: the client has gone, as clients do
            self._closed(getattr(error, "code", _NO_CODE))
        elif not (self.request.interruption == DISCONNECT and _says_that_nobody_is_there(error)):
            self.request.failed(error)

    def leave(self) -> None:
        request = self.request
        if request.recording and not request.ended:
            request.span.set_attribute("platform_trace.websocket.received", self._received)
            request.span.set_attribute("platform_trace.websocket.sent", self._sent)
        request.finish(is_complete=request.exception is None and bool(request.status))
        leave(request.token)


def _says_that_nobody_is_there(error: BaseException) -> bool:
    """Whether a client that went away is all that went wrong. The second is Starlette's, for what it reads or sends."""
    return isinstance(error, OSError) or type(error).__name__ == "ClientDisconnect"


# Source: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
_NORMAL = 1000
_NO_CODE = 1005


def _handshake_method(scope: Scope) -> str:
    # Source: https://www.rfc-editor.org/rfc/rfc8441#section-4
    return "CONNECT" if str(scope.get("http_version")).startswith(("2", "3")) else "GET"


def _prefix(scope: Scope) -> str:
    """A route is written with the root of the application, as the path is."""
    root = scope.get("root_path")
    return root.rstrip("/") if root and scope["path"].startswith(root) else ""
