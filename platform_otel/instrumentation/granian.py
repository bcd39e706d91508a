"""granian: a span for each request to an application of no framework, by ASGI or WSGI; not by RSGI."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any  # Any: applications share no type

from platform_otel.config import Config
from platform_otel.instrumentation.bare import traced_asgi, traced_wsgi
from platform_otel.process.guard import guarded

# Which of them there are depends on the interpreter; each has its own name for the functions that wrap applications.
_SERVERS = ("granian.server.mp", "granian.server.mt", "granian.server.embed")
_WRAPPERS = {"_asgi_call_wrap": traced_asgi, "_wsgi_call_wrap": traced_wsgi}


def instrument(config: Config) -> None:
    """Trace the applications that workers load from now on."""
    for server in _SERVERS:
        for name, traced in _WRAPPERS.items():
            if hasattr(sys.modules.get(server), name):
                _replace(sys.modules[server], name, traced, config)


def _replace(server: Any, name: str, traced: Callable[[Any, Config], Any], config: Config) -> None:
    original = getattr(server, name)

    @functools.wraps(original)
    def wrap(application: Any, *arguments: Any, **named: Any) -> Any:
        with guarded("trace an application under granian"):
            application = traced(application, config)
        return original(application, *arguments, **named)

    setattr(server, name, wrap)
