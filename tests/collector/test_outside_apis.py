"""The same traces through our own API, through Jaeger's two and through Tempo's."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from tests.collector.running import BASE, Collector, ask, spans_of
from tests.collector.twenty_traces import KINDS, SPANS_BY_TRACE, STATUSES, Known, Told, message

HOUR = 3600


@dataclass(frozen=True)
class Seen(Told):
    """A span as every API tells it; times in nanoseconds, of which Jaeger's first version has microseconds."""

    start: int
    duration: int


@pytest.fixture(scope="module")
def filled() -> Iterator[Collector]:
    """A collector that has the twenty traces."""
    with Collector() as collector:
        assert collector.send(message().SerializeToString()).status == 200
        yield collector


def sent(spans: list[Known]) -> set[Seen]:
    return {
        Seen(
            s.span,
            s.parent,
            s.service,
            s.name,
            s.kind,
            s.status,
            s.message,
            BASE + s.start * 10**6,
            s.milliseconds * 10**6,
        )
        for s in spans
    }


def in_otlp(data: Any) -> set[Seen]:
    return {_otlp(service, span) for service, span in spans_of(data)}


def _otlp(service: str, span: dict[str, Any]) -> Seen:
    start, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
    status = span.get("status", {})
    return Seen(
        span["spanId"],
        span.get("parentSpanId", ""),
        service,
        span["name"],
        KINDS[span.get("kind", 0)],
        STATUSES[status.get("code", 0)],
        status.get("message", ""),
        start,
        end - start,
    )


def in_jaegers_json(trace: Any) -> set[Seen]:
    return {_jaeger(span, trace["processes"]) for span in trace["spans"]}


def _jaeger(span: dict[str, Any], processes: dict[str, Any]) -> Seen:
    tags = {tag["key"]: tag["value"] for tag in span["tags"]}
    status = tags.get("otel.status_code", "UNSET").lower()
    assert (status == "error") == tags.get("error", False)
    return Seen(
        span["spanID"],
        next((each["spanID"] for each in span["references"] if each["refType"] == "CHILD_OF"), ""),
        processes[span["processID"]]["serviceName"],
        span["operationName"],
        tags.get("span.kind", "unspecified"),
        status,
        tags.get("otel.status_description", ""),
        span["startTime"] * 1000,
        span["duration"] * 1000,
    )


def in_protobuf(body: bytes) -> set[Seen]:
    """Of a response whose first field is the trace."""
    data = TracesData.FromString(body[1 + _varint_bytes(body) :])
    return {
        Seen(
            span.span_id.hex(),
            span.parent_span_id.hex(),
            of_resource.resource.attributes[0].value.string_value,
            span.name,
            KINDS[span.kind],
            STATUSES[span.status.code],
            span.status.message,
            span.start_time_unix_nano,
            span.end_time_unix_nano - span.start_time_unix_nano,
        )
        for of_resource in data.resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    }


def _varint_bytes(body: bytes) -> int:
    """How many bytes the length takes that follows the first one."""
    assert body[0] == 0x0A
    return next(count for count in range(1, 6) if body[count] < 0x80)


@pytest.mark.parametrize("trace", SPANS_BY_TRACE)
def test_a_trace_has_the_same_spans_durations_and_errors_in_every_api(filled: Collector, trace: str) -> None:
    everything = sent(SPANS_BY_TRACE[trace])
    protobuf = ask(filled.query, "GET", f"/api/v2/traces/{trace}", accept="application/protobuf")

    assert in_otlp(filled.get(f"/query/traces/{trace}")) == everything
    assert in_jaegers_json(filled.get(f"/api/traces/{trace}")["data"][0]) == everything
    assert in_otlp(filled.get(f"/api/v3/traces/{trace}")["result"]) == everything
    assert in_otlp(filled.get(f"/api/v2/traces/{trace}")["trace"]) == everything
    assert in_protobuf(protobuf.body) == everything


