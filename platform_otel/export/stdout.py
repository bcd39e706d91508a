"""Spans on standard output: a readable tree on a terminal, one JSON line per span elsewhere."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from platform_otel.analysis.tree import TraceSpan, build_tree, render_tree
from platform_otel.config import STDOUT_FILE
from platform_otel.export.outcome import Outcome
from platform_otel.process.guard import debug, say
from platform_otel.process.standard_output import file_identity

if TYPE_CHECKING:
    from platform_otel.process.identity import Identity

# A write to a pipe of up to PIPE_BUF bytes is never mixed with what others write; 4 KiB on Linux.
_LINE_BYTES = 4096
# Traces whose root has not ended yet, at most; then the oldest is printed as it is.
_WAITING_TRACES = 1000
_TAKEN = Outcome("taken")


class FinishedSpan(NamedTuple):
    """A span as it is printed."""

    span: TraceSpan
    resource: Any  # of the application's provider, in the SDK's type; None for ours
    ends_a_request: bool


class StdoutCodec:
    """Reads a span when it ends; how it looks when printed is the exporter thread's work."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def encode(self, span: Any) -> tuple[FinishedSpan, int]:
        """The span as the analysis knows it, and about its size. Any: a span of ours or the SDK's."""
        described = trace_span(span)
        # Ours says whose it is later, in the exporter thread.
        resource = None if hasattr(span, "content") else span.resource
        ends_a_request = span.parent is None or span.parent.is_remote
        texts = [len(value) for value in described.attributes.values() if isinstance(value, (str, bytes, tuple))]
        size = 500 + 150 * len(described.attributes) + sum(texts)
        return FinishedSpan(described, resource, ends_a_request), size

    def message(self, items: list[FinishedSpan]) -> list[FinishedSpan]:
        """The spans, each with the name of its service."""
        return [item._replace(span=item.span._replace(service=self._service(item.resource))) for item in items]

    def _service(self, resource: Any) -> str:
        theirs = str(resource.attributes.get("service.name", "")) if resource is not None else ""
        if theirs and not theirs.startswith("unknown_service"):
            return theirs
        return str(self._identity.attributes().get("service.name", ""))


def is_ours_to_write(explicit: bool) -> bool:
    """Whether spans may be printed in this process.

    Args:
        explicit: the user asked for the console, so print whatever file standard output is; else only if it
            is the file that the launcher had: what a child prints into a pipe that somebody reads is left alone.
    """
    file = file_identity(1)
    allowed = file != "closed" and (explicit or file == os.environ.get(STDOUT_FILE, file))
    if not allowed:
        debug("standard output is not the launcher's, so no span is printed")
    return allowed


class StdoutDestination:
    """Standard output."""

    name = "standard output"
    endpoint = ""

    def __init__(self, identity: Identity) -> None:
        self.codec = StdoutCodec(identity)
        self._file = file_identity(1)

    def sender(self) -> Printer:
        """What prints."""
        return Printer(self._file)


class Printer:
    """Writes spans to file descriptor 1 while that is the file it was when the process began to trace."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._open = True
        self._waiting: dict[str, list[TraceSpan]] = {}

    def send(self, message: list[FinishedSpan], deadline: float) -> Outcome:
        """Print the spans; on a terminal, those whose request has ended."""
        if self._open and os.isatty(1):
            self._print_trees(message)
        else:
            for finished in message:
                self._write(json_line(finished.span))
        return _TAKEN

    def close(self) -> None:
        """Print the spans whose request has not ended."""
        for trace_id in list(self._waiting):
            self._print_tree(trace_id)
        self._open = False

    def _print_trees(self, message: list[FinishedSpan]) -> None:
        for finished in message:
            self._waiting.setdefault(finished.span.trace_id, []).append(finished.span)
        for finished in message:
            if finished.ends_a_request:
                self._print_tree(finished.span.trace_id)
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


def json_line(span: TraceSpan) -> bytes:
    """One span as one line of JSON, at most 4 KiB: long values are shortened, then left out.

    Times are in UTC with microseconds, durations in milliseconds, ids in hexadecimal.
    """
    for longest in (None, 512, 128, 32, 0):
        fields = _fields(span, longest)
        line = json.dumps(fields, ensure_ascii=True, separators=(",", ":"), default=str).encode("ascii") + b"\n"
        if len(line) <= _LINE_BYTES:
            break
    return line


def _fields(described: TraceSpan, longest: int | None) -> dict[str, Any]:
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


def trace_span(span: Any) -> TraceSpan:
    """A finished span as the analysis knows it. Any: a span of ours or the SDK's."""
    return TraceSpan(
        trace_id=_trace_id(span),
        span_id=f"{span.context.span_id:016x}" if span.context else "",
        parent_id=f"{span.parent.span_id:016x}" if span.parent else "",
        service="",
        name=span.name,
        kind=span.kind.name.lower(),
        start=span.start_time or 0,
        end=span.end_time or span.start_time or 0,
        status=span.status.status_code.name.lower(),
        message=_message(span),
        attributes=span.attributes or {},
    )


def _message(span: Any) -> str:
    if span.status.description:
        return str(span.status.description)
    exceptions: list[Mapping[str, Any]] = [event.attributes or {} for event in span.events if event.name == "exception"]
    return f"{exceptions[-1].get('exception.type')}: {exceptions[-1].get('exception.message')}" if exceptions else ""


def _trace_id(span: Any) -> str:
    return f"{span.context.trace_id:032x}" if span.context else ""


def _utc(nanoseconds: int) -> str:
    from datetime import datetime, timezone

    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"
