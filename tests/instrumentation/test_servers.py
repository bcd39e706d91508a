"""An application of no framework has its span under every server, and one of a framework has no second one."""

from __future__ import annotations

import sys
from typing import Any  # Any: that is what pytest.param is

import pytest

from tests.http.exchanges import PARENT, exchange, request, spans_by_case, status_of, traceparent
from tests.instrumentation.comparison import needs
from tests.receiver import ReceivedSpan, Receiver
from tests.support import Service, exporting_to, received

# Command, and the distributions that it takes.
SERVERS = {
    "uvicorn": ("uvicorn bare_asgi:app --port {port}", "uvicorn"),
    "uvicorn with wsgi": ("uvicorn --interface wsgi bare_wsgi:app --port {port}", "uvicorn"),
    "hypercorn": ("hypercorn bare_asgi:app -b 127.0.0.1:{port}", "hypercorn"),
    "hypercorn with wsgi": ("hypercorn bare_wsgi:app -b 127.0.0.1:{port}", "hypercorn"),
    "granian": ("granian --interface asgi bare_asgi:app --port {port}", "granian"),
    "granian with wsgi": ("granian --interface wsgi bare_wsgi:app --port {port}", "granian"),
    "daphne": ("daphne bare_asgi:app -p {port}", "daphne"),
    "gunicorn": ("gunicorn bare_wsgi:app -b 127.0.0.1:{port}", "gunicorn"),
    "gunicorn with threads": ("gunicorn bare_wsgi:app --threads 2 -b 127.0.0.1:{port}", "gunicorn"),
    "gunicorn preloaded": ("gunicorn bare_wsgi:app --preload -b 127.0.0.1:{port}", "gunicorn"),
    "waitress": ("waitress-serve --listen=127.0.0.1:{port} bare_wsgi:app", "waitress"),
}
FRAMEWORKS = {
    "fastapi under uvicorn": "uvicorn fastapi_service:app --port {port}",
    "starlette under uvicorn": "uvicorn starlette_service:app --port {port}",
    "flask under gunicorn": "gunicorn flask_service:app -b 127.0.0.1:{port}",
    "flask under uvicorn": "uvicorn --interface wsgi flask_service:app --port {port}",
}


def the_span(command: str, path: str, **variables: str) -> ReceivedSpan:
    words = ["platform-trace", *command.split()]
    [(_, [span])] = spans_by_case(words, {"one": (request(path), None)}, **variables).values()
    return span


@pytest.mark.parametrize(
    "command", [pytest.param(command, marks=needs(name), id=case) for case, (command, name) in SERVERS.items()]
)
def test_a_bare_application_has_one_span_a_request(command: str) -> None:
    span = the_span(command, "/some/path?x=1")

    assert (span.name, span.kind, span.parent_id) == ("GET", "server", PARENT)
    assert span.attributes["url.path"] == "/some/path"
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["client.address"] == "127.0.0.1"
    assert span.scope.name in ("platform_otel.asgi", "platform_otel.wsgi")


def under(worker: str, application: str, *distributions: str, spans: int = 1) -> Any:
    """A case: a worker of gunicorn's, what it serves, what it takes, and how many spans of ours it has."""
    return pytest.param(
        worker, application, spans, marks=needs("gunicorn", *distributions), id=f"{worker} {application}"
    )


@pytest.mark.parametrize(
    "worker, application, ours",
    [
        under("aiohttp.GunicornWebWorker", "aiohttp_service:app", "aiohttp", spans=0),
        under("tornado", "tornado_service:app", "tornado", spans=0),
        under("gunicorn_workers.OwnUvicornWorker", "gunicorn_workers:bare", "uvicorn"),
        under("gunicorn_workers.OwnUvicornWorker", "gunicorn_workers:wrapped", "uvicorn"),
        under("gunicorn_workers.OwnUvicornWorker", "starlette_service:app", "uvicorn"),
        under("gunicorn_workers.OwnAsgiWorker", "gunicorn_workers:wrapped"),
        under("gevent", "bare_wsgi:app", "gevent"),
    ],
)
def test_whatever_worker_gunicorn_has_the_application_is_called_as_it_wants(
    worker: str, application: str, ours: int
) -> None:
    if worker.endswith("OwnAsgiWorker"):
        pytest.importorskip("gunicorn.workers.gasgi")
    words = ["platform-trace", "gunicorn", "--worker-class", worker, "-b", "127.0.0.1:{port}", application]
    with (
        Receiver() as receiver,
        Service(*words, **exporting_to(receiver, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=ELSEWHERE)) as service,
    ):
        answer = exchange(service.port, request("/hello/ada", f"traceparent: {traceparent(7)}"))
        service.stop()

    assert status_of(answer) == 200
    assert len([span for span in receiver.spans() if span.trace_id == f"{7:032x}"]) == ours


