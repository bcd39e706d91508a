"""Trace context and baggage in headers: every rule of the specification, and whatever a client may send instead."""

import copy
import json
import logging
import pickle
import secrets
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic, sleep
from types import MappingProxyType
from typing import Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.instrumentation.asgi import asgi_getter
from opentelemetry.instrumentation.wsgi import wsgi_getter
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import Getter, Setter, default_getter, default_setter
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from platform_otel.config import Config
from platform_otel.process import guard
from platform_otel.tracing.propagation import BaggagePropagator, TraceContextPropagator, W3CPropagator
from platform_otel.tracing.provider import PlatformTracerProvider
from platform_otel.tracing.trace_state import ReceivedTraceState
from tests.support import PATIENCE, run

TRACE = "12345678901234567890123456789012"
PARENT = "1234567890123456"
SENT = f"00-{TRACE}-{PARENT}-01"
PROPAGATOR = TraceContextPropagator()
BAGGAGE = BaggagePropagator()

# --- The cases of the W3C's own suite, by its names, sent to real servers ---------------------------------------

Headers = list[tuple[str, str]]


class Sent(NamedTuple):
    """One request of the suite: what is sent, whether the trace goes on, and the tracestate that is passed on."""

    headers: Headers
    goes_on: bool = True
    tracestate: str = ""


def parent(*values: str, goes_on: bool, name: str = "traceparent") -> Sent:
    return Sent([(name, value) for value in values], goes_on)


def state(*values: str, kept: str = "", name: str = "tracestate") -> Sent:
    return Sent([("traceparent", f"00-{TRACE}-{PARENT}-00"), *((name, value) for value in values)], tracestate=kept)


KEY_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789_-*/"
VALUE_CHARACTERS = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in ",=")
BARS = [",".join(f"bar{n:02d}={n:02d}" for n in tens) for tens in (range(1, 11), range(11, 21), range(21, 31))]

