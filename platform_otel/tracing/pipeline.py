"""The SDK's tracer provider with our resource, sampler, limits and exporters."""

import os
import sys
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import TracerProvider as ApiTracerProvider

from platform_otel.config import Config
from platform_otel.export.choice import choose_exporters
from platform_otel.export.processor import ExportProcessor
from platform_otel.instrumentation.discovery import installed
from platform_otel.process.guard import guarded, say
from platform_otel.process.resource import resource_attributes
from platform_otel.tracing.limits import span_limits
from platform_otel.tracing.sampling import sampler


class Pipeline:
    """Everything beneath our tracer provider. Starts no thread until a span has ended."""

    def __init__(self, config: Config) -> None:
        self.provider = TracerProvider(
            sampler=sampler(config),
            resource=Resource(resource_attributes(os.environ, sys.orig_argv)),
            shutdown_on_exit=False,
            id_generator=_id_generator(config),
            span_limits=span_limits(config),
        )
        exporters = choose_exporters(config)
        self._export = ExportProcessor(config, exporters, self.provider) if exporters else None
        if self._export is not None:
            self.provider.add_span_processor(self._export)

    def is_ours(self, processor: SpanProcessor) -> bool:
        """Whether this is our own processor, come back to us through a provider that wraps ours."""
        return processor is self._export

    def join(self, application: ApiTracerProvider) -> None:
        """Export what the application's provider records, too."""
        if self._export is None:
            return
        add = getattr(application, "add_span_processor", None)
        if add is None:
            say(
                f"the application's tracer provider ({type(application).__module__}.{type(application).__qualname__}) "
                "takes no span processor, so its spans are not exported by platform-trace"
            )
            return
        self._export.join(application)
        add(self._export)

    def shutdown(self) -> None:
        """Send what is left and stop. Nothing waits longer than the shutdown's own deadline."""
        self.provider.shutdown()


def _id_generator(config: Config) -> IdGenerator:
    name = config.get("OTEL_PYTHON_ID_GENERATOR")
    entry_point = installed().group("opentelemetry_id_generator").get(name)
    found: Any = None  # Any: what another package offers is checked below
    if name != "random" and entry_point is None:
        say(f"OTEL_PYTHON_ID_GENERATOR: no installed package offers {name[:60]!a}; using random")
    elif name != "random" and entry_point is not None:
        with guarded(f"load the id generator {name}; using random"):
            found = entry_point.load()()
    return found if isinstance(found, IdGenerator) else RandomIdGenerator()
