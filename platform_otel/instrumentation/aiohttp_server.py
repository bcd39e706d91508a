"""aiohttp.web: a span for each request, from its headers to the end of its response, or of its WebSocket."""

from __future__ import annotations

import functools
import sys
from contextvars import ContextVar
from typing import Any  # Any: what is replaced is called with whatever its callers give

from aiohttp import WSMsgType
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_response import StreamResponse
from aiohttp.web_ws import WebSocketResponse

from platform_otel.config import Config
from platform_otel.http.aiohttp_request import (
    address_of,
    all_headers,
    context_headers,
    http_attributes,
    is_websocket,
    websocket_attributes,
)
from platform_otel.http.methods import named
from platform_otel.instrumentation.context import get_current, leave
from platform_otel.instrumentation.replacement import replace, restore
from platform_otel.instrumentation.server import Server
from platform_otel.instrumentation.server_span import DISCONNECT, REQUEST, ServerRequest
from platform_otel.process.guard import guarded

# All that is done for one request, the writing of its response included.
_HANDLE, _HANDLE_ERROR = "_handle_request", "handle_error"
# Where a response is begun, of whatever class it is.
_BEGIN = "_start"
_RECEIVE, _SEND = "receive", ("send_str", "send_bytes", "send_frame")
_MESSAGES = (WSMsgType.TEXT, WSMsgType.BINARY)
_UPSTREAM = "opentelemetry.instrumentation.aiohttp_server"


def instrument(config: Config) -> None:
    """Trace every connection, also those that are there already."""
    server = Server(config, "aiohttp_server", "aiohttp_server")
    _trace(server)
    _watch_errors()
    _watch_responses(server)
    _count_messages()


def uninstrument() -> None:
    """Take back what :func:`instrument` did: upstream's would make a second span."""
    for name in (_HANDLE, _HANDLE_ERROR):
        restore(RequestHandler, name)
    restore(StreamResponse, _BEGIN)
    for name in (_RECEIVE, *_SEND):
        restore(WebSocketResponse, name)


def _trace(server: Server) -> None:
    original = getattr(RequestHandler, _HANDLE)

    @functools.wraps(original)
    async def traced_handle(self: Any, request: Any, *arguments: Any, **named_arguments: Any) -> Any:
        exchange = _begin(server, self, request, arguments)
        if exchange is None:
            return await original(self, request, *arguments, **named_arguments)
        try:
            result = await original(self, request, *arguments, **named_arguments)
        except BaseException as error:
            exchange.failed(self, error)
            raise
        else:
            try:
                if result[1]:
                    exchange.was_cut()
            except Exception:  # as where it begins
                with guarded("trace a request"):
                    raise
            return result
        finally:
            exchange.leave(request)

    replace(RequestHandler, _HANDLE, traced_handle, original)


def _begin(server: Server, protocol: Any, request: Any, arguments: tuple[Any, ...]) -> _Excluded | _Exchange | None:
    try:
        handler = arguments[-1] if arguments else None
        if handler is not protocol._request_handler:  # what came is no request, and aiohttp answers it by itself
            return None
        if _UPSTREAM in sys.modules and _is_upstreams(handler):
            return None
        if server.settings.excluded.of(request, request.path, "", address_of):
            return _Excluded(server, request)
        return (_WebSocket if is_websocket(request) else _Exchange)(server, request)
    except Exception:  # "with guarded" around it would do, and cost 0.2 us more
        with guarded("trace a request"):
            raise
    return None


def _is_upstreams(handler: Any) -> bool:
    """Whether the service has put upstream's middleware into the application."""
    middlewares = getattr(getattr(handler, "__self__", None), "middlewares", ())
    return any(getattr(each, "__module__", "") == _UPSTREAM for each in middlewares)


class _Excluded:
    """A request without a span."""

    __slots__ = ("_span",)

    def __init__(self, server: Server, request: Any) -> None:
        self._span = server.exclude(context_headers(request), lambda: all_headers(request))

    def was_cut(self) -> None:
        pass

    def failed(self, protocol: Any, error: BaseException) -> None:
        pass

    def leave(self, request: Any) -> None:
        self._span.leave()


