"""Starlette: upstream's instrumentor without its two extra spans per request."""


def prepare() -> None:
    """Make the middleware that upstream adds to each application leave out send and receive spans.

    ``StarletteInstrumentor.instrument`` has no argument for it, its middleware has.
    """
    from opentelemetry.instrumentation import starlette
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    class OneSpanMiddleware(OpenTelemetryMiddleware):  # type: ignore[misc]  # upstream is not typed
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **{"exclude_spans": ["receive", "send"], **kwargs})

    starlette.OpenTelemetryMiddleware = OneSpanMiddleware
