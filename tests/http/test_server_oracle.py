"""Our server spans are upstream's, but for the differences that docs/reference/http-differences-servers.md lists."""

from __future__ import annotations

import sys
from functools import cache

import pytest

from platform_otel.http.server_request import shown_query
from tests.http.exchanges import PARENT, request, spans_by_case
from tests.receiver import ReceivedSpan

COMMANDS = {
    "fastapi": ("uvicorn", "every_route_fastapi:app", "--port", "{port}", "--log-level", "warning"),
    "starlette": ("uvicorn", "every_route_starlette:app", "--port", "{port}", "--log-level", "warning"),
    "flask": ("gunicorn", "every_route_flask:app", "-b", "127.0.0.1:{port}", "--threads", "2", "--log-level", "error"),
    "django": (
        "gunicorn",
        "every_route_django:app",
        "-b",
        "127.0.0.1:{port}",
        "--threads",
        "2",
        "--log-level",
        "error",
    ),
    "django by asgi": ("uvicorn", "every_route_django:asgi", "--port", "{port}", "--log-level", "warning"),
    "aiohttp": ("--", sys.executable, "every_route_aiohttp.py", "{port}"),
}
REFUSED = ("aiohttp", "unknown method")
CASES: dict[str, tuple[bytes, int | None]] = {
    "matched": (request("/hello/ada?x=1"), None),
    "secret in the query": (request("/hello/ada?token=abc&x=%20&a=b"), None),
    "in a thread": (request("/sync/1"), None),
    "head": (request("/sync/1", method="HEAD"), None),
    "post without a body": (request("/sync/1", method="POST"), None),
    "method not allowed": (request("/hello/ada", method="POST"), None),
    "unknown method": (request("/hello/ada", method="FOO"), None),
    "not found by the endpoint": (request("/missing"), None),
    "unmatched": (request("/nowhere"), None),
    "unavailable": (request("/unavailable"), None),
    "answered by a handler": (request("/expected"), None),
    "broken": (request("/broken"), None),
    "stream": (request("/stream"), None),
    "broken stream": (request("/broken-stream"), None),
    "client goes away": (request("/endless"), 5000),
    "upload": (request("/upload", method="POST", body=b"x" * 100_000), None),
    "upload broken off": (request("/upload", "Content-Length: 100000", method="POST") + b"x" * 10, 0),
    "redirected": (request("/slash"), None),
    "nested prefixes": (request("/api/v1/items/3"), None),
    "user agent": (request("/hello/ada", "User-Agent: curl/8.1"), None),
    "http 1.0": (request("/hello/ada", version="1.0"), None),
    "header twice": (request("/hello/ada", "X-A: 1", "X-A: 2"), None),
    "header of odd bytes": (request("/hello/ada", "X-A: \xff\xfe"), None),
    "address with a port in it": (request("/hello/a:b@c"), None),
    "root": (request("/"), None),
    "answered by middleware": (request("/early"), None),
    "file": (request("/file"), None),
}
# aiohttp's parser refuses a method that it does not know, before anybody sees a request; and Django reads all of a body
# before upstream's does.
UNSEEN = (REFUSED, ("django by asgi", "upload broken off"))
EXCHANGES = [(framework, case) for framework in COMMANDS for case in CASES if (framework, case) not in UNSEEN]
# Where upstream's says 500 or nothing, ours says what was raised. Django has no exception that is a 503; and what
# middleware of aiohttp answers, nobody sees.
RAISED = {
    (framework, case)
    for framework in COMMANDS
    for case in ("unavailable", "answered by a handler", "broken", "broken stream")
    if (framework.partition(" ")[0], case) not in (("django", "unavailable"), ("aiohttp", "answered by a handler"))
}
# Upstream's for Starlette sees the first mount only, names by any method, and is beneath what answers with a 500.
JOINED = ("starlette", "nested prefixes")
BENEATH = ("starlette", "broken")
NAMES = {
    JOINED: "GET /api/v1/items/{item:int}",
    ("starlette", "unknown method"): "HTTP /hello/{name}",
    ("django", "unknown method"): "HTTP /hello/<str:name>",
    ("django by asgi", "unknown method"): "HTTP /hello/<str:name>",
}
# Upstream's for Django takes what Django answers with a 404 for a failure; that for aiohttp, a client that goes away.
NO_FAILURES = {("django", "not found by the endpoint"), ("django by asgi", "not found by the endpoint")}
NO_FAILURES |= {("aiohttp", "client goes away")}
# By WSGI, a body that ends early is a short body, which the service answers.
GONE_WHILE_IT_SENT = {(framework, "upload broken off") for framework in ("fastapi", "starlette", "aiohttp")}
NO_FAILURES |= GONE_WHILE_IT_SENT


@cache
def spans(framework: str, upstream: bool) -> dict[str, tuple[int, list[ReceivedSpan]]]:
    library = {"PLATFORM_TRACE_UPSTREAM": "all"} if upstream else {}
    return spans_by_case(("platform-trace", *COMMANDS[framework]), CASES, **library)


