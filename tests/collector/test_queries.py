"""What can be asked, and what is answered."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.collector.running import BASE, Collector, Made, ask, body, log_body

ERROR = 2
CLIENT = 3
MINUTE = 60 * 10**9
# Five traces: each one later and longer than the one before.
TRACES = [
    [
        Made(1, 1, service="gate", name="GET /a", start=0, milliseconds=10, attributes={"http.route": "/a", "n": 1}),
        Made(1, 2, parent=1, service="gate", name="GET", kind=CLIENT, start=1, milliseconds=8),
        Made(1, 3, parent=2, service="meter", name="POST /count", start=2, milliseconds=5),
    ],
    [Made(2, 1, service="gate", name="GET /b", start=100, milliseconds=20, attributes={"http.route": "/b", "n": 2})],
    [
        Made(3, 1, service="gate", name="GET /a", start=200, milliseconds=30, attributes={"http.route": "/a", "n": 3}),
        Made(3, 2, parent=1, service="meter", name="POST /count", start=201, milliseconds=3, status=ERROR),
    ],
    [Made(4, 1, service="prompts", name="GET /c", start=300, milliseconds=40, attributes={"cached": True})],
    [Made(5, 2, parent=1, service="meter", name="POST /count", start=400, milliseconds=50)],
]


@pytest.fixture(scope="module")
def filled() -> Iterator[Collector]:
    """A collector that has them, batches mixed."""
    with Collector() as collector:
        everything = [made for of_trace in TRACES for made in of_trace]
        for part in (everything[::2], everything[1::2]):
            assert collector.send(body(*part)).status == 200
        yield collector


def numbers(found: Any) -> list[int]:
    return [int(each["traceId"], 16) for each in found["traces"]]


# --- Overviews --------------------------------------------------------------------------------------------------------


def test_services_are_listed_with_their_counts(filled: Collector) -> None:
    assert filled.get("/query/services")["services"] == [
        {"service": "gate", "spanCount": 4, "errorCount": 0, "operationCount": 3},
        {"service": "meter", "spanCount": 3, "errorCount": 1, "operationCount": 1},
        {"service": "prompts", "spanCount": 1, "errorCount": 0, "operationCount": 1},
    ]


def test_operations_are_listed_with_error_rate_and_durations_within_one_percent(filled: Collector) -> None:
    (found,) = filled.get("/query/operations", service="meter")["operations"]
    quantiles = [found.pop(name) for name in ("p50Nano", "p95Nano", "p99Nano")]

    assert found == {
        "service": "meter",
        "operation": "POST /count",
        "kind": "server",
        "count": 3,
        "errorCount": 1,
        "errorRate": pytest.approx(1 / 3),
    }
    assert quantiles == [pytest.approx(each, rel=0.01) for each in (5 * 10**6, 50 * 10**6, 50 * 10**6)]


def test_operations_of_all_services_begin_with_the_busiest(filled: Collector) -> None:
    found = filled.get("/query/operations")["operations"]

    assert [each["count"] for each in found] == [3, 2, 1, 1, 1]
    assert found[0]["operation"] == "POST /count"


def test_the_graph_has_the_calls_between_services(filled: Collector) -> None:
    found = filled.get("/query/graph")
    (call,) = found["calls"]

    assert [each["service"] for each in found["services"]] == ["gate", "meter", "prompts"]
    assert (call["caller"], call["callee"], call["count"], call["errorCount"]) == ("gate", "meter", 2, 1)
    assert call["p99Nano"] == pytest.approx(5 * 10**6, rel=0.01)


def test_the_graph_says_how_far_it_looked_for_peers_and_decodes_no_more_than_it_may(collector: Collector) -> None:
    noise = {"key": os.urandom(100_000).hex()}
    for trace in range(1, 21):
        call = Made(trace, 1, kind=CLIENT, start=trace, attributes={**noise, "server.address": "db"})
        collector.send(body(call))

    found = collector.get("/query/graph")
    (peer,) = found["calls"]

    assert 1 <= found["lookedAt"] <= 10
    assert found["complete"] is False
    assert found["reached"] == str(BASE + (21 - found["lookedAt"]) * 10**6)
    assert (peer["callee"], peer["count"], peer["estimated"]) == ("db", 20, True)


def test_a_while_that_ends_on_the_minute_has_nothing_of_the_next(collector: Collector) -> None:
    now = BASE // MINUTE * MINUTE
    starts = [(now - BASE) // 10**6 + seconds * 1000 for seconds in (-1, 0, 59)]
    collector.send(body(*(Made(900 + n, 1, service="counted", start=start) for n, start in enumerate(starts))))

    def count(start: int, end: int) -> int:
        found = collector.get(f"/query/services?start={start}&end={end}")["services"]
        return sum(each["spanCount"] for each in found if each["service"] == "counted")

    assert count(now - MINUTE, now) == 1
    assert count(now, now + MINUTE) == count(now, now) == 2
    assert count(now - 1, now + 1) == 3


def test_an_overview_of_another_time_is_empty(filled: Collector) -> None:
    assert filled.get("/query/services", start=0, end=10**18)["services"] == []
    assert filled.get("/query/graph", end=10**18)["calls"] == []


# --- Search -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked, found",
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"order": "slowest"}, [5, 4, 3, 2, 1]),
        ({"service": "gate"}, [3, 2, 1]),
        ({"service": "meter"}, [5, 3, 1]),
        ({"service": "nobody"}, []),
        ({"operation": "GET /a"}, [3, 1]),
        ({"service": "meter", "operation": "GET /a"}, []),
        ({"kind": "client"}, [1]),
        ({"status": "error"}, [3]),
        ({"status": "error", "service": "gate"}, []),
        ({"status": "unset"}, [5, 4, 3, 2, 1]),
        ({"min_duration": 20 * 10**6, "max_duration": 40 * 10**6}, [4, 3, 2]),
        ({"start": BASE + 100 * 10**6, "end": BASE + 300 * 10**6}, [3, 2]),
        ({"limit": 2}, [5, 4]),
        ({"id": f"{3:032x}"}, [3]),
        ({"id": f"{0:031x}"}, [5, 4, 3, 2, 1]),
        ({"id": f"{0:031x}", "service": "prompts"}, [4]),
        ({"id": "f"}, []),
        ({"caller": "gate"}, [3, 1]),
        ({"caller": "gate", "service": "meter"}, [3, 1]),
        ({"caller": "gate", "service": "gate"}, []),
        ({"caller": "meter"}, []),
        ({"caller": "nobody"}, []),
        ({"caller": "gate", "service": "meter", "status": "error"}, [3]),
        ({"caller": "gate", "operation": "POST /count", "where": "duration > 4ms"}, [1]),
        ({"where": "http.route = /a"}, [3, 1]),
        ({"where": "http.route ~ '/*' and not n = 2"}, [3, 1]),
        ({"where": "n >= 2", "order": "slowest"}, [3, 2]),
        ({"where": "cached"}, [4]),
        ({"where": "duration > 25ms and service = gate"}, [3]),
        ({"where": "span.n = 1 or resource.service.name = prompts"}, [4, 1]),
        ({"where": "service.name = meter and status = error"}, [3]),
        ({"where": "kind = client"}, [1]),
        ({"where": "name = 'POST /count'", "service": "gate"}, []),
        ({"where": "n = 3", "service": "gate", "operation": "GET /a"}, [3]),
    ],
)
def test_a_search_finds_the_traces_with_a_span_as_asked(
    filled: Collector, asked: dict[str, object], found: list[int]
) -> None:
    assert numbers(filled.get("/query/traces", **asked)) == found


@pytest.mark.parametrize("order", ["newest", "slowest"])
@pytest.mark.parametrize("where", [{}, {"where": "service = gate or service = meter"}])
def test_pages_follow_one_another_without_gaps_while_more_comes(
    filled: Collector, order: str, where: dict[str, str]
) -> None:
    whole = numbers(filled.get("/query/traces", order=order, **where))
    pages: list[int] = []
    after: dict[str, str] = {}
    while True:
        page = filled.get("/query/traces", order=order, limit=2, **where, **after)
        pages += numbers(page)
        if page["next"] is None:
            break
        after = {"after": page["next"]}
        filled.send(body(Made(1, 1)))

    assert pages == whole


def test_a_search_says_how_far_it_looked(filled: Collector) -> None:
    found = filled.get("/query/traces", service="prompts", where="nothing = 1")

    assert (found["traces"], found["lookedAt"], found["next"]) == ([], 5, None)
    assert found["reached"] == str(BASE)


def test_a_trace_in_short(filled: Collector) -> None:
    (found,) = filled.get("/query/traces", kind="client")["traces"]

    assert found == {
        "traceId": f"{1:032x}",
        "startTimeUnixNano": str(BASE),
        "durationNano": 10 * 10**6,
        "spanCount": 3,
        "errorCount": 0,
        "rootArrived": True,
        "service": "gate",
        "operation": "GET /a",
        "kind": "server",
        "services": ["gate", "meter"],
    }


# --- One trace --------------------------------------------------------------------------------------------------------


def test_a_trace_is_otlp_in_json(filled: Collector) -> None:
    spans = {span["spanId"]: span for span in filled.spans(f"{1:032X}")}

    assert sorted(spans) == [f"{number:016x}" for number in (1, 2, 3)]
    assert spans[f"{3:016x}"]["parentSpanId"] == f"{2:016x}"
    assert spans[f"{3:016x}"]["startTimeUnixNano"] == str(BASE + 2 * 10**6)


def test_what_was_answered_can_be_sent_again_and_changes_nothing(filled: Collector) -> None:
    before = filled.get("/query/operations")["operations"]
    answer = filled.ask(f"/query/traces/{1:032x}")

    assert filled.send(answer.body, content_type="application/json").status == 200
    assert filled.get("/query/operations")["operations"] == before


def test_a_trace_that_is_not_there_is_not_found(filled: Collector) -> None:
    assert filled.ask(f"/query/traces/{77:032x}").status == 404


def test_logs_of_a_trace_that_has_none_are_an_empty_list(filled: Collector) -> None:
    assert filled.get(f"/query/traces/{77:032x}/logs") == {"resourceLogs": []}


def test_logs_come_before_their_trace(filled: Collector) -> None:
    filled.send(log_body("early", trace=88, span=1), "logs")

    assert filled.get(f"/query/traces/{88:032x}/logs")["resourceLogs"]
    assert filled.ask(f"/query/traces/{88:032x}").status == 404


# --- What is not understood -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path, says",
    [
        ("/query/traces?limit=0", "limit: a whole number from 1 to 200 is expected"),
        ("/query/traces?limit=٣", "limit: a whole number"),
        ("/query/traces?start=-1", "start: a whole number"),
        ("/query/traces?end=99999999999999999999", "end: a whole number"),
        ("/query/traces?id=", "id: up to 32 hexadecimal digits are expected"),
        ("/query/traces?id=0x1", "id: "),
        (f"/query/traces?id={0:033x}", "id: up to 32 hexadecimal digits are expected"),
        ("/query/traces?order=oldest", "order: one of newest, slowest is expected"),
        ("/query/traces?status=bad", "status: one of unset, ok, error is expected"),
        ("/query/traces?after=1", "after: the next of an answer is expected"),
        ("/query/traces?where=%28", "where: at character 2: a field is missing, there is nothing more"),
        ("/query/traces?serivce=gate", "there is no parameter 'serivce'; known are after, caller, end, "),
        ("/query/traces/xyz", "trace_id: 32 hexadecimal digits are expected"),
        (f"/query/traces/{'g' * 32}", "trace_id: "),
        (f"/query/services?service={'x' * 501}", "there is no parameter 'service'"),
        (f"/query/operations?service={'x' * 501}", "service: at most 500 characters"),
    ],
)
def test_a_parameter_that_is_not_understood_is_explained(filled: Collector, path: str, says: str) -> None:
    answer = ask(filled.query, "GET", path.replace("٣", "%D9%A3"))

    assert answer.status == 400
    assert answer.json["error"].startswith(says)


@pytest.mark.parametrize("text", ["' OR 1=1 --", '"; DROP TABLE spans; --', "%", "_", "\x00", "a\\b"])
def test_text_is_text_and_never_sql(filled: Collector, text: str) -> None:
    assert numbers(filled.get("/query/traces", service=text)) == []
    assert filled.get("/query/operations", service=text)["operations"] == []
    assert numbers(filled.get("/query/traces", service="prompts")) == [4]


def test_what_is_not_there_is_not_found(filled: Collector) -> None:
    assert filled.ask("/query/nothing").status == 404
    assert ask(filled.query, "POST", "/query/traces", b"").status == 405


# --- The description --------------------------------------------------------------------------------------------------


def test_every_answer_is_as_the_description_says(filled: Collector) -> None:
    description = filled.get("/openapi.json")
    for path, operations in description["paths"].items():
        if path == "/query/live":
            continue
        schema = operations["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        check(schema, filled.get(path.replace("{trace_id}", f"{1:032x}")), path)


def check(schema: Any, value: Any, where: str) -> None:
    """As far as our schemas go; a JSON Schema validator would be a dependency for this alone."""
    if "anyOf" in schema:
        if value is not None:
            check(schema["anyOf"][0], value, where)
        return
    kinds: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
    }
    assert isinstance(value, kinds[schema["type"]]), where
    if schema.get("properties"):
        assert set(value) == set(schema["properties"]), where
        for name, inner in schema["properties"].items():
            check(inner, value[name], f"{where} {name}")
    for each in value if "items" in schema else ():
        check(schema["items"], each, where)


def test_the_description_names_every_parameter(filled: Collector) -> None:
    (search,) = filled.get("/openapi.json")["paths"]["/query/traces"].values()
    names = [each["name"] for each in search["parameters"]]
    refused = filled.ask("/query/traces", nonsense=1).json["error"]

    assert refused.endswith("known are " + ", ".join(sorted(names)))
