"""Which services call which, and whom they call that is not traced."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from platform_otel.analysis.family import families, unanswered
from platform_otel.analysis.service_map import MOST_GHOSTS, MapCall, ghost_calls, map_of
from platform_otel.analysis.tree import TraceSpan
from tests.analysis.making import ANY_SPANS, MS, asked, call_of, made


def test_calls_between_services_have_the_durations_of_the_callee() -> None:
    spans = [
        made("GET /", "gate"),
        made("GET", "gate", "client", below="GET /", **call_of("identity")),
        made("GET /who", "identity", end=7, below="GET", status="error", **asked("identity")),
    ]

    assert map_of(spans) == [MapCall("gate", "identity", [7 * MS], 1)]


@pytest.mark.parametrize(
    ("kind", "attributes", "name", "peer"),
    [
        ("client", {"server__address": "pay.example", "server__port": 443}, "pay.example", "service"),
        ("client", {"url__full": "http://user:secret@pay.example:8443/x?y=http://z"}, "pay.example:8443", "service"),
        ("client", {"http__url": "https://[::1]/x"}, "::1", "service"),
        ("client", {"net__peer__name": "old", "net__peer__port": 9}, "old:9", "service"),
        ("client", {"peer__service": "Payments", "server__address": "x"}, "Payments", "service"),
        ("client", {"db__system__name": "postgresql", "server__address": "db"}, "postgresql db", "database"),
        ("client", {"db__system": "sqlite", "db__namespace": "main"}, "sqlite main", "database"),
        (
            "producer",
            {"messaging__system": "kafka", "messaging__destination__name": "orders"},
            "kafka orders",
            "messaging",
        ),
    ],
)
def test_a_peer_that_is_not_traced_is_a_ghost_named_by_its_caller(
    kind: str, attributes: dict[str, Any], name: str, peer: str
) -> None:
    assert map_of([made("a", "gate", kind, **attributes)]) == [MapCall("gate", name, [10 * MS], 0, peer)]


def test_who_is_traced_elsewhere_is_no_ghost() -> None:
    spans = [
        made("a", "gate", "client", **call_of("identity")),
        made("b", "identity", trace="u", **asked("identity")),
        made("c", "gate", "client", trace="v", peer__service="identity"),
        made("d", "gate", "client", trace="w", server__address="identity.internal", server__port=1),
    ]

    assert map_of(spans) == []


def test_a_client_on_top_of_a_client_is_one_call() -> None:
    spans = [
        made("outer", "gate", "client", **call_of("x")),
        made("between", "gate", "internal", below="outer"),
        made("inner", "gate", "client", below="between", **call_of("x")),
        made("connect", "gate", "internal", below="inner"),
    ]

    assert [span.name for span in unanswered(families(spans))] == ["inner"]


def test_a_peer_with_an_address_for_each_call_does_not_fill_the_map() -> None:
    many = [made(f"{number}", "gate", "client", server__address=f"host{number}") for number in range(300)]
    often = [made(f"often{number}", "gate", "client", server__address="often") for number in range(3)]

    ghosts = ghost_calls(families(many + often))

    assert len(ghosts) == MOST_GHOSTS
    assert "often" in {ghost.callee for ghost in ghosts}


@given(ANY_SPANS)
def test_any_spans_at_all_are_a_map(spans: list[TraceSpan]) -> None:
    # Not of the spans as they are: of those with the same ids one stays.
    services = {node.span.service for node in families(spans).nodes}

    for call in map_of(spans):
        assert call.caller in services
        assert (call.callee in services) == (call.peer == "")
        assert min(call.durations) >= 0
    assert map_of(spans) == map_of(spans[::-1])
