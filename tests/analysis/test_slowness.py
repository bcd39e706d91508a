"""What takes time is told, and what just works is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from platform_otel.analysis.slowness import Slowness, slowness
from platform_otel.analysis.tree import TraceSpan
from tests.analysis.making import ANY_SPANS, MS, call_of, made

QUERY: dict[str, Any] = {"db__system__name": "postgresql", "server__address": "db"}


def chat(*, prompts: int = 5, before: int = 1, trace: str = "t") -> list[TraceSpan]:
    """Gate calls meter and prompts, one after the other; prompts works some milliseconds, after some that are lost."""
    end = 21 + before + prompts
    return [
        made("GET /chat", "gate", start=0, end=end + 14, trace=trace),
        made("POST", "gate", "client", 2, 12, below="GET /chat", trace=trace, **call_of("meter")),
        made("POST /count", "meter", start=3, end=11, below="POST", trace=trace),
        made("GET", "gate", "client", 20, end, below="GET /chat", trace=trace, **call_of("prompts")),
        made("GET /prompt", "prompts", "server", 20 + before, 20 + before + prompts, below="GET", trace=trace),
    ]


def queries(count: int, each: int = 2, apart: int = 3, end: int = 400) -> list[TraceSpan]:
    """A service that makes as many queries."""
    calls = [
        made(f"{n}", "gate", "client", n * apart, n * apart + each, below="GET /list", **QUERY)._replace(name="SELECT")
        for n in range(count)
    ]
    return [made("GET /list", "gate", start=0, end=end), *calls]


def the_one(spans: list[TraceSpan]) -> Slowness:
    (found,) = slowness(spans)
    return found


def test_a_service_whose_own_work_is_most_of_the_trace_is_a_slow_hop() -> None:
    found = the_one([*chat(prompts=300), *chat(prompts=400, trace="u"), *chat(prompts=500, trace="v")])

    assert (found.what, found.caller, found.service, found.operation) == ("slow_hop", "gate", "prompts", "GET /prompt")
    assert (found.times, found.usual, found.example.trace_id) == (3, 400 * MS, "v")
    assert found.share == pytest.approx(1200 / (1200 + 3 * 36))
    assert found.evidence.startswith("its own work takes 400 ms, 92% of its traces' time")


def test_a_call_that_takes_long_before_it_is_served_waits_in_a_queue() -> None:
    found = the_one(chat(before=200))

    assert (found.what, found.caller, found.service, found.operation) == ("queue", "gate", "prompts", "GET /prompt")
    assert found.usual == 201 * MS
    assert "gate waits 201 ms longer than prompts works" in found.evidence


def test_a_service_that_is_slow_for_some_requests_is_judged_by_these() -> None:
    spans = [span for n in range(12) for span in chat(prompts=900 if n % 3 == 0 else 5, trace=f"t{n}")]

    found = the_one(spans)

    assert (found.what, found.service, found.times, found.usual) == ("slow_hop", "prompts", 4, 900 * MS)
    assert found.share == pytest.approx(3600 / (4 * 936 + 8 * 41))
    assert found.evidence.startswith("in 4 of 12 requests its own work takes 900 ms, 88% of its traces' time")


def test_a_queue_that_some_requests_wait_in_is_judged_by_these() -> None:
    found = the_one([*chat(before=200), *chat(trace="u"), *chat(trace="v")])

    assert (found.what, found.times, found.usual) == ("queue", 1, 201 * MS)
    assert found.evidence.startswith("in 1 of 3 requests gate waits 201 ms longer than prompts works, 91% of its wait")


def test_what_is_slow_now_and_then_is_not_told_where_it_is_little_of_the_time() -> None:
    assert slowness([span for n in range(100) for span in chat(prompts=300 if n == 7 else 5, trace=f"t{n}")]) == []


@pytest.mark.parametrize("late", [{"prompts": 9000}, {"before": 9000}], ids=["work", "queue"])
def test_one_pause_among_many_requests_is_not_where_the_time_goes(late: dict[str, int]) -> None:
    assert slowness([span for n in range(30) for span in chat(trace=f"t{n}", **(late if n == 7 else {}))]) == []
    assert len(slowness([span for n in range(20) for span in chat(trace=f"t{n}", **(late if n == 7 else {}))])) == 1


def test_a_query_in_a_loop_is_a_repeated_call() -> None:
    found = the_one(queries(50))

    assert (found.what, found.service, found.operation) == ("repeated_calls", "gate", "GET /list")
    assert (found.repeated, found.peer, found.usual) == ("SELECT", "postgresql db", 100 * MS)
    assert found.evidence == "50 x SELECT, 100 ms, one after the other"


FINE = {
    "a trace in which everybody works as long": chat(),
    "a few queries": queries(9),
    "many queries that take nearly nothing": queries(50, each=0),
    "many queries at once": queries(50, each=200, apart=0),
    "work that goes on when the answer is out": [
        *chat(),
        made("GET later", "gate", "client", 13, 15, below="GET /chat", **call_of("audit")),
        made("POST /note", "audit", "server", 14, 900, below="GET later"),
    ],
    "a wait for a peer outside": [
        *chat()[:4],
        chat()[4]._replace(end=400 * MS),
        made("out", "prompts", "client", 22, 399, below="GET /prompt", **call_of("pay.example")),
    ],
    "a wait for what is missing": [*chat(prompts=400), made("SELECT", "prompts", "client", 22, 400, below="lost")],
    "a service alone": [made("GET /", "gate", start=0, end=2000)],
    "a span that ended before it began": [made("GET /", "gate", start=10, end=0)],
    "nothing": [],
}


@pytest.mark.parametrize("spans", FINE.values(), ids=FINE)
def test_what_just_works_is_not_blamed(spans: list[TraceSpan]) -> None:
    assert slowness(spans) == []


@given(ANY_SPANS)
def test_any_spans_at_all_are_judged_alike_in_any_order(spans: list[TraceSpan]) -> None:
    found = slowness(spans)

    assert found == slowness(spans[::-1])
    assert all(0 <= each.share <= 1 and each.usual >= 0 for each in found)
