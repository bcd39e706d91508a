"""Errors are told by where they began."""

from __future__ import annotations

from typing import Any

from hypothesis import given

from platform_otel.analysis.errors import Origin, error_groups
from platform_otel.analysis.tree import TraceSpan
from tests.analysis.making import ANY_SPANS, MS, call_of, made


def chain(trace: str, *, at: int = 0) -> list[TraceSpan]:
    """An error of prompts that fails llm-gateway and gate."""
    spans = [
        made("GET /chat", "gate", start=at, end=at + 9, status="error", trace=trace),
        made("work", "gate", "internal", start=at, end=at + 9, below="GET /chat", trace=trace),
        made("GET", "gate", "client", start=at, end=at + 8, below="work", status="error", trace=trace),
        made("POST /complete", "llm-gateway", start=at, end=at + 7, below="GET", status="error", trace=trace),
        made("GET /prompt", "prompts", start=at, end=at + 6, below="POST /complete", status="error", trace=trace),
    ]
    return [*spans[:4], spans[4]._replace(exception="KeyError", message="no such prompt")]


def test_an_error_begins_at_the_deepest_span_that_failed() -> None:
    (group,) = error_groups(chain("t"))

    assert group.origin == Origin("prompts", "GET /prompt", "server", "KeyError")
    assert group.took_down == [("gate", 1), ("llm-gateway", 1)]
    assert group.message == "no such prompt"


def test_a_group_says_how_often_since_when_and_until_when() -> None:
    (group,) = error_groups([*chain("t"), *chain("u", at=100), *chain("v", at=50)])

    assert (group.times, group.traces) == (3, 3)
    assert (group.first_seen, group.last_seen) == (6 * MS, 106 * MS)
    assert group.example.trace_id == "u"


def test_a_service_that_coped_is_not_taken_down_and_its_own_error_is_its_own() -> None:
    spans = [
        made("GET /", "gate", status="error", exception="ValueError"),
        made("POST /note", "audit", below="GET /"),
        made(
            "POST", "audit", "client", below="POST /note", status="error", error__type="ConnectTimeout", **call_of("x")
        ),
    ]

    groups = error_groups(spans)

    assert [(group.origin.service, group.origin.type, group.took_down) for group in groups] == [
        ("audit", "ConnectTimeout", []),
        ("gate", "ValueError", []),
    ]
    assert groups[0].peer == "x:8000"


def test_an_error_without_exception_is_told_by_its_type_or_its_status_code() -> None:
    attributes: list[dict[str, Any]] = [{"error__type": "timeout"}, {"http__response__status_code": 503}, {}]

    groups = [error_groups([made("a", "gate", status="error", **each)])[0] for each in attributes]

    assert [group.origin.type for group in groups] == ["timeout", "503", ""]


def test_traces_without_error_have_no_group() -> None:
    assert error_groups([made("a", "gate"), made("b", "gate", "client", below="a")]) == []


@given(ANY_SPANS)
def test_wherever_there_is_an_error_one_began(spans: list[TraceSpan]) -> None:
    groups = error_groups(spans)

    # Of two spans with one id, the one that ended last is there.
    assert bool(groups) <= any(span.status == "error" for span in spans)
    assert all(group.origin.service not in dict(group.took_down) for group in groups)
    assert groups == error_groups(spans[::-1])
