"""The analysis of a trace, as it is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from platform_otel.collector.examined import MOST_OF_ONE
from tests.collector.running import BASE, Collector, Made, body

CLIENT = 3
MS = 10**6
TRACE = (
    Made(1, 1, service="gate", start=0, milliseconds=100),
    Made(1, 2, parent=1, service="gate", kind=CLIENT, start=10, milliseconds=80),
    # An hour ahead.
    Made(1, 3, parent=2, service="meter", start=3_600_000, milliseconds=60),
    Made(1, 4, parent=9, service="prices", start=30, milliseconds=5),
)


@pytest.fixture(scope="module")
def filled() -> Iterator[Collector]:
    with Collector() as collector:
        assert collector.send(body(*TRACE)).status == 200
        yield collector


def test_the_hops_of_a_trace_are_answered_with_their_parts(filled: Collector) -> None:
    outside, hop, orphan = filled.get(f"/query/traces/{1:032x}/analysis")["hops"]

    assert hop == {
        "caller": "gate",
        "callee": "meter",
        "calleeSeen": True,
        "waitedFor": True,
        "callCount": 1,
        "errorCount": 0,
        "unpairedCount": 0,
        "outlivedCount": 0,
        "waitNano": 80 * MS,
        "networkNano": 20 * MS,
        "ownNano": 60 * MS,
        "waitedNano": 0,
        "unseenNano": 0,
        "outlivedNano": 0,
    }
    assert (outside["caller"], outside["callee"], outside["ownNano"]) == (None, "gate", 20 * MS)
    assert (orphan["caller"], orphan["callee"]) == (None, "prices")


def test_the_critical_path_is_on_the_clock_of_the_root(filled: Collector) -> None:
    steps = filled.get(f"/query/traces/{1:032x}/analysis")["criticalPath"]

    assert [(int(step["spanId"], 16), (int(step["startTimeUnixNano"]) - BASE) // MS) for step in steps] == [
        (1, 0), (2, 10), (3, 20), (2, 80), (1, 90),
    ]  # fmt: skip
    assert sum(step["durationNano"] for step in steps) == 100 * MS


def test_self_times_shifts_clocks_and_missing_parents_are_answered(filled: Collector) -> None:
    found = filled.get(f"/query/traces/{1:032x}/analysis")
    shift = (20 - 3_600_000) * MS

    assert {int(each["spanId"], 16): (each["selfNano"] // MS, each["shiftNano"]) for each in found["spans"]} == {
        1: (20, 0),
        2: (20, 0),
        3: (60, shift),
        4: (5, 0),
    }
    assert found["skews"] == [{"spanId": f"{3:016x}", "caller": "gate", "callee": "meter", "shiftNano": shift}]
    assert found["missingParents"] == [{"spanId": f"{4:016x}", "service": "prices", "parentSpanId": f"{9:016x}"}]


def test_a_trace_of_more_spans_than_can_be_analysed_in_time_is_refused(filled: Collector) -> None:
    whole = ExportTraceServiceRequest()
    spans = whole.resource_spans.add().scope_spans.add().spans
    for number in range(MOST_OF_ONE + 1):
        spans.add(trace_id=(3).to_bytes(16, "big"), span_id=(number + 1).to_bytes(8, "big"), start_time_unix_nano=BASE)
    assert filled.send(whole.SerializeToString()).status == 200

    refused = filled.ask(f"/query/traces/{3:032x}/analysis")

    assert refused.status == filled.ask(f"/query/traces/{3:032x}/graph").status == 504
    assert refused.json["error"] == "to analyse a trace of 50001 spans takes too long; 50000 are the most"


def test_a_trace_that_is_not_there_has_no_analysis(filled: Collector) -> None:
    assert filled.ask(f"/query/traces/{2:032x}/analysis").status == 404