def one_span(framework: str, case: str, upstream: bool = False) -> ReceivedSpan:
    _, [span] = spans(framework, upstream)[case]
    return span


each_exchange = pytest.mark.parametrize("framework, case", EXCHANGES)


@each_exchange
def test_the_answer_is_the_same(framework: str, case: str) -> None:
    assert spans(framework, upstream=False)[case][0] == spans(framework, upstream=True)[case][0]


def test_what_is_refused_before_anybody_sees_it_has_no_span() -> None:
    framework, case = REFUSED

    assert spans(framework, upstream=False)[case] == spans(framework, upstream=True)[case] == (400, [])


def test_a_body_that_a_client_does_not_finish_is_no_error_though_django_reads_it_first() -> None:
    _, [span] = spans("django by asgi", upstream=False)["upload broken off"]

    assert spans("django by asgi", upstream=True)["upload broken off"] == (0, [])
    assert (span.status, span.attributes["platform_trace.interrupted"]) == ("unset", "disconnect")


@each_exchange
def test_kind_parent_and_trace_are_the_same(framework: str, case: str) -> None:
    ours, theirs = one_span(framework, case), one_span(framework, case, upstream=True)

    assert (ours.kind, ours.trace_id, ours.parent_id) == (theirs.kind, theirs.trace_id, theirs.parent_id)
    assert (ours.kind, ours.parent_id) == ("server", PARENT)


@each_exchange
def test_the_name_is_the_same_but_for_the_differences_that_the_page_lists(framework: str, case: str) -> None:
    ours, theirs = one_span(framework, case), one_span(framework, case, upstream=True)
    method, _, path = theirs.name.partition(" ")
    if framework == "flask" and "http.route" not in theirs.attributes:
        path = ""
    if framework.startswith("django") and (path or case == "root"):
        path = f"/{path}"

    assert ours.name == NAMES.get((framework, case), f"{method} {path}".rstrip())


@each_exchange
def test_the_status_is_the_same_but_for_the_differences_that_the_page_lists(framework: str, case: str) -> None:
    ours, theirs = one_span(framework, case), one_span(framework, case, upstream=True)
    expected = "unset" if (framework, case) in NO_FAILURES else "error" if case == "broken stream" else theirs.status

    assert ours.status == expected


@each_exchange
def test_the_attributes_are_the_same_but_for_those_that_the_page_lists(framework: str, case: str) -> None:
    ours, theirs = one_span(framework, case), one_span(framework, case, upstream=True)
    expected = dict(theirs.attributes)
    expected.pop("client.port", None)
    expected |= {"server.address": "service", "server.port": 8080}
    if "url.query" in expected:
        expected["url.query"] = shown_query(str(expected["url.query"]))
    if (framework, case) in RAISED:
        expected["error.type"] = ours.attributes["error.type"]
    if (framework, case) == JOINED:
        expected["http.route"] = "/api/v1/items/{item:int}"
    if (framework, case) == BENEATH:
        expected["http.response.status_code"] = 500
    if case == "client goes away" or (framework, case) in GONE_WHILE_IT_SENT:
        expected["platform_trace.interrupted"] = "disconnect"
    if (framework, case) in GONE_WHILE_IT_SENT:  # there is nobody to be answered
        expected = {name: value for name, value in expected.items() if name not in ANSWERED}
    if framework.startswith("django") and ("http.route" in expected or case == "root"):
        expected["http.route"] = f"/{expected.get('http.route', '')}"
    if framework == "aiohttp":
        expected = as_aiohttps(expected, case)

    assert dict(ours.attributes) == expected


ANSWERED = ("http.response.status_code", "error.type")


def as_aiohttps(theirs: dict[str, object], case: str) -> dict[str, object]:
    """Upstream's for aiohttp leaves out the client, and the status where something was raised, and has empty routes."""
    expected = {name: value for name, value in theirs.items() if (name, value) != ("http.route", "")}
    expected["client.address"] = "127.0.0.1"
    if case in ("broken", "broken stream", "client goes away"):
        expected["http.response.status_code"] = 500 if case == "broken" else 200
    if case == "client goes away":
        del expected["error.type"]
    return expected


@pytest.mark.parametrize("framework, case", sorted(RAISED))
def test_what_was_raised_is_recorded_once_and_is_the_error(framework: str, case: str) -> None:
    span = one_span(framework, case)
    [event] = span.events

    assert event.attributes["exception.type"] == span.attributes["error.type"]
    assert span.message.startswith(str(span.attributes["error.type"]).rpartition(".")[2])


@pytest.mark.parametrize("framework, case", [each for each in EXCHANGES if each not in RAISED])
def test_nothing_else_is_recorded(framework: str, case: str) -> None:
    assert one_span(framework, case).events == ()
