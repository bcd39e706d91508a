"""waitress: a span for each request to an application of no framework."""

from waitress.server import BaseWSGIServer

from platform_otel.config import Config
from platform_otel.instrumentation.bare import traced_wsgi, wrap_after_init


def instrument(config: Config) -> None:
    """Trace the applications of the servers that are made from now on."""
    wrap_after_init(BaseWSGIServer, "application", traced_wsgi, config)
