"""OTLP messages into batches for the store: columns for what is hot, the compressed message for the rest."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from platform_otel.collector.model import Link, LogBatch, LogRecord, Operation, Received, Span, SpanBatch
from platform_otel.collector.otlp_pieces import pieces

REQUESTS: dict[str, Any] = {  # Any: the generated classes have no common type that says what we use of them
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
UNKNOWN_SERVICE = "unknown_service"

# The first level costs 1.1 us a span, the default one twice that for 7 % fewer bytes (benchmarks/ingest.py's spans).
_LEVEL = 1
# What a signed 64-bit column takes; the wire has unsigned ones.
_LATEST = 2**63 - 1
_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)
_LAST_KIND = 5
_LAST_STATUS = 2
# As many as SDKs keep: https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-limits
_MOST_LINKS = 128


class Malformed(Exception):
    """The body is not what it says it is."""


def decode(signal: str, body: bytes, check: Callable[[], object] = bool) -> Received:
    """What a request of this signal has; an item that is invalid is counted and left out.

    Args:
        signal: one of SIGNALS.
        body: in protobuf's own encoding.
        check: is called now and then; its exception ends the work.

    Raises:
        Malformed
    """
    parts: list[Received] = []
    try:
        for piece in pieces(body):
            check()
            parts.append(Received(signal, (), 0, 1) if piece is None else _DECODERS[signal](piece))
    except (DecodeError, ValueError) as error:
        raise Malformed(f"not an Export{signal.capitalize()}ServiceRequest: {error}") from None
    return _together(signal, parts)


def service_name(resource: Resource) -> str:
    """The service that a resource describes."""
    for attribute in resource.attributes:
        if attribute.key == "service.name":
            return attribute.value.string_value or UNKNOWN_SERVICE
    return UNKNOWN_SERVICE


def links_of(span: Any, position: int) -> list[Link]:
    """Where a span's first 128 links lead, those that name a trace and a span; ``position`` is the span's own."""
    links = (Link(position, each.trace_id, each.span_id) for each in span.links[:_MOST_LINKS])
    return [link for link in links if _are_valid(link.trace_id, link.span_id)]


def _together(signal: str, parts: Iterable[Received]) -> Received:
    parts = list(parts)
    batches = [batch for part in parts for batch in part.batches]
    return Received(signal, batches, sum(part.items for part in parts), sum(part.rejected for part in parts))


# --- Traces -----------------------------------------------------------------------------------------------------------


def _decode_traces(piece: bytes) -> Received:
    traces: dict[bytes, list[Span]] = {}
    links: list[Link] = []
    position = 0
    for of_resource in ExportTraceServiceRequest.FromString(piece).resource_spans:
        service = service_name(of_resource.resource)
        for of_scope in of_resource.scope_spans:
            _decode_spans(of_scope.spans, service, position, traces, links)
            position += len(of_scope.spans)
    count = sum(map(len, traces.values()))
    batches = [SpanBatch(zlib.compress(piece, _LEVEL), traces, links)] if count else []
    return Received("traces", batches, count, position - count)


def _decode_spans(
    spans: Iterable[Any], service: str, position: int, traces: dict[bytes, list[Span]], links: list[Link]
) -> None:
    """The hot loop: each attribute of a message is read once, as that is what costs."""
    operations: dict[tuple[str, int], Operation] = {}
    for place, span in enumerate(spans, position):
        trace_id, span_id, parent_id = span.trace_id, span.span_id, span.parent_span_id
        if not _are_valid(trace_id, span_id, parent_id):
            continue
        key = (span.name, span.kind)
        operation = operations.get(key)
        if operation is None:
            operation = operations[key] = _operation(service, *key)
        start, status = span.start_time_unix_nano, span.status.code
        duration = span.end_time_unix_nano - start
        if start > _LATEST or duration > _LATEST - start or duration < 0:
            start, duration = _within_range(start, duration)
        if parent_id == _NO_SPAN:
            parent_id = b""
        decoded = Span(trace_id, span_id, parent_id, operation, start, duration, _status(status), place)
        of_trace = traces.get(trace_id)
        if of_trace is None:
            of_trace = traces[trace_id] = []
        of_trace.append(decoded)
        if span.links:
            links += links_of(span, place)


def _are_valid(trace_id: bytes, span_id: bytes, parent_id: bytes = b"") -> bool:
    if len(trace_id) != 16 or len(span_id) != 8 or (parent_id and len(parent_id) != 8):
        return False
    return trace_id != _NO_TRACE and span_id != _NO_SPAN


def _operation(service: str, name: str, kind: int) -> Operation:
    return Operation(service, name, kind if 0 <= kind <= _LAST_KIND else 0)


def _status(code: int) -> int:
    return code if 0 <= code <= _LAST_STATUS else 0


def _within_range(start: int, duration: int) -> tuple[int, int]:
    start = min(start, _LATEST)
    return start, max(0, min(duration, _LATEST - start))


# --- Logs and metrics -------------------------------------------------------------------------------------------------


def _decode_logs(piece: bytes) -> Received:
    records: list[LogRecord] = []
    position = 0
    for of_resource in ExportLogsServiceRequest.FromString(piece).resource_logs:
        for of_scope in of_resource.scope_logs:
            for place, record in enumerate(of_scope.log_records, position):
                trace_id, span_id = record.trace_id, record.span_id
                if len(trace_id) in (0, 16) and len(span_id) in (0, 8):
                    time = min(record.time_unix_nano or record.observed_time_unix_nano, _LATEST)
                    records.append(LogRecord(_given(trace_id), _given(span_id), time, place))
            position += len(of_scope.log_records)
    batches = [LogBatch(zlib.compress(piece, _LEVEL), records)] if records else []
    return Received("logs", batches, len(records), position - len(records))


def _given(identity: bytes) -> bytes:
    """An id, or b"" for one of zeros, which means none."""
    return identity if any(identity) else b""


def _decode_metrics(piece: bytes) -> Received:
    """How many data points there are: metrics are not stored."""
    points = 0
    for of_resource in ExportMetricsServiceRequest.FromString(piece).resource_metrics:
        for of_scope in of_resource.scope_metrics:
            for metric in of_scope.metrics:
                data = metric.WhichOneof("data")
                points += len(getattr(metric, data).data_points) if data else 0
    return Received("metrics", [], points, 0)


_DECODERS = {"traces": _decode_traces, "logs": _decode_logs, "metrics": _decode_metrics}
