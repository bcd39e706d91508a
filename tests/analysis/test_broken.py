"""Where context got lost is told with its cause, and what has a sound explanation is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from platform_otel.analysis.broken import BrokenLink, broken_links
from platform_otel.analysis.tree import TraceSpan
from tests.analysis.making import ANY_SPANS, MS, asked, call_of, made

MANY = 10
SECOND = 1000


def the_link(spans: list[TraceSpan]) -> BrokenLink:
    (link,) = broken_links(spans)
    return link


def whole(trace: str, at: int = 0, off: int = 0) -> list[TraceSpan]:
    """Gate calls identity, whose clock is off by some milliseconds."""
    return [
        made("GET /", "gate", start=at, end=at + 20, trace=trace),
        made("GET", "gate", "client", at + 1, at + 19, below="GET /", trace=trace, **call_of("identity", "/who")),
        made(
            "GET /who", "identity", "server", at + off + 4, at + off + 16,
            below="GET", trace=trace, remote=True, **asked("identity", "/who"),
        ),
    ]  # fmt: skip


def begun_anew(trace: str, at: int = 0, **more: object) -> list[TraceSpan]:
    """The same, but that identity begins a trace."""
    gate, call, entry = whole(trace, at)
    attributes = {**entry.attributes, **{key.replace("__", "."): value for key, value in more.items()}}
    return [gate, call, entry._replace(trace_id=f"{trace} anew", parent_id="", remote=None, attributes=attributes)]


def untraced(trace: str, at: int, inside: bool = True) -> list[TraceSpan]:
    """Gate calls a proxy that is not traced, while a trace begins at identity, or elsewhen."""
    begun = at + 5 if inside else at + 500
    return [
        made("GET /", "gate", start=at, end=at + 20, trace=trace),
        made("GET", "gate", "client", at + 1, at + 19, below="GET /", trace=trace, **call_of("proxy", "/in")),
        made("GET /who", "identity", "server", begun, begun + 10, trace=f"{trace} anew", **asked("identity", "/who")),
    ]


# --- Causes -----------------------------------------------------------------------------------------------------------


def test_a_trace_that_begins_within_a_call_of_the_same_request_is_a_header_that_was_not_forwarded() -> None:
    link = the_link([*begun_anew("t"), *begun_anew("u", at=30), *whole("v", at=50)])

    assert link[:4] == ("header_not_forwarded", "gate", "identity", "GET /who")
    assert (link.times, link.first_seen, link.last_seen) == (2, 4 * MS, 34 * MS)
    assert link.example.caller is not None
    assert (link.example.caller.trace_id, link.example.callee.trace_id) == ("u", "u anew")
    assert "gate called identity:8000 2 times" in link.evidence


def test_calls_at_the_same_time_are_matched_one_by_one() -> None:
    link = the_link([span for number in range(MANY) for span in begun_anew(f"{number}", at=number % 3)])

    assert link.times == MANY


def test_a_header_of_another_tracer_is_named_with_who_sent_it() -> None:
    link = the_link(begun_anew("t", platform_trace__ignored_context="b3,x-b3-traceid"))

    assert link[:4] == ("foreign_header", "gate", "identity", "GET /who")
    assert "b3, x-b3-traceid" in link.evidence


def test_a_header_of_another_tracer_is_named_when_nobody_knows_who_sent_it() -> None:
    link = the_link([made("GET /who", "identity", platform_trace__ignored_context="sentry-trace")])

    assert link[:4] == ("foreign_header", "", "identity", "GET /who")
    assert link.example.caller is None


def test_a_traceparent_that_could_not_be_read_is_called_so() -> None:
    link = the_link([made("GET /who", "identity", platform_trace__ignored_context="traceparent")])

    assert link.evidence == "the requests had a traceparent that identity could not read"


def test_traces_that_begin_whenever_an_untraced_peer_is_called_have_an_untraced_caller() -> None:
    link = the_link([span for number in range(MANY) for span in untraced(f"{number}", at=number * SECOND)])

    assert link[:4] == ("caller_not_traced", "proxy:8000", "identity", "GET /who")
    assert link.times == MANY


def test_a_message_whose_consumer_begins_a_trace_has_lost_its_header() -> None:
    topic: dict[str, Any] = {"messaging__system": "kafka", "messaging__destination__name": "orders"}
    spans = [
        made("send orders", "gate", "producer", **topic),
        made("process orders", "mailer", "consumer", 500, 510, trace="u", **topic),
    ]

    assert the_link(spans)[:4] == ("header_not_forwarded", "gate", "mailer", "process orders")


def test_a_parent_in_another_process_that_is_missing_from_a_trace_never_arrived() -> None:
    gate, call, entry = whole("t")

    link = the_link([gate, entry, *whole("u")])

    assert call.span_id == entry.parent_id
    assert link[:4] == ("parent_never_arrived", "gate", "identity", "GET /who")


def test_a_parent_of_the_same_process_that_is_missing_never_arrived() -> None:
    link = the_link([made("SELECT", "gate", "client", below="lost", remote=False, db__system="sqlite")])

    assert link[:4] == ("parent_never_arrived", "gate", "gate", "SELECT")
    assert link.evidence == "spans of gate itself are not there, once, though their children are"


def test_a_caller_of_which_other_traces_have_spans_was_sampled_out() -> None:
    link = the_link([*whole("t"), *whole("u"), whole("v")[2]])

    assert link[:4] == ("sampled_out", "gate", "identity", "GET /who")
    assert "1 of 3 calls" in link.evidence


@pytest.mark.parametrize("off", [200, -200])
def test_a_clock_that_is_off_is_named_with_how_far_it_is(off: int) -> None:
    others = [
        made("GET /", "gate", start=0, end=9, trace="x"),
        made("GET", "gate", "client", 1, 8, below="GET /", trace="x", **call_of("meter")),
        made("POST /count", "meter", "server", 2, 7, below="GET", trace="x", **asked("meter")),
    ]

    link = the_link([*others, *whole("t", off=off), *whole("u", at=1000, off=off)])

    assert (link.cause, link.service) == ("clock_skew", "identity")
    assert link.behind == pytest.approx(-off * MS, abs=5 * MS)
    assert f"200 ms {'ahead of' if off > 0 else 'behind'} gate's" in link.evidence


def test_only_the_clock_that_is_off_is_named_however_many_services_are_behind_it() -> None:
    spans = whole("t", off=-200)
    for number in range(5):
        # These hops are so long that the clock's being off does not show in them.
        call = made(f"call{number}", "identity", "client", -190, 400, below="GET /who", **call_of(f"s{number}"))
        spans += [call, made(f"GET /{number}", f"s{number}", "server", 20, 22, below=f"call{number}")]

    assert the_link(spans).service == "identity"


def test_a_trace_that_began_anew_is_found_though_the_clock_is_off_too() -> None:
    skewed = [span for number in range(MANY) for span in whole(f"{number}", at=number * SECOND, off=-200)]
    gate, call, entry = begun_anew("x", at=100 * SECOND)
    late = entry._replace(start=entry.start - 200 * MS, end=entry.end - 200 * MS)
    meter = made("POST /count", "meter", "server", 5, 6, below="GET", trace="0")

    found = {link.cause: link for link in broken_links([*skewed, meter, gate, call, late])}

    assert set(found) == {"clock_skew", "header_not_forwarded"}
    assert found["clock_skew"].service == "identity"


# --- What is sound ----------------------------------------------------------------------------------------------------

FAILED: dict[str, Any] = {"status": "error", "error__type": "ConnectionRefusedError"}
SOUND = {
    "a whole trace": whole("t"),
    "requests from outside": [made(f"{n}", "gate", start=n, end=n + 9, trace=f"{n}") for n in range(MANY)],
    "a browser's requests while a peer is called": [
        span._replace(attributes={**span.attributes, "user_agent.original": "Mozilla/5.0"})
        for number in range(MANY)
        for span in untraced(f"{number}", at=number * SECOND)
    ],
    "requests from outside beside calls of a peer": [
        span for number in range(MANY) for span in untraced(f"{number}", at=number * SECOND, inside=number % 2 == 0)
    ],
    "a peer outside": [made("GET", "gate", "client", **call_of("pay.example"))],
    "a call that reached nobody": [
        made("GET", "gate", "client", 0, 9, **FAILED, **call_of("identity")),
        made("GET /who", "identity", start=50, end=60, trace="u", **asked("identity")),
    ],
    "another request at the same time": [
        made("GET", "gate", "client", 0, 9, **FAILED, **call_of("identity", "/a")),
        made("GET /b", "identity", start=2, end=6, trace="u", **asked("identity", "/b")),
    ],
    "another server at the same time": [
        made("GET", "gate", "client", 0, 9, **call_of("pay.example")),
        made("GET /", "identity", start=2, end=6, trace="u", **asked("identity")),
    ],
    "a message whose consumer has a link": [
        made("send", "gate", "producer", messaging__destination__name="orders"),
        made("process", "mailer", "consumer", 5, 9, trace="u", links=1, messaging__destination__name="orders"),
    ],
    "a server that works on when its answer is out": [
        made("GET", "gate", "client", 0, 9, **call_of("audit")),
        made("POST /", "audit", "server", 1, 400, below="GET", **asked("audit")),
    ],
    "a server that begins when its client has given up": [
        made("GET", "gate", "client", 0, 9, status="error", **call_of("audit")),
        made("POST /", "audit", "server", 300, 305, below="GET", **asked("audit")),
    ],
    "clocks that differ by a millisecond": whole("t", off=-4),
    "a circle of parents": [made("a", "gate", below="b"), made("b", "gate", below="a")],
    "a span that is its own parent": [made("a", "gate", below="a")],
    "nothing": [],
}


@pytest.mark.parametrize("spans", SOUND.values(), ids=SOUND)
def test_what_is_sound_is_not_blamed(spans: list[TraceSpan]) -> None:
    assert broken_links(spans) == []


def test_what_may_still_arrive_is_not_missing() -> None:
    entry = whole("v")[2]

    assert broken_links([entry], until=entry.end - 1) == []
    assert len(broken_links([entry], until=entry.end)) == 1


# --- Any spans --------------------------------------------------------------------------------------------------------


@given(ANY_SPANS)
def test_any_spans_at_all_are_judged_alike_in_any_order(spans: list[TraceSpan]) -> None:
    found = broken_links(spans)

    assert found == broken_links(spans[::-1])
    assert all(link.times > 0 and link.first_seen <= link.last_seen for link in found)


def test_a_trace_as_deep_as_can_be_is_no_trouble() -> None:
    deep = [made(f"{n}", f"s{n % 3}", "server", n, 9000 - n, below=f"{n - 1}" if n else "") for n in range(4000)]

    assert broken_links(deep) == []
