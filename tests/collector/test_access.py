"""Who may speak to the collector, and who may not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from tests.collector.running import PROTOBUF, Collector, Made, ask, body
from tests.support import LAUNCHER, run

TOKEN = "it is a secret!"
BEARER = f"Bearer {TOKEN}"


@pytest.fixture(scope="module")
def guarded() -> Iterator[Collector]:
    """One that asks for a token, known by another name, and taking spans from one page."""
    options = ("--allow-host", "traces.example", "--allow-origin", "http://app.example:3000")
    with Collector("--token", TOKEN, *options) as collector:
        yield collector


def export(collector: Collector, *metadata: tuple[str, str]) -> Any:
    with grpc.insecure_channel(collector.grpc) as channel:
        method: Any = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        return method(body(Made(1, 1)), timeout=30, metadata=metadata)


# --- Tokens -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}, {"cookie": "x=y"}]
)
def test_without_the_token_no_port_answers(guarded: Collector, headers: dict[str, str]) -> None:
    post = ask(guarded.http, "POST", "/v1/traces", body(Made(1, 1)), content_type=PROTOBUF, **headers)

    assert post.status == 401
    assert post.headers["www-authenticate"] == "Bearer"
    analysis = f"/query/traces/{1:032x}/analysis"
    for path in (
        "/",
        "/query/services",
        "/query/errors",
        analysis,
        "/api/services",
        "/openapi.json",
        "/query/live",
        "/no",
    ):
        assert ask(guarded.query, "GET", path, **headers).status == 401
    with pytest.raises(grpc.RpcError) as caught:
        export(guarded, *headers.items())
    assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_with_the_token_every_port_answers(guarded: Collector) -> None:
    post = ask(guarded.http, "POST", "/v1/traces", body(Made(1, 1)), content_type=PROTOBUF, authorization=BEARER)

    assert post.status == 200
    assert ask(guarded.query, "GET", "/query/services", authorization=BEARER).status == 200
    assert export(guarded, ("authorization", BEARER)) == b""


def test_a_token_in_the_address_becomes_a_cookie_that_scripts_and_other_pages_do_not_get(guarded: Collector) -> None:
    answer = ask(guarded.query, "GET", "/?token=it+is+a+secret!&view=map")
    cookie = answer.headers["set-cookie"]

    assert (answer.status, answer.headers["location"]) == (303, "/?view=map")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert ask(guarded.query, "GET", "/query/services", cookie=cookie.partition(";")[0]).status == 200


@pytest.mark.parametrize("path", ["/?token=wrong", "/?token=", "/query/services?token=wrong"])
def test_a_wrong_token_in_the_address_is_no_way_in(guarded: Collector, path: str) -> None:
    answer = ask(guarded.query, "GET", path)

    assert answer.status == 401
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example/", "//evil.example"])
def test_the_way_in_never_leads_to_another_host(guarded: Collector, path: str) -> None:
    answer = ask(guarded.query, "GET", f"{path}?token=it+is+a+secret!")

    assert answer.status == 303
    assert answer.headers["location"].startswith(("/evil", "/%5C"))


def test_the_token_may_come_from_the_environment() -> None:
    with Collector(PLATFORM_TRACE_COLLECTOR_TOKEN=TOKEN) as collector:
        assert ask(collector.query, "GET", "/").status == 401
        assert ask(collector.query, "GET", "/", authorization=BEARER).status == 200


@pytest.mark.parametrize("token", ["sécret", "two\nlines", " around ", "\t"])
def test_a_token_that_no_header_can_carry_is_refused_at_the_start(token: str) -> None:
    collector = run(LAUNCHER, "collector", "--db", ":memory:", PLATFORM_TRACE_COLLECTOR_TOKEN=token)
    show = run(LAUNCHER, "show", "services", "--token", token)

    assert collector.returncode == show.returncode == 2
    for outcome in (collector, show):
        assert "a token is made of printable ASCII characters, without spaces around them" in outcome.stderr


# --- Names and origins ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:16686",
        "localhost.evil.example",
        "evil.example@localhost",
        "127.0.0.2",
        "[::2]",
        "[",
    ],
)
def test_another_name_is_refused_whatever_is_shown(guarded: Collector, host: str) -> None:
    assert ask(guarded.query, "GET", "/query/services", host=host, authorization=BEARER).status == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:9", "[::1]:16686", "traces.example"])
def test_our_own_names_are_answered(guarded: Collector, host: str) -> None:
    assert ask(guarded.query, "GET", "/query/services", host=host, authorization=BEARER).status == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "http://[", "http://localhost:1", "http://app.example:3000"]
)
def test_a_page_of_another_origin_may_not_ask(guarded: Collector, origin: str) -> None:
    headers = {"origin": origin, "authorization": BEARER}

    assert ask(guarded.query, "GET", "/query/services", **headers).status == 403
    assert ask(guarded.query, "GET", "/?token=it+is+a+secret!", origin=origin).status == 403


@pytest.mark.parametrize(
    "path", ["/", "/web/app.js", "/query/services", "/query/traces?limit=0", "/api/services", "/no", "/query/status"]
)
@pytest.mark.parametrize("headers", [{"authorization": BEARER}, {}, {"host": "evil.example"}])
def test_every_answer_is_what_it_says_to_be_and_for_our_own_page_only(
    guarded: Collector, path: str, headers: dict[str, str]
) -> None:
    answer = ask(guarded.query, "GET", path, **headers)

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_a_page_of_the_same_origin_may_ask(guarded: Collector) -> None:
    headers = {"origin": f"http://{guarded.query}", "authorization": BEARER}

    assert ask(guarded.query, "GET", "/query/services", **headers).status == 200


@pytest.mark.parametrize("content_type", [PROTOBUF, "application/json", "text/plain"])
def test_pages_may_not_send_spans(shared: Collector, content_type: str) -> None:
    answer = shared.send(body(Made(9001, 1)), content_type=content_type, origin="http://evil.example")

    assert answer.status == 403
    assert shared.ask(f"/query/traces/{9001:032x}").status == 404


def test_a_page_that_may_send_spans_can(guarded: Collector) -> None:
    origin = "http://app.example:3000"
    asked = {"access_control_request_method": "POST", "access_control_request_headers": "authorization,content-type"}
    before = ask(guarded.http, "OPTIONS", "/v1/traces", origin=origin, **asked)
    answer = guarded.send(body(Made(9002, 1)), origin=origin, authorization=BEARER)

    assert before.status == 200
    assert before.headers["access-control-allow-origin"] == origin
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, origin)


def test_another_page_may_not_send_spans_either(guarded: Collector) -> None:
    answer = guarded.send(body(Made(9003, 1)), origin="http://evil.example", authorization=BEARER)

    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_on_the_query_port_changes_anything(shared: Collector, method: str) -> None:
    for path in ("/", "/query/traces", f"/query/traces/{1:032x}", "/query/status", "/query/live"):
        assert ask(shared.query, method, path, b"").status == 405