ELSEWHERE = "aiohttp-server,tornado"


@pytest.mark.parametrize("server", ["wsgiref", "werkzeug"])
def test_the_servers_for_development_trace_a_bare_application(receiver: Receiver, server: str) -> None:
    command = ("platform-trace", "--", sys.executable, "bare_wsgi.py", server, "{port}")
    with Service(*command, **exporting_to(receiver)) as service:
        exchange(service.port, request("/some/path", f"traceparent: {traceparent(7)}"))
        [span] = received(receiver, 1, lambda span: span.trace_id == f"{7:032x}")

    assert (span.name, span.attributes["url.path"]) == ("GET", "/some/path")


@pytest.mark.parametrize("command", FRAMEWORKS.values(), ids=FRAMEWORKS)
def test_an_application_of_a_framework_has_one_span_a_request(command: str) -> None:
    span = the_span(command, "/hello/ada")

    assert span.name.startswith("GET /hello/")


@pytest.mark.parametrize(
    "command", ["uvicorn bare_asgi:app --port {port}", "gunicorn bare_wsgi:app -b 127.0.0.1:{port}"]
)
def test_an_exception_that_leaves_a_bare_application_is_recorded_once(command: str) -> None:
    span = the_span(command, "/broken")
    [event] = span.events

    assert (span.status, span.attributes["error.type"]) == ("error", "ValueError")
    assert event.attributes["exception.type"] == "ValueError"


# hypercorn tells an application that the client is gone while it sends the last of its response, if there is no more to
# come on the connection.
COMPLETE = {
    "connection: close": (request("/stream"), None),
    "http 1.0": (request("/stream", version="1.0"), None),
    "client goes away": (request("/endless"), 5000),
}


@needs("hypercorn")
def test_a_response_is_interrupted_if_the_client_goes_away_before_its_end_and_not_at_it() -> None:
    words = ("platform-trace", "hypercorn", "every_route_starlette:app", "-b", "127.0.0.1:{port}")
    said = {
        case: [(span.attributes.get("platform_trace.interrupted"), span.status) for span in spans]
        for case, (_, spans) in spans_by_case(words, COMPLETE).items()
    }

    assert said == {
        "connection: close": [(None, "unset")],
        "http 1.0": [(None, "unset")],
        "client goes away": [("disconnect", "unset")],
    }


HANDSHAKE = (
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
BROKEN_OFF = {
    "a websocket": (
        "uvicorn bare_asgi:app --port {port}",
        request("/ws", *HANDSHAKE).replace(b"n: close", b"n: Upgrade"),
    ),
    "a file": ("gunicorn bare_wsgi:app -b 127.0.0.1:{port}", request("/file")),
    "a file with threads": ("gunicorn bare_wsgi:app --threads 2 -b 127.0.0.1:{port}", request("/file")),
}


@pytest.mark.parametrize("command, sent", BROKEN_OFF.values(), ids=BROKEN_OFF)
def test_a_client_that_goes_away_in_the_middle_is_no_error_of_the_servers(command: str, sent: bytes) -> None:
    words = ["platform-trace", *command.split()]
    [(_, [span])] = spans_by_case(words, {"one": (sent, 5000)}).values()

    assert (span.attributes["platform_trace.interrupted"], span.status, span.events) == ("disconnect", "unset", ())


def test_the_client_is_the_one_that_a_trusted_proxy_names() -> None:
    words = [
        "platform-trace",
        "uvicorn",
        "bare_asgi:app",
        "--port",
        "{port}",
        "--proxy-headers",
        "--forwarded-allow-ips",
        "*",
    ]
    cases = {"one": (request("/x", "X-Forwarded-For: 203.0.113.7"), None)}
    [(_, [span])] = spans_by_case(words, cases).values()

    assert span.attributes["client.address"] == "203.0.113.7"


@pytest.mark.parametrize("name", ["starlette", "*"])
def test_an_application_whose_framework_is_switched_off_has_no_span_of_ours(name: str) -> None:
    words = ["platform-trace", "uvicorn", "starlette_service:app", "--port", "{port}"]
    with (
        Receiver() as receiver,
        Service(*words, **exporting_to(receiver, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=name)) as service,
    ):
        exchange(service.port, request("/hello/ada"))
        service.stop()

    assert receiver.spans() == []
