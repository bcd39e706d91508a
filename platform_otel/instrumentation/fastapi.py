"""FastAPI: a span for each request, with the whole route also where a router is included; FastAPI's own is off.

FastAPI makes spans and metrics itself from 0.142 on. Where the service asks for its spans, they are the only ones. Why
they are not ours: benchmarks/results/2026-11-22-fastapi-native.md.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any  # Any: what is replaced is called with whatever its callers give

from fastapi import FastAPI, routing

from platform_otel.config import Config
from platform_otel.instrumentation import starlette
from platform_otel.instrumentation.server import Server
from platform_otel.instrumentation.server_span import MARK


def instrument(config: Config) -> None:
    """Trace the applications that are made from now on."""
    starlette.watch()
    server = Server(config, "fastapi", "fastapi")
    _watch_included_routes()
    if "telemetry" in inspect.signature(FastAPI.__init__).parameters:
        _switch_native_tracing_off(server.settings.measures)
    starlette.trace(FastAPI, server, _is_seen_to_otherwise)


def _is_seen_to_otherwise(application: Any) -> object:
    state = application.__dict__
    return state.get("_is_instrumented_by_opentelemetry") or state.get("_telemetry", _NONE).get("tracing")


_NONE: dict[str, object] = {}


def _switch_native_tracing_off(measures: bool) -> None:
    """Unless the service says what it wants; its metrics, where we make them. Logs are made by nobody else."""
    off = {"tracing": False, "metrics": False} if measures else {"tracing": False}
    original = FastAPI.__init__

    @functools.wraps(original)
    def init(self: Any, *arguments: Any, telemetry: Any = None, **named: Any) -> None:
        if telemetry is None or isinstance(telemetry, dict):
            telemetry = telemetry or {}
            if not telemetry.get("tracing"):  # else the application is left to FastAPI
                telemetry = {**off, **telemetry}
        original(self, *arguments, telemetry=telemetry, **named)

    FastAPI.__init__ = init  # type: ignore[method-assign]


def _watch_included_routes() -> None:
    """From 0.142 on a route of an included router does not know the prefix: the scope does."""
    original = routing.APIRoute.handle

    @functools.wraps(original)
    def handle(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        request = scope.get(MARK)
        if request is not None and not request.route:
            included = scope.get("fastapi", _NONE).get("effective_route_context")
            is_its_own = getattr(included, "original_route", None) is self
            request.route = request.prefix + (included.path if is_its_own else self.path)
        return original(self, scope, receive, send)

    routing.APIRoute.handle = handle  # type: ignore[method-assign]
