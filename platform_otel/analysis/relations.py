"""How a span stands to the one above it: does a request enter a service, and does the one above wait for it."""

from __future__ import annotations

from platform_otel.analysis.tree import TraceSpan

# Kinds of spans: of what asks another service, and of what is asked.
CALLS = ("client", "producer")
ENTRIES = ("server", "consumer")


def is_entry(span: TraceSpan, parent: TraceSpan | None) -> bool:
    """Whether a request enters a service here.

    That is where the service changes, whatever the kinds say, and where a service calls itself. A server span below a
    server span of the same service is the same request, seen by a proxy or a second instrumentation.
    """
    if parent is None or span.service != parent.service:
        return True
    return span.kind in ENTRIES and parent.kind in CALLS


def is_waited_for(span: TraceSpan, parent: TraceSpan) -> bool:
    """Whether the one above waits: what consumes a message works when its producer has gone on."""
    if not is_entry(span, parent):
        return True
    return span.kind != "consumer" and parent.kind != "producer"