# https://github.com/w3c/trace-context/blob/main/test/test.py, at level 2 and strict: what its 41 cases send. Each with
# the section of https://www.w3.org/TR/trace-context-2/ that it is about.
SUITE: dict[str, tuple[str, list[Sent]]] = {
    "test_both_traceparent_and_tracestate_missing": ("no-traceparent-received", [Sent([], goes_on=False)]),
    "test_traceparent_included_tracestate_missing": ("a-traceparent-is-received", [parent(SENT, goes_on=True)]),
    "test_traceparent_duplicated": (
        "traceparent-header",
        [parent(SENT.replace(TRACE, TRACE[:-1] + "1"), SENT, goes_on=False)],
    ),
    "test_traceparent_header_name": (
        "header-name",
        [parent(SENT, goes_on=False, name="trace-parent"), parent(SENT, goes_on=False, name="trace.parent")],
    ),
    "test_traceparent_header_name_valid_casing": (
        "header-name",
        [parent(SENT, goes_on=True, name=name) for name in ("TraceParent", "TrAcEpArEnT", "TRACEPARENT")],
    ),
    "test_traceparent_version_0x00": (
        "version-format",
        [parent(f"{SENT}.", goes_on=False), parent(f"{SENT}-what-the-future-will-be-like", goes_on=False)],
    ),
    "test_traceparent_version_0xcc": (
        "versioning-of-traceparent",
        [
            parent(f"cc{SENT[2:]}", goes_on=True),
            parent(f"cc{SENT[2:]}-what-the-future-will-be-like", goes_on=True),
            parent(f"cc{SENT[2:]}.what-the-future-will-be-like", goes_on=False),
        ],
    ),
    "test_traceparent_version_0xff": ("version", [parent(f"ff{SENT[2:]}", goes_on=False)]),
    "test_traceparent_version_illegal_characters": (
        "version",
        [parent(f".0{SENT[2:]}", goes_on=False), parent(f"0.{SENT[2:]}", goes_on=False)],
    ),
    "test_traceparent_version_too_long": (
        "version",
        [parent(f"0{SENT}", goes_on=False), parent(f"00{SENT}", goes_on=False)],
    ),
    "test_traceparent_version_too_short": ("version", [parent(SENT[1:], goes_on=False)]),
    "test_traceparent_trace_id_all_zero": ("trace-id", [parent(f"00-{'0' * 32}-{PARENT}-01", goes_on=False)]),
    "test_traceparent_trace_id_illegal_characters": (
        "trace-id",
        [
            parent(f"00-.{TRACE[1:]}-{PARENT}-01", goes_on=False),
            parent(f"00-{TRACE[:-1]}.-{PARENT}-01", goes_on=False),
        ],
    ),
    "test_traceparent_trace_id_too_long": ("trace-id", [parent(f"00-{TRACE}3-{PARENT}-01", goes_on=False)]),
    "test_traceparent_trace_id_too_short": ("trace-id", [parent(f"00-{TRACE[:-1]}-{PARENT}-01", goes_on=False)]),
    "test_traceparent_parent_id_all_zero": ("parent-id", [parent(f"00-{TRACE}-{'0' * 16}-01", goes_on=False)]),
    "test_traceparent_parent_id_illegal_characters": (
        "parent-id",
        [
            parent(f"00-{TRACE}-.{PARENT[1:]}-01", goes_on=False),
            parent(f"00-{TRACE}-{PARENT[:-1]}.-01", goes_on=False),
        ],
    ),
    "test_traceparent_parent_id_too_long": ("parent-id", [parent(f"00-{TRACE}-{PARENT}7-01", goes_on=False)]),
    "test_traceparent_parent_id_too_short": ("parent-id", [parent(f"00-{TRACE}-{PARENT[:-1]}-01", goes_on=False)]),
    "test_traceparent_trace_flags_illegal_characters": (
        "trace-flags",
        [parent(f"00-{TRACE}-{PARENT}-.0", goes_on=False), parent(f"00-{TRACE}-{PARENT}-0.", goes_on=False)],
    ),
    "test_traceparent_trace_flags_too_long": ("trace-flags", [parent(f"00-{TRACE}-{PARENT}-001", goes_on=False)]),
    "test_traceparent_trace_flags_too_short": ("trace-flags", [parent(f"00-{TRACE}-{PARENT}-1", goes_on=False)]),
    "test_traceparent_ows_handling": (
        "traceparent-header-field-values",
        [parent(value, goes_on=True) for value in (f" {SENT}", f"\t{SENT}", f"{SENT} ", f"{SENT}\t", f"\t {SENT} \t")],
    ),
    "test_tracestate_included_traceparent_missing": (
        "no-traceparent-received",
        [Sent([("tracestate", value)], goes_on=False) for value in ("foo=1", "foo=1,bar=2")],
    ),
    "test_tracestate_included_traceparent_included": (
        "relationship-between-the-headers",
        [state("foo=1,bar=2", kept="foo=1,bar=2")],
    ),
    "test_tracestate_header_name": (
        "header-name-0",
        [state("foo=1", name="trace-state"), state("foo=1", name="trace.state")],
    ),
    "test_tracestate_header_name_valid_casing": (
        "header-name-0",
        [state("foo=1", kept="foo=1", name=name) for name in ("TraceState", "TrAcEsTaTe", "TRACESTATE")],
    ),
    "test_tracestate_empty_header": (
        "tracestate-header-field-values",
        [state(""), state("foo=1", "", kept="foo=1"), state("", "foo=1", kept="foo=1")],
    ),
    "test_tracestate_multiple_headers_different_keys": (
        "tracestate-header-field-values",
        [state("foo=1,bar=2", "rojo=1,congo=2", "baz=3", kept="foo=1,bar=2,rojo=1,congo=2,baz=3")],
    ),
    # The suite lets them be kept or one of them be left out: the first is the position of last.
    "test_tracestate_duplicated_keys": (
        "combined-header-value",
        [
            state("foo=1,foo=1", kept="foo=1"),
            state("foo=1,foo=2", kept="foo=1"),
            state("foo=1", "foo=1", kept="foo=1"),
            state("foo=1", "foo=2", kept="foo=1"),
        ],
    ),
    "test_tracestate_all_allowed_characters": (
        "key",
        [
            state(f"{key}={VALUE_CHARACTERS}", kept=f"{key}={VALUE_CHARACTERS}")
            for key in (KEY_CHARACTERS, f"{KEY_CHARACTERS}@a-z0-9_-*/")
        ],
    ),
    "test_tracestate_ows_handling": (
        "tracestate-header-field-values",
        [
            *(
                state(value, kept="foo=1,bar=2,baz=3")
                for value in ("foo=1 \t , \t bar=2, \t baz=3", "foo=1\t \t,\t \tbar=2,\t \tbaz=3")
            ),
            *(state(value, kept="foo=1") for value in (" foo=1", "\tfoo=1", "foo=1 ", "foo=1\t", "\t foo=1 \t")),
        ],
    ),
    "test_tracestate_key_illegal_characters": ("key", [state("foo =1"), state("FOO=1"), state("foo.bar=1")]),
    # Level 2 has keys with at signs anywhere but in front, where level 1 had tenant@system only.
    "test_tracestate_key_illegal_vendor_format": (
        "key",
        [
            state("@foo=1,bar=2"),
            *(state(value, kept=value) for value in ("foo@=1,bar=2", "foo@@bar=1,bar=2", "foo@bar@baz=1,bar=2")),
        ],
    ),
    "test_tracestate_member_count_limit": (
        "tracestate-header-field-values",
        [
            state(*BARS, "bar31=31,bar32=32", kept=",".join([*BARS, "bar31=31,bar32=32"])),
            state(*BARS, "bar31=31,bar32=32,bar33=33"),
        ],
    ),
    "test_tracestate_key_length_limit": (
        "key",
        [
            *(
                state("foo=1", f"{key}=1", kept=f"foo=1,{key}=1")
                for key in ("z" * 256, "t" * 241 + "@" + "v" * 14, "t" * 242 + "@v", "t@" + "v" * 15)
            ),
            *(state("foo=1", f"{key}=1") for key in ("z" * 257, "t" * 255 + "@v")),
        ],
    ),
    "test_tracestate_value_illegal_characters": ("value", [state("foo=bar=baz"), state("foo=,bar=3")]),
    "test_multiple_requests_with_valid_traceparent": ("mutating-the-traceparent-field", [parent(SENT, goes_on=True)]),
    "test_multiple_requests_without_traceparent": ("no-traceparent-received", [Sent([], goes_on=False)]),
    "test_multiple_requests_with_illegal_traceparent": (
        "a-traceparent-is-received",
        [parent(f"00-{'0' * 32}-{PARENT}-01", goes_on=False)],
    ),
    "test_propagates_random_flag": ("random-trace-id-flag", [parent(f"00-{TRACE}-{PARENT}-02", goes_on=True)]),
}


def child_of(parent: SpanContext) -> SpanContext:
    """What a tracer makes of a parent that is there or is not."""
    trace_id = parent.trace_id if parent.is_valid else secrets.randbits(128)
    return SpanContext(trace_id, secrets.randbits(64), False, parent.trace_flags, parent.trace_state)


def calls_out(context: Context) -> bytes:
    """What a service sends that handles a request and calls three others: their headers, as JSON."""
    request = child_of(get_current_span(context).get_span_context())
    return json.dumps([injected(child_of(request)) for _ in range(3)]).encode()


def injected(context: SpanContext) -> dict[str, str]:
    carrier: dict[str, str] = {}
    PROPAGATOR.inject(carrier, set_span_in_context(NonRecordingSpan(context), Context()))
    return carrier


