"""What Grafana's two data sources ask is answered in the shapes that they read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from tests.collector.running import BASE, Collector, ask
from tests.collector.shapes import Each, Maybe, OneOf, Shape, differences
from tests.collector.twenty_traces import SPANS_BY_TRACE, message

SECONDS = BASE // 10**9
TRACE = next(iter(SPANS_BY_TRACE))
UNKNOWN = "f" * 32
TAGS = 'service.name=gate name="GET"'
ERROR_TAG, ROUTE_TAG = '{"error":"true"}', '{"http.route":"/a"}'
RANGE = f"start={SECONDS - 3600}&end={SECONDS + 3600}"
MICROSECONDS = f"start={(SECONDS - 3600) * 10**6}&end={(SECONDS + 3600) * 10**6}"

# --- Jaeger -----------------------------------------------------------------------------------------------------------
# https://github.com/jaegertracing/jaeger/blob/main/internal/uimodel/model.go
# https://github.com/jaegertracing/jaeger/blob/main/cmd/jaeger/internal/extension/jaegerquery/internal/http_handler.go

TAG = {
    "key": str,
    "type": OneOf(("string", "bool", "int64", "float64", "binary")),
    "value": OneOf((str, bool, int, float)),
}
JAEGER_SPAN = {
    "traceID": str,
    "spanID": str,
    "operationName": str,
    "references": [{"refType": OneOf(("CHILD_OF", "FOLLOWS_FROM")), "traceID": str, "spanID": str}],
    "startTime": int,
    "duration": int,
    "tags": [TAG],
    "logs": [{"timestamp": int, "fields": [TAG]}],
    "processID": str,
    "warnings": None,
}
PROCESSES = Each({"serviceName": str, "tags": [TAG]})
JAEGER_TRACE = {"traceID": str, "spans": [JAEGER_SPAN], "processes": PROCESSES, "warnings": None}


def enveloped(data: Shape, errors: Shape = None, total: Shape = int) -> Shape:
    return {"data": data, "total": total, "limit": 0, "offset": 0, "errors": errors}


FAILED = enveloped(None, [{"code": int, "msg": str}], 0)

# --- Jaeger, version 3 ------------------------------------------------------------------------------------------------
# https://github.com/jaegertracing/jaeger-idl/blob/main/swagger/api_v3/query_service.swagger.json
# https://github.com/grafana/grafana/blob/main/pkg/tsdb/jaeger/types/grpc_types.go

ANY_VALUE = OneOf(({"stringValue": str}, {"intValue": str}, {"boolValue": bool}, {"doubleValue": OneOf((float, int))}))
ATTRIBUTES = [{"key": str, "value": ANY_VALUE}]
OTLP_SPAN = {
    "traceId": str,
    "spanId": str,
    "parentSpanId": Maybe(str),
    "name": str,
    "kind": Maybe(int),
    "startTimeUnixNano": str,
    "endTimeUnixNano": str,
    "attributes": Maybe(ATTRIBUTES),
    "events": Maybe([{"timeUnixNano": str, "name": str, "attributes": ATTRIBUTES}]),
    "status": Maybe({"code": Maybe(int), "message": Maybe(str)}),
}
SCOPE_SPANS = {"scope": {"name": Maybe(str)}, "spans": [OTLP_SPAN]}
OTLP = {"resourceSpans": [{"resource": {"attributes": ATTRIBUTES}, "scopeSpans": [SCOPE_SPANS]}]}
V3_FAILED = {"error": {"httpCode": int, "message": str}}

# --- Tempo ------------------------------------------------------------------------------------------------------------
# https://grafana.com/docs/tempo/latest/api_docs/
# https://github.com/grafana/tempo/blob/main/pkg/tempopb/tempo.proto

FOUND_SPAN = {
    "spanID": str,
    "name": str,
    "startTimeUnixNano": str,
    "durationNanos": str,
    "attributes": [{"key": str, "value": ANY_VALUE}],
}
SPAN_SET = {"spans": [FOUND_SPAN], "matched": int}
FOUND = {
    "traces": [
        {
            "traceID": str,
            "rootServiceName": str,
            "rootTraceName": str,
            "startTimeUnixNano": str,
            "durationMs": int,
            "spanSet": SPAN_SET,
            "spanSets": [SPAN_SET],
            "serviceStats": Each({"spanCount": int, "errorCount": int}),
        }
    ],
    "metrics": {"inspectedTraces": int},
}
SCOPES = {"scopes": [{"name": str, "tags": [str]}], "metrics": {}}
VALUES = {"tagValues": [{"type": OneOf(("string", "int", "float", "bool", "keyword")), "value": str}], "metrics": {}}
BUILD = dict.fromkeys(("version", "revision", "branch", "buildUser", "buildDate", "goVersion"), str)


class Request(NamedTuple):
    """What is asked, and what is to be answered."""

    path: str
    shape: Shape
    status: int = 200


def name(request: Request) -> str:
    """The same in every process, whenever it began."""
    return re.sub(r"\d{10,}", "time", request.path)[:80]


def of_tempo(path: str, q: str, more: str = "") -> str:
    return f"{path}?q={quote(q)}&{RANGE}{more}"


# https://github.com/grafana/grafana/blob/main/pkg/tsdb/jaeger/client.go
JAEGER = [
    Request("/api/services", enveloped([str])),
    Request("/api/services/gate/operations", enveloped([str])),
    Request("/api/services/no%252Fsuch/operations", enveloped([str], total=0)),
    Request(f"/api/traces?limit=20&{MICROSECONDS}&service=gate", enveloped([JAEGER_TRACE])),
    Request(
        f"/api/traces?limit=20&{MICROSECONDS}&maxDuration=1.2s&minDuration=10ms&operation=GET&service=gate"
        f"&tags={quote(ERROR_TAG)}",
        enveloped([JAEGER_TRACE]),
    ),
    Request(f"/api/traces?lookback=custom&{MICROSECONDS}&service=nobody", enveloped([JAEGER_TRACE], total=0)),
    Request(f"/api/traces/{TRACE}?{MICROSECONDS}", enveloped([JAEGER_TRACE])),
    Request(f"/api/traces/{UNKNOWN}", FAILED, 404),
    Request("/api/traces/not-an-id", FAILED, 400),
    Request(
        f"/api/dependencies?endTs={(SECONDS + 3600) * 1000}&lookback=7200000",
        enveloped([{"parent": str, "child": str, "callCount": int}]),
    ),
]
# https://github.com/grafana/grafana/blob/main/pkg/tsdb/jaeger/grpc_client.go
JAEGER_V3 = [
    Request("/api/v3/services", {"services": [str]}),
    Request("/api/v3/operations?service=gate", {"operations": [{"name": str, "spanKind": str}]}),
    Request(
        "/api/v3/traces?query.duration_max=1s&query.duration_min=10ms&query.service_name=gate"
        f"&query.attributes={quote(ROUTE_TAG)}"
        "&query.start_time_min=2020-01-01T00:00:00.123456789Z&query.start_time_max=2200-01-01T00:00:00%2B02:00",
        {"result": OTLP},
    ),
    Request(f"/api/v3/traces/{TRACE}", {"result": OTLP}),
    Request(f"/api/v3/traces/{UNKNOWN}", V3_FAILED, 404),
    Request("/api/v3/traces?query.service_name=gate", V3_FAILED, 400),
]
# https://github.com/grafana/grafana/blob/main/public/app/plugins/datasource/tempo/datasource.ts
# https://github.com/grafana/grafana/blob/main/public/app/plugins/datasource/tempo/SearchTraceQLEditor/utils.ts
TEMPO = [
    Request("/api/status/buildinfo", BUILD),
    Request(f"/api/v2/search/tags?limit=5000&{RANGE}", SCOPES),
    Request("/api/v2/search/tag/resource.service.name/values?limit=5000", VALUES),
    Request(of_tempo("/api/v2/search/tag/name/values", '{resource.service.name="gate"}', "&limit=5000"), VALUES),
    Request(of_tempo("/api/v2/search/tag/span.http.route/values", "{name= }"), VALUES),
    Request("/api/v2/search/tag/span.with%2520space/values", VALUES),
    Request("/api/v2/search/tag/status/values", VALUES),
    Request("/api/v2/search/tag/duration/values", {"tagValues": [None], "metrics": {}}),
    Request(of_tempo("/api/search", "{}", "&limit=20&spss=3"), FOUND),
    Request(of_tempo("/api/search", '{resource.service.name="gate" && name="GET" && status=error}'), FOUND),
    Request(of_tempo("/api/search", '{resource.service.name=~"gate|meter" && duration>10ms && duration<1.5s}'), FOUND),
    Request(
        of_tempo("/api/search", '{(span.http.route="/a" || span.http.route="/b/{id}") && traceDuration>1ms}'), FOUND
    ),
    Request(of_tempo("/api/search", '{.n>=2} && {kind=server} || {rootName!="x"}'), FOUND),
    Request(f"/api/search?tags={quote(TAGS)}&minDuration=1ms&limit=5&{RANGE}", FOUND),
    Request(f"/api/v2/traces/{TRACE}?{RANGE}", {"trace": OTLP, "metrics": {}}),
    Request(f"/api/v2/traces/{UNKNOWN}", {"trace": {}, "metrics": {}}),
]


@pytest.fixture(scope="module")
def filled() -> Iterator[Collector]:
    """A collector that has the twenty traces."""
    with Collector() as collector:
        assert collector.send(message().SerializeToString()).status == 200
        yield collector


@pytest.mark.parametrize("request_", [*JAEGER, *JAEGER_V3, *TEMPO], ids=name)
def test_an_answer_has_the_shape_that_is_read(filled: Collector, request_: Request) -> None:
    answer = ask(filled.query, "GET", request_.path)

    assert answer.status == request_.status, answer
    assert answer.headers["content-type"] == "application/json"
    assert differences(request_.shape, answer.json) == []


@pytest.mark.parametrize("request_", TEMPO[-8:-2] + JAEGER[3:4] + JAEGER_V3[2:4], ids=name)
def test_what_is_asked_for_is_there(filled: Collector, request_: Request) -> None:
    """An empty list has every shape."""
    answer: Any = ask(filled.query, "GET", request_.path).json

    assert answer.get("traces") or answer.get("data") or answer.get("result") or answer.get("trace")


def test_saving_the_data_source_is_answered(filled: Collector) -> None:
    answer = filled.ask("/api/echo")

    assert (answer.status, answer.body) == (200, b"echo")


def test_an_unknown_trace_in_protobuf_is_an_empty_trace_that_is_there(filled: Collector) -> None:
    """Grafana reads the field without asking: https://github.com/grafana/grafana/blob/main/pkg/tsdb/tempo/trace.go."""
    answer = ask(filled.query, "GET", f"/api/v2/traces/{UNKNOWN}?{RANGE}", accept="application/protobuf")

    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "application/protobuf", b"\x0a\x00")


