"""Which applications get their span where the server calls them, and not in their framework."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any  # Any: applications share no type

from platform_otel.config import Config
from platform_otel.instrumentation.server import Server
from platform_otel.process.guard import guarded

# Frameworks of the catalog that have their span inside: the class, and whose instrumentation sees to it. Where users
# switch ours off, they want none; where upstream's is not installed, the server's view is better than nothing.
_SEEN_TO = {
    "starlette.applications.Starlette": "",
    "flask.app.Flask": "",
    "django.core.handlers.base.BaseHandler": "",
    "falcon.app.App": "opentelemetry.instrumentation.falcon",
    "pyramid.router.Router": "opentelemetry.instrumentation.pyramid",
}
# Upstream's sees to Falcon's applications by WSGI only, of which these are.
_NOT_SEEN_TO = "falcon.asgi.app.App"


def traced_asgi(application: Any, config: Config) -> Any:
    """The application with a span around each request, if it has none inside."""
    from platform_otel.instrumentation import asgi

    if _is_seen_to(application) or isinstance(application, asgi.BareApplication):
        return application
    return asgi.BareApplication(application, Server(config, "asgi", _settings(application, config, "asgi")))


def traced_wsgi(application: Any, config: Config) -> Any:
    """The same for WSGI."""
    from platform_otel.instrumentation import wsgi

    if _is_seen_to(application) or isinstance(application, wsgi.BareApplication):
        return application
    return wsgi.BareApplication(application, Server(config, "wsgi", _settings(application, config, "wsgi")))


def _is_seen_to(application: Any) -> bool:
    names = kinds(type(application))
    whose = [_SEEN_TO[name] for name in names if name in _SEEN_TO and _NOT_SEEN_TO not in names]
    return any(not module or module in sys.modules for module in whose)


def kinds(of: type) -> list[str]:
    """The names of a class and of all that it inherits from."""
    return [f"{kind.__module__}.{kind.__qualname__}" for kind in of.__mro__]


# Whose variable OTEL_PYTHON_..._EXCLUDED_URLS is meant though there is middleware around the application, by the names
# that middleware has for what it is around.
_OF_A_FRAMEWORK = {
    "fastapi.applications.FastAPI": "fastapi",
    "starlette.applications.Starlette": "starlette",
    "flask.app.Flask": "flask",
    "django.core.handlers.base.BaseHandler": "django",
}
_INSIDE = ("app", "wsgi_app", "application")
_DEEPEST = 50


def _settings(application: Any, config: Config, otherwise: str) -> str:
    """Whose settings hold: those of the framework inside, if it has any, or those of the standard."""
    for _ in range(_DEEPEST):
        for kind in kinds(type(application)):
            name = _OF_A_FRAMEWORK.get(kind, "")
            if name and config.is_set(f"OTEL_PYTHON_{name.upper()}_EXCLUDED_URLS"):
                return name
        held = getattr(application, "__dict__", {})
        inside = [held[name] for name in _INSIDE if name in held]
        if not inside:
            break
        application = inside[0]
    return otherwise


def wrap_after_init(kind: Any, attribute: str, traced: Callable[[Any, Config], Any], config: Config) -> None:
    """Have the servers of a class wrap the application that they keep in an attribute."""
    original = kind.__init__

    @functools.wraps(original)
    def init(self: Any, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        with guarded(f"trace an application under {kind.__module__}"):
            setattr(self, attribute, traced(getattr(self, attribute), config))

    kind.__init__ = init
