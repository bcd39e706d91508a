"""Our client spans are upstream's, but for the differences that docs/reference/http-differences-clients.md lists."""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib.metadata import version
from urllib.parse import urlsplit

import pytest

from platform_otel.http.urls import redacted
from tests.faults import refusing
from tests.http.clients import PROGRAMS, Outcome, run_program
from tests.http.server import AnsweringServer
from tests.receiver import ReceivedSpan

UPSTREAM = {"PLATFORM_TRACE_UPSTREAM": "aiohttp-client,requests,urllib,urllib3,httpx"}

CASES = [
    (library, name)
    for library, code in PROGRAMS.items()
    for name in re.findall(r'^    "([a-z ]+)": ', code, re.MULTILINE)
]

# Attributes that only upstream's spans have, and those that ours have more of.
ONLY_UPSTREAMS = {"network.peer.address", "network.peer.port", "user_agent.original"}
ONLY_OURS = {
    "server.address",
    "server.port",
    "network.protocol.version",
    "error.type",
    "http.request.resend_count",
}
# Cases in which one of them has other spans than the other; each has a test of its own below.
OTHERWISE = {
    ("aiohttp", "redirected"),  # each request is a span
    ("aiohttp", "userinfo"),  # aiohttp takes it out of the address
    ("aiohttp", "broken"),  # the span ends with the body
    ("aiohttp", "cancelled"),  # without a traceback
    ("aiohttp", "refused"),  # with a message
    ("aiohttp", "scheme"),  # nothing was sent
    ("requests", "redirected"),  # each hop is a span
    ("requests", "broken"),  # the body is urllib3's, and so is its error
    ("requests", "scheme"),  # nothing was sent
    ("urllib", "scheme"),
    ("urllib", "a file"),
    ("urllib", "data"),
    ("urllib", "redirected"),  # each request is a span
    ("urllib", "challenged"),
    ("urllib", "not redirected"),  # an HTTPError is a response
    ("urllib", "missing"),
    ("urllib", "unavailable"),
    ("urllib", "userinfo"),  # the password is in the message
    ("urllib", "broken"),  # the span ends with the body
    ("httpx", "broken"),  # the span ends with the body
    ("httpx async", "broken"),
    ("httpx async", "cancelled"),  # an error
}


@cache
def outcome(library: str, upstream: bool, python: str = sys.executable) -> Outcome:
    names = [name for of, name in CASES if of == library]
    with AnsweringServer() as server, refusing() as port:
        refused = f"http://127.0.0.1:{port}"
        found = run_program(PROGRAMS[library], server.url, refused, names, python, **(UPSTREAM if upstream else {}))
        # The ports differ from run to run.
        return Outcome(
            found.printed,
            {
                name: [with_ports_named(span, {server.port: "PORT", port: "REFUSED"}) for span in spans]
                for name, spans in found.spans.items()
            },
        )


def with_ports_named(span: ReceivedSpan, ports: dict[int, str]) -> ReceivedSpan:
    def named(value: object) -> object:
        if isinstance(value, int) and value in ports:
            return ports[value]
        if isinstance(value, str):
            for number, name in ports.items():
                value = value.replace(str(number), name)
        return value

    attributes = {key: named(value) for key, value in span.attributes.items()}
    return span._replace(attributes=attributes, message=str(named(span.message)))


def ours(library: str, name: str) -> list[ReceivedSpan]:
    return outcome(library, upstream=False).spans[name]


def upstreams(library: str, name: str) -> list[ReceivedSpan]:
    return outcome(library, upstream=True).spans[name]


@pytest.mark.parametrize("library", PROGRAMS)
def test_a_call_ends_for_the_service_as_it_does_under_upstreams(library: str) -> None:
    assert outcome(library, upstream=False).printed == outcome(library, upstream=True).printed


@pytest.mark.parametrize("library, name", [case for case in CASES if case not in OTHERWISE])
def test_the_spans_are_upstreams(library: str, name: str) -> None:
    found, expected = ours(library, name), upstreams(library, name)

    assert [comparable(span) for span in found] == [comparable(span) for span in expected]
    assert len(found) >= 1


@pytest.mark.parametrize("library, name", [case for case in CASES if case not in OTHERWISE])
def test_the_attributes_are_upstreams_but_for_the_listed(library: str, name: str) -> None:
    for span, expected in zip(ours(library, name), upstreams(library, name), strict=True):
        theirs = {key: value for key, value in expected.attributes.items() if key not in ONLY_UPSTREAMS}
        theirs["url.full"] = redacted(str(theirs["url.full"]))  # they know fewer secrets
        shared = {key: value for key, value in span.attributes.items() if key in theirs}
        if "error.type" in theirs:  # theirs is the type's name alone
            shared["error.type"] = str(shared["error.type"]).rpartition(".")[2]

        assert shared == theirs
        assert set(span.attributes) - set(theirs) <= ONLY_OURS


def comparable(span: ReceivedSpan) -> tuple[object, ...]:
    message = re.sub("0x[0-9a-f]+", "", span.message)  # where an object of urllib3 1.26 is in memory
    return span.name, span.status, message, [event.attributes["exception.type"] for event in span.events]