@pytest.mark.parametrize(
    "path", ["/api/metrics/query_range", "/api/search/tags", "/api/metrics/latencies", "/api/transform"]
)
def test_what_is_not_there_is_not_found(filled: Collector, path: str) -> None:
    assert filled.ask(path).status == 404


@pytest.mark.parametrize("path", ["/api/services", "/api/v3/services", "/api/echo", "/api/search"])
def test_pages_of_other_origins_and_names_get_nothing(filled: Collector, path: str) -> None:
    assert ask(filled.query, "GET", path, origin="http://elsewhere.example").status == 403
    assert ask(filled.query, "GET", path, host="elsewhere.example").status == 403


def test_a_token_is_asked_for_here_too() -> None:
    with Collector("--token", "secret") as collector:
        assert [ask(collector.query, "GET", path).status for path in ("/api/services", "/api/echo")] == [401, 401]
        assert ask(collector.query, "GET", "/api/echo", authorization="Bearer secret").status == 200


def test_shapes_tell_what_is_wrong() -> None:
    shape = {"a": [int], "b": Maybe(str), "c": OneOf((None, {"d": bool}))}

    assert differences(shape, {"a": [1, 2], "c": None}) == []
    assert differences(shape, {"a": [1, True], "b": 1, "c": {"d": 1}, "e": 0}) == [
        "it has e",
        "it.a[] is no int: True",
        "it.b is no str: 1",
        "it.c is {'d': 1}, not None",
    ]
    assert differences(shape, {"a": {}}) == ["it.a is no list: {}", "it has no c"]
