"""Spans as Jaeger's own page and version 1 of its API have them: microseconds, tags with types, processes apart.

https://github.com/jaegertracing/jaeger/blob/main/internal/uimodel/model.go; what OTLP has and Jaeger has not becomes
tags, as the OpenTelemetry Collector's translation names them:
https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/pkg/translator/jaeger
"""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any

from platform_otel.collector.messages import Item, value
from platform_otel.collector.model import ERROR, KINDS, STATUSES
from platform_otel.collector.otlp_decoding import service_name

Json = dict[str, Any]

# What JavaScript holds exactly; larger numbers are text.
_LARGEST = 2**53 - 1


class Traces:
    """Traces in the order of their ids here, filled by spans in any order."""

    def __init__(self, trace_ids: Iterable[bytes]) -> None:
        self._traces = {trace_id: _Trace(trace_id) for trace_id in trace_ids}

    def add(self, item: Item) -> None:
        """One span of one of them."""
        self._traces[item.item.trace_id].add(item)

    def json(self) -> list[Json]:
        """Those that have spans."""
        return [trace.json() for trace in self._traces.values() if trace.spans]


class _Trace:
    def __init__(self, trace_id: bytes) -> None:
        self._trace_id = trace_id
        self._processes: dict[bytes, str] = {}
        self._described: dict[str, Json] = {}
        self.spans: list[Json] = []

    def add(self, item: Item) -> None:
        self.spans.append({**_span(item), "processID": self._process(item.of_resource.resource), "warnings": None})

    def json(self) -> Json:
        spans = sorted(self.spans, key=lambda span: int(span["startTime"]))
        return {
            "traceID": shown_trace_id(self._trace_id),
            "spans": spans,
            "processes": self._described,
            "warnings": None,
        }

    def _process(self, resource: Any) -> str:
        key = resource.SerializeToString(deterministic=True)
        name = self._processes.get(key)
        if name is None:
            name = self._processes[key] = f"p{len(self._processes) + 1}"
            tags = [each for each in _tags(resource.attributes) if each["key"] != "service.name"]
            self._described[name] = {"serviceName": service_name(resource), "tags": tags}
        return name


def shown_trace_id(trace_id: bytes) -> str:
    """Sixteen digits where the others would be zeros, as Jaeger does."""
    text = trace_id.hex()
    return text[16:] if text.startswith("0" * 16) else text


def _span(item: Item) -> Json:
    span = item.item
    return {
        "traceID": shown_trace_id(span.trace_id),
        "spanID": span.span_id.hex(),
        "operationName": span.name,
        "references": list(_references(span)),
        "startTime": span.start_time_unix_nano // 1000,
        "duration": max(0, span.end_time_unix_nano - span.start_time_unix_nano) // 1000,
        "tags": [*_tags(span.attributes), *_tags_of_fields(item)],
        "logs": [_log(event) for event in span.events],
    }


def _references(span: Any) -> Iterator[Json]:
    if any(span.parent_span_id):
        yield _reference("CHILD_OF", span.trace_id, span.parent_span_id)
    for link in span.links:
        yield _reference("FOLLOWS_FROM", link.trace_id, link.span_id)


def _reference(kind: str, trace_id: bytes, span_id: bytes) -> Json:
    return {"refType": kind, "traceID": shown_trace_id(trace_id), "spanID": span_id.hex()}


def _tags_of_fields(item: Item) -> Iterator[Json]:
    """What Jaeger has no field for."""
    span, scope = item.item, item.of_scope.scope
    if 0 < span.kind < len(KINDS):
        yield _tag("span.kind", KINDS[span.kind])
    if 0 < span.status.code < len(STATUSES):
        yield _tag("otel.status_code", STATUSES[span.status.code].upper())
    if span.status.code == ERROR:
        yield _tag("error", True)
    texts = {
        "otel.status_description": span.status.message,
        "otel.scope.name": scope.name,
        "otel.scope.version": scope.version,
        "w3c.tracestate": span.trace_state,
    }
    yield from (_tag(key, text) for key, text in texts.items() if text)


def _log(event: Any) -> Json:
    fields = [_tag("event", event.name)] if event.name else []
    return {"timestamp": event.time_unix_nano // 1000, "fields": [*fields, *_tags(event.attributes)]}


def _tags(attributes: Iterable[Any]) -> list[Json]:
    return [_tag(attribute.key, value(attribute.value)) for attribute in attributes]


def _tag(key: str, found: object) -> Json:
    kind, shown = _typed(found)
    return {"key": key, "type": kind, "value": shown}


def _typed(found: object) -> tuple[str, object]:
    if isinstance(found, bool):
        return "bool", found
    if isinstance(found, int):
        return "int64", found if abs(found) <= _LARGEST else str(found)
    if isinstance(found, float):
        return "float64", found if math.isfinite(found) else str(found)
    if isinstance(found, bytes):
        return "binary", b64encode(found).decode()
    if isinstance(found, str) or found is None:
        return "string", found or ""
    return "string", json.dumps(found, default=lambda each: b64encode(each).decode())
