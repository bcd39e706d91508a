"""What is found in many traces, asked of a running collector that was sent a fleet with planted faults."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from platform_otel.analysis.tree import TraceSpan
from platform_otel.collector import examined
from platform_otel.collector.model import KINDS, STATUSES
from platform_otel.collector.overviews import Window
from platform_otel.collector.schema import migrate
from tests.analysis.fleet import MILLISECOND, OUTSIDE, SERVICES, Fleet, batches, generate
from tests.collector.running import Collector, Made, body, set_attribute

_KNOWN_REMOTE, _IS_REMOTE = 0x100, 0x200


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """Ten minutes old, so that nothing is still on its way."""
    return generate(7, time.time_ns() - 600 * 10**9)


@pytest.fixture(scope="module")
def filled(fleet: Fleet) -> Iterator[Collector]:
    """A collector that was sent all of it, as exporters send it."""
    with Collector() as collector:
        for batch in batches(fleet.spans, 512):
            assert collector.send(_body(batch)).status == 200
        yield collector


def _body(spans: Sequence[TraceSpan]) -> bytes:
    message = ExportTraceServiceRequest()
    for span in spans:
        of_resource = message.resource_spans.add()
        set_attribute(of_resource.resource.attributes.add(), "service.name", span.service)
        _fill(of_resource.scope_spans.add().spans.add(), span)
    return message.SerializeToString()


def _fill(sent: Any, span: TraceSpan) -> None:  # Any: a generated class, and values of attributes
    sent.trace_id, sent.span_id = bytes.fromhex(span.trace_id), bytes.fromhex(span.span_id)
    sent.parent_span_id = bytes.fromhex(span.parent_id)
    sent.name, sent.kind, sent.status.code = span.name, KINDS.index(span.kind), STATUSES.index(span.status)
    sent.start_time_unix_nano, sent.end_time_unix_nano = span.start, span.end
    sent.flags = _KNOWN_REMOTE | (_IS_REMOTE if span.remote else 0)
    attributes: Mapping[str, Any] = span.attributes
    for key, value in attributes.items():
        set_attribute(sent.attributes.add(), key, value)
    for number in range(span.links):
        sent.links.add(trace_id=bytes([number + 1]) * 16, span_id=bytes(7) + b"1")
    if span.exception:
        event = sent.events.add(name="exception")
        set_attribute(event.attributes.add(), "exception.type", span.exception)


def test_broken_links_are_named_and_nothing_healthy_is_blamed(filled: Collector, fleet: Fleet) -> None:
    found = filled.get("/query/broken", limit=200)

    links = {(link["cause"], link["caller"], link["callee"], link["operation"]) for link in found["links"]}
    (skew,) = [link for link in found["links"] if link["cause"] == "clock_skew"]
    assert {link for link in links if link[0] != "clock_skew"} == fleet.truth.broken
    assert (skew["service"], skew["behindNano"] / MILLISECOND) == (
        fleet.truth.skewed[0],
        pytest.approx(fleet.truth.skewed[1], abs=10),
    )
    assert found["complete"] is True


def test_the_spans_on_both_sides_of_a_broken_link_are_given(filled: Collector) -> None:
    links = filled.get("/query/broken")["links"]

    (dropped,) = [link for link in links if link["cause"] == "header_not_forwarded"]
    (caller,) = [span for span in filled.spans(dropped["callerTraceId"]) if span["spanId"] == dropped["callerSpanId"]]
    (callee,) = [span for span in filled.spans(dropped["traceId"]) if span["spanId"] == dropped["spanId"]]
    assert (caller["name"], callee["name"]) == ("GET", dropped["operation"])


def test_errors_are_grouped_by_where_they_began(filled: Collector, fleet: Fleet) -> None:
    found = filled.get("/query/errors")

    assert {
        (each["service"], each["operation"], each["type"], frozenset(down["service"] for down in each["tookDown"]))
        for each in found["groups"]
    } == fleet.truth.errors
    assert 0 < found["lookedAt"] < 100


def test_errors_of_a_service_are_those_that_began_there_or_took_it_down(filled: Collector, fleet: Fleet) -> None:
    ((origin, _, _, took_down),) = [error for error in fleet.truth.errors if error[3]]

    for service in {origin, *took_down}:
        assert origin in {each["service"] for each in filled.get("/query/errors", service=service)["groups"]}
    assert filled.get("/query/errors", service="nobody")["groups"] == []


def test_what_is_slow_is_named(filled: Collector, fleet: Fleet) -> None:
    found = filled.get("/query/slow")["findings"]

    assert {(each["what"], each["service"], each["operation"]) for each in found} == fleet.truth.slow


def test_the_map_has_layers_ghosts_and_shares_of_time(filled: Collector, fleet: Fleet) -> None:
    found = filled.get("/query/graph")

    nodes = {node["service"]: node for node in found["services"]}
    assert {name for name, node in nodes.items() if node["traced"]} <= set(SERVICES)
    assert nodes[OUTSIDE]["traced"] is False
    assert nodes[fleet.truth.untraced]["peer"] == "service"
    assert nodes["postgresql db:5432"]["peer"] == "database"
    assert len({(node["layer"], node["order"]) for node in nodes.values()}) == len(nodes)
    assert nodes["gate"]["layer"] == nodes["console"]["layer"] == 0
    assert sum(call["timeShare"] for call in found["calls"]) == pytest.approx(1)


def test_the_map_of_a_trace_has_its_calls_only(filled: Collector) -> None:
    (slow,) = [each for each in filled.get("/query/slow")["findings"] if each["what"] == "slow_hop"]

    found = filled.get(f"/query/traces/{slow['traceId']}/graph")

    call = next(each for each in found["calls"] if each["callee"] == slow["service"])
    assert (call["caller"], call["count"], call["estimated"]) == (slow["caller"], 1, False)
    assert filled.ask(f"/query/traces/{'0' * 31}1/graph").status == 404


def test_a_path_over_many_traces_is_split(filled: Collector) -> None:
    (slow,) = [each for each in filled.get("/query/slow")["findings"] if each["what"] == "slow_hop"]

    found = filled.get(f"/query/hops?path={slow['caller']},{slow['service']}")

    hop = found["hops"][-1]
    assert (hop["caller"], hop["callee"]) == (slow["caller"], slow["service"])
    assert hop["parts"]["own"]["p99Nano"] >= 400 * MILLISECOND
    assert hop["worstNano"] >= hop["wait"]["p99Nano"] >= hop["wait"]["p50Nano"] > 0
    assert filled.get("/query/hops", service="nobody")["paths"] == []


def test_a_path_is_found_however_many_newer_traces_go_elsewhere() -> None:
    calls = [Made(1, 1, 0, "gate", "GET /", -50, 40), Made(1, 2, 1, "gate", "GET", -40, 20, 3)]
    with Collector() as collector:
        collector.send(body(*calls, Made(1, 3, 2, "meter", "GET /count", -35, 10)))
        for thousands in range(9):
            elsewhere = range(2 + thousands * 1000, 1002 + thousands * 1000)
            collector.send(body(*(Made(trace, 1, 0, "audit", "POST /note", -10, 1) for trace in elsewhere)))

        found = collector.get("/query/hops?path=gate,meter")

    assert (found["traceCount"], found["lookedAt"], found["complete"]) == (1, 1, True)
    assert [(hop["caller"], hop["callee"]) for hop in found["hops"]] == [(None, "gate"), ("gate", "meter")]


@pytest.fixture
def indexed() -> Iterator[sqlite3.Connection]:
    """Six traces, one a second, in turn through gate and through meter; the last two are not in the index yet."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection, ":memory:")
        connection.executemany("INSERT INTO services VALUES (?, ?)", [(0, "gate"), (1, "meter")])
        connection.executemany("INSERT INTO operations VALUES (?, ?, 'GET /', 2)", [(0, 0), (1, 1)])
        for number in range(1, 7):
            operation, start = number % 2, number * 10**9
            connection.execute(
                "INSERT INTO traces VALUES (?, ?, ?, ?, 1, 1, 0, ?, ?)",
                (number, bytes([number]), start, start, operation, operation),
            )
            span = (number, operation, start)
            connection.execute("INSERT INTO spans VALUES (?, x'01', NULL, ?, ?, 1, 0, 1, 0)", span)
        connection.execute("INSERT INTO trace_operations SELECT operation, trace FROM spans WHERE trace <= 4")
        connection.execute("UPDATE indexing SET trace = 4")
        yield connection


