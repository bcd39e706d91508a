"""What `/query/traces/{trace_id}/links` answers: the spans of all traces that link to those of one."""

from __future__ import annotations

from platform_otel.collector.answers import Answer, Values
from platform_otel.collector.openapi import COUNT, TEXT, TIME, many, thing
from platform_otel.collector.reader import Reader

_LINK = thing(
    linkedSpanId={**TEXT, "description": "The span that the link leads to."},
    traceId=TEXT,
    spanId={**TEXT, "description": "The span that has the link."},
    service=TEXT,
    operation=TEXT,
    startTimeUnixNano=TIME,
)
SCHEMA = thing(
    count={**COUNT, "description": "How many there are in all."},
    links=many(_LINK),
    complete={"type": "boolean", "description": "False while those of a file of an earlier version are being entered."},
)

# {} is _OF_TRACE or _OF_SPAN.
_COUNT = "SELECT count(*) FROM links WHERE {}"
# The newest first, as numbers of traces grow.
_LINKS = """
    SELECT linked_span, traces.trace_id, links.span_id, services.name, operations.name, spans.start
    FROM (SELECT * FROM links WHERE {} ORDER BY trace DESC, span_id DESC LIMIT ?) AS links
    JOIN traces ON traces.id = links.trace
    JOIN spans ON spans.trace = links.trace AND spans.span_id = links.span_id
    JOIN operations ON operations.id = operation JOIN services ON services.id = service
    ORDER BY links.trace DESC, links.span_id DESC"""
_OF_TRACE = "linked_trace = ?"
_OF_SPAN = "linked_trace = ? AND linked_span = ?"
_COMPLETE = "SELECT batch = 0 FROM linking"


def links(reader: Reader, values: Values) -> Answer:
    """The newest links to a trace, or to one span of it; that it is there itself is not asked."""
    linked = [each for each in (values["trace_id"], values["span"]) if each]
    condition = _OF_SPAN if values["span"] else _OF_TRACE
    rows = reader.rows(_LINKS.format(condition), (*linked, values["limit"]))
    return {
        "count": reader.rows(_COUNT.format(condition), linked)[0][0],
        "links": [
            {
                "linkedSpanId": linked_span.hex(),
                "traceId": trace_id.hex(),
                "spanId": span_id.hex(),
                "service": service,
                "operation": operation,
                "startTimeUnixNano": str(start),
            }
            for linked_span, trace_id, span_id, service, operation, start in rows
        ],
        "complete": bool(reader.rows(_COMPLETE)[0][0]),
    }
