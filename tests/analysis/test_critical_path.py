"""Which span the answer waited for at each moment, and how long each was at work itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings

from platform_otel.analysis.trace import analyse
from platform_otel.analysis.tree import TraceSpan, duration
from tests.analysis.any_trace import ANY_SPANS
from tests.analysis.hand_made import CHAIN, FAN_OUT, GIVEN_UP, MESSAGE, MS, RETRY, SKEW, made


def path(spans: Sequence[TraceSpan]) -> list[tuple[str, int, int]]:
    return [(step.span.span_id, step.start // MS, step.end // MS) for step in analyse(spans).critical_path]


def test_the_critical_path_of_a_chain_goes_down_and_up_again() -> None:
    assert path(CHAIN) == [
        ("gate", 0, 10), ("call", 10, 20), ("meter", 20, 30), ("query", 30, 50), ("meter", 50, 80), ("call", 80, 90),
        ("gate", 90, 100),
    ]  # fmt: skip


def test_of_parallel_calls_the_one_that_ends_last_is_on_the_path() -> None:
    assert path(FAN_OUT) == [
        ("gate", 0, 20), ("to meter", 20, 30), ("meter", 30, 80), ("to meter", 80, 90), ("gate", 90, 100),
    ]  # fmt: skip


def test_of_calls_one_after_the_other_all_are_on_the_path() -> None:
    assert [name for name, *_ in path(RETRY)] == [
        "gate", "first", "meter 1", "first", "gate", "second", "meter 2", "second", "gate",
    ]  # fmt: skip


def test_what_is_not_waited_for_is_not_on_the_path() -> None:
    assert path(MESSAGE) == [("gate", 0, 10), ("send", 10, 20), ("gate", 20, 50)]


def test_what_outlives_its_call_is_on_the_path_until_the_calls_end() -> None:
    assert path(GIVEN_UP) == [("gate", 0, 10), ("call", 10, 15), ("meter", 15, 40), ("gate", 40, 50)]


def test_of_those_that_outlive_their_parent_the_one_that_ends_last_is_on_the_path() -> None:
    spans = [
        made("gate", "", "gate", "server", 0, 50),
        made("later", "gate", "gate", "internal", 20, 80),
        made("earlier", "gate", "gate", "internal", 10, 60),
    ]

    assert path(spans) == [("gate", 0, 20), ("later", 20, 50)]


def test_the_path_is_on_one_clock() -> None:
    assert path(SKEW) == path(CHAIN)


@pytest.mark.parametrize(
    "spans, expected",
    [
        (CHAIN, {"gate": 20, "call": 20, "meter": 40, "query": 20}),
        (FAN_OUT, {"gate": 20, "to prices": 10, "prices": 40, "to meter": 20, "meter": 50}),
        (MESSAGE, {"gate": 40, "send": 10, "work": 60, "call": 10, "meter": 30}),
        (GIVEN_UP, {"gate": 20, "call": 5, "meter": 80}),
    ],
)
def test_self_time_is_what_no_child_took(spans: list[TraceSpan], expected: dict[str, int]) -> None:
    assert {name: time // MS for name, time in analyse(spans).self_times.items()} == expected


@given(ANY_SPANS)
@settings(deadline=None)
def test_the_path_has_no_gap_and_is_as_long_as_its_root(spans: list[TraceSpan]) -> None:
    found = analyse(spans)
    root, steps = found.roots[0].span, found.critical_path
    moments = [root.start, *(step.end for step in steps)]

    assert [step.start for step in steps] == moments[:-1]
    assert moments[-1] == root.end
    assert all(step.start < step.end for step in steps)


@given(ANY_SPANS)
@settings(deadline=None)
def test_self_time_is_between_nothing_and_all_of_a_span(spans: list[TraceSpan]) -> None:
    times = analyse(spans).self_times

    assert all(0 <= times[span.span_id] <= duration(span) for span in spans)