class _Exchange:
    """A request and its response."""

    __slots__ = ("request",)

    def __init__(self, server: Server, request: Any) -> None:
        attributes = http_attributes(request, server.settings.methods)
        self._start(server, request, named(attributes["http.request.method"]), attributes)

    def _start(self, server: Server, request: Any, name: str, attributes: dict[str, Any]) -> None:
        self.request = server.begin(name, attributes, context_headers(request), lambda: all_headers(request))
        if server.settings.request_headers is not None:
            self.request.asked(request.headers.items)

    def was_cut(self) -> None:
        """The response was written, and nobody was there any more to read it."""
        self.request.interruption = DISCONNECT

    def failed(self, protocol: Any, error: BaseException) -> None:
        """No response came about, or it broke off."""
        if _is_gone(protocol):
            self.request.interruption = DISCONNECT
        # What breaks off a response has been told before: this is what aiohttp ends the connection by.
        if not (self.request.has_failed or (self.request.interruption and isinstance(error, ConnectionError))):
            self.request.failed(error)

    def leave(self, request: Any) -> None:
        """Nothing more will come."""
        served = self.request
        try:
            served.route = _route_of(request)
        except Exception:  # as where it begins
            with guarded("describe a request"):
                raise
        served.finish(is_complete=bool(served.status))
        leave(served.token)


def _route_of(request: Any) -> str:
    match = getattr(request, "_match_info", None)  # None where the service has no application
    resource = None if match is None else getattr(match.route, "resource", None)
    return "" if resource is None else resource.canonical


def _is_gone(protocol: Any) -> bool:
    """Whether the client is."""
    return protocol.transport is None or protocol.transport.is_closing()


class _WebSocket(_Exchange):
    """A connection from its handshake to its end."""

    __slots__ = ("received", "response", "sent")

    def __init__(self, server: Server, request: Any) -> None:
        self.received = self.sent = 0
        self.response: Any = None
        self._start(server, request, "WS", websocket_attributes(request))
        # Not when it begins: what has a method then is measured as a request.
        self.request.span.set_attribute("http.request.method", request.method)
        _websocket.set(self)  # each request is a task with a context of its own

    def leave(self, request: Any) -> None:
        """The connection is closed."""
        code = getattr(self.response, "close_code", None)
        if self.request.recording and not self.request.ended:
            self.request.span.set_attribute("platform_trace.websocket.received", self.received)
            self.request.span.set_attribute("platform_trace.websocket.sent", self.sent)
            if isinstance(code, int):
                self.request.span.set_attribute("platform_trace.websocket.close_code", code)
        self.response = None
        super().leave(request)


_websocket: ContextVar[_WebSocket] = ContextVar("platform-trace-websocket")


# --- what becomes of a request ----------------------------------------------------------------------------------------


def _watch_responses(server: Server) -> None:
    """The status is known when a response begins, also of one that breaks off."""
    original = getattr(StreamResponse, _BEGIN)

    # Not a coroutine function: it gives the caller the one of the original.
    @functools.wraps(original)
    def begin(self: Any, *arguments: Any, **named_arguments: Any) -> Any:
        request = _current_request()
        if request is not None and not request.interruption:  # else nobody is there to be answered
            captured = server.settings.response_headers is not None
            request.answered(self.status, list(self.headers.items()) if captured else ())
        return original(self, *arguments, **named_arguments)

    replace(StreamResponse, _BEGIN, begin, original)


def _watch_errors() -> None:
    """What aiohttp answers with a 500, or ends a response in its middle for, does not leave it as an exception."""
    original = getattr(RequestHandler, _HANDLE_ERROR)

    @functools.wraps(original)
    def handle_error(self: Any, request: Any, status: int = 500, exc: Any = None, message: Any = None) -> Any:
        error = exc or sys.exc_info()[1]
        traced = _current_request()
        if traced is not None and error is not None:
            if isinstance(error, ConnectionError) and _is_gone(self):
                traced.interruption = DISCONNECT
            elif traced.status:
                traced.failed(error)
            else:
                traced.handled(error)
        return original(self, request, status, exc, message)

    replace(RequestHandler, _HANDLE_ERROR, handle_error, original)


def _current_request() -> ServerRequest | None:
    request: Any = get_current().get(REQUEST)
    return request  # type: ignore[no-any-return]  # nothing else is there under this key


def _count_messages() -> None:
    for name in (_RECEIVE, *_SEND):
        if hasattr(WebSocketResponse, name):  # send_frame came with 3.11
            _count_calls(name)


def _count_calls(name: str) -> None:
    original = getattr(WebSocketResponse, name)

    @functools.wraps(original)
    async def counted(self: Any, *arguments: Any, **named_arguments: Any) -> Any:
        result = await original(self, *arguments, **named_arguments)
        websocket = _websocket.get(None)
        if websocket is not None:
            websocket.response = self
            if name != _RECEIVE:
                websocket.sent += 1
            elif result.type in _MESSAGES:
                websocket.received += 1
        return result

    replace(WebSocketResponse, name, counted, original)