@pytest.mark.parametrize("service", ["gate", "meter", "prompts"])
def test_a_search_for_a_service_finds_the_same_traces_in_every_api(filled: Collector, service: str) -> None:
    now = BASE // 10**9
    window = {"query.start_time_min": "2020-01-01T00:00:00Z", "query.start_time_max": "2200-01-01T00:00:00Z"}
    ours = filled.get("/query/traces", service=service, limit=100)["traces"]
    v1 = filled.get("/api/traces", service=service, start=(now - HOUR) * 10**6, end=(now + HOUR) * 10**6)["data"]
    v3 = filled.get("/api/v3/traces", **{"query.service_name": service}, **window)["result"]
    query = f'{{resource.service.name="{service}"}}'
    tempo = filled.get("/api/search", q=query, limit=100, start=now - HOUR, end=now + HOUR)["traces"]

    there = {span.trace for spans in SPANS_BY_TRACE.values() for span in spans if span.service == service}
    assert {each["traceId"] for each in ours} == there
    assert {each["traceID"].rjust(32, "0") for each in v1} == there
    assert {span["traceId"] for _, span in spans_of(v3)} == there
    assert {each["traceID"] for each in tempo} == there
    assert [(each["traceID"], each["durationMs"]) for each in tempo] == [
        (each["traceId"], each["durationNano"] // 10**6) for each in ours
    ]
    assert [each["serviceStats"] for each in tempo] == [_statistics(each["traceID"]) for each in tempo]


def _statistics(trace: str) -> dict[str, dict[str, int]]:
    spans = SPANS_BY_TRACE[trace]
    return {
        service: {
            "spanCount": sum(span.service == service for span in spans),
            "errorCount": sum(span.service == service and span.status == "error" for span in spans),
        }
        for service in {span.service for span in spans}
    }


def test_services_and_operations_are_the_same_in_every_api(filled: Collector) -> None:
    ours = filled.get("/query/operations", start=0, end=2**62)["operations"]
    services = sorted({each["service"] for each in ours})
    of_gate = {(each["operation"], each["kind"]) for each in ours if each["service"] == "gate"}

    assert filled.get("/api/services")["data"] == services
    assert filled.get("/api/v3/services")["services"] == services
    assert [
        each["value"] for each in filled.get("/api/v2/search/tag/resource.service.name/values")["tagValues"]
    ] == services
    assert set(filled.get("/api/services/gate/operations")["data"]) == {name for name, _ in of_gate}
    v1 = filled.get("/api/operations", service="gate")["data"]
    assert {(each["name"], each["spanKind"] or "unspecified") for each in v1} == of_gate
    assert len(filled.get("/api/v3/operations", service="gate")["operations"]) == len(of_gate)
    names = {each["value"] for each in filled.get("/api/v2/search/tag/name/values")["tagValues"]}
    assert names == {each["operation"] for each in ours}


# --- Any parameters ---------------------------------------------------------------------------------------------------

PATHS = {
    "/api/traces": (
        "service",
        "operation",
        "tags",
        "tag",
        "minDuration",
        "maxDuration",
        "start",
        "end",
        "limit",
        "traceID",
    ),
    "/api/operations": ("service", "spanKind"),
    "/api/dependencies": ("endTs", "lookback", "service"),
    "/api/v3/traces": (
        *(
            "query.serviceName",
            "query.operation_name",
            "query.attributes",
            "query.startTimeMin",
            "query.start_time_max",
        ),
        *("query.durationMin", "query.duration_max", "query.searchDepth"),
    ),
    "/api/search": ("q", "tags", "minDuration", "maxDuration", "start", "end", "limit", "spss"),
    "/api/v2/search/tags": ("scope", "start", "end", "limit"),
    "/api/v2/search/tag/span.n/values": ("q", "start", "end", "limit"),
}
TEXTS = (
    *("", "0", "1", "-1", "9223372036854775807", "9999999999999999999", "99999999999999999999", "1e9", "٣", "x" * 300),
    *(
        "1s",
        "1.5h",
        "999999999999999999h",
        "1µs",
        "gate",
        "GET",
        "server",
        "a=b",
        "a:b",
        '{"n":"1"}',
        '{"a":"\\ud800"}',
        "[]",
    ),
    *(
        "2020-01-01T00:00:00Z",
        "2300-01-01T00:00:00.999999999+14:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
    ),
    *("{}", "{.n>1}", "{duration>999999999999999999h}", "\x00", "'; --", "%", "\ufffd", "😀"),
)


@pytest.mark.parametrize("path", PATHS)
def test_any_parameters_are_answered_or_refused(filled: Collector, path: str) -> None:
    rnd = random.Random(path)
    found = set()
    for _ in range(150):
        names = rnd.sample(PATHS[path], rnd.randrange(1, len(PATHS[path]) + 1))
        found.add(filled.ask(path, **{name: rnd.choice(TEXTS) for name in names}).status)

    assert 400 in found
    assert found <= {200, 400, 404}


@pytest.mark.parametrize(
    "path", ["/api/traces", "/api/v3/traces", "/api/v2/traces", "/api/v2/search/tag", "/api/services"]
)
def test_any_path_is_answered_or_refused(filled: Collector, path: str) -> None:
    found = {
        filled.ask(f"{path}/{quote(text, safe='')}{more}").status
        for text in TEXTS[1:]
        for more in ("", "/values", "/operations")
    }

    assert found <= {200, 400, 404}