@pytest.mark.parametrize(
    ("since", "until", "traces"),
    [(0, 9, [6, 4, 2]), (2, 6, [6, 4, 2]), (3, 5, [4]), (5, 9, [6]), (1, 1, []), (8, 9, [])],
)
def test_the_traces_of_a_while_through_a_service_are_all_found(
    indexed: sqlite3.Connection, since: int, until: int, traces: list[int]
) -> None:
    window = Window(since * 10**9, until * 10**9)
    sql = examined._NEWEST.format(examined.THROUGH)
    found = indexed.execute(sql, (*window, 100, *examined.through("gate", window), 100)).fetchall()

    assert [number for number, *_ in found] == traces


def test_traces_through_a_service_are_not_looked_for_in_all_of_the_index(indexed: sqlite3.Connection) -> None:
    sql = examined._NEWEST.format(examined.THROUGH)
    plan = [row[3] for row in indexed.execute(f"EXPLAIN QUERY PLAN {sql}", (None,) * sql.count("?"))]

    assert [step for step in plan if "trace_operations" in step] == [
        "SEARCH trace_operations USING PRIMARY KEY (operation=? AND trace>?)"
    ]


def test_paths_are_those_of_the_operation_that_traces_begin_with(filled: Collector) -> None:
    everything = filled.get("/query/hops")
    first = everything["path"][0]

    found = filled.get("/query/hops", service=first)

    assert found["path"][0] == first
    assert 0 < found["lookedAt"] < everything["lookedAt"]


def test_an_answer_says_how_far_it_looked(collector: Collector) -> None:
    for part in range(6):
        collector.send(body(*(Made(1 + part * 200 + n, 1, start=part * 200 + n) for n in range(200))))

    found = collector.get("/query/broken")

    assert (found["lookedAt"], found["complete"]) == (1000, False)
    assert int(found["reached"]) % 10**9 == 200 * 10**6


def test_nothing_is_found_in_nothing(collector: Collector) -> None:
    for path, name in (("errors", "groups"), ("broken", "links"), ("slow", "findings"), ("hops", "hops")):
        found = collector.get(f"/query/{path}")
        assert (found[name], found["lookedAt"], found["reached"], found["complete"]) == ([], 0, None, True)
    assert collector.get("/query/graph")["calls"] == []
