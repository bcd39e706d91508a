"""AWS Lambda: upstream's instrumentor imports the user's handler, so it waits for that module; and is spared a warning.

Upstream flushes after each call, and logs a warning each time where the meter provider cannot: without metrics it is
the API's, which cannot.
"""

from collections.abc import Callable, Mapping

from platform_otel.config import Config


def handler_module(environ: Mapping[str, str]) -> str:
    """The module of the function's handler: "package.module" for "package/module.function"; "" if none is named.

    A wrapper that starts the function in place of the runtime keeps the user's handler in ORIG_HANDLER.
    """
    handler = environ.get("ORIG_HANDLER") or environ.get("_HANDLER", "")
    return handler.rpartition(".")[0].replace("/", ".")


def instrument(upstream: Callable[..., None], config: Config) -> None:
    """Give upstream something to flush where no metrics are exported."""
    from opentelemetry.metrics import NoOpMeterProvider

    from platform_otel.instrumentation.choice import asks

    class NoMetrics(NoOpMeterProvider):
        def force_flush(self, timeout_millis: float = 0) -> bool:
            return True

    if asks(config, "OTEL_METRICS_EXPORTER"):
        upstream()
    else:
        upstream(meter_provider=NoMetrics())
