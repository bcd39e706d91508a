"""hypercorn: a span for each request to an application of no framework."""

from hypercorn.app_wrappers import ASGIWrapper, WSGIWrapper

from platform_otel.config import Config
from platform_otel.instrumentation.bare import traced_asgi, traced_wsgi, wrap_after_init


def instrument(config: Config) -> None:
    """Trace the applications of the servers that are made from now on."""
    wrap_after_init(ASGIWrapper, "app", traced_asgi, config)
    wrap_after_init(WSGIWrapper, "app", traced_wsgi, config)
