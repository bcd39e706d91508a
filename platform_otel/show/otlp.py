"""Spans and log records as they are shown, from OTLP/JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from platform_otel.analysis.tree import TraceSpan

Json = Any  # what a collector answers

_KINDS = ("internal", "internal", "server", "client", "producer", "consumer")
_STATUSES = ("unset", "ok", "error")


class LogRecord(NamedTuple):
    """A log record; time in nanoseconds since the epoch, 0 if it has none."""

    time: int
    severity: str
    service: str
    body: str


def spans(document: Json) -> list[TraceSpan]:
    """The spans of TracesData."""
    return [_span(span, service) for span, service in _items(document, "resourceSpans", "scopeSpans", "spans")]


def log_records(document: Json) -> list[LogRecord]:
    """The log records of LogsData, the earliest first."""
    items = _items(document, "resourceLogs", "scopeLogs", "logRecords")
    return sorted((_record(record, service) for record, service in items), key=lambda record: record.time)


def _items(document: Json, resources: str, scopes: str, items: str) -> Iterator[tuple[Json, str]]:
    for of_resource in document.get(resources, ()):
        described = attributes(of_resource.get("resource", {}).get("attributes", ()))
        service = str(described.get("service.name", "unknown_service"))
        for of_scope in of_resource.get(scopes, ()):
            for item in of_scope.get(items, ()):
                yield item, service


def _span(span: Json, service: str) -> TraceSpan:
    status = span.get("status", {})
    parent = span.get("parentSpanId", "")
    return TraceSpan(
        trace_id=span.get("traceId", ""),
        span_id=span.get("spanId", ""),
        parent_id=parent if parent.strip("0") else "",
        service=service,
        name=span.get("name", ""),
        kind=_of(_KINDS, span.get("kind", 0)),
        start=int(span.get("startTimeUnixNano", 0)),
        end=int(span.get("endTimeUnixNano", 0)),
        status=_of(_STATUSES, status.get("code", 0)),
        message=status.get("message", "") or _exception(span.get("events", ())),
        attributes=attributes(span.get("attributes", ())),
    )


def _of(words: tuple[str, ...], number: int) -> str:
    return words[number] if 0 <= number < len(words) else words[0]


def _exception(events: Iterable[Json]) -> str:
    """Type and message of the last exception that the span recorded."""
    raised = [attributes(event.get("attributes", ())) for event in events if event.get("name") == "exception"]
    parts = (raised[-1].get("exception.type"), raised[-1].get("exception.message")) if raised else ()
    return ": ".join(str(part) for part in parts if part)


def _record(record: Json, service: str) -> LogRecord:
    time = int(record.get("timeUnixNano", 0)) or int(record.get("observedTimeUnixNano", 0))
    return LogRecord(time, record.get("severityText", ""), service, _text(_value(record.get("body", {}))))


def _text(value: object) -> str:
    return "" if value is None else str(value)


def attributes(pairs: Iterable[Json]) -> Mapping[str, object]:
    """Attributes by their names."""
    return {pair["key"]: _value(pair.get("value", {})) for pair in pairs}


def _value(wrapped: Json) -> object:
    for kind, value in wrapped.items():
        if kind == "intValue":
            return int(value)
        if kind == "arrayValue":
            return [_value(each) for each in value.get("values", ())]
        if kind == "kvlistValue":
            return attributes(value.get("values", ()))
        found: object = value
        return found
    return None