@pytest.mark.parametrize("library, name", CASES)
def test_the_server_is_that_of_the_address(library: str, name: str) -> None:
    for span in ours(library, name):
        url = urlsplit(str(span.attributes["url.full"]).replace("PORT", "1").replace("REFUSED", "2"))
        port = {1: "PORT", 2: "REFUSED", None: 80}[url.port] if url.scheme != "gopher" else None

        assert span.attributes["server.address"] == url.hostname
        assert span.attributes.get("server.port") == port


@pytest.mark.parametrize(
    "library, name, statuses, resends",
    [
        ("aiohttp", "redirected", [302, 302, 200], [None, 1, 2]),
        ("requests", "redirected", [302, 302, 200], [None, 1, 2]),
        ("urllib", "redirected", [302, 302, 200], [None, 1, 2]),
        ("urllib3", "redirected", [302, 302, 200], [None, 1, 2]),
        ("httpx", "redirected", [302, 302, 200], [None, 1, 2]),
        ("httpx async", "redirected", [302, 302, 200], [None, 1, 2]),
        ("urllib", "challenged", [401, 200], [None, 1]),
        ("httpx", "challenged", [401, 200], [None, 1]),
        ("httpx async", "challenged", [401, 200], [None, 1]),
        ("requests", "retried", [200], [2]),
        ("urllib3", "retried", [200], [2]),
    ],
)
def test_what_is_sent_again_says_how_often(
    library: str, name: str, statuses: list[int], resends: list[int | None]
) -> None:
    spans = ours(library, name)

    assert [span.attributes["http.response.status_code"] for span in spans] == statuses
    assert [span.attributes.get("http.request.resend_count") for span in spans] == resends


@pytest.mark.parametrize("library", ["aiohttp", "requests", "urllib"])
def test_a_redirect_that_the_library_follows_has_a_span_with_its_own_address(library: str) -> None:
    addresses = [str(span.attributes["url.full"]).partition("PORT")[2] for span in ours(library, "redirected")]

    assert addresses == ["/redirect/2", "/redirect/1", "/hello?token=REDACTED"]
    assert len(upstreams(library, "redirected")) == 1


@pytest.mark.parametrize("library", PROGRAMS)
def test_a_body_that_breaks_off_is_the_calls_error(library: str) -> None:
    (span,) = ours(library, "broken")
    if library == "requests" and version("urllib3") < "2":
        pytest.skip("urllib3 1.26 does not compare the length with the header's, unless it reads the body itself")

    # urllib3 itself reads the body, unless told otherwise, before there is a response.
    assert span.attributes.get("http.response.status_code") == (None if library == "urllib3" else 200)
    assert span.status == "error"
    assert span.attributes["error.type"] in (
        "aiohttp.client_exceptions.ClientPayloadError",
        "http.client.IncompleteRead",
        "urllib3.exceptions.ProtocolError",
        "httpx.RemoteProtocolError",
    )
    assert len(span.events) == 1


@pytest.mark.parametrize("library", ["aiohttp", "httpx async"])
def test_a_cancelled_call_is_an_error_without_a_traceback(library: str) -> None:
    (span,) = ours(library, "cancelled")

    assert span.status == "error"
    assert span.attributes["error.type"] == "asyncio.exceptions.CancelledError"
    assert span.events == ()


@pytest.mark.parametrize(
    "library, name", [("requests", "scheme"), ("urllib", "scheme"), ("urllib", "a file"), ("urllib", "data")]
)
def test_what_is_no_request_has_no_span(library: str, name: str) -> None:
    assert ours(library, name) == []
    assert len(upstreams(library, name)) == 1


@pytest.mark.parametrize(
    "name, status, kind",
    [("missing", "error", "404"), ("unavailable", "error", "503"), ("not redirected", "unset", None)],
)
def test_a_response_that_urllib_raises_is_a_response(name: str, status: str, kind: str | None) -> None:
    (span,) = ours("urllib", name)

    assert (span.status, span.message, span.attributes.get("error.type")) == (status, "", kind)
    assert span.events == ()


def test_what_aiohttp_refuses_to_send_has_no_span() -> None:
    assert ours("aiohttp", "scheme") == upstreams("aiohttp", "scheme") == []


def test_an_error_of_aiohttps_has_its_message() -> None:
    (span,), (theirs,) = ours("aiohttp", "refused"), upstreams("aiohttp", "refused")

    assert (span.name, span.status, len(span.events)) == (theirs.name, theirs.status, len(theirs.events))
    assert span.message.startswith(f"{theirs.message}: Cannot connect to host")


def test_a_password_in_an_address_of_aiohttps_is_nowhere() -> None:
    (span,) = ours("aiohttp", "userinfo")

    assert span.attributes["url.full"] == "http://127.0.0.1:PORT/hello"
    assert "password" not in str(span)


def test_a_password_that_urllib_takes_for_a_port_is_nowhere() -> None:
    (span,) = ours("urllib", "userinfo")

    assert (span.status, span.message) == ("error", "InvalidURL")
    assert "password" not in str(span)


@pytest.mark.parametrize("library", PROGRAMS)
@pytest.mark.parametrize("name", ["refused", "timeout"])
def test_an_exception_is_recorded_once_with_its_full_type(library: str, name: str) -> None:
    (span,) = ours(library, name)
    (event,) = span.events

    assert span.attributes["error.type"] == event.attributes["exception.type"]
    assert "http.response.status_code" not in span.attributes
