"""Spans on standard output: a readable tree on a terminal, one JSON line per span elsewhere."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

from platform_otel.analysis.tree import TraceSpan, build_tree
from platform_otel.analysis.waterfall import render_tree
from platform_otel.config import STDOUT_FILE
from platform_otel.export.outcome import Outcome
from platform_otel.process.guard import BY_A_VALUE, as_text, debug, is_the_services, say
from platform_otel.process.standard_output import file_identity

if TYPE_CHECKING:
    from platform_otel.process.identity import Identity

# A write to a pipe of up to PIPE_BUF bytes is never mixed with what others write; 4 KiB on Linux.
_LINE_BYTES = 4096
# Bytes of spans whose request has not ended yet, at most; then the oldest trace is printed as it is.
_WAITING = 16 * 1024 * 1024
# What may hold other values.
_HOLDING = (tuple, list, dict, set, frozenset)


class FinishedSpan(NamedTuple):
    """A span as it is printed."""

    span: TraceSpan
    resource: Any  # of the application's provider, in the SDK's type; None for ours
    ends_a_request: bool
    size: int = 0  # bytes that it takes, about


class StdoutCodec:
    """Reads spans; how they look when printed is the exporter thread's work."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def encode(self, span: Any) -> tuple[FinishedSpan, int]:
        """The span as the analysis knows it, and about its size. Any: a span of ours or the SDK's."""
        described = trace_span(span)
        # Ours says whose it is later, in the exporter thread.
        resource = None if hasattr(span, "content") else span.resource
        ends_a_request = span.parent is None or span.parent.is_remote
        size = 500 + len(described.name) + len(described.message) + _bytes_of(described.attributes)
        return FinishedSpan(described, resource, ends_a_request, size), size

    def message(self, items: list[FinishedSpan]) -> list[FinishedSpan]:
        """The spans, each with the name of its service, and attributes that can be printed."""
        return [item._replace(span=self._completed(item.span, item.resource)) for item in items]

    def _completed(self, span: TraceSpan, resource: Any) -> TraceSpan:
        return span._replace(service=self._service(resource), attributes=printable(span.attributes))

    def _service(self, resource: Any) -> str:
        theirs = str(resource.attributes.get("service.name", "")) if resource is not None else ""
        if theirs and not theirs.startswith("unknown_service"):
            return theirs
        return str(self._identity.attributes().get("service.name", ""))


def _bytes_of(attributes: Mapping[str, Any]) -> int:
    """About the memory that these values take, each list once: one may hold itself. Any: what the application set."""
    size = 100 * len(attributes)
    left, seen = list(attributes.values()), set()
    while left:
        value = left.pop()
        size += 50
        if issubclass(type(value), str):
            size += str.__len__(value)  # its own may raise
        elif type(value) is bytes:
            size += len(value)
        elif type(value) in _HOLDING and id(value) not in seen:
            seen.add(id(value))
            left += [*value, *value.values()] if type(value) is dict else value
    return size


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
        self._waiting: dict[str, list[FinishedSpan]] = {}
        self._size = 0

    def send(self, message: list[FinishedSpan], deadline: float) -> Outcome:
        """Print the spans; on a terminal, those whose request has ended. Rejected is what could not be."""
        if self._open and os.isatty(1):
            unprinted = self._print_trees(message)
        else:
            unprinted = sum(not self._write(json_line(finished.span)) for finished in message)
        return Outcome("taken", rejected=unprinted)

    def close(self) -> None:
        """Print the spans whose request has not ended."""
        for trace_id in list(self._waiting):
            self._print_tree(trace_id)
        self._open = False

    def abandon(self) -> None:
        """In a child process: leave to the parent what is the parent's."""

    def _print_trees(self, message: list[FinishedSpan]) -> int:
        """Print what is complete, and what there is no room for; how many spans could not be printed."""
        for finished in message:
            self._waiting.setdefault(finished.span.trace_id, []).append(finished)
            self._size += finished.size
        unprinted = sum(self._print_tree(each.span.trace_id) for each in message if each.ends_a_request)
        while self._size > _WAITING:
            unprinted += self._print_tree(next(iter(self._waiting)))
        return unprinted

    def _print_tree(self, trace_id: str) -> int:
        """Print a trace as far as it has come; how many of its spans could not be printed."""
        finished = self._waiting.pop(trace_id, [])
        self._size -= sum(each.size for each in finished)
        roots = build_tree([each.span for each in finished])
        lines = render_tree(roots, colour=not os.environ.get("NO_COLOR"), ascii_only=_ascii_only(), width=_width())
        is_printed = not lines or self._write("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))
        return 0 if is_printed else len(finished)

    def _write(self, text: bytes) -> bool:
        """Whether it could be written."""
        # The service may have closed its standard output, and opened another file under that number.
        if not self._open or file_identity(1) != self._file:
            self._open = False
            return False
        try:
            os.write(1, text)
        except BlockingIOError:
            say("standard output takes no more for now, so some spans are not printed")
            return False
        except OSError as error:
            self._open = False
            say(f"spans are no longer printed: standard output: {error.strerror}")
            return False
        return True


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


# Attribute values may be nested; what is deeper than this, or inside of itself, is somebody's mistake.
_DEEPEST = 16


def printable(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes as JSON can show them. A value that cannot be printed is left out."""
    shown: dict[str, Any] = {}
    for key, value in attributes.items():
        try:
            shown[key] = _printable(value, ())
        except BY_A_VALUE as error:  # a value's own code may raise anything; it costs its own field only
            if is_the_services(error):
                raise
    return shown


def _printable(value: Any, around: tuple[int, ...]) -> Any:  # noqa: PLR0911  # a case a type
    """Texts, numbers that JSON has, and lists and mappings of them; anything else as text."""
    kind = type(value)
    if kind is str or kind is bool or value is None or (kind is int and value.bit_length() < 64):
        return value
    if kind is float and isfinite(value):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # an enumeration's member prints as its name otherwise
    if isinstance(value, int):
        return _printable(int.__index__(value), around) if kind is not int else str(value)
    if len(around) >= _DEEPEST or id(value) in around:
        return None
    around = (*around, id(value))
    if isinstance(value, dict):
        return {str(key): _printable(item, around) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_printable(item, around) for item in value]
    return str(value)


def trace_span(span: Any) -> TraceSpan:
    """A finished span as the analysis knows it. Any: a span of ours or the SDK's."""
    return TraceSpan(
        trace_id=_trace_id(span),
        span_id=f"{span.context.span_id:016x}" if span.context else "",
        parent_id=f"{span.parent.span_id:016x}" if span.parent else "",
        service="",
        name=as_text(span.name),
        kind=getattr(span.kind, "name", "internal").lower(),
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
    if not exceptions:
        return ""
    shown = printable(exceptions[-1])
    return f"{shown.get('exception.type')}: {shown.get('exception.message')}"


def _trace_id(span: Any) -> str:
    return f"{span.context.trace_id:032x}" if span.context else ""


def _utc(nanoseconds: int) -> str:
    from datetime import datetime, timezone

    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    # The years 1 to 9999, all that there are here: an application may give any time.
    moment = datetime.fromtimestamp(min(max(seconds, -62_135_596_800), 253_402_300_799), timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"
