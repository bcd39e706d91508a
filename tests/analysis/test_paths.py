"""A path of services over many traces."""

from __future__ import annotations

import pytest
from hypothesis import given

from platform_otel.analysis.paths import LONGEST, Spread, paths, spread
from platform_otel.analysis.tree import TraceSpan
from tests.analysis.making import ANY_SPANS, MS, call_of, made


def chat(trace: str, work: int = 10) -> list[TraceSpan]:
    """Gate calls identity, which works some milliseconds and then asks meter for 5; gate calls audit, too."""
    return [
        made("GET /chat", "gate", start=0, end=100, trace=trace),
        made("GET", "gate", "client", 1, 13 + work, below="GET /chat", trace=trace, **call_of("identity")),
        made("GET /who", "identity", "server", 3, 11 + work, below="GET", trace=trace),
        made("POST", "identity", "client", 4, 10, below="GET /who", status="error", trace=trace, **call_of("meter")),
        made("POST /count", "meter", "server", 5, 9, below="POST", trace=trace),
        made("note", "gate", "client", 60, 70, below="GET /chat", trace=trace, **call_of("audit")),
        made("POST /note", "audit", "server", 61, 69, below="note", trace=trace),
    ]


MANY = [span for number in range(1, 101) for span in chat(f"{number:03}", work=number)]


def test_the_paths_that_traces_take_are_known_with_how_many_do() -> None:
    known = paths([*MANY, made("GET /health", "gate", trace="x")]).known

    assert known == [(("gate", "identity", "meter"), 100), (("gate", "audit"), 100), (("gate",), 1)]


def test_each_hop_of_the_most_usual_path_is_split_over_all_traces() -> None:
    found = paths(MANY)

    outside, first, second = found.hops
    assert (found.path, found.traces) == (("gate", "identity", "meter"), 100)
    assert (outside.caller, outside.callee, outside.wait) == (None, "gate", Spread(100 * MS, 100 * MS, 100 * MS))
    assert outside.parts["own"] == Spread(31 * MS, 72 * MS, 76 * MS)
    assert (first.caller, first.callee, first.calls, first.failed) == ("gate", "identity", 100, 0)
    assert first.wait == Spread(62 * MS, 107 * MS, 111 * MS)
    assert first.parts["network"] == Spread(4 * MS, 4 * MS, 4 * MS)
    assert first.parts["own"] == Spread(52 * MS, 97 * MS, 101 * MS)
    assert first.parts["waited"] == Spread(6 * MS, 6 * MS, 6 * MS)
    assert first.worst == ("100", 112 * MS)
    assert (second.callee, second.failed, second.parts["own"].p50) == ("meter", 100, 4 * MS)


def test_a_path_may_begin_and_end_anywhere() -> None:
    assert [hop.callee for hop in paths(MANY, ("identity", "meter")).hops] == ["meter"]
    assert [hop.callee for hop in paths(MANY, ("gate", "identity")).hops] == ["gate", "identity"]
    assert [hop.callee for hop in paths(MANY, ("gate",)).hops] == ["gate"]


@pytest.mark.parametrize("path", [("gate", "meter"), ("meter", "gate"), ("nobody",)])
def test_a_path_that_no_trace_takes_has_no_hops(path: tuple[str, ...]) -> None:
    found = paths(MANY, path)

    assert (found.path, found.traces, found.hops) == (path, 0, [])


def test_services_that_call_each_other_in_turns_do_not_make_paths_without_end() -> None:
    turns = [made(f"{n}", f"s{n % 2}", below=f"{n - 1}" if n else "") for n in range(3000)]

    assert [len(path) for path, _ in paths(turns).known] == [LONGEST]


def test_quantiles_are_by_nearest_rank() -> None:
    assert spread([7]) == Spread(7, 7, 7)
    assert spread(range(1, 101)) == Spread(50, 95, 99)


@given(ANY_SPANS)
def test_any_spans_at_all_take_paths(spans: list[TraceSpan]) -> None:
    found = paths(spans)

    assert bool(found.known) == bool(spans)
    assert [hop.caller for hop in found.hops if hop.caller is not None] == list(found.path[:-1])
    assert all(min(hop.wait) >= 0 for hop in found.hops)
    assert found == paths(spans[::-1])
