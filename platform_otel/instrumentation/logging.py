"""Logging: upstream's instrumentor without its handler, unless log records are exported.

With a handler on the root logger, whatever looks for one falls silent: logging.lastResort, the basicConfig() inside
logging.warning(), Flask's and werkzeug's own.
"""

from collections.abc import Callable

from platform_otel.config import Config
from platform_otel.instrumentation.choice import asks


def instrument(upstream: Callable[..., None], config: Config) -> None:
    """Leave it to upstream's settings whether there is a handler, if records go anywhere."""
    if asks(config, "OTEL_LOGS_EXPORTER"):
        upstream()
    else:
        upstream(enable_log_auto_instrumentation=False)
