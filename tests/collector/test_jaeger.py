"""Jaeger's API finds what Jaeger would find, tells it in Jaeger's words, and refuses what Jaeger would refuse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from tests.collector.running import BASE, Collector, Made, ask, body, request

ERROR = 2
CLIENT, CONSUMER = 3, 5
MICROSECONDS = BASE // 1000
LARGE = 2**60
TRACES = [
    [
        Made(1, 1, service="gate", name="GET /a", milliseconds=100, attributes={"n": 1, "cached": True, "big": LARGE}),
        Made(
            1,
            2,
            parent=1,
            service="gate",
            name="GET",
            kind=CLIENT,
            start=10,
            milliseconds=50,
            attributes={"ratio": 0.5},
        ),
        Made(1, 3, parent=2, service="a/b", name="POST", start=20, milliseconds=20, status=ERROR),
    ],
    [
        Made(
            2**64 + 2,
            1,
            service="gate",
            name="GET /b",
            start=1000,
            milliseconds=5,
            attributes={"n": 2, "nan": float("nan")},
        )
    ],
    [Made(3, 1, service="gate", name="GET /a", start=2000, milliseconds=200, kind=CONSUMER, attributes={"n": 3})],
    [
        Made(
            4,
            1,
            service="gate",
            name="GET /a",
            start=3000,
            milliseconds=0,
            kind=0,
            attributes={"error": "true", "status": "ok"},
        )
    ],
]


@pytest.fixture(scope="module")
def filled() -> Iterator[Collector]:
    """A collector that has them, and one span with all that spans can have."""
    with Collector() as collector:
        assert collector.send(body(*(made for trace in TRACES for made in trace))).status == 200
        assert collector.send(_full().SerializeToString()).status == 200
        yield collector


def _full() -> Any:
    everything = request(Made(9, 1, service="full", name="all", start=-3000, status=ERROR))
    of_scope = everything.resource_spans[0].scope_spans[0]
    of_scope.scope.name, of_scope.scope.version = "platform", "1.0"
    host = everything.resource_spans[0].resource.attributes.add()
    host.key, host.value.string_value = "host.name", "h1"
    span = of_scope.spans[0]
    span.status.message, span.trace_state = "it failed", "a=b"
    event = span.events.add()
    event.name, event.time_unix_nano = "exception", BASE + 1999
    kind = event.attributes.add()
    kind.key, kind.value.string_value = "exception.type", "KeyError"
    link = span.links.add()
    link.trace_id, link.span_id = bytes(15) + b"\7", bytes(7) + b"\x08"
    for key in ("bytes", "list", "empty"):
        span.attributes.add().key = key
    span.attributes[0].value.bytes_value = b"\0\1"
    span.attributes[1].value.array_value.values.add().int_value = 1
    return everything


def numbers(traces: Any) -> list[int]:
    return [int(trace["traceID"], 16) % 2**64 for trace in traces]


def asked(collector: Collector, **parameters: object) -> list[int]:
    return numbers(collector.get("/api/traces", **parameters)["data"])


# --- Version 1 --------------------------------------------------------------------------------------------------------


def test_services_and_operations(filled: Collector) -> None:
    assert filled.get("/api/services")["data"] == ["a/b", "full", "gate"]
    assert filled.get("/api/services/gate/operations")["data"] == ["GET", "GET /a", "GET /b"]
    assert filled.get("/api/services/a%2Fb/operations")["data"] == ["POST"]
    assert filled.get("/api/services/a%252Fb/operations")["data"] == ["POST"]
    assert filled.get("/api/operations", service="gate", spanKind="client")["data"] == [
        {"name": "GET", "spanKind": "client"}
    ]
    assert {"name": "GET /a", "spanKind": ""} in filled.get("/api/operations", service="gate")["data"]


@pytest.mark.parametrize(
    "parameters, found",
    [
        ({}, [4, 3, 2, 1]),
        ({"limit": 2}, [4, 3]),
        ({"limit": 0}, [4, 3, 2, 1]),
        ({"operation": "GET /a"}, [4, 3, 1]),
        ({"operation": "POST"}, []),
        ({"start": MICROSECONDS + 10**6, "end": MICROSECONDS + 2 * 10**6}, [3, 2]),
        ({"start": MICROSECONDS + 10**6 + 1, "end": MICROSECONDS + 2 * 10**6 - 1}, []),
        ({"minDuration": "0.1s"}, [3, 1]),
        ({"maxDuration": "50ms"}, [4, 2, 1]),
        ({"minDuration": "40ms", "maxDuration": "60000us"}, [1]),
        ({"operation": "GET /a", "maxDuration": "99ms"}, [4]),
        ({"tags": '{"n":"1"}'}, [1]),
        ({"tags": '{"n":"1","cached":"true"}'}, [1]),
        ({"tags": '{"n":"1","ratio":"0.5"}'}, []),
        ({"tag": "ratio:0.5"}, [1]),
        ({"tags": '{"error":"true"}'}, [4]),
        ({"tags": '{"span.kind":"client"}'}, [1]),
        ({"tags": '{"service.name":"gate","status":"ok"}'}, [4]),
        ({"tags": '{"name":"GET /a"}'}, []),
        ({"unknown": "ignored", "lookback": "1h"}, [4, 3, 2, 1]),
        ({"start": 10**19 - 1, "end": 10**19 - 1}, []),
    ],
)
def test_a_search_finds_traces_with_a_span_as_asked(
    filled: Collector, parameters: dict[str, object], found: list[int]
) -> None:
    assert asked(filled, service="gate", **parameters) == found


@pytest.mark.parametrize(
    "tags", ['{"error":"true"}', '{"otel.status_code":"ERROR"}', '{"error":"true","span.kind":"server"}']
)
def test_fields_of_a_span_are_tags_that_can_be_looked_for(filled: Collector, tags: str) -> None:
    assert asked(filled, service="a/b", tags=tags) == [1]
    assert asked(filled, service="full", tags='{"otel.status_description":"it failed","host.name":"h1"}') == [9]


def test_traces_by_their_ids_and_those_that_are_missing(filled: Collector) -> None:
    found = ask(filled.query, "GET", "/api/traces?traceID=3&traceID=00ff&traceID=1").json

    assert numbers(found["data"]) == [3, 1]
    assert found["errors"] == [{"msg": "trace not found", "traceID": "00000000000000ff"}]


def test_a_trace_that_is_asked_for_several_times_is_there_once(filled: Collector) -> None:
    (trace,) = ask(filled.query, "GET", "/api/traces?traceID=1&traceID=01&traceID=1").json["data"]

    assert len(trace["spans"]) == 3


@pytest.mark.parametrize("shown", ["1", f"{1:016x}", f"{1:032X}"])
def test_ids_may_be_short_long_and_in_capitals(filled: Collector, shown: str) -> None:
    assert numbers(filled.get(f"/api/traces/{shown}")["data"]) == [1]
    assert filled.get(f"/api/v3/traces/{shown}")["result"]["resourceSpans"]


def test_ids_have_sixteen_digits_where_the_others_would_be_zeros(filled: Collector) -> None:
    assert filled.get("/api/traces/1")["data"][0]["traceID"] == f"{1:016x}"
    assert filled.get(f"/api/traces/{2**64 + 2:x}")["data"][0]["traceID"] == f"{2**64 + 2:032x}"


def test_a_span_with_all_that_spans_can_have(filled: Collector) -> None:
    (trace,) = filled.get("/api/traces/9")["data"]
    (span,) = trace["spans"]

    assert (span["startTime"], span["duration"]) == (MICROSECONDS - 3 * 10**6, 10_000)
    assert span["references"] == [{"refType": "FOLLOWS_FROM", "traceID": f"{7:016x}", "spanID": f"{8:016x}"}]
    assert [(tag["key"], tag["type"], tag["value"]) for tag in span["tags"]] == [
        ("bytes", "binary", "AAE="),
        ("list", "string", "[1]"),
        ("empty", "string", ""),
        ("span.kind", "string", "server"),
        ("otel.status_code", "string", "ERROR"),
        ("error", "bool", True),
        ("otel.status_description", "string", "it failed"),
        ("otel.scope.name", "string", "platform"),
        ("otel.scope.version", "string", "1.0"),
        ("w3c.tracestate", "string", "a=b"),
    ]
    assert span["logs"] == [
        {
            "timestamp": MICROSECONDS + 1,
            "fields": [
                {"key": "event", "type": "string", "value": "exception"},
                {"key": "exception.type", "type": "string", "value": "KeyError"},
            ],
        }
    ]
    assert trace["processes"] == {
        "p1": {"serviceName": "full", "tags": [{"key": "host.name", "type": "string", "value": "h1"}]}
    }


def test_numbers_that_javascript_cannot_hold_are_text(filled: Collector) -> None:
    tags = {
        tag["key"]: tag["value"]
        for trace in (1, 2**64 + 2)
        for tag in filled.get(f"/api/traces/{trace:x}")["data"][0]["spans"][0]["tags"]
    }

    assert tags["big"] == str(LARGE)
    assert tags["nan"] == "nan"


def test_dependencies_are_calls_within_the_lookback(filled: Collector) -> None:
    end = BASE // 10**6 + 60_000

    assert filled.get("/api/dependencies", endTs=end, lookback=120_000)["data"] == [
        {"parent": "gate", "child": "a/b", "callCount": 1}
    ]
    assert filled.get("/api/dependencies", endTs=end, lookback=120_000, service="full")["data"] == []
    assert filled.get("/api/dependencies", endTs=end - 3_600_000, lookback=120_000)["data"] == []


@pytest.mark.parametrize(
    "path, says",
    [
        ("/api/traces", "parameter 'service' is required"),
        ("/api/operations", "parameter 'service' is required"),
        ("/api/traces?service=gate&start=x", "start: a whole number"),
        ("/api/traces?service=gate&minDuration=5", "minDuration: a duration such as 1.2s"),
        (
            "/api/traces?service=gate&minDuration=2s&maxDuration=1s",
            "'maxDuration' should be greater than 'minDuration'",
        ),
        ("/api/traces?service=gate&tags=x", "malformed 'tags' parameter"),
        ("/api/traces?service=gate&tags=%7B%22n%22%3A1%7D", "malformed 'tags' parameter"),
        ("/api/traces?service=gate&tag=x", "malformed 'tag' parameter, expecting key:value, received: x"),
        ("/api/traces?service=gate" + "".join(f"&tag=a{n}:1" for n in range(1000)), "there are more than 200 tags"),
        ("/api/traces/xyz", "trace id: 1 to 32 hexadecimal digits"),
        (f"/api/traces/{'1' * 33}", "trace id: 1 to 32 hexadecimal digits"),
        ("/api/traces?traceID=xyz", "trace id: "),
        ("/api/dependencies?lookback=1h", "lookback: a whole number"),
    ],
)
def test_what_is_not_understood_is_refused_in_jaegers_envelope(filled: Collector, path: str, says: str) -> None:
    answer = ask(filled.query, "GET", path)
    (error,) = answer.json["errors"]

    assert (answer.status, error["code"], answer.json["data"]) == (400, 400, None)
    assert error["msg"].startswith(says)


# --- Version 3 --------------------------------------------------------------------------------------------------------


def at(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(BASE // 10**9 + milliseconds / 1000, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.parametrize(
    "parameters, found",
    [
        ({}, {1, 2, 3, 4, 9}),
        ({"query.serviceName": "gate"}, {1, 2, 3, 4}),
        ({"query.service_name": "gate", "query.operation_name": "GET /a"}, {1, 3, 4}),
        ({"query.serviceName": "gate", "query.searchDepth": "1"}, {4}),
        ({"query.service_name": "gate", "query.num_traces": "1"}, {4}),
        ({"query.durationMin": "100ms"}, {1, 3}),
        ({"query.duration_max": "5ms"}, {2, 4}),
        ({"query.attributes": '{"n":"2"}'}, {2}),
        ({"query.startTimeMin": at(1000), "query.startTimeMax": at(2000)}, {2, 3}),
        ({"query.start_time_min": at(1000), "query.start_time_max": at(1999)}, {2}),
    ],
)
def test_a_search_of_version_3(filled: Collector, parameters: dict[str, str], found: set[int]) -> None:
    window = {"query.start_time_min": at(-5000), "query.start_time_max": at(5000)}
    answer = filled.get("/api/v3/traces", **{**window, **parameters})
    spans = [
        span for each in answer["result"]["resourceSpans"] for scope in each["scopeSpans"] for span in scope["spans"]
    ]

    assert {int(span["traceId"], 16) % 2**64 for span in spans} == found


@pytest.mark.parametrize(
    "path, status, says",
    [
        ("/api/v3/traces", 400, "query.startTimeMin and query.startTimeMax are required"),
        (
            "/api/v3/traces?query.startTimeMin=2026-02-30T00:00:00Z&query.startTimeMax=2026-03-01T00:00:00Z",
            400,
            "query.startTimeMin: a time such as",
        ),
        (
            "/api/v3/traces?query.startTimeMin=2026-03-01T00:00:00Z&query.startTimeMax=2026-03-01T00:00:00Z",
            400,
            "query.startTimeMin must be before query.startTimeMax",
        ),
        (
            "/api/v3/traces?query.startTimeMin=2016-03-01T00:00:00Z&query.startTimeMax=2016-03-02T00:00:00Z",
            404,
            "No traces found",
        ),
        ("/api/v3/traces/xyz", 400, "trace id: "),
        ("/api/v3/traces/ff", 404, "No traces found"),
    ],
)
def test_failures_of_version_3(filled: Collector, path: str, status: int, says: str) -> None:
    answer = ask(filled.query, "GET", path)

    assert (answer.status, answer.json["error"]["httpCode"]) == (status, status)
    assert answer.json["error"]["message"].startswith(says)


@pytest.mark.matrix
def test_an_answer_with_many_spans_has_fewer_traces() -> None:
    with Collector() as collector:
        for trace in (1, 2, 3):
            collector.send(body(*(Made(trace, span, start=trace) for span in range(1, 9_001))))

        assert asked(collector, service="shop") == [3, 2]
        by_id = collector.get("/api/traces?traceID=1&traceID=2&traceID=3")
        assert numbers(by_id["data"]) == [1, 2]
        assert by_id["errors"] == [
            {"msg": "left out: the traces before it have too many spans", "traceID": f"{3:016x}"}
        ]
