"""A span of ours as the SDK's ReadableSpan, for code that insists on the type."""

from __future__ import annotations

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link

from platform_otel.tracing.span import RecordingSpan


def readable(span: RecordingSpan) -> ReadableSpan:
    """A copy: what happens to one does not happen to the other."""
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=dict(span.attributes),
        events=[Event(event.name, event.attributes, event.timestamp) for event in span.events],
        links=[Link(link.context, link.attributes) for link in span.links],
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
