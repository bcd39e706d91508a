"""Starlette by upstream's instrumentor, without its two extra spans per request."""

from collections.abc import Callable

from opentelemetry.instrumentation import starlette
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

from platform_otel.config import Config


class OneSpanMiddleware(OpenTelemetryMiddleware):  # type: ignore[misc]  # upstream is not typed
    """Upstream's middleware, told to leave out send and receive spans."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **{"exclude_spans": ["receive", "send"], **kwargs})


def instrument(upstream: Callable[..., None], _config: Config) -> None:
    """Put it in place of the middleware that upstream adds: only that has an argument for it."""
    starlette.OpenTelemetryMiddleware = OneSpanMiddleware
    upstream()
