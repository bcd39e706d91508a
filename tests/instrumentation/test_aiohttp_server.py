"""aiohttp.web: a request is one server span until its response has ended, however the service is made and run."""

from __future__ import annotations

import sys

import pytest

from tests.http.exchanges import PARENT, request, spans_by_case
from tests.instrumentation.comparison import cases, needs, spans_of
from tests.receiver import ReceivedSpan, Receiver
from tests.support import LAUNCHER

pytestmark = needs("aiohttp")
with_upstreams = needs("opentelemetry-instrumentation-aiohttp-server")

PROGRAM = """
import asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

@web.middleware
async def theirs(request, handler):
    print("theirs")
    return await handler(request)

async def hello(request):
    return web.Response(text="hello " + request.match_info["name"])

async def get(application, path):
    async with TestClient(TestServer(application)) as client:
        answer = await client.get(path)
        print(answer.status, await answer.text())

listed = [theirs]
application = {application}
application.router.add_get("/hello/{{name}}", hello)
if {path!r}.startswith("/outer"):
    inner, application = application, web.Application()
    application.add_subapp("/outer", inner)
asyncio.run(get(application, {path!r}))
"""
UPSTREAM = "from opentelemetry.instrumentation.aiohttp_server import *\n"


def server_spans(
    receiver: Receiver, application: str, path: str, *flags: str, before: str = "", **variables: str
) -> list[ReceivedSpan]:
    code = before + PROGRAM.format(application=application, path=path)
    return [span for span in spans_of(receiver, code, *flags, **variables) if span.kind == "server"]


def routes(spans: list[ReceivedSpan]) -> list[object]:
    return [span.attributes.get("http.route") for span in spans]


APPLICATIONS = {
    "none": "web.Application()",
    "a list": "web.Application(middlewares=[theirs])",
    "a tuple": "web.Application(middlewares=(theirs,))",
    "an iterator": "web.Application(middlewares=iter([theirs]))",
    "None": "web.Application(middlewares=None)",
    "a list for two": "[web.Application(middlewares=listed), web.Application(middlewares=listed)][1]",
}


@pytest.mark.parametrize("prefer", ["", pytest.param("all", marks=with_upstreams)], ids=["ours", "upstream's"])
@pytest.mark.parametrize("application", cases(APPLICATIONS, "a tuple"))
def test_a_request_is_one_span_whatever_the_middlewares_are(receiver: Receiver, application: str, prefer: str) -> None:
    spans = server_spans(receiver, application, "/hello/world", PLATFORM_TRACE_UPSTREAM=prefer)

    assert routes(spans) == ["/hello/{name}"]


@pytest.mark.parametrize("prefer", ["", pytest.param("all", marks=with_upstreams)], ids=["ours", "upstream's"])
def test_a_request_to_a_sub_application_is_one_span(receiver: Receiver, prefer: str) -> None:
    spans = server_spans(receiver, "web.Application()", "/outer/hello/world", PLATFORM_TRACE_UPSTREAM=prefer)

    assert routes(spans) == ["/outer/hello/{name}"]


def test_a_request_that_no_route_takes_is_named_by_its_method(receiver: Receiver) -> None:
    [span] = server_spans(receiver, "web.Application()", "/outer/nowhere")

    assert (span.name, "http.route" in span.attributes) == ("GET", False)


def test_no_warning_of_aiohttp_is_ours(receiver: Receiver) -> None:
    # Not -X dev: asyncio's debug mode says how long steps take.
    flags = ("-W", "default", "-W", "error::DeprecationWarning")

    assert routes(server_spans(receiver, "web.Application()", "/hello/world", *flags)) == ["/hello/{name}"]


