"""Starlette: a span for each request to an application, its route as Starlette finds it, and its background tasks."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any  # Any: what is replaced is called with whatever its callers give

from opentelemetry.trace import SpanKind, get_tracer
from starlette import applications, background, routing
from starlette._utils import is_async_callable
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware

from platform_otel import __version__
from platform_otel.config import Config
from platform_otel.instrumentation import asgi
from platform_otel.instrumentation.server import Server
from platform_otel.instrumentation.server_span import MARK
from platform_otel.process.guard import guarded

_watched: list[str] = []


def instrument(config: Config) -> None:
    """Trace the applications that there are, and those made from now on."""
    watch()
    trace(applications.Starlette, Server(config, "starlette", "starlette"), _is_seen_to_otherwise)


def trace(kind: Any, server: Server, is_seen_to_otherwise: Callable[[Any], object]) -> None:
    """Put the span around ``kind.__call__``: what is put around the router, such as middleware, is within it."""
    original = kind.__call__

    @functools.wraps(original)
    async def traced_call(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        if not asgi.is_request(scope) or is_seen_to_otherwise(self):
            return await original(self, scope, receive, send)
        return await asgi.serve(original.__get__(self), scope, receive, send, server)

    kind.__call__ = traced_call


def is_instrumented_by_upstream(application: Any) -> object:
    """Whether the service has done so: then its own wins, with its arguments."""
    return application.__dict__.get("_is_instrumented_by_opentelemetry")


def _is_seen_to_otherwise(application: Any) -> object:
    # A FastAPI application that has no span by now is to have none.
    fastapi = sys.modules.get("fastapi.applications")
    is_fastapi = fastapi is not None and isinstance(application, getattr(fastapi, "FastAPI", ()))
    return is_fastapi or is_instrumented_by_upstream(application)


def watch() -> None:
    """Have the span of a request told its route, and the exceptions that handlers answer; trace background tasks."""
    if _watched:
        return
    _watched.append("starlette")
    for kind in (routing.Route, routing.WebSocketRoute):
        _watch_route(kind)
    _watch_mount()
    _watch_exception_handlers()
    _watch_server_errors()
    _trace_background_tasks()


def _watch_route(kind: Any) -> None:
    original = kind.handle

    # Not a coroutine function: it gives the caller the one of the original, and costs a third.
    @functools.wraps(original)
    def handle(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        request = scope.get(MARK)
        if request is not None and not request.route:
            request.route = request.prefix + self.path
        return original(self, scope, receive, send)

    kind.handle = handle


def _watch_mount() -> None:
    original = routing.Mount.handle

    @functools.wraps(original)
    def handle(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        request = scope.get(MARK)
        if request is not None:
            request.prefix += self.path
            if not self.routes:  # such as static files: then this is as far as the route is known
                request.route = request.prefix
        return original(self, scope, receive, send)

    routing.Mount.handle = handle  # type: ignore[method-assign]


def _watch_exception_handlers() -> None:
    """What a handler answers does not reach the span as an exception, and through some middleware in no other way."""
    original = ExceptionMiddleware.__init__

    @functools.wraps(original)
    def init(self: Any, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        with guarded("watch exception handlers"):
            for handlers in (self._exception_handlers, self._status_handlers):
                for key in handlers:
                    handlers[key] = _watched_handler(handlers[key])

    ExceptionMiddleware.__init__ = init  # type: ignore[method-assign]


def _watch_server_errors() -> None:
    """What a mounted application fails by is answered there, and through some middleware only the answer comes on."""
    original = ServerErrorMiddleware.__init__

    @functools.wraps(original)
    def init(self: Any, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        with guarded("watch exception handlers"):
            self.handler = self.handler and _watched_handler(self.handler)

    ServerErrorMiddleware.__init__ = init  # type: ignore[method-assign]
    for name in ("error_response", "debug_response"):
        setattr(ServerErrorMiddleware, name, _watched_response(getattr(ServerErrorMiddleware, name)))


def _watched_response(original: Any) -> Any:
    @functools.wraps(original)
    def response(self: Any, connection: Any, error: Exception) -> Any:
        _tell(connection, error)
        return original(self, connection, error)

    return response


def _watched_handler(handler: Any) -> Any:
    if is_async_callable(handler):

        @functools.wraps(handler)
        async def watched_coroutine(connection: Any, error: Exception) -> Any:
            _tell(connection, error)
            return await handler(connection, error)

        return watched_coroutine

    @functools.wraps(handler)
    def watched(connection: Any, error: Exception) -> Any:
        _tell(connection, error)
        return handler(connection, error)

    return watched


def _tell(connection: Any, error: Exception) -> None:
    request = connection.scope.get(MARK)
    if request is not None:
        request.handled(error)


def _trace_background_tasks() -> None:
    original = background.BackgroundTask.__call__
    tracer = get_tracer("platform_otel.starlette", __version__)

    @functools.wraps(original)
    async def traced_call(self: Any) -> None:
        function = getattr(self.func, "func", self.func)
        name = getattr(function, "__qualname__", type(function).__qualname__)
        module = getattr(function, "__module__", None) or type(function).__module__
        attributes = {"code.function.name": f"{module}.{name}"}
        with tracer.start_as_current_span(f"background {name}", kind=SpanKind.INTERNAL, attributes=attributes):
            await original(self)

    background.BackgroundTask.__call__ = traced_call  # type: ignore[method-assign]
