"""Whom each service waited for and what the waits were made of: hand-made traces, and rules that hold for any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_otel.analysis.alignment import align
from platform_otel.analysis.calls import calls
from platform_otel.analysis.hops import hops
from platform_otel.analysis.intervals import covered
from platform_otel.analysis.trace import analyse
from platform_otel.analysis.tree import TraceSpan, build_tree
from tests.analysis.any_trace import ANY_SPANS
from tests.analysis.hand_made import (
    ATTEMPTS_BELOW_ONE_CALL,
    BEHIND_THE_ANSWER,
    CHAIN,
    EXAMPLE,
    FAN_OUT,
    GIVEN_UP,
    HEDGED,
    HOUR,
    ITSELF,
    MESSAGE,
    MS,
    NO_CLIENT_SPAN,
    NO_PARENT,
    NO_SERVER_SPAN,
    PARALLEL,
    REFUSED,
    RETRY,
    SKEW,
    SKEWED_ATTEMPTS,
    STREAM,
    WRAPPED,
    made,
)


class Row(NamedTuple):
    """A hop as one writes it down; times in milliseconds."""

    caller: str | None
    callee: str
    wait: int
    network: int = 0
    own: int = 0
    waited: int = 0
    unseen: int = 0
    outlived: int = 0
    calls: int = 1
    failed: int = 0
    unpaired: int = 0
    is_waited_for: bool = True


def table(spans: Sequence[TraceSpan]) -> list[Row]:
    return [
        Row(
            hop.caller,
            hop.callee,
            hop.wait // MS,
            **{name: part // MS for name, part in hop.parts._asdict().items()},
            calls=hop.calls,
            failed=hop.failed,
            unpaired=hop.unpaired,
            is_waited_for=hop.is_waited_for,
        )
        for hop in analyse(spans).hops
    ]


def outside(service: str, wait: int, own: int, waited: int) -> Row:
    """What came from outside: of the wait, only the work is known."""
    return Row(None, service, wait, own=own, waited=waited, unpaired=1)


# --- Traces and their tables, by hand ---------------------------------------------------------------------------------

TABLES = {
    "a chain": (
        CHAIN,
        [
            outside("gate", 100, own=20, waited=80),
            Row("gate", "meter", 80, network=20, own=40, waited=20),
            Row("meter", "sqlite", 20, unseen=20),
        ],
    ),
    "a fan-out": (
        FAN_OUT,
        [
            outside("gate", 100, own=20, waited=80),
            Row("gate", "prices", 50, network=10, own=40),
            Row("gate", "meter", 70, network=20, own=50),
        ],
    ),
    "parallel calls of one hop": (
        PARALLEL,
        [
            outside("gate", 100, own=20, waited=80),
            Row("gate", "meter", 80, network=5 + 20, own=15 + 40, calls=2),
        ],
    ),
    "the example of the documentation": (
        EXAMPLE,
        [
            outside("gate", 100, own=20, waited=80),
            Row("gate", "meter", 80, network=5 + 20, own=15 + 20, waited=20, calls=2),
            Row("meter", "sqlite", 20, unseen=20),
        ],
    ),
    "a retry": (
        RETRY,
        [
            outside("gate", 100, own=40, waited=60),
            Row("gate", "meter", 20 + 40, network=4 + 10, own=16 + 30, calls=2, failed=1),
        ],
    ),
    "a retry after a refused connection": (
        REFUSED,
        [
            outside("gate", 100, own=55, waited=45),
            Row("gate", "prices:8001", 5, unseen=5, failed=1),
            Row("gate", "prices", 40, network=10, own=30),
        ],
    ),
    "attempts below one call": (
        ATTEMPTS_BELOW_ONE_CALL,
        [
            outside("gate", 100, own=20, waited=80),
            Row("gate", "meter", 80, network=30, own=20 + 30),
        ],
    ),
    "attempts at once below one call": (
        HEDGED,
        [
            outside("gate", 100, own=20, waited=80),
            Row("gate", "meter", 80, network=15, own=65),
        ],
    ),
    "a message": (
        MESSAGE,
        [
            outside("gate", 50, own=40, waited=10),
            Row("gate", "worker", 10, network=10, is_waited_for=False),
            Row("worker", "meter", 40, network=10, own=30),
        ],
    ),
    "a clock an hour ahead": (
        SKEW,
        [
            outside("gate", 100, own=20, waited=80),
            Row("gate", "meter", 80, network=20, own=40, waited=20),
            Row("meter", "sqlite", 20, unseen=20),
        ],
    ),
    "attempts by a clock an hour behind": (
        SKEWED_ATTEMPTS,
        [
            outside("gate", 100, own=20, waited=80),
            Row("gate", "meter", 80, network=30, own=20 + 30),
        ],
    ),
    "no client span": (
        NO_CLIENT_SPAN,
        [
            outside("gate", 100, own=40, waited=60),
            Row("gate", "meter", 60, own=60, unpaired=1),
        ],
    ),
    "no server span": (
        NO_SERVER_SPAN,
        [
            outside("gate", 100, own=20, waited=80),
            Row("gate", "prices:8001", 80, unseen=80),
        ],
    ),
    "no parent": (
        NO_PARENT,
        [
            outside("gate", 100, own=20, waited=80),
            Row("gate", "prices:8001", 80, unseen=80),
            outside("meter", 60, own=60, waited=0),
        ],
    ),
    "a call given up": (
        GIVEN_UP,
        [
            outside("gate", 50, own=20, waited=30),
            Row("gate", "meter", 30, own=80, outlived=50, failed=1),
        ],
    ),
    "a stream": (
        STREAM,
        [
            outside("gate", 100, own=80, waited=20),
            Row("gate", "meter", 20, own=30, waited=40, outlived=50),
            Row("meter", "prices", 40, network=10, own=30),
        ],
    ),
    "work behind the answer": (
        BEHIND_THE_ANSWER,
        [
            outside("gate", 100, own=20, waited=80),
            Row("gate", "meter", 80, network=25, own=55),
        ],
    ),
    "a client on top of a client": (
        WRAPPED,
        [
            outside("gate", 100, own=40, waited=60),
            Row("gate", "meter", 60, network=20, own=40),
        ],
    ),
    "a service that asks itself": (
        ITSELF,
        [
            outside("gate", 100, own=20, waited=80),
            Row("gate", "gate", 80, network=20, own=60),
        ],
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_table_is_as_worked_out_by_hand(name: str) -> None:
    spans, expected = TABLES[name]

    assert table(spans) == expected


def test_a_clock_that_differs_is_named_with_by_how_much() -> None:
    (skew,) = analyse(SKEW).skews

    assert (skew.caller, skew.callee, skew.shift) == ("gate", "meter", (20 - HOUR) * MS)


@pytest.mark.parametrize("spans", [BEHIND_THE_ANSWER, GIVEN_UP, STREAM, MESSAGE, PARALLEL])
def test_where_times_can_be_as_they_say_no_clock_is_blamed(spans: list[TraceSpan]) -> None:
    found = analyse(spans)

    assert found.skews == []
    assert set(found.shifts.values()) == {0}


def test_two_services_of_one_machine_are_moved_together() -> None:
    behind = [
        made("call", "", "gate", "client", 0, 100),
        made("meter", "call", "meter", "server", HOUR, HOUR + 80),
        made("ask", "meter", "meter", "client", HOUR + 1, HOUR + 79),
        made("prices", "ask", "prices", "server", HOUR + 2, HOUR + 3),
    ]
    found = analyse(behind)

    assert len(found.skews) == 1
    assert set(found.shifts.values()) == {0, (10 - HOUR) * MS}


def test_a_server_that_took_longer_than_its_call_begins_with_it_by_any_clock() -> None:
    spans = [
        made("call", "", "gate", "client", 0, 10),
        made("meter", "call", "meter", "server", -500, 0),
    ]

    assert table(spans)[1] == Row("gate", "meter", 10, own=500, outlived=490)


# --- Any trace at all -------------------------------------------------------------------------------------------------


@given(ANY_SPANS)
@settings(deadline=None)
def test_the_parts_sum_to_the_whole_and_none_is_negative(spans: list[TraceSpan]) -> None:
    for hop in analyse(spans).hops:
        assert hop.parts.wait == hop.wait
        assert min(hop.parts) >= 0
        assert hop.wait >= 0


@given(ANY_SPANS)
@settings(deadline=None)
def test_each_call_is_as_long_as_its_parts(spans: list[TraceSpan]) -> None:
    for call in calls(align(build_tree(spans)).roots):
        assert call.parts.wait == call.end - call.start
        # That a server took longer than its client waited is the one way for network-and-queue to be less than nothing.
        assert call.parts.outlived == 0 or call.parts.network == 0


@given(ANY_SPANS)
@settings(deadline=None)
def test_what_is_parallel_counts_once(spans: list[TraceSpan]) -> None:
    found = calls(align(build_tree(spans)).roots)
    for hop in hops(found):
        key = (hop.caller, hop.callee, hop.is_seen, hop.is_waited_for)
        of_hop = [call for call in found if (call.caller, call.callee, call.is_seen, call.is_waited_for) == key]

        assert hop.wait == covered((call.start, call.end) for call in of_hop)
        assert hop.calls == len(of_hop)


@given(ANY_SPANS, st.randoms(use_true_random=False), st.integers(0, 3))
@settings(deadline=None)
def test_neither_the_order_of_the_input_nor_repeats_change_anything(
    spans: list[TraceSpan], random: object, n: int
) -> None:
    mixed = [*spans, *spans[:n]]
    random.shuffle(mixed)  # type: ignore[attr-defined]  # Hypothesis calls its type by another name

    assert analyse(mixed) == analyse(spans)


@given(
    st.lists(st.integers(-(10**15), 10**15), min_size=3, max_size=3),
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=6, max_size=6),
)
@settings(deadline=None)
def test_no_clock_changes_a_chain_of_calls(clocks: list[int], margins: list[tuple[int, int]]) -> None:
    by_one_clock = chain_of(margins, [0, 0, 0])
    by_their_own = chain_of(margins, clocks)

    assert analyse(by_their_own).hops == analyse(by_one_clock).hops


def chain_of(margins: Sequence[tuple[int, int]], clocks: Sequence[int]) -> list[TraceSpan]:
    """Gate asks meter, meter asks prices; each span lies within the one before it, by these margins."""
    start, end = 0, 10_000
    spans = []
    for number, (before, after) in enumerate(margins):
        start, end = start + before, end - after
        service, kind = ("gate", "meter", "prices")[number // 2], ("server", "client")[number % 2]
        clock = clocks[number // 2]
        parent = str(number - 1) if number else ""
        spans.append(TraceSpan("t", str(number), parent, service, "", kind, start + clock, end + clock, "", "", {}))
    return spans


# --- Large and deep ones ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["deep", "wide"])
def test_a_trace_may_be_deeper_and_wider_than_python_recurses(shape: str) -> None:
    size = 12_000
    spans = [
        made(
            str(number), str(number - 1 if shape == "deep" else 0) if number else "", f"s{number // 2}",
            "client" if number % 2 else "server", number, 2 * size - number,
        )
        for number in range(size)
    ]  # fmt: skip
    found = analyse(spans)

    assert len(found.self_times) == size
    assert sum(step.end - step.start for step in found.critical_path) == 2 * size * MS
    assert found.hops[0].wait == 2 * size * MS
