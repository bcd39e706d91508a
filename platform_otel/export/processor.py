"""Our span processor: takes every finished span to the exporters, in one thread that starts with the first."""

import copy
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import TracerProvider as ApiTracerProvider

from platform_otel.config import Config
from platform_otel.export.choice import traces_endpoint
from platform_otel.export.late import LateExporter
from platform_otel.process.guard import guarded

# At exit, for all exporters together.
_SHUTDOWN_SECONDS = 3.0


class ExportProcessor(SpanProcessor):
    """Exports what our provider records, and what the application's does once it has been joined."""

    def __init__(self, config: Config, exporters: Sequence[str], provider: TracerProvider) -> None:
        self._config = config
        self._exporters = exporters
        self._provider = provider
        self._application: ApiTracerProvider | None = None
        self._batches: dict[str, BatchSpanProcessor] = {}
        self._checked: tuple[object, bool] = (None, False)
        self._resources: dict[int, tuple[Resource, Resource]] = {}

    def join(self, application: ApiTracerProvider) -> None:
        """From now on spans come from the application's provider, too."""
        self._application = application

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing to do: spans are taken when they end."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a finished span. Never waits, and never raises into the service."""
        with guarded("take a finished span"):
            if not self._is_exported_by_the_application():
                for name in self._exporters:
                    self._batch(name).on_end(self._completed(span))

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what is queued; True if nothing is left."""
        flushed = [batch.force_flush(timeout_millis) for batch in self._batches.values()]
        return all(flushed)

    def shutdown(self) -> None:
        """Send what is queued and stop, within three seconds in total."""
        deadline = time.monotonic() + _SHUTDOWN_SECONDS
        for batch in self._batches.values():
            # BatchSpanProcessor.shutdown takes no time limit and waits half a minute; what it wraps takes one.
            left = max(1, int((deadline - time.monotonic()) * 1000))
            batch._batch_processor.shutdown(timeout_millis=left)

    def _batch(self, name: str) -> BatchSpanProcessor:
        found = self._batches.get(name)
        if found is None:
            built = _batch_processor(self._config, name)
            # setdefault is atomic: where two threads end the first span at once, both use the one stored first.
            found = self._batches.setdefault(name, built)
            if found is not built:
                built.shutdown()
        return found

    def _completed(self, span: ReadableSpan) -> ReadableSpan:
        """The span under a resource that names the service, also where the application's does not."""
        if span.resource is self._provider.resource or self._application is None:
            return span
        completed = copy.copy(span)  # the application's own exporters see the span as it made it
        completed._resource = self._resource_beside(span.resource)
        return completed

    def _resource_beside(self, theirs: Resource) -> Resource:
        known, ours = self._resources.get(id(theirs), (None, theirs))
        if known is not theirs:
            ours = _merged(self._provider.resource, theirs)
            self._resources = {id(theirs): (theirs, ours)}
        return ours

    def _is_exported_by_the_application(self) -> bool:
        """Whether the application has added an OTLP exporter for the same collector to the same provider.

        Its own wins, or every span would arrive twice. The SDK replaces its tuple of processors when one
        is added, so looking at that tuple's identity is all that a span costs.
        """
        if "otlp" not in self._exporters:
            return False
        processors = _processors_of(self._application or self._provider)
        if self._checked[0] is not processors:
            self._checked = processors, self._sends_to_our_collector(processors)
        return self._checked[1]

    def _sends_to_our_collector(self, processors: Sequence[object]) -> bool:
        ours = _authority(traces_endpoint(self._config))
        others = [processor for processor in processors if processor is not self]
        endpoints = [getattr(getattr(other, "span_exporter", None), "_endpoint", None) for other in others]
        return any(isinstance(endpoint, str) and _authority(endpoint) == ours for endpoint in endpoints)


def _processors_of(provider: Any) -> Sequence[object]:  # Any: the SDK keeps them in private attributes
    processors: Sequence[object] = getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ())
    return processors


def _authority(endpoint: str) -> str:
    """Host and port of an OTLP endpoint; gRPC exporters keep theirs without a scheme."""
    return urlsplit(endpoint if "://" in endpoint else f"//{endpoint}").netloc.rpartition("@")[2]


def _merged(ours: Resource, theirs: Resource) -> Resource:
    """Theirs, completed by ours; ours names the service where theirs does not."""
    named = {
        key: value
        for key, value in theirs.attributes.items()
        if not (key == "service.name" and str(value).startswith("unknown_service"))
    }
    return ours.merge(Resource(named, theirs.schema_url))


def _batch_processor(config: Config, exporter: str) -> BatchSpanProcessor:
    queue = max(1, config.get("OTEL_BSP_MAX_QUEUE_SIZE"))
    return BatchSpanProcessor(
        LateExporter(config, exporter),
        max_queue_size=queue,
        schedule_delay_millis=max(1, config.get("OTEL_BSP_SCHEDULE_DELAY")),
        max_export_batch_size=min(queue, max(1, config.get("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"))),
        export_timeout_millis=30000,
    )
