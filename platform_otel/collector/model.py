"""What the receivers hand to the store: batches of spans and of log records, decoded as far as columns go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

SIGNALS = ("traces", "logs", "metrics")

# Status and kinds as OTLP numbers them.
ERROR = 2
KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")


class Operation(NamedTuple):
    """What a span is an instance of; ``kind`` as OTLP numbers it."""

    service: str
    name: str
    kind: int


class Span(NamedTuple):
    """The hot fields of a span.

    Args:
        parent_id: b"" for none.
        start: nanoseconds since the epoch.
        duration: nanoseconds; 0 if the span ended before it started.
        status: as OTLP numbers it.
        position: which span of its batch this is, counted in the order of the OTLP message.
    """

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    operation: Operation
    start: int
    duration: int
    status: int
    position: int


class LogRecord(NamedTuple):
    """The hot fields of a log record; the ids are b"" where it has none."""

    trace_id: bytes
    span_id: bytes
    time: int
    position: int


class Link(NamedTuple):
    """Where a span leads to besides its parent; ``position`` is that of the span that has the link."""

    position: int
    trace_id: bytes
    span_id: bytes


class SpanBatch(NamedTuple):
    """Spans that arrived together: the compressed OTLP message, the spans of each trace in it, and their links."""

    raw: bytes
    traces: Mapping[bytes, Sequence[Span]]
    links: Sequence[Link] = ()


class LogBatch(NamedTuple):
    """Log records that arrived together, and the compressed OTLP message."""

    raw: bytes
    records: Sequence[LogRecord]


Batch = SpanBatch | LogBatch


class Received(NamedTuple):
    """One request, decoded.

    Args:
        signal: one of SIGNALS.
        batches: what is to be stored.
        items: how many spans, log records or data points it has that are valid.
        rejected: how many it has that are not.
    """

    signal: str
    batches: Sequence[Batch]
    items: int
    rejected: int