@with_upstreams
@pytest.mark.parametrize(
    "before, application",
    [
        (UPSTREAM + "AioHttpServerInstrumentor().instrument()\n", "web.Application(middlewares=[])"),
        (UPSTREAM, "[AioHttpServerInstrumentor().instrument(), web.Application(middlewares=[])][1]"),
        pytest.param(
            UPSTREAM + "AioHttpServerInstrumentor().instrument()\n", "web.Application()", marks=pytest.mark.matrix
        ),
    ],
)
def test_a_service_that_instruments_itself_has_one_span_per_request(
    receiver: Receiver, before: str, application: str
) -> None:
    [span] = server_spans(receiver, application, "/hello/world", before=before)

    assert span.scope.name == "opentelemetry.instrumentation.aiohttp_server"


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_PYTHON_AIOHTTP_SERVER_EXCLUDED_URLS": "/hello/"},
        pytest.param({"OTEL_PYTHON_EXCLUDED_URLS": "/hello/"}, marks=pytest.mark.matrix),
        {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "aiohttp-server"},
    ],
)
def test_a_server_is_left_alone_where_the_settings_say_so(receiver: Receiver, variables: dict[str, str]) -> None:
    assert server_spans(receiver, "web.Application()", "/hello/world", **variables) == []


def test_a_task_that_an_excluded_request_has_begun_is_traced_once_the_request_is_over(receiver: Receiver) -> None:
    code = """
import asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from opentelemetry import trace
async def work(over):
    await over.wait()
    trace.get_tracer("t").start_span("afterwards").end()
async def health(request):
    trace.get_tracer("t").start_span("within").end()
    tasks.append(asyncio.create_task(work(over)))
    return web.Response(text="well")
async def main():
    global over, tasks
    over, tasks = asyncio.Event(), []
    app = web.Application()
    app.router.add_get("/health/", health)
    async with TestClient(TestServer(app)) as client:
        print(await (await client.get("/health/")).text())
    over.set()
    await tasks[0]
asyncio.run(main())
"""
    variables = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "aiohttp-client"}

    assert [(span.name, span.parent_id) for span in spans_of(receiver, code, **variables)] == [("afterwards", "")]


def test_a_server_without_an_application_has_its_span(receiver: Receiver) -> None:
    code = """
import asyncio
from aiohttp import ClientSession, web
async def answer(request): return web.Response(text="low")
async def main():
    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}/x") as response:
        print(await response.text())
    await runner.cleanup()
asyncio.run(main())
"""
    [span] = [span for span in spans_of(receiver, code) if span.kind == "server"]

    assert (span.name, span.attributes["url.path"]) == ("GET", "/x")


RUNNERS = {
    "its own runner": ("--", sys.executable, "every_route_aiohttp.py", "{port}"),
    "gunicorn": ("gunicorn", "every_route_aiohttp:app", "-k", "aiohttp.GunicornWebWorker", "-b", "127.0.0.1:{port}"),
}


@pytest.mark.parametrize(
    "command",
    [pytest.param(RUNNERS[name], id=name, marks=needs("gunicorn") if name == "gunicorn" else ()) for name in RUNNERS],
)
def test_a_request_is_one_span_whoever_runs_the_service(command: tuple[str, ...]) -> None:
    [(status, [span])] = spans_by_case((LAUNCHER, *command), {"one": (request("/hello/ada"), None)}).values()

    assert (status, span.name, span.parent_id) == (200, "GET /hello/{name}", PARENT)
    assert span.scope.name == "platform_otel.aiohttp_server"
    assert span.attributes["client.address"] == "127.0.0.1"


def test_headers_are_recorded_where_the_settings_ask_for_them() -> None:
    asked = {
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": "x-.*,cookie",
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE": "content-type",
    }
    cases = {"one": (request("/hello/ada", "X-A: 1", "X-A: 2", "Cookie: secret"), None)}
    [(_, [span])] = spans_by_case((LAUNCHER, *RUNNERS["its own runner"]), cases, **asked).values()

    assert span.attributes["http.request.header.x-a"] == ["1", "2"]
    assert span.attributes["http.response.header.content-type"] == ["application/json; charset=utf-8"]
    assert "secret" not in str(span)


SOCKET = """
import asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from every_route_aiohttp import app
async def main():
    async with TestClient(TestServer(app)) as client:
        socket = await client.ws_connect("/socket/ada")
        {talk}
asyncio.run(main())
"""


