"""Twenty traces that are different in everything that one can ask for, the same each time."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.collector.running import Made, request

SERVICES = ("gate", "meter", "prompts")
ROUTES = ("/a", "/b/{id}", "/v1/things", "/v1/things/{id}")
ERROR = 2
KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")


@dataclass(frozen=True)
class Told:
    """What every API tells of a span, but for times."""

    span: str
    parent: str
    service: str
    name: str
    kind: str
    status: str
    message: str


@dataclass(frozen=True)
class Known(Told):
    """A span as plain Python has it; durations in milliseconds."""

    trace: str
    start: int
    milliseconds: int
    attributes: Mapping[str, object]
    event: str
    zone: str


def made() -> Iterator[list[Made]]:
    """The spans of each trace; of every seventh, the root is missing."""
    rnd = random.Random(9)
    for trace in range(1, 21):
        number = 2**100 + trace if trace % 2 else trace
        yield [_span(rnd, number, trace, span) for span in range(1, rnd.randrange(2, 9)) if span > 1 or trace % 7]


def _span(rnd: random.Random, number: int, trace: int, span: int) -> Made:
    attributes: dict[str, str | int | bool | float] = {"n": rnd.randrange(6), "http.route": rnd.choice(ROUTES)}
    if rnd.random() < 0.4:
        attributes["cached"] = rnd.random() < 0.5
    if rnd.random() < 0.3:
        attributes["ratio"] = rnd.randrange(4) / 4
    if rnd.random() < 0.2:
        attributes["with space"] = "yes"
    return Made(
        number,
        span + 16 * trace,
        parent=0 if span == 1 else rnd.randrange(1, span) + 16 * trace,
        service=rnd.choice(SERVICES),
        name=rnd.choice(("GET", "POST", "GET /a", "find user")),
        start=1000 * trace + span,
        milliseconds=rnd.randrange(5, 200),
        kind=rnd.randrange(6),
        status=rnd.choice((0, 0, 1, ERROR)),
        attributes=attributes,
    )


TRACES = list(made())


def message() -> ExportTraceServiceRequest:
    """All of them, with what Made does not have: messages, events, another attribute of the resource."""
    everything = request(*(each for trace in TRACES for each in trace))
    for of_resource in everything.resource_spans:
        span = of_resource.scope_spans[0].spans[0]
        of_resource.scope_spans[0].scope.name = "platform"
        zone = of_resource.resource.attributes.add()
        zone.key, zone.value.string_value = "zone", _zone(span)
        if span.status.code == ERROR:
            span.status.message = "it failed"
        if _event(span):
            event = span.events.add()
            event.name, event.time_unix_nano = _event(span), span.start_time_unix_nano + 10**6
            attribute = event.attributes.add()
            attribute.key, attribute.value.string_value = "exception.type", "KeyError"
    return everything


def known() -> list[Known]:
    """The same as plain Python."""
    found = []
    for trace, spans in zip(TRACES, _spans_of_traces(), strict=True):
        for each, span in zip(trace, spans, strict=True):
            parent = f"{each.parent:016x}" if each.parent else ""
            found.append(
                Known(
                    f"{each.span:016x}",
                    parent,
                    each.service,
                    each.name,
                    KINDS[each.kind],
                    STATUSES[each.status],
                    "it failed" if each.status == ERROR else "",
                    each.trace_id,
                    each.start,
                    each.milliseconds,
                    each.attributes,
                    _event(span),
                    _zone(span),
                )
            )
    return found


def _spans_of_traces() -> Iterator[list[Span]]:
    for trace in TRACES:
        yield [of_resource.scope_spans[0].spans[0] for of_resource in request(*trace).resource_spans]


def _zone(span: Span) -> str:
    return "east" if span.span_id[-1] % 3 else "west"


def _event(span: Span) -> str:
    return "exception" if span.span_id[-1] % 5 == 0 else ""


SPANS_BY_TRACE = {
    spans[0].trace: spans for spans in (list(group) for _, group in groupby(known(), lambda span: span.trace))
}
