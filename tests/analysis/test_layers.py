"""Where the nodes of a map are drawn."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_otel.analysis.layers import Edge, Position, crossings, positions

GRAPHS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")), max_size=20)


def rows_of(found: dict[str, Position]) -> list[list[str]]:
    rows: list[list[str]] = [[] for _ in range(1 + max(position.layer for position in found.values()))]
    for name in sorted(found, key=lambda name: found[name]):
        rows[found[name].layer].append(name)
    return rows


def test_each_service_is_below_those_that_call_it() -> None:
    found = positions(["gate", "alone"], [("gate", "identity"), ("identity", "db"), ("gate", "db")])

    assert {name: position.layer for name, position in found.items()} == {"gate": 0, "alone": 0, "identity": 1, "db": 2}


def test_services_that_call_each_other_in_a_circle_are_in_the_order_of_the_calls() -> None:
    found = positions([], [("gate", "a"), ("a", "b"), ("b", "c"), ("c", "a"), ("c", "c")])

    assert [found[name].layer for name in ("gate", "a", "b", "c")] == [0, 1, 2, 3]


def test_a_circle_that_nobody_calls_begins_where_most_calls_go_out() -> None:
    found = positions([], [("a", "hub"), ("hub", "a"), ("hub", "b"), ("hub", "c")])

    assert found["hub"].layer == 0


def test_calls_that_need_not_cross_do_not() -> None:
    edges = [("a", "z"), ("b", "y"), ("c", "x"), ("x", "3"), ("y", "2"), ("z", "1")]

    assert crossings(rows_of(positions([], edges)), edges) == 0


@pytest.mark.parametrize(
    "edges",
    [
        [("a", "p"), ("a", "q"), ("b", "p"), ("b", "r"), ("c", "q"), ("c", "s")],
        [("a", "r"), ("b", "p"), ("c", "q"), ("a", "q"), ("b", "s")],
    ],
)
def test_there_are_as_few_crossings_as_any_order_has(edges: list[Edge]) -> None:
    upper, lower = rows_of(positions([], edges))

    fewest = min(
        crossings([list(one), list(other)], edges) for one in permutations(upper) for other in permutations(lower)
    )
    assert crossings([upper, lower], edges) == fewest


def test_a_long_chain_and_a_wide_fan_are_no_trouble() -> None:
    chain = [(f"{number:05}", f"{number + 1:05}") for number in range(5000)]
    fan = [("00000", f"leaf {number}") for number in range(1000)]

    found = positions([], chain + fan)

    assert found["05000"].layer == 5000
    assert len(found) == 6001


@given(GRAPHS)
def test_every_node_has_a_place_of_its_own_and_no_layer_is_empty(edges: list[Edge]) -> None:
    found = positions(["a"], edges)

    assert set(found) == {"a", *(name for edge in edges for name in edge)}
    for row in rows_of(found):
        assert row
        assert [found[name].order for name in row] == list(range(len(row)))


@given(GRAPHS, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(edges: list[Edge], random: object) -> None:
    shuffled = list(edges)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis hands in a random.Random

    assert positions([], shuffled) == positions([], edges)


@given(GRAPHS.map(lambda edges: [edge for edge in edges if edge[0] < edge[1]]))
def test_without_circles_every_call_goes_down(edges: list[Edge]) -> None:
    found = positions([], edges)

    assert all(found[caller].layer < found[callee].layer for caller, callee in edges)