def socket_span(receiver: Receiver, talk: str) -> ReceivedSpan:
    code = SOCKET.format(talk=talk.replace("\n", "\n        "))
    [span] = [span for span in spans_of(receiver, code, PYTHONPATH=".") if span.kind == "server"]
    return span


def test_a_websocket_is_one_span_with_its_messages_counted(receiver: Receiver) -> None:
    talk = (
        "for text in ('a', 'bc'):\n    await socket.send_str(text)\n"
        "print([(await socket.receive()).data for _ in range(4)])"
    )
    span = socket_span(receiver, talk + "\nawait socket.close(code=1001)")

    assert (span.name, span.status) == ("WS /socket/{name}", "unset")
    assert span.attributes["http.response.status_code"] == 101
    assert span.attributes["network.protocol.name"] == "websocket"
    assert span.attributes["platform_trace.websocket.received"] == 2
    assert span.attributes["platform_trace.websocket.sent"] == 4
    assert span.attributes["platform_trace.websocket.close_code"] == 1001


def test_a_websocket_that_fails_is_an_error(receiver: Receiver) -> None:
    talk = "import logging; logging.disable()\nawait socket.send_str('break')\nprint((await socket.receive()).type)"
    span = socket_span(receiver, talk)
    [event] = span.events

    assert (span.status, span.attributes["error.type"]) == ("error", "ValueError")
    assert event.attributes["exception.type"] == "ValueError"


def test_a_handler_that_is_cancelled_with_its_client_says_so(receiver: Receiver) -> None:
    code = """
import asyncio
from aiohttp import web
started = asyncio.Event()
async def slow(request):
    started.set()
    await asyncio.sleep(60)
app = web.Application()
app.router.add_get("/slow", slow)
async def main():
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /slow HTTP/1.1\\r\\nHost: service\\r\\n\\r\\n")
    await started.wait()
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.1)
    await runner.cleanup()
    print("over")
asyncio.run(main())
"""
    [span] = spans_of(receiver, code)

    assert (span.name, span.status) == ("GET /slow", "unset")
    assert span.attributes["platform_trace.interrupted"] == "disconnect"
    assert span.events == ()


def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error_of_the_servers(receiver: Receiver) -> None:
    code = """
import asyncio, logging
from aiohttp import web
logging.disable()
started, ended = asyncio.Event(), asyncio.Event()
async def read(request):
    started.set()
    try:
        return web.Response(body=await request.read())
    finally:
        ended.set()
app = web.Application()
app.router.add_post("/read", read)
async def main():
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /read HTTP/1.1\\r\\nHost: service\\r\\nContent-Length: 9\\r\\n\\r\\nshort")
    await started.wait()
    writer.close()
    await ended.wait()
    await runner.cleanup()
    print("over")
asyncio.run(main())
"""
    [span] = spans_of(receiver, code)

    assert (span.name, span.status) == ("POST /read", "unset")
    assert span.attributes["platform_trace.interrupted"] == "disconnect"
    assert "http.response.status_code" not in span.attributes


def test_a_result_of_another_shape_is_passed_on_as_it_is(receiver: Receiver) -> None:
    code = """
import asyncio, inspect, types
from aiohttp import web, web_protocol
from aiohttp.test_utils import TestClient, TestServer
kind = web_protocol.RequestHandler
handle = inspect.unwrap(kind._handle_request)
web_protocol.kept = types.FunctionType(handle.__code__, handle.__globals__)
async def changed(*arguments):
    return iter(await kept(*arguments))
handle.__code__ = changed.__code__
async def hello(request):
    return web.Response(text="hello")
app = web.Application()
app.router.add_get("/hello", hello)
async def main():
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/hello")
        print(answer.status, await answer.text())
asyncio.run(main())
"""
    spans = spans_of(receiver, code, PLATFORM_TRACE_STRICT="false", OTEL_LOG_LEVEL="error")

    assert [(span.name, span.status) for span in spans if span.kind == "server"] == [("GET /hello", "unset")]
