"""wsgiref: a span for each request to an application of no framework."""

from __future__ import annotations

import functools
from typing import Any  # Any: applications share no type
from wsgiref.simple_server import WSGIServer

from platform_otel.config import Config
from platform_otel.instrumentation.bare import traced_wsgi
from platform_otel.process.guard import guarded


def instrument(config: Config) -> None:
    """Trace the applications that are set from now on."""
    original = WSGIServer.set_app

    @functools.wraps(original)
    def set_app(self: WSGIServer, application: Any) -> None:
        with guarded("trace an application under wsgiref"):
            application = traced_wsgi(application, config)
        original(self, application)

    WSGIServer.set_app = set_app  # type: ignore[method-assign]
