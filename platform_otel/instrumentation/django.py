"""Django: a span for each request around its middleware, the route as Django finds it, and exceptions it answers."""

from __future__ import annotations

import functools
from typing import Any  # Any: Django is not typed

from django.core.handlers import exception  # type: ignore[import-untyped]
from django.core.handlers.base import BaseHandler  # type: ignore[import-untyped]

from platform_otel.config import Config
from platform_otel.instrumentation.server import Server
from platform_otel.instrumentation.server_span import MARK, ServerRequest, is_over
from platform_otel.process.guard import as_text, guarded
from platform_otel.process.import_hooks import when_imported

_ATTRIBUTES = "OTEL_PYTHON_DJANGO_TRACED_REQUEST_ATTRS"


def instrument(config: Config) -> None:
    """Trace the handlers that there are, and those made from now on."""
    server = Server(config, "django", "django")
    _watch_routes(config.get(_ATTRIBUTES))
    _watch_exceptions()
    # A service of one kind is spared the imports of the other.
    when_imported("django.core.handlers.wsgi", lambda: _trace_wsgi(server))
    when_imported("django.core.handlers.asgi", lambda: _trace_asgi(server))


def _trace_wsgi(server: Server) -> None:
    from django.core.handlers.wsgi import WSGIHandler  # type: ignore[import-untyped]

    from platform_otel.instrumentation import wsgi

    original = WSGIHandler.__call__

    @functools.wraps(original)
    def traced_call(self: Any, environ: Any, start_response: Any) -> Any:
        if MARK in environ and not is_over(environ[MARK]):
            return original(self, environ, start_response)
        return wsgi.serve(original.__get__(self), environ, start_response, server)

    WSGIHandler.__call__ = traced_call


def _trace_asgi(server: Server) -> None:
    from django.core.handlers.asgi import ASGIHandler  # type: ignore[import-untyped]

    from platform_otel.instrumentation import asgi

    original = ASGIHandler.__call__

    @functools.wraps(original)
    async def traced_call(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        if not asgi.is_request(scope):
            return await original(self, scope, receive, send)
        return await asgi.serve(original.__get__(self), scope, receive, send, server)

    ASGIHandler.__call__ = traced_call


def _watch_routes(attributes: tuple[str, ...]) -> None:
    original = BaseHandler.resolve_request

    @functools.wraps(original)
    def resolve_request(self: Any, received: Any) -> Any:
        match = original(self, received)
        request = _request_of(received)
        if request is not None:
            _say_route(request, received, getattr(match, "route", None))
            if attributes:
                _record(request, received, attributes)
        return match

    BaseHandler.resolve_request = resolve_request


def _say_route(request: ServerRequest, received: Any, route: Any) -> None:
    """As Django joins patterns: without the beginning of a regular expression; and with the root of the application."""
    if isinstance(route, str):  # a resolver of the service's may know none
        request.route = f"{_root(received)}/{route.removeprefix('^')}"


def _request_of(received: Any) -> ServerRequest | None:
    """The request that one of Django's is; None where it has no span, such as that of Django's test client."""
    carrier = getattr(received, "environ", None) or getattr(received, "scope", None) or {}
    request: ServerRequest | None = carrier.get(MARK)
    return request


def _root(received: Any) -> str:
    """Where the application is mounted: what Django itself puts before the addresses that it writes."""
    path, inside = received.path, received.path_info
    return path[: -len(inside)].rstrip("/") if path != inside and path.endswith(inside) else ""


def _record(request: ServerRequest, received: Any, attributes: tuple[str, ...]) -> None:
    """What the service asks for of Django's request, as far as it is there when a route is looked for."""
    with guarded("record attributes of a request"):
        for name in attributes:
            value = getattr(received, name, None)
            if value is not None and request.recording:
                request.span.set_attribute(name, as_text(value))


def _watch_exceptions() -> None:
    """What Django and its middleware answer does not reach the span as an exception."""
    answer, ask_middleware = exception.response_for_exception, BaseHandler.process_exception_by_middleware

    @functools.wraps(answer)
    def response_for_exception(received: Any, exc: Any) -> Any:
        _tell(received, exc)
        return answer(received, exc)

    @functools.wraps(ask_middleware)
    def process_exception_by_middleware(self: Any, exception: Any, request: Any) -> Any:
        _tell(request, exception)
        return ask_middleware(self, exception, request)

    exception.response_for_exception = response_for_exception
    BaseHandler.process_exception_by_middleware = process_exception_by_middleware


def _tell(received: Any, error: Any) -> None:
    request = _request_of(received)
    if request is not None and isinstance(error, Exception):
        request.handled(error)
