"""uvicorn: a span for each request to an application of no framework, within what uvicorn puts around it."""

from __future__ import annotations

import functools
from typing import Any  # Any: applications share no type

from uvicorn.config import Config as UvicornConfig

from platform_otel.config import Config
from platform_otel.instrumentation.bare import traced_asgi, traced_wsgi
from platform_otel.process.guard import guarded


def instrument(config: Config) -> None:
    """Trace the applications that are loaded from now on."""
    original = UvicornConfig.load

    @functools.wraps(original)
    def load(self: Any) -> None:
        original(self)
        with guarded("trace an application under uvicorn"):
            self.loaded_app = _traced(self.loaded_app, self.interface, config)

    UvicornConfig.load = load  # type: ignore[method-assign]


def _traced(application: Any, interface: str, config: Config) -> Any:
    # Within uvicorn's middleware for proxies, which corrects the client's address.
    if type(application).__module__ in _AROUND:
        application.app = _traced(application.app, interface, config)
        return application
    if interface == "wsgi":
        application.app = traced_wsgi(application.app, config)
        return application
    return traced_asgi(application, config)


_AROUND = ("uvicorn.middleware.message_logger", "uvicorn.middleware.proxy_headers")
