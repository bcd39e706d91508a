"""A trace as text: the waterfall with its critical path, what is odd about it, what links to it, and its hops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from platform_otel.analysis.characters import printable
from platform_otel.analysis.tree import TraceSpan, build_tree
from platform_otel.analysis.waterfall import render_tree
from platform_otel.show import otlp
from platform_otel.show.hop_table import hop_table
from platform_otel.show.source import NoSuchTrace, Source, TakesTooLong
from platform_otel.show.table import milliseconds

Json = Any  # what a collector answers

# Clocks of one machine differ by as much when they are read by different means: not worth a line.
_SMALLEST_SKEW = 1_000_000
_MOST_LINKS = 5
_NO_LINKS: Mapping[str, Json] = {"count": 0, "links": ()}
_NOTHING: Mapping[str, Json] = dict.fromkeys(("hops", "criticalPath", "spans", "skews", "missingParents"), ())


class Style(NamedTuple):
    """What the output can show."""

    colour: bool = False
    ascii_only: bool = False
    width: int = 100

    @property
    def arrow(self) -> str:
        """From caller to callee."""
        return "->" if self.ascii_only else "→"


class Trace(NamedTuple):
    """A trace, what is said of it, and what links to it, all as a collector answers.

    Args:
        refusal: why nothing is said of it; "" if it is.
    """

    otlp: Json
    analysis: Json
    links: Json
    refusal: str = ""


def read(source: Source, trace_id: str) -> Trace:
    """A trace, by all of its id.

    Raises:
        NoSuchTrace, PlatformTraceError
    """
    of_trace = f"/query/traces/{trace_id}"
    found, links = source.ask(of_trace), _links(source, of_trace)
    try:
        return Trace(found, source.ask(f"{of_trace}/analysis"), links)
    except TakesTooLong as error:
        return Trace(found, {"traceId": trace_id, **_NOTHING}, links, error.message)


def _links(source: Source, of_trace: str) -> Json:
    """What links to it; a trace is worth showing without, and earlier collectors do not know."""
    try:
        return source.ask(f"{of_trace}/links")
    except (TakesTooLong, NoSuchTrace):
        return _NO_LINKS


def summary(spans: Sequence[TraceSpan]) -> str:
    """The trace in a few words: services, spans, how long it took."""
    services = len({span.service for span in spans})
    took = max(span.end for span in spans) - min(span.start for span in spans)
    return f"{_counted(services, 'service')}, {_counted(len(spans), 'span')}, {took / 1e6:.1f} ms"


def waterfall(trace: Trace, style: Style) -> list[str]:
    """The spans as a tree, on one clock; the critical path is drawn heavily."""
    return render_tree(
        build_tree(spans_on_one_clock(trace)),
        colour=style.colour,
        ascii_only=style.ascii_only,
        width=style.width,
        path=_path(trace.analysis),
    )


def notes(trace: Trace) -> list[str]:
    """What could not be worked out, clocks that differ, and parents that are missing."""
    shifts = {
        (printable(skew["caller"]), printable(skew["callee"])): milliseconds(skew["shiftNano"])
        for skew in trace.analysis["skews"]
        if abs(skew["shiftNano"]) >= _SMALLEST_SKEW
    }
    missing = Counter(printable(each["service"]) for each in trace.analysis["missingParents"])
    return [
        *([f"Without its hops and its critical path: {trace.refusal}."] if trace.refusal else ()),
        *(
            f"The clock of {callee} differs from that of {caller}: its times are moved by {shift} ms."
            for (caller, callee), shift in shifts.items()
        ),
        *(f"{_counted(number, 'span')} of {service} without the parent." for service, number in missing.items()),
    ]


def linked_from(trace: Trace) -> list[str]:
    """The newest spans, of whatever trace, that link to a span of this one."""
    shown = trace.links["links"][:_MOST_LINKS]
    more = trace.links["count"] - len(shown)
    return [
        *(
            f"Linked from {printable(each['service'])} {printable(each['operation'])}: "
            f"trace {each['traceId']}, span {each['spanId']}."
            for each in shown
        ),
        *([f"Linked from {_counted(more, 'more span')}."] if more else ()),
    ]


def hops(trace: Trace, style: Style) -> list[str]:
    """Who waited for whom."""
    return [] if trace.refusal else hop_table(trace.analysis["hops"], style.arrow)


def spans_on_one_clock(trace: Trace) -> list[TraceSpan]:
    """The spans, moved as the analysis says."""
    shifts: Mapping[str, int] = {each["spanId"]: each["shiftNano"] for each in trace.analysis["spans"]}
    return [
        span._replace(start=span.start + shifts.get(span.span_id, 0), end=span.end + shifts.get(span.span_id, 0))
        for span in otlp.spans(trace.otlp)
    ]


def _path(analysis: Json) -> dict[str, list[tuple[int, int]]]:
    path: dict[str, list[tuple[int, int]]] = {}
    for step in analysis["criticalPath"]:
        start = int(step["startTimeUnixNano"])
        path.setdefault(step["spanId"], []).append((start, start + step["durationNano"]))
    return path


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
