"""The span of a request that makes none: what is below it makes none either, and a received context is passed on."""

from opentelemetry.trace import NonRecordingSpan


class ExcludedSpan(NonRecordingSpan):
    """Has the span context that the request came with, and is its own child: see ``PlatformTracer.start_span``."""
