"""Our part in the application's own tracer provider: one span processor that exports what it records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from platform_otel.process.guard import guarded

if TYPE_CHECKING:
    from platform_otel.tracing.pipeline import Pipeline


class JoinedProcessor(SpanProcessor):
    """Hands the application's finished spans to our exports, unless it sends them to the same collector itself."""

    def __init__(self, pipeline: Pipeline, application: Any) -> None:
        self._pipeline = pipeline
        self._application = application
        self._endpoints = pipeline.endpoints()
        self._checked: tuple[object, bool] = (None, False)

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a finished span. Never waits, and never raises into the service."""
        with guarded("take a finished span of the application's"):
            context = span.context
            if context is not None and context.trace_flags & 1 and not self._is_exported_by_the_application():
                for export in self._pipeline.exports:
                    export.take(span)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what is queued; True if nothing is left."""
        return self._pipeline.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Send what is queued. Not the end: the application may be done with its provider, and we not with ours."""
        self._pipeline.settle()

    def _is_exported_by_the_application(self) -> bool:
        """Whether the application has added an OTLP exporter for the same collector to the same provider.

        Its own wins, or every span would arrive twice. The SDK replaces its tuple of processors when one
        is added, so looking at that tuple's identity is all that a span costs.
        """
        processors = _processors_of(self._application)
        if self._checked[0] is not processors:
            others = [processor for processor in processors if processor is not self]
            self._checked = processors, send_to(others, self._endpoints)
        return self._checked[1]


def send_to(processors: Sequence[object], endpoints: Sequence[str]) -> bool:
    """Whether an OTLP exporter behind one of these processors has one of these endpoints."""
    ours = {_authority(endpoint) for endpoint in endpoints} - {""}
    theirs = [getattr(getattr(each, "span_exporter", None), "_endpoint", None) for each in processors]
    return any(isinstance(endpoint, str) and _authority(endpoint) in ours for endpoint in theirs)


def _processors_of(provider: Any) -> Sequence[object]:  # Any: the SDK keeps them in private attributes
    processors: Sequence[object] = getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ())
    return processors


def _authority(endpoint: str) -> str:
    """Host and port of an OTLP endpoint, "" if it has none; gRPC exporters keep theirs without a scheme."""
    try:
        return urlsplit(endpoint if "://" in endpoint else f"//{endpoint}").netloc.rpartition("@")[2].lower()
    except ValueError:  # such as http://[::1
        return ""
