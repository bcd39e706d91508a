"""Traces in short, for lists: when, how long, how many spans and errors, what began it, which services took part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from platform_otel.collector.model import KINDS
from platform_otel.collector.reader import Reader

Summary = dict[str, object]

# What `of` takes, of the table traces.
COLUMNS = "traces.id, trace_id, traces.start, traces.duration, spans, errors, root, earliest"
_OPERATION = """
    SELECT services.name, operations.name, kind FROM operations JOIN services ON services.id = service
    WHERE operations.id = ?"""
_SERVICES = """
    SELECT name FROM services WHERE id IN (
        SELECT service FROM operations WHERE id IN (SELECT operation FROM spans WHERE trace = ?)) ORDER BY name"""


def of(reader: Reader, row: Sequence[object]) -> Summary:
    """The summary of a row of COLUMNS."""
    number, trace_id, start, duration, spans, errors, root, earliest = row
    assert isinstance(trace_id, bytes)
    service, name, kind = reader.rows(_OPERATION, (root or earliest,))[0]
    return {
        "traceId": trace_id.hex(),
        "startTimeUnixNano": str(start),
        "durationNano": duration,
        "spanCount": spans,
        "errorCount": errors,
        "rootArrived": root is not None,
        "service": service,
        "operation": name,
        "kind": KINDS[kind],
        "services": [each for (each,) in reader.rows(_SERVICES, (number,))],
    }


def of_traces(reader: Reader, numbers: Iterable[int]) -> list[Summary]:
    """The summaries of those of these traces that are still there."""
    sql = f"SELECT {COLUMNS} FROM traces WHERE id = ?"
    return [of(reader, row) for number in numbers for row in reader.rows(sql, (number,))]
