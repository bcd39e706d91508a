"""Tempo's API: names and values to choose from, what is shown of a search, and tags as they were asked for before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.collector.running import BASE, Collector, Made, ask, body

ERROR = 2
CLIENT = 3
SECONDS = BASE // 10**9
TRACES = [
    [
        Made(
            1,
            1,
            service="gate",
            name="GET /a",
            milliseconds=100,
            attributes={"n": 1, "http.route": "/a", "cached": True},
        ),
        Made(1, 2, parent=1, service="gate", name="GET", kind=CLIENT, start=1, milliseconds=50, attributes={"n": 2}),
        Made(
            1,
            3,
            parent=2,
            service="meter",
            name="POST",
            start=2,
            milliseconds=20,
            status=ERROR,
            attributes={"ratio": 0.5},
        ),
        Made(1, 4, parent=2, service="meter", name="POST", start=3, milliseconds=20, attributes={"a/b c": "x"}),
    ],
    [Made(2, 1, service="gate", name="GET /b", start=5000, milliseconds=7, attributes={"http.route": "/B/{id}"})],
    [Made(3, 2, parent=1, service="prompts", name="late", start=10_000, milliseconds=1)],
]


@pytest.fixture(scope="module")
def filled() -> Iterator[Collector]:
    """A collector that has them, in several batches."""
    with Collector() as collector:
        for trace in TRACES:
            assert collector.send(body(*trace)).status == 200
        yield collector


def found(collector: Collector, **parameters: object) -> list[int]:
    return [int(trace["traceID"], 16) for trace in collector.get("/api/search", **parameters)["traces"]]


def values(collector: Collector, tag: str, **parameters: object) -> list[str]:
    answer = collector.get(f"/api/v2/search/tag/{tag}/values", **parameters)
    return [f"{each['type']} {each['value']}" for each in answer["tagValues"]]


# --- Search -----------------------------------------------------------------------------------------------------------


def test_what_is_shown_of_a_trace(filled: Collector) -> None:
    (trace,) = filled.get("/api/search", q='{resource.service.name="meter" && status=error && .ratio>0.1}')["traces"]
    spans = {
        "spans": [
            {
                "spanID": f"{3:016x}",
                "name": "POST",
                "startTimeUnixNano": str(BASE + 2 * 10**6),
                "durationNanos": str(20 * 10**6),
                "attributes": [
                    {"key": "service.name", "value": {"stringValue": "meter"}},
                    {"key": "status", "value": {"stringValue": "error"}},
                    {"key": "ratio", "value": {"doubleValue": 0.5}},
                ],
            }
        ],
        "matched": 1,
    }

    assert trace == {
        "traceID": f"{1:032x}",
        "rootServiceName": "gate",
        "rootTraceName": "GET /a",
        "startTimeUnixNano": str(BASE),
        "durationMs": 100,
        "spanSet": spans,
        "spanSets": [spans],
        "serviceStats": {
            "gate": {"spanCount": 2, "errorCount": 0},
            "meter": {"spanCount": 2, "errorCount": 1},
        },
    }


@pytest.mark.parametrize("spss, shown", [({}, 3), ({"spss": 1}, 1), ({"spss": 100}, 4), ({"spss": 0}, 0)])
def test_as_many_spans_are_shown_as_are_asked_for_and_all_are_counted(
    filled: Collector, spss: dict[str, int], shown: int
) -> None:
    trace = filled.get("/api/search", q="{}", **spss)["traces"][-1]

    assert [span["spanID"] for span in trace["spanSets"][0]["spans"]] == [
        f"{number:016x}" for number in range(1, shown + 1)
    ]
    assert trace["spanSets"][0]["matched"] == 4


def test_of_a_trace_whose_root_has_not_arrived_that_is_said(filled: Collector) -> None:
    trace: Any = filled.get("/api/search", q='{name="late"}')["traces"][0]

    assert (trace["rootServiceName"], trace["rootTraceName"]) == ("<root span not yet received>", "")


@pytest.mark.parametrize(
    "parameters, numbers",
    [
        ({}, [3, 2, 1]),
        ({"limit": 1}, [3]),
        ({"start": SECONDS, "end": SECONDS + 5}, [2, 1]),
        ({"start": SECONDS + 6, "end": SECONDS + 10}, [3]),
        ({"start": SECONDS + 11}, []),
        ({"end": 9 * 10**18}, [3, 2, 1]),
        ({"minDuration": "7ms"}, [2, 1]),
        ({"maxDuration": "7ms", "tags": "service.name=gate"}, [2]),
        ({"tags": "http.route=/b"}, [2]),
        ({"tags": 'name="GET /"'}, [2, 1]),
        ({"tags": "service.name=METER ratio=0.5"}, [1]),
        ({"tags": "cached=true n=1"}, [1]),
        ({"tags": "cached=true n=2"}, []),
        ({"q": "{duration>9999999999h}"}, []),
        ({"q": "{traceDuration<99999999999999999h && duration>-1s}"}, [3, 2, 1]),
    ],
)
def test_a_search_finds(filled: Collector, parameters: dict[str, object], numbers: list[int]) -> None:
    assert found(filled, **parameters) == numbers


@pytest.mark.parametrize(
    "parameters, says",
    [
        ({"limit": "0"}, "limit: a whole number from 1"),
        ({"start": "now"}, "start: a whole number"),
        ({"minDuration": "5"}, "minDuration: a duration such as 1.2s"),
        ({"tags": "a"}, "invalid tags: at character 1: key=value is expected"),
        ({"tags": 'a=1 b="x'}, "invalid tags: at character 4:"),
        ({"tags": "a=1 " * 1000}, "invalid tags: there are more than 200"),
        ({"q": "{"}, "invalid TraceQL query: at character 2:"),
    ],
)
def test_what_is_not_understood_is_refused_in_plain_text(
    filled: Collector, parameters: dict[str, str], says: str
) -> None:
    answer = filled.ask("/api/search", **parameters)

    assert (answer.status, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert answer.body.decode().startswith(says)


# --- One trace --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", ["1", f"{1:016x}", f"{1:032X}"])
def test_ids_may_be_short_long_and_in_capitals(filled: Collector, shown: str) -> None:
    spans = filled.get(f"/api/v2/traces/{shown}")["trace"]["resourceSpans"]

    assert len(spans) == 2


def test_an_id_that_is_none_is_refused(filled: Collector) -> None:
    assert filled.ask("/api/v2/traces/xyz").status == 400


def test_protobuf_and_json_by_what_is_accepted(filled: Collector) -> None:
    path = "/api/v2/traces/1"

    assert (
        ask(filled.query, "GET", path, accept="application/protobuf").headers["content-type"] == "application/protobuf"
    )
    assert ask(filled.query, "GET", path, accept="application/json").headers["content-type"] == "application/json"


# --- Names and values -------------------------------------------------------------------------------------------------


def test_names_are_listed_by_scope(filled: Collector) -> None:
    scopes = {scope["name"]: scope["tags"] for scope in filled.get("/api/v2/search/tags")["scopes"]}

    assert scopes["span"] == ["a/b c", "cached", "http.route", "n", "ratio"]
    assert scopes["resource"] == ["service.name"]
    assert {"name", "status", "kind", "duration", "rootServiceName"} <= set(scopes["intrinsic"])


def test_names_of_one_scope_of_a_while_and_no_more_than_asked_for(filled: Collector) -> None:
    def names(**parameters: object) -> Any:
        return filled.get("/api/v2/search/tags", **parameters)["scopes"]

    assert names(scope="span", limit=2) == [{"name": "span", "tags": ["a/b c", "cached"]}]
    assert names(scope="resource", start=SECONDS + 11, end=SECONDS + 20) == []
    assert names(scope="span", start=SECONDS + 5, end=SECONDS + 5) == [{"name": "span", "tags": ["http.route"]}]


def test_a_scope_that_there_is_not_is_refused(filled: Collector) -> None:
    answer = filled.ask("/api/v2/search/tags", scope="all")

    assert (answer.status, answer.body) == (400, b"invalid scope: all")


def test_every_name_of_a_field_can_be_asked_for(filled: Collector) -> None:
    (fields,) = filled.get("/api/v2/search/tags", scope="intrinsic")["scopes"]

    for field in fields["tags"]:
        assert filled.ask("/api/search", q=f"{{{field} != nil}}").status == 200, field
        assert filled.ask(f"/api/v2/search/tag/{field}/values").status == 200, field


@pytest.mark.parametrize(
    "tag, listed",
    [
        ("resource.service.name", ["string gate", "string meter", "string prompts"]),
        (".service.name", ["string gate", "string meter", "string prompts"]),
        ("span.service.name", []),
        ("name", ["string GET", "string GET /a", "string GET /b", "string POST", "string late"]),
        ("span:name", ["string GET", "string GET /a", "string GET /b", "string POST", "string late"]),
        ("rootName", ["string GET /a", "string GET /b"]),
        ("rootServiceName", ["string gate"]),
        ("trace:rootService", ["string gate"]),
        ("status", ["keyword unset", "keyword ok", "keyword error"]),
        ("span:kind", ["keyword unspecified", "keyword internal", "keyword server", "keyword client"]),
        ("duration", []),
        ("span.n", ["int 1", "int 2"]),
        (".ratio", ["float 0.5"]),
        ("span.cached", ["bool true"]),
        ("http.route", ["string /B/{id}", "string /a"]),
        ("span.a%2Fb%2520c", ["string x"]),
        ("span.nothing", []),
    ],
)
def test_values_are_listed_with_their_types(filled: Collector, tag: str, listed: list[str]) -> None:
    assert values(filled, tag)[: len(listed) or 1] == listed


@pytest.mark.parametrize(
    "q, listed",
    [
        ('{name="GET"}', ["int 2"]),
        ("{span.cached=true || kind=client}", ["int 1", "int 2"]),
        ('{resource.service.name="prompts"}', []),
        ('{resource.service.name= && name="GET"}', ["int 1", "int 2"]),
        ('{name="GET"} && {status=error}', ["int 1", "int 2"]),
        ('{name="GET" && traceDuration>1h}', ["int 1", "int 2"]),
    ],
)
def test_values_among_the_spans_of_a_set_or_all_if_the_query_is_not_finished(
    filled: Collector, q: str, listed: list[str]
) -> None:
    assert values(filled, "span.n", q=q) == listed


def test_names_of_services_and_spans_among_the_spans_of_a_set(filled: Collector) -> None:
    assert values(filled, "resource.service.name", q="{status=error}") == ["string meter"]
    assert values(filled, "rootServiceName", q="{status=error}") == ["string gate"]
    assert values(filled, "name", q='{resource.service.name="gate"}', limit=2) == ["string GET /a", "string GET /b"]


def test_long_values_are_listed_until_there_are_five_million_characters() -> None:
    with Collector() as collector:
        spans = [Made(number, 1, attributes={"text": f"{number}" * 1_000_000}) for number in range(1, 9)]
        assert collector.send(body(*spans)).status == 200

        assert len(values(collector, "span.text")) == 5


# --- Too many names ---------------------------------------------------------------------------------------------------


def test_names_that_are_not_in_the_columns_are_found_all_the_same() -> None:
    """The columns have 1,000 names of each service, and 200 characters of each; the spans themselves have all."""
    with Collector() as collector:
        spans = [Made(1000 + number, 1, name=f"GET /{number}", start=number) for number in range(1100)]
        long = "x" * 300
        assert collector.send(body(*spans, Made(1, 1, name=long, service=long))).status == 200

        assert found(collector, q='{name="GET /1099"}') == [2099]
        assert found(collector, q='{name="GET /1"}') == [1001]
        assert found(collector, q=f'{{name="{long}" && resource.service.name="{long}"}}') == [1]
