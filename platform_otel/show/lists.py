"""Lists as text: services, traces in short, log records."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from platform_otel.analysis.characters import printable
from platform_otel.show import otlp
from platform_otel.show.table import milliseconds, table

Json = Any  # what a collector answers

_DIGITS = 16


def services(answer: Json) -> list[str]:
    """A line for each service."""
    rows = [
        (each["service"], str(each["spanCount"]), str(each["errorCount"]), str(each["operationCount"]))
        for each in answer["services"]
    ]
    return table(("service", "spans", "errors", "operations"), rows, "lrrr") if rows else ["There are no services."]


def traces(answer: Json) -> Iterator[str]:
    """A line for each trace, and how to go on if there are more."""
    rows = [
        (
            each["traceId"][:_DIGITS],
            moment(int(each["startTimeUnixNano"])),
            milliseconds(each["durationNano"]),
            str(each["spanCount"]),
            str(each["errorCount"]),
            each["service"],
            each["operation"],
        )
        for each in answer["traces"]
    ]
    heads = ("id", "began", "ms", "spans", "errors", "service", "operation")
    yield from table(heads, rows, "llrrrll") if rows else [f"No trace among {answer['lookedAt']} is as asked."]
    if answer["next"] is not None:
        yield f"\nThere may be more: --after {printable(answer['next'])}"


def logs(answer: Json) -> list[str]:
    """A line for each log record."""
    rows = [(moment(record.time), record.severity, record.service, record.body) for record in otlp.log_records(answer)]
    if not rows:
        return ["The trace has no log records."]
    return ["  ".join(printable(cell) for cell in row if cell) for row in rows]


def moment(nanoseconds: int) -> str:
    """Local time; whatever a clock said."""
    try:
        moment = datetime.fromtimestamp(nanoseconds / 1e9).astimezone()
    except (OverflowError, ValueError, OSError):
        return str(nanoseconds)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{nanoseconds // 10**6 % 1000:03}"