def wsgi_service(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    body = calls_out(PROPAGATOR.extract(environ, getter=wsgi_getter))
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


async def asgi_service(scope: dict[str, Any], receive: object, send: Callable[[dict[str, Any]], Any]) -> None:
    body = calls_out(PROPAGATOR.extract(scope, getter=asgi_getter))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


class Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def wsgi() -> Iterator[int]:
    """The port of a WSGI server."""
    with make_server("127.0.0.1", 0, wsgi_service, handler_class=Silent) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def asgi() -> Iterator[int]:
    """The port of an ASGI server."""
    # uvicorn's types name the shapes of ASGI events, which do not matter here.
    app: Any = asgi_service
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = monotonic() + PATIENCE
    while not server.started and monotonic() < deadline:
        sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def ask(port: int, headers: Headers) -> list[dict[str, str]]:
    """Send these header fields one by one, and get what the service would send in its three calls."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.putrequest("GET", "/")
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        calls: list[dict[str, str]] = json.loads(connection.getresponse().read())
        return calls
    finally:
        connection.close()


def test_all_cases_of_the_suite_are_here() -> None:
    assert len(SUITE) == 41


@pytest.mark.parametrize("server", ["wsgi", "asgi"])
@pytest.mark.parametrize("name", SUITE)
def test_the_w3c_suite_is_passed(name: str, server: str, request: pytest.FixtureRequest) -> None:
    section, requests = SUITE[name]
    port: int = request.getfixturevalue(server)
    for sent in requests:
        calls = ask(port, sent.headers)

        said = (section, sent, calls)
        ids = [call["traceparent"].split("-") for call in calls]
        assert [version for version, *_ in ids] == ["00"] * 3, said
        [trace_id] = {trace_id for _, trace_id, *_ in ids}
        assert any(trace_id in value for _, value in sent.headers) is sent.goes_on, said
        assert len({PARENT, *(span_id for *_, span_id, _ in ids)}) == 4, said
        assert [call.get("tracestate", "") for call in calls] == [sent.tracestate] * 3, said
        if name == "test_propagates_random_flag":
            assert all(int(flags, 16) & 0x02 for *_, flags in ids), said


# --- traceparent, rule by rule ----------------------------------------------------------------------------------


def extracted(*traceparents: str, tracestate: object = None) -> SpanContext:
    carrier: Any = {"traceparent": list(traceparents), "tracestate": tracestate}
    return get_current_span(PROPAGATOR.extract(carrier)).get_span_context()


@pytest.mark.parametrize(
    "section, sent, flags",
    [
        # Level 2 has two flags, and those that nobody knows are neither an error nor passed on.
        ("sampled-flag", f"00-{TRACE}-{PARENT}-00", 0),
        ("sampled-flag", f"00-{TRACE}-{PARENT}-01", 1),
        ("random-trace-id-flag", f"00-{TRACE}-{PARENT}-02", 2),
        ("random-trace-id-flag", f"00-{TRACE}-{PARENT}-03", 3),
        ("other-flags", f"00-{TRACE}-{PARENT}-04", 0),
        ("other-flags", f"00-{TRACE}-{PARENT}-09", 1),
        ("other-flags", f"00-{TRACE}-{PARENT}-ff", 3),
        ("versioning-of-traceparent", f"01-{TRACE}-{PARENT}-01", 1),
        ("versioning-of-traceparent", f"fe-{TRACE}-{PARENT}-ff", 3),
        ("versioning-of-traceparent", f"01-{TRACE}-{PARENT}-01-", 1),
        ("versioning-of-traceparent", f"01-{TRACE}-{PARENT}-01--\u20ac \n.", 1),
        ("versioning-of-traceparent", f"01-{TRACE}-{PARENT}-01-{'x' * 100_000}", 1),
        ("traceparent-header-field-values", f" \t{SENT}\t ", 1),
    ],
)
def test_a_valid_traceparent_is_read(section: str, sent: str, flags: int) -> None:
    context = extracted(sent)

    assert context.is_valid, section
    assert context.is_remote, section
    assert (context.trace_id, context.span_id, context.trace_flags) == (int(TRACE, 16), int(PARENT, 16), flags), section


@pytest.mark.parametrize(
    "section, sent",
    [
        ("traceparent-header-field-values", ""),
        ("traceparent-header-field-values", " "),
        ("traceparent-header-field-values", SENT.replace("-", "_")),
        ("traceparent-header-field-values", SENT.replace("-", " ")),
        ("traceparent-header-field-values", SENT.replace("-", "")),
        ("traceparent-header-field-values", f"{SENT}\n"),
        ("traceparent-header-field-values", f"{SENT}\r\n"),
        ("traceparent-header-field-values", f"\x0b{SENT}"),
        ("traceparent-header-field-values", f"\u00a0{SENT}"),
        ("traceparent-header-field-values", f"{SENT}\x00"),
        ("traceparent-header-field-values", f"{SENT},{SENT}"),
        ("traceparent-header-field-values", f"{SENT};a=b"),
        ("traceparent-header-field-values", f'"{SENT}"'),
        ("version", f"FF{SENT[2:]}"),
        ("version", f"ff{SENT[2:]}-more"),
        ("version", f"0A{SENT[2:]}"),
        ("version", SENT[2:]),
        ("version-format", f"{SENT}-"),
        ("version-format", f"{SENT} x"),
        ("version-format", f"00-{TRACE}-{PARENT}"),
        ("version-format", f"00-{TRACE}-{PARENT}-"),
        # Hexadecimal to Python and not to the specification.
        ("trace-id", f"00-{'A' * 32}-{PARENT}-01"),
        ("trace-id", f"00-0x{TRACE[2:]}-{PARENT}-01"),
        ("trace-id", f"00-+{TRACE[1:]}-{PARENT}-01"),
        ("trace-id", f"00-1_{TRACE[2:]}-{PARENT}-01"),
        ("trace-id", f"00- {TRACE[1:]}-{PARENT}-01"),
        ("trace-id", f"00-\u0661{TRACE[1:]}-{PARENT}-01"),
        ("trace-id", f"00-\uff11{TRACE[1:]}-{PARENT}-01"),
        ("trace-id", f"00-\ud800{TRACE[1:]}-{PARENT}-01"),
        ("parent-id", f"00-{TRACE}-{'F' * 16}-01"),
        ("parent-id", f"00-{TRACE}-{'g' * 16}-01"),
        ("trace-flags", f"00-{TRACE}-{PARENT}-0A"),
        ("trace-flags", f"00-{TRACE}-{PARENT}-+1"),
        ("trace-flags", f"00-{TRACE}-{PARENT}- 1"),
        ("versioning-of-traceparent", f"01-{TRACE}-{PARENT}-0"),
        ("versioning-of-traceparent", f"01-{TRACE}-{PARENT}-011"),
        ("versioning-of-traceparent", f"01-{TRACE}-{PARENT}"),
        ("versioning-of-traceparent", f"01-{'0' * 32}-{PARENT}-01-more"),
        ("versioning-of-traceparent", f"01-{TRACE}-{'0' * 16}-01-more"),
        ("versioning-of-traceparent", f"01-{'A' * 32}-{PARENT}-01-more"),
        ("security-considerations", "x" * 1_000_000),
        ("security-considerations", f"{' ' * 1_000_000}x"),
    ],
)
def test_an_invalid_traceparent_is_none_and_its_tracestate_too(section: str, sent: str) -> None:
    context = PROPAGATOR.extract({"traceparent": sent, "tracestate": "foo=1"})

    assert context == {}, section


@pytest.mark.parametrize("fields", [[SENT, SENT], [SENT, ""], ["", SENT], [SENT, "x", SENT]])
def test_several_traceparents_are_none(fields: list[str]) -> None:
    assert PROPAGATOR.extract({"traceparent": fields}) == {}


def test_what_the_context_holds_stays_and_a_span_in_it_gives_way() -> None:
    before = set_span_in_context(INVALID_SPAN, Context({"mine": 1}))
    after = PROPAGATOR.extract({"traceparent": SENT}, before)

    assert after["mine"] == 1
    assert isinstance(get_current_span(after), NonRecordingSpan)
    assert get_current_span(after).get_span_context().trace_id == int(TRACE, 16)
    assert get_current_span(before) is INVALID_SPAN


@pytest.mark.parametrize("carrier", [{}, {"traceparent": "rubbish"}, {"tracestate": "foo=1"}])
def test_a_given_context_is_given_back_where_there_is_none_to_read(carrier: dict[str, str]) -> None:
    before = Context({"mine": 1})

    assert PROPAGATOR.extract(carrier, before) is before


# --- tracestate, rule by rule -----------------------------------------------------------------------------------

MANY = ",".join(f"k{n}={n}" for n in range(32))


@pytest.mark.parametrize(
    "section, sent, kept",
    [
        ("list", ["foo=1"], "foo=1"),
        ("list", [MANY], MANY),
        ("list", [f"{MANY},,", " , "], MANY),  # empty members are no members
        ("list", [f"{MANY},k32=32"], ""),
        ("list", [f"{MANY},k0=0"], ""),
        ("list", [",", "", "\t,, "], ""),
        ("list", ["foo=1;bar"], "foo=1;bar"),
        ("list", ["foo=1;bar=2"], ""),
        ("list", ["foo"], ""),
        ("list", ["foo=1,bar"], ""),
        ("list", ["=1"], ""),
        ("list", ["="], ""),
        ("tracestate-header-field-values", ["b=2", "a=1"], "b=2,a=1"),
        ("tracestate-header-field-values", ["foo=1\r\n"], ""),
        ("tracestate-header-field-values", ["\x0bfoo=1"], ""),
        ("key", ["0foo=1"], "0foo=1"),
        ("key", ["a=1"], "a=1"),
        ("key", ["fw529a3039@dt=1"], "fw529a3039@dt=1"),
        ("key", ["0@1=1"], "0@1=1"),
        ("key", [f"{'a' * 256}=1"], f"{'a' * 256}=1"),
        ("key", [f"{'a' * 257}=1"], ""),
        *(("key", [f"{first}foo=1"], "") for first in "_-*/@"),
        *(("key", [f"f{wrong}o=1"], "") for wrong in "AZ .:;!\t\x7f\u00e9\u0131\ud800"),
        ("value", ["foo= 1"], "foo= 1"),  # blanks in front belong to the value
        ("value", ["foo=1 , bar=2"], "foo=1,bar=2"),  # and behind it to nobody
        ("value", ["foo=a b"], "foo=a b"),
        ("value", [f"foo={'v' * 256}"], f"foo={'v' * 256}"),
        ("value", [f"foo={'v' * 257}"], ""),
        ("value", [f"foo={' ' * 255}v"], f"foo={' ' * 255}v"),
        ("value", ["foo= "], ""),
        *(("value", [f"foo=a{wrong}b"], "") for wrong in "=\t\n\r\x00\x1f\x7f\x80\u00e9\u20ac\ud800"),
        ("tracestate-limits", ["foo=1" + " " * (8192 - 5)], "foo=1"),
        ("tracestate-limits", ["foo=1" + " " * (8192 - 4)], ""),
        ("tracestate-limits", ["foo=1", " " * 8187], ""),
        ("tracestate-limits", ["x" * 1_000_000], ""),
        ("versioning-of-tracestate", ["foo=1"], "foo=1"),
    ],
)
def test_tracestate_is_kept_or_none_and_traceparent_stays(section: str, sent: list[str], kept: str) -> None:
    version = "cc" if section == "versioning-of-tracestate" else "00"
    context = extracted(f"{version}{SENT[2:]}", tracestate=sent)

    assert context.trace_id == int(TRACE, 16), section
    assert context.trace_state.to_header() == kept, section
    assert dict(context.trace_state) == dict(member.split("=", 1) for member in kept.split(",") if member), section


def sent_on(*members: str) -> list[str]:
    context = PROPAGATOR.extract({"traceparent": SENT, "tracestate": ",".join(members)})
    carrier: dict[str, str] = {}
    PROPAGATOR.inject(carrier, context)
    return carrier["tracestate"].split(",")


def members_of_length(length: int) -> list[str]:
    members = [f"k{n:02d}={'v' * 124}" for n in range(length // 129)]
    members.append(f"z={'v' * (length - len(','.join(members)) - 3)}")
    assert len(",".join(members)) == length
    return members


@pytest.mark.parametrize("length", [512, 4096])
def test_a_tracestate_of_that_length_is_sent_on_whole(length: int) -> None:
    # https://www.w3.org/TR/trace-context-2/#tracestate-limits
    assert sent_on(*members_of_length(length)) == members_of_length(length)


def test_of_a_longer_one_the_long_members_are_left_out_first_from_the_end() -> None:
    # https://www.w3.org/TR/trace-context-2/#tracestate-limits
    short = [f"s{n:02d}={'v' * 124}" for n in range(30)]  # 128 characters are not long
    first, last = f"a={'v' * 127}", f"b={'v' * 256}"

    assert sent_on(first, *short, last) == [first, *short]
    assert sent_on(first, last, *short) == [first, *short]
    assert sent_on(*short, last, first) == short


def test_then_members_are_left_out_from_the_end() -> None:
    short = [f"s{n:02d}={'v' * 124}" for n in range(32)]

    assert sent_on(*short) == short[:31]
    assert sent_on(f"a={'v' * 200}", *short[1:]) == short[1:]


def test_no_more_is_left_out_than_has_to_be() -> None:
    most = [f"a={'v' * 224}", *(f"s{n:02d}={'v' * 124}" for n in range(30))]

    assert len(",".join(most)) == 4096
    assert sent_on(*most, f"b={'v' * 200}") == most


# --- What others find in a tracestate of ours -------------------------------------------------------------------

BOTH = pytest.mark.parametrize(
    "trace_state", [TraceState.from_header(["foo=1,bar=2"]), ReceivedTraceState("foo=1 ,, bar=2")], ids=["api", "ours"]
)


@BOTH
def test_a_tracestate_is_what_the_apis_is(trace_state: TraceState) -> None:
    assert isinstance(trace_state, TraceState)
    assert trace_state == TraceState([("foo", "1"), ("bar", "2")])
    assert (len(trace_state), list(trace_state), "foo" in trace_state) == (2, ["foo", "bar"], True)
    assert (trace_state["foo"], trace_state.get("baz")) == ("1", None)
    assert list(trace_state.keys()) == ["foo", "bar"]
    assert list(trace_state.values()) == ["1", "2"]
    assert list(trace_state.items()) == [("foo", "1"), ("bar", "2")]
    assert repr(trace_state) == "['{key=foo, value=1}', '{key=bar, value=2}']"
    assert trace_state.to_header() == "foo=1,bar=2"
    assert pickle.loads(pickle.dumps(trace_state)) == copy.deepcopy(trace_state) == trace_state
    assert not type(trace_state).get_default()
    assert type(trace_state).from_header(["a=1", "b=2"]).to_header() == "a=1,b=2"


@BOTH
def test_a_tracestate_is_changed_as_the_apis_is(trace_state: TraceState) -> None:
    assert trace_state.add("new", "3").to_header() == "new=3,foo=1,bar=2"
    assert trace_state.update("bar", "3").to_header() == "bar=3,foo=1"
    assert trace_state.update("new", "3").to_header() == "new=3,foo=1,bar=2"
    assert trace_state.delete("foo").to_header() == "bar=2"
    assert trace_state.to_header() == "foo=1,bar=2"


@BOTH
def test_what_cannot_be_changed_so_stays(trace_state: TraceState) -> None:
    assert trace_state.add("foo", "3") is trace_state
    assert trace_state.add("Foo", "3") is trace_state
    assert trace_state.update("foo", "") is trace_state
    assert trace_state.update("foo", "3,baz=4") is trace_state
    assert trace_state.update("foo", "3 ") is trace_state
    assert trace_state.update("foo", 3) is trace_state  # type: ignore[arg-type]  # what a service may do
    assert trace_state.delete("baz") is trace_state


def test_no_member_is_added_to_a_full_tracestate() -> None:
    full = ReceivedTraceState(MANY)

    assert full.add("new", "1") is full
    assert full.update("k5", "new").to_header().split(",")[:2] == ["k5=new", "k0=0"]


def test_changing_one_member_keeps_those_that_the_api_would_refuse() -> None:
    # https://www.w3.org/TR/trace-context-2/#mutating-the-tracestate-field
    received = extracted(SENT, tracestate="0foo=1,foo@=2,bar=3").trace_state

    assert received.update("bar", "4").to_header() == "bar=4,0foo=1,foo@=2"
    assert received.delete("bar").to_header() == "0foo=1,foo@=2"


# --- Injecting --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "flags, sent", [(0, "00"), (1, "01"), (2, "02"), (3, "03"), (0x04, "00"), (0xFD, "01"), (0xFF, "03"), (0x100, "00")]
)
def test_known_flags_are_sent_and_others_are_zero(flags: int, sent: str) -> None:
    # https://www.w3.org/TR/trace-context-2/#other-flags
    assert injected(SpanContext(1, 2, False, TraceFlags(flags))) == {"traceparent": f"00-{1:032x}-{2:016x}-{sent}"}


def test_a_tracestate_goes_with_its_traceparent() -> None:
    context = SpanContext(2**128 - 1, 2**64 - 1, True, TraceFlags(1), TraceState([("b", "2"), ("a", "1")]))

    assert injected(context) == {"traceparent": f"00-{'f' * 32}-{'f' * 16}-01", "tracestate": "b=2,a=1"}


@pytest.mark.parametrize("empty", [TraceState(), ReceivedTraceState(), ReceivedTraceState("not valid"), None])
def test_an_empty_tracestate_is_not_sent(empty: TraceState | None) -> None:
    assert set(injected(SpanContext(1, 2, False, TraceFlags(1), empty))) == {"traceparent"}


@pytest.mark.parametrize("trace_id, span_id", [(0, 0), (0, 1), (1, 0), (2**128, 1), (1, 2**64), (-1, 1)])
def test_nothing_is_sent_for_an_invalid_context(trace_id: int, span_id: int) -> None:
    assert injected(SpanContext(trace_id, span_id, False, TraceFlags(1), TraceState([("a", "1")]))) == {}


def test_without_a_context_the_current_span_is_sent() -> None:
    carriers: list[dict[str, str]] = [{}, {}]
    PROPAGATOR.inject(carriers[0])
    with use_span(NonRecordingSpan(SpanContext(1, 2, False))):
        PROPAGATOR.inject(carriers[1])

    assert carriers == [{}, {"traceparent": f"00-{1:032x}-{2:016x}-00"}]


def test_the_fields_are_those_that_are_set() -> None:
    assert PROPAGATOR.fields == TraceContextTextMapPropagator().fields


# --- Whatever is sent -------------------------------------------------------------------------------------------


class Gives(Getter[object]):
    """A getter that gives the same for every header, however wrong, or raises it."""

    def __init__(self, fields: object) -> None:
        self._fields = fields

    def get(self, carrier: object, key: str) -> Any:
        if isinstance(self._fields, BaseException):
            raise self._fields
        return self._fields() if callable(self._fields) else self._fields

    def keys(self, carrier: object) -> list[str]:
        return []


class Only(Getter[Mapping[str, Any]]):
    """A getter that gives just what the carrier holds."""

    def get(self, carrier: Mapping[str, Any], key: str) -> Any:
        return carrier.get(key)

    def keys(self, carrier: Mapping[str, Any]) -> list[str]:
        return list(carrier)


def endless(field: object) -> Iterator[object]:
    while True:
        yield field


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What the test logs, at any level."""
    caplog.set_level(logging.DEBUG)
    return caplog


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said on stderr, in a process where nothing of ours may raise."""
    said: list[str] = []
    monkeypatch.setattr(guard, "strict", False)
    monkeypatch.setattr(guard, "say", lambda message, cause=None: said.append(message))
    return said


@pytest.mark.parametrize(
    "fields",
    [
        None,
        [],
        (),
        "",
        0,
        5,
        1.5,
        object(),
        SENT.encode(),
        [SENT.encode()],
        [None],
        [5],
        [[SENT]],
        {SENT: 1, "other": 2},
        ["\ud800"],
        [f"{SENT}\udcff"],
        ["x" * 1_000_000],
        ["x"] * 100_000,
        lambda: endless(SENT),
        lambda: endless(""),
        lambda: endless(b""),
        lambda: endless("a=1"),
    ],
    ids=lambda value: ascii(value)[:40].partition(" at 0x")[0],  # the same from run to run
)
@pytest.mark.parametrize("propagator", [PROPAGATOR, BAGGAGE], ids=["trace context", "baggage"])
def test_what_no_getter_should_give_is_as_good_as_nothing(
    propagator: TraceContextPropagator, fields: object, lines: list[str], logged: pytest.LogCaptureFixture
) -> None:
    context = propagator.extract(object(), Context({"mine": 1}), Gives(fields))

    assert get_current_span(context) is INVALID_SPAN
    assert context["mine"] == 1
    assert lines == []
    assert logged.records == []


@pytest.mark.parametrize("one", [SENT, (SENT,), {SENT}, iter([SENT])], ids=["text", "tuple", "set", "iterator"])
def test_one_field_may_come_in_any_form(one: object) -> None:
    context = PROPAGATOR.extract({"traceparent": one, "tracestate": ("a=1", "b=2")}, None, Only())
    found = get_current_span(context).get_span_context()

    assert found.trace_id == int(TRACE, 16)
    assert found.trace_state.to_header() == "a=1,b=2"


@pytest.mark.parametrize("propagator", [PROPAGATOR, BAGGAGE], ids=["trace context", "baggage"])
def test_a_getter_that_raises_costs_one_line(propagator: TraceContextPropagator, lines: list[str]) -> None:
    before = Context({"mine": 1})
    after = propagator.extract({}, before, Gives(RuntimeError("broken")))

    assert after is before
    [line] = lines
    assert line.endswith("RuntimeError: broken")


@pytest.mark.parametrize("propagator", [PROPAGATOR, BAGGAGE], ids=["trace context", "baggage"])
def test_a_carrier_that_cannot_be_read_or_written_costs_one_line(
    propagator: TraceContextPropagator, lines: list[str]
) -> None:
    span = NonRecordingSpan(SpanContext(1, 2, False))
    context = baggage.set_baggage("a", "b", set_span_in_context(span, Context()))

    assert propagator.extract(None) == {}
    propagator.inject(None, context)
    assert len(lines) == 2


def test_the_service_is_interrupted_as_ever() -> None:
    with pytest.raises(KeyboardInterrupt):
        PROPAGATOR.extract({}, None, Gives(KeyboardInterrupt()))


HEADER = st.one_of(st.none(), st.text(), st.binary(), st.integers(), st.lists(st.one_of(st.text(), st.binary())))
# Text that is nearly right finds more than text that never is.
NEARLY = st.lists(
    st.sampled_from([*"0123456789abcdfABF-=,@;%_ \t\n\x00\u0661\ud800", "00-", TRACE, PARENT, "foo=1", "ff"])
)
RUBBISH = st.one_of(HEADER, NEARLY.map("".join), st.lists(NEARLY.map("".join)))


@given(traceparent=st.one_of(RUBBISH, st.just(SENT)), tracestate=RUBBISH, sent_baggage=RUBBISH)
def test_nothing_that_is_sent_raises_or_gives_an_invalid_context(
    traceparent: object, tracestate: object, sent_baggage: object
) -> None:
    carrier: Any = {"traceparent": traceparent, "tracestate": tracestate, "baggage": sent_baggage}
    getters: list[Getter[Any]] = [Only(), default_getter]
    for getter in getters:
        context = BAGGAGE.extract(carrier, PROPAGATOR.extract(carrier, None, getter), getter)
        span = get_current_span(context)
        again: dict[str, str] = {}
        PROPAGATOR.inject(again, context)
        BAGGAGE.inject(again, context)

        assert span is INVALID_SPAN or (span.get_span_context().is_valid and span.get_span_context().is_remote)
        assert ("traceparent" in again) is (span is not INVALID_SPAN)
        assert "\n" not in "".join(again.values())
        assert all(value.isascii() and value.isprintable() for value in again.values())
        assert PROPAGATOR.extract(again) == {} or (
            get_current_span(PROPAGATOR.extract(again)).get_span_context() == span.get_span_context()
        )


@given(traceparent=st.one_of(RUBBISH, st.just(SENT)), tracestate=RUBBISH, sent_baggage=RUBBISH)
def test_nothing_that_is_sent_is_logged(traceparent: object, tracestate: object, sent_baggage: object) -> None:
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[assignment,method-assign]  # the shortest of handlers
    logging.getLogger().addHandler(handler)
    try:
        carrier = {"traceparent": traceparent, "tracestate": tracestate, "baggage": sent_baggage}
        context = BAGGAGE.extract(carrier, PROPAGATOR.extract(carrier, None, Only()), Only())
        get_current_span(context).get_span_context().trace_state.to_header()
    finally:
        logging.getLogger().removeHandler(handler)

    assert records == []


# --- Together with the API's ------------------------------------------------------------------------------------

KEYS = st.from_regex(r"[a-z][a-z0-9_*/-]{0,30}|[a-z0-9][a-z0-9_*/-]{0,20}@[a-z][a-z0-9_*/-]{0,13}", fullmatch=True)
VALUES = st.text(st.sampled_from(VALUE_CHARACTERS), min_size=1, max_size=80).filter(lambda text: text == text.rstrip())
STATES = st.dictionaries(KEYS, VALUES, max_size=32).map(lambda state: dict(list(state.items())[:30]))
CONTEXTS = st.builds(
    SpanContext,
    trace_id=st.integers(1, 2**128 - 1),
    span_id=st.integers(1, 2**64 - 1),
    is_remote=st.just(True),
    trace_flags=st.integers(0, 3).map(TraceFlags),
    trace_state=STATES.map(lambda state: TraceState(list(state.items()))),
)


@given(CONTEXTS)
def test_what_is_injected_is_extracted(context: SpanContext) -> None:
    carrier = injected(context)

    assert get_current_span(PROPAGATOR.extract(carrier)).get_span_context() == context


@given(CONTEXTS)
def test_valid_headers_mean_and_are_the_same_to_the_api(context: SpanContext) -> None:
    api = TraceContextTextMapPropagator()
    ours = injected(context)
    theirs: dict[str, str] = {}
    api.inject(theirs, set_span_in_context(NonRecordingSpan(context), Context()))
    found = get_current_span(PROPAGATOR.extract(theirs)).get_span_context()

    assert ours == theirs
    assert found == get_current_span(api.extract(ours)).get_span_context()
    assert repr(found) == repr(context)


# --- Baggage ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent, read",
    [
        ("a=1", {"a": "1"}),
        ("a=1,b=2", {"a": "1", "b": "2"}),
        (["a=1", "b=2"], {"a": "1", "b": "2"}),  # several headers are one
        (" a = 1 ; p = q ; r\t,\t b=2 ", {"a": "1;p=q;r", "b": "2"}),
        ("a=%C3%A9+b%2C,userId=Am%C3%A9lie", {"a": "\u00e9 b,", "userId": "Am\u00e9lie"}),
        ("a==,b=c=d", {"a": "=", "b": "c=d"}),
        ("a=", {"a": ""}),
        ("a=1,,rubbish,b c=2,c=\u00e9,d=\ud800,=1,e=2;=,f=2", {"a": "1", "f": "2"}),
        (",".join(f"k{n}={n}" for n in range(200)), {f"k{n}": str(n) for n in range(180)}),
        ("a=" + "x" * 4094, {"a": "x" * 4094}),
        ("a=" + "x" * 4095, {}),
        ("a=" + "x" * 8190, {}),
        ("a=" + "x" * 1_000_000, {}),
        ("\ud800", {}),
        ("", {}),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_baggage_is_read_without_a_word_about_what_is_wrong(
    sent: object, read: dict[str, str], logged: pytest.LogCaptureFixture
) -> None:
    # https://www.w3.org/TR/baggage/#definition, https://www.w3.org/TR/baggage/#limits
    context = BAGGAGE.extract({"baggage": sent}, Context())

    assert baggage.get_all(context) == read
    assert logged.records == []


@given(
    st.dictionaries(st.from_regex(r"[a-zA-Z0-9!#$&'*+.^_`|~-]{1,9}", fullmatch=True), st.text(max_size=9), max_size=9)
)
def test_baggage_travels_as_with_the_api(entries: dict[str, str]) -> None:
    context = Context()
    for name, value in entries.items():
        context = baggage.set_baggage(name, value, context)
    ours: dict[str, str] = {}
    theirs: dict[str, str] = {}
    BAGGAGE.inject(ours, context)
    W3CBaggagePropagator().inject(theirs, context)

    assert ours == theirs
    assert BAGGAGE.extract(ours, Context()) == W3CBaggagePropagator().extract(ours, Context())


def test_baggage_that_cannot_be_written_costs_one_line(lines: list[str]) -> None:
    carrier: dict[str, str] = {}
    BAGGAGE.inject(carrier, baggage.set_baggage("a", "\ud800", Context()))

    assert carrier == {}
    assert len(lines) == 1


# --- Installing -------------------------------------------------------------------------------------------------

SHOW = """
import os, sys
from opentelemetry import propagate
def inner(propagator): return getattr(propagator, "_propagator", propagator)
found = propagate.get_global_textmap()
print(type(found).__name__, [type(inner(one)).__name__ for one in found._propagators])
print(os.environ.get("OTEL_PROPAGATORS"), "importlib.metadata" in sys.modules)
"""


def installing(*names: str, before: str = "", then: str = "", **variables: str) -> list[str]:
    """What a child prints that installs these propagators."""
    install = f"from platform_otel.tracing.propagation import install\ninstall({names!r})\n"
    outcome = run(sys.executable, "-c", before + install + SHOW + then, **variables)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    return outcome.stdout.splitlines()


DEFAULT = "W3CPropagator ['TraceContextPropagator', 'BaggagePropagator']"


@pytest.mark.parametrize("variable", [None, "", "tracecontext,baggage", "carrier-pigeon"])
def test_the_default_takes_no_search_among_what_is_installed(variable: str | None) -> None:
    already = run(sys.executable, "-c", "import sys, opentelemetry.trace; print('importlib.metadata' in sys.modules)")
    shown = installing("tracecontext", "baggage", **({} if variable is None else {"OTEL_PROPAGATORS": variable}))

    # Releases of the API before 1.43 load importlib.metadata for other reasons.
    assert shown == [DEFAULT, f"{variable} {already.stdout.strip()}"]


def test_it_takes_the_place_of_what_is_there_already() -> None:
    shown = installing("tracecontext", "baggage", before="from opentelemetry import propagate\n")

    assert shown[0] == DEFAULT


@pytest.mark.parametrize(
    "names, shown",
    [
        (("baggage", "tracecontext", "baggage"), "['BaggagePropagator', 'TraceContextPropagator']"),
        (("tracecontext",), "['TraceContextPropagator']"),
        (("tracecontext", "none"), "[]"),
        (("None",), "[]"),
        ((), "[]"),
    ],
)
def test_names_are_taken_once_in_their_order(names: tuple[str, ...], shown: str) -> None:
    assert installing(*names)[0] == f"CompositePropagator {shown}"


@pytest.fixture
def pigeons(tmp_path: Path) -> Path:
    """A folder with a distribution that offers a propagator which works and one which does not."""
    metadata = tmp_path / "pigeon-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeon\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[opentelemetry_propagator]\npigeon = pigeon:Pigeon\nlame = pigeon:Lame\nlost = pigeon:Lost\n"
    )
    (tmp_path / "pigeon.py").write_text(
        "from opentelemetry.propagators.textmap import *\n"
        "class Pigeon(TextMapPropagator):\n"
        "    fields = {'pigeon'}\n"
        "    def extract(self, carrier, context=None, getter=default_getter): return {**(context or {}), 'pigeon': 1}\n"
        "    def inject(self, carrier, context=None, setter=default_setter): setter.set(carrier, 'pigeon', 'coo')\n"
        "class Lame(Pigeon):\n"
        "    def extract(self, carrier, context=None, getter=default_getter): raise OSError('lame')\n"
        "    def inject(self, carrier, context=None, setter=default_setter): raise OSError('lame')\n"
    )
    return tmp_path


USE = """
print(propagate.extract({}, {"mine": 1}))
carrier = {}
propagate.inject(carrier)
print(carrier, found.fields)
"""


def test_other_packages_propagators_are_found_and_used(pigeons: Path) -> None:
    shown = installing("tracecontext", "pigeon", then=USE, PYTHONPATH=str(pigeons))

    assert shown[0] == "CompositePropagator ['TraceContextPropagator', 'Pigeon']"
    assert shown[2:3] == ["{'mine': 1, 'pigeon': 1}"]
    assert shown[3].startswith("{'pigeon': 'coo'} {")


def test_other_packages_propagators_do_no_harm(pigeons: Path) -> None:
    code = (
        "from platform_otel.tracing.propagation import install\n"
        "install(('lost', 'unknown', 'lame', 'pigeon'))\n"
        "from opentelemetry import propagate\n"
        "found = propagate.get_global_textmap()\n"
        "for _ in range(2): carrier = {}; propagate.inject(carrier)\n"
        "print(propagate.extract({}, {'mine': 1}), carrier)\n"
    )
    outcome = run(sys.executable, "-c", code, PYTHONPATH=str(pigeons))
    lost = "AttributeError: module 'pigeon' has no attribute 'Lost'"

    assert outcome.stdout == "{'mine': 1, 'pigeon': 1} {'pigeon': 'coo'}\n"
    assert outcome.stderr.splitlines() == [
        f"platform-trace: could not load 'lost', which OTEL_PROPAGATORS names; going without it: {lost}",
        "platform-trace: OTEL_PROPAGATORS: no installed package offers 'unknown'; going without it",
        "platform-trace: could not inject by Lame: OSError: lame",
        "platform-trace: could not extract by Lame: OSError: lame",
    ]


def test_the_services_own_choice_comes_after_ours() -> None:
    then = "propagate.set_global_textmap(found._propagators[0]); print(type(propagate.get_global_textmap()).__name__)"

    assert installing("tracecontext", "baggage", then=then)[-1] == "TraceContextPropagator"


SENDERS = {
    "a trace of its own": Context(),
    "a trace that goes on": PROPAGATOR.extract({"traceparent": SENT}),
    "a trace with a state": PROPAGATOR.extract({"traceparent": SENT, "tracestate": "a=1,b=2"}),
    "baggage": baggage.set_baggage("a", "1", PROPAGATOR.extract({"traceparent": SENT})),
}


class UpperCaseSetter(Setter[dict[str, str]]):
    def set(self, carrier: dict[str, str], key: str, value: str) -> None:
        carrier[key.upper()] = value


@pytest.mark.parametrize("setter", [default_setter, UpperCaseSetter()], ids=["default", "own"])
@pytest.mark.parametrize("sampler", ["always_on", "always_off"])
@pytest.mark.parametrize("around", SENDERS.values(), ids=SENDERS)
def test_the_usual_pair_writes_what_the_two_write_one_by_one(around: Context, sampler: str, setter: Any) -> None:
    provider = PlatformTracerProvider(Config({"OTEL_TRACES_EXPORTER": "none", "OTEL_TRACES_SAMPLER": sampler}))
    context = set_span_in_context(provider.get_tracer("t").start_span("call", around), around)
    carriers: list[dict[str, str]] = [{}, {}]
    for kind, carrier in zip((CompositePropagator, W3CPropagator), carriers, strict=True):
        kind([PROPAGATOR, BAGGAGE]).inject(carrier, context, setter)

    assert carriers[0] == carriers[1] != {}


def test_the_usual_pair_costs_headers_that_cannot_be_written_one_line(lines: list[str]) -> None:
    provider = PlatformTracerProvider(Config({"OTEL_TRACES_EXPORTER": "none"}))
    context = set_span_in_context(provider.get_tracer("t").start_span("call", Context()), Context())
    W3CPropagator([PROPAGATOR, BAGGAGE]).inject(MappingProxyType({}), context)

    assert len(lines) == 1


def test_both_travel_together() -> None:
    both = CompositePropagator([PROPAGATOR, BAGGAGE])
    context = both.extract({"traceparent": SENT, "baggage": "a=1"})
    carrier: dict[str, str] = {}
    both.inject(carrier, context)

    assert carrier == {"traceparent": SENT, "baggage": "a=1"}
    assert both.fields == {"traceparent", "tracestate", "baggage"}
