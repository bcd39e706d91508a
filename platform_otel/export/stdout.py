"""Spans on standard output: a readable tree on a terminal, one JSON line per span elsewhere."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from platform_otel.analysis.tree import TraceSpan, build_tree, render_tree
from platform_otel.config import STDOUT_FILE
from platform_otel.process.guard import debug, say
from platform_otel.startup import file_identity

# A write to a pipe of up to PIPE_BUF bytes is never mixed with what others write; 4 KiB on Linux.
_LINE_BYTES = 4096
# Traces whose root has not ended yet, at most; then the oldest is printed as it is.
_WAITING_TRACES = 1000


class StdoutExporter(SpanExporter):
    """Prints spans where the launcher's output goes, and nowhere else.

    Args:
        explicit: the user asked for the console, so print whatever file standard output is; else print
            only if it is the file that the launcher had: what a child prints into a pipe that somebody
            reads is left alone.
    """

    def __init__(self, explicit: bool = False) -> None:
        self._file = file_identity(1)
        launched_with = os.environ.get(STDOUT_FILE, self._file)
        self._open = self._file != "closed" and (explicit or self._file == launched_with)
        self._waiting: dict[str, list[TraceSpan]] = {}
        if not self._open:
            debug("standard output is not the launcher's, so no span is printed")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Print the spans; on a terminal, those whose request has ended."""
        if not self._open:
            return SpanExportResult.FAILURE
        if os.isatty(1):
            self._print_trees(spans)
        else:
            for span in spans:
                self._write(json_line(span))
        return SpanExportResult.SUCCESS if self._open else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Print the spans whose request has not ended."""
        for trace_id in list(self._waiting):
            self._print_tree(trace_id)
        self._open = False

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing to do: what can be printed is."""
        return True

    def _print_trees(self, spans: Sequence[ReadableSpan]) -> None:
        for span in spans:
            self._waiting.setdefault(_trace_id(span), []).append(trace_span(span))
        for span in spans:
            if span.parent is None or span.parent.is_remote:
                self._print_tree(_trace_id(span))
        while len(self._waiting) > _WAITING_TRACES:
            self._print_tree(next(iter(self._waiting)))

    def _print_tree(self, trace_id: str) -> None:
        roots = build_tree(self._waiting.pop(trace_id, []))
        lines = render_tree(roots, colour=not os.environ.get("NO_COLOR"), ascii_only=_ascii_only(), width=_width())
        if lines:
            self._write("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))

    def _write(self, text: bytes) -> None:
        # The service may have closed its standard output, and opened another file under that number.
        if not self._open or file_identity(1) != self._file:
            self._open = False
            return
        try:
            os.write(1, text)
        except BlockingIOError:
            say("standard output takes no more for now, so some spans are not printed")
        except OSError as error:
            self._open = False
            say(f"spans are no longer printed: standard output: {error.strerror}")


def _width() -> int:
    try:
        return os.get_terminal_size(1).columns or 100
    except OSError:
        return 100


def _ascii_only() -> bool:
    return "utf" not in getattr(sys.__stdout__, "encoding", "utf-8").lower()


def json_line(span: ReadableSpan) -> bytes:
    """One span as one line of JSON, at most 4 KiB: long values are shortened, then left out.

    Times are in UTC with microseconds, durations in milliseconds, ids in hexadecimal.
    """
    for longest in (None, 512, 128, 32, 0):
        fields = _fields(span, longest)
        line = json.dumps(fields, ensure_ascii=True, separators=(",", ":"), default=str).encode("ascii") + b"\n"
        if len(line) <= _LINE_BYTES:
            break
    return line


def _fields(span: ReadableSpan, longest: int | None) -> dict[str, Any]:
    described = trace_span(span)
    fields: dict[str, Any] = {
        "time": _utc(described.start),
        "service": described.service[: longest or None],
        "name": described.name[: longest or 128 if longest is not None else None],
        "kind": described.kind,
        "duration_ms": round((described.end - described.start) / 1e6, 3),
        "status": described.status,
        "trace_id": described.trace_id,
        "span_id": described.span_id,
        "parent_span_id": described.parent_id,
    }
    if described.message:
        fields["message"] = described.message[: 128 if longest == 0 else longest]
    if longest is None:
        fields["attributes"] = dict(described.attributes)
    else:
        fields["truncated"] = True
        fields["attributes"] = {
            key: str(value)[:longest] if isinstance(value, (str, tuple, list)) else value
            for key, value in described.attributes.items()
            if longest
        }
    return fields


def trace_span(span: ReadableSpan) -> TraceSpan:
    """An SDK span as the analysis knows it."""
    return TraceSpan(
        trace_id=_trace_id(span),
        span_id=f"{span.context.span_id:016x}" if span.context else "",
        parent_id=f"{span.parent.span_id:016x}" if span.parent else "",
        service=str(span.resource.attributes.get("service.name", "")),
        name=span.name,
        kind=span.kind.name.lower(),
        start=span.start_time or 0,
        end=span.end_time or span.start_time or 0,
        status=span.status.status_code.name.lower(),
        message=_message(span),
        attributes=span.attributes or {},
    )


def _message(span: ReadableSpan) -> str:
    if span.status.description:
        return span.status.description
    exceptions: list[Mapping[str, Any]] = [event.attributes or {} for event in span.events if event.name == "exception"]
    return f"{exceptions[-1].get('exception.type')}: {exceptions[-1].get('exception.message')}" if exceptions else ""


def _trace_id(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}" if span.context else ""


def _utc(nanoseconds: int) -> str:
    from datetime import datetime, timezone

    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"
