"""aiohttp's client: what services do with sessions, requests and responses works as it does without us."""

from __future__ import annotations

from functools import partial

import pytest

from tests.http.clients import traced
from tests.http.server import AnsweringServer
from tests.instrumentation.comparison import cases, client_spans, needs
from tests.receiver import ReceivedSpan, Receiver

pytestmark = needs("aiohttp")
with_upstreams = needs("opentelemetry-instrumentation-aiohttp-client")

BEGIN = """
import asyncio, aiohttp
BASE = {base!r}
def run(coroutine): return asyncio.run(coroutine)
"""
clients = partial(client_spans, BEGIN)


def test_functions_and_classes_look_as_they_did(receiver: Receiver) -> None:
    code = """
import inspect, pickle
from aiohttp import BaseConnector, ClientRequest, ClientResponse, ClientSession
for function in (BaseConnector.connect, ClientRequest.send, ClientResponse.start, ClientResponse.close,
                 ClientResponse.release, ClientResponse._response_eof, ClientSession._request):
    print(list(inspect.signature(function).parameters), function.__qualname__, function.__module__, function.__doc__)
    print(pickle.loads(pickle.dumps(function)) is function, inspect.iscoroutinefunction(function))
async def main():
    async with aiohttp.ClientSession() as session, session.get(BASE + "/hello") as response:
        print(await response.text(), response.closed)
        print(sorted(vars(response)), sorted(response.request_info.headers) == [])
run(main())
""".replace("sorted(response.request_info.headers) == []", "response.history")
    assert len(clients(receiver, code)) == 1


WAYS = {
    "a session": "async with aiohttp.ClientSession() as s:\n    print(await (await s.get(BASE + '/hello')).text())",
    "a function": "async with aiohttp.request('GET', BASE + '/hello') as r:\n    print(await r.text())",
    "a base address": "async with aiohttp.ClientSession(BASE) as s:\n    print(await (await s.get('/hello')).text())",
    "a trace of its own": (
        "config = aiohttp.TraceConfig()\n"
        "async def started(*_): print('started')\n"
        "config.on_request_start.append(started)\n"
        "async with aiohttp.ClientSession(trace_configs=[config]) as s:\n"
        "    print(await (await s.get(BASE + '/hello')).text())"
    ),
    "unread": "async with aiohttp.ClientSession() as s, s.get(BASE + '/hello') as r:\n    print(r.status)",
}


@pytest.mark.parametrize("way", cases(WAYS, "a session", "a function"))
def test_a_request_is_traced_whoever_asks_for_it(receiver: Receiver, way: str) -> None:
    body = way.replace("\n", "\n    ")
    (span,) = clients(receiver, f"async def main():\n    {body}\nrun(main())")

    assert (span.status, str(span.attributes["url.full"]).endswith("/hello")) == ("unset", True)


def test_headers_of_the_service_stay_as_they_are(receiver: Receiver) -> None:
    code = """
async def main():
    headers = {"Traceparent": "mine"}
    async with aiohttp.ClientSession(headers={"A": "b"}) as session:
        for _ in range(3):
            async with session.get(BASE + "/hello", headers=headers) as response:
                await response.read()
    print(headers)
run(main())
"""
    spans = clients(receiver, code)

    assert [span.attributes.get("http.request.resend_count") for span in spans] == [None] * 3


def test_every_request_of_a_redirect_has_its_own_context_once() -> None:
    code = """
    import asyncio, aiohttp, sys
    async def main():
        async with aiohttp.ClientSession() as session, session.get(sys.argv[1] + "/redirect/2") as response:
            await response.read()
    asyncio.run(main())
    """
    with AnsweringServer() as server:
        spans = traced(code, server.url).clients
        sent = [request.values("traceparent") for request in server.seen]

    assert [[value.split("-")[2] for value in values] for values in sent] == [[span.span_id] for span in spans]


def test_what_makes_the_body_may_make_calls_of_its_own(receiver: Receiver) -> None:
    code = """
async def main():
    async with aiohttp.ClientSession() as session:
        async def parts():
            yield b"a"
            async with session.get(BASE + "/inner") as inner:
                yield await inner.read()
        async with session.post(BASE + "/outer", data=parts(), headers={"Content-Length": "6"}) as response:
            print(response.status)
run(main())
"""
    spans = clients(receiver, code)

    assert [str(span.attributes["url.full"]).rpartition("/")[2] for span in spans] == ["outer", "inner"]


MIDDLEWARE = """
import asyncio, aiohttp, sys
async def with_token(request, handler):
    async with request.session.get(sys.argv[1] + "/redirect/1", middlewares=()) as token:
        await token.read()
    return await handler(request)
async def again(request, handler):
    response = await handler(request)
    response.release()
    return await handler(request)
async def main():
    async with aiohttp.ClientSession(middlewares=(with_token, again)) as session:
        async with session.get(sys.argv[1] + "/flaky/1") as response:
            await response.read()
asyncio.run(main())
"""


def test_what_a_middleware_asks_for_first_is_not_counted_as_a_request_sent_before() -> None:
    pytest.importorskip("aiohttp.client_middlewares", reason="aiohttp has middlewares from 3.12 on")
    with AnsweringServer() as server:
        spans = traced(MIDDLEWARE, server.url).clients
    sent = [
        (str(span.attributes["url.full"]).split("/")[3][:5], span.attributes.get("http.request.resend_count"))
        for span in spans
    ]

    assert sent == [("redir", None), ("hello", 1), ("flaky", None), ("flaky", 1)]


SOCKET = """
import asyncio, sys
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
async def echo(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data)
    return socket
app = web.Application()
app.router.add_get("/socket", echo)
from opentelemetry import trace
async def main():
    async with TestClient(TestServer(app)) as client, client.ws_connect("/socket") as socket:
        trace.get_tracer("moments").start_span("open").end()
        await socket.send_str("a")
        print(await socket.receive_str())
asyncio.run(main())
"""


def test_the_span_of_a_websocket_is_that_of_its_handshake() -> None:
    outcome = traced(SOCKET)
    (span,) = outcome.clients
    [moment] = [span for span in outcome.spans if span.name == "open"]

    assert outcome.lines == ["a"]
    assert span.attributes["http.response.status_code"] == 101
    assert (span.end <= moment.start, moment.parent_id) == (True, "")


WITHOUT_ROOM = """
class Strict:
    def __setattr__(self, name, value):
        if "platform" in name: raise TypeError(name)
        super().__setattr__(name, value)
class Request(Strict, aiohttp.ClientRequest): pass
class Response(Strict, aiohttp.ClientResponse): pass
async def main():
    async with aiohttp.ClientSession({of_its_own}) as session, session.get(BASE + "/hello") as response:
        print(await response.text())
run(main())
"""


@pytest.mark.parametrize("of_its_own", ["request_class=Request", "response_class=Response"])
def test_a_class_that_keeps_nothing_of_ours_works_as_without_us(receiver: Receiver, of_its_own: str) -> None:
    code = WITHOUT_ROOM.replace("{of_its_own}", of_its_own)

    assert len(clients(receiver, code, PLATFORM_TRACE_STRICT="false", OTEL_LOG_LEVEL="error")) == 1


ENDS = {
    "read": ("await response.read()", "/stream/3"),
    "in pieces": ("async for _ in response.content.iter_chunked(2): pass", "/stream/3"),
    "closed": ("response.close()", "/endless"),
    "released": ("response.release()", "/endless"),
    "left": ("await response.__aexit__(None, None, None)", "/endless"),
}


@pytest.mark.parametrize("end", cases(ENDS, "in pieces", "closed", "left"))
def test_the_span_ends_with_the_response(end: tuple[str, str]) -> None:
    ending, path = end
    spans = moments(f"response = await session.get(BASE + {path!r})\nmoment('open')\n{ending}\nmoment('over')")

    # A short body has arrived, and so ended, before anybody reads it.
    assert spans["GET"].end <= spans["over"].start
    assert path != "/endless" or spans["open"].start < spans["GET"].end
    assert (spans["GET"].status, spans["open"].parent_id) == ("unset", "")


LIMITS = {
    "while it is read": "await response.read()",
    "in pieces": "async for _ in response.content.iter_chunked(2): pass",
}


@pytest.mark.parametrize("reading", LIMITS.values(), ids=LIMITS)
def test_a_body_that_takes_too_long_is_an_error(reading: str) -> None:
    spans = moments(
        "import contextlib\n"
        "with contextlib.suppress(asyncio.TimeoutError):\n"
        "    async with session.get(BASE + '/endless', timeout=aiohttp.ClientTimeout(total=0.3)) as response:\n"
        f"        {reading}\n"
    )

    assert (spans["GET"].status, len(spans["GET"].events)) == ("error", 1)
    assert str(spans["GET"].attributes["error.type"]).rpartition(".")[2] == "TimeoutError"


def test_an_exception_of_the_services_own_while_it_reads_is_not_the_calls() -> None:
    spans = moments(
        "try:\n"
        "    async with session.get(BASE + '/endless') as response:\n"
        "        raise KeyError('mine')\n"
        "except KeyError: pass\n"
    )

    assert spans["GET"].status == "unset"


def moments(body: str) -> dict[str, ReceivedSpan]:
    indented = body.replace("\n", "\n        ")
    code = f"""
import asyncio, aiohttp, sys
from opentelemetry import trace
BASE = sys.argv[1]
def moment(name): trace.get_tracer("moments").start_span(name).end()
async def main():
    async with aiohttp.ClientSession() as session:
        {indented}
asyncio.run(main())
"""
    with AnsweringServer() as server:
        return {span.name: span for span in traced(code, server.url).spans}


@with_upstreams
@pytest.mark.parametrize(
    "session",
    [
        "[AioHttpClientInstrumentor().instrument(), aiohttp.ClientSession()][1]",
        "aiohttp.ClientSession(trace_configs=[create_trace_config()])",
    ],
)
def test_a_service_that_instruments_itself_has_each_span_once(session: str) -> None:
    code = f"""
    import asyncio, aiohttp, sys
    from opentelemetry.instrumentation.aiohttp_client import *
    async def main():
        async with {session} as session, session.get(sys.argv[1] + "/hello") as response:
            print(response.status)
    asyncio.run(main())
    """
    with AnsweringServer() as server:
        (span,) = traced(code, server.url).clients

    assert span.scope.name == "opentelemetry.instrumentation.aiohttp_client"


@with_upstreams
def test_a_connector_of_the_services_own_may_name_no_argument() -> None:
    code = """
    import asyncio, aiohttp, sys
    import opentelemetry.instrumentation.aiohttp_client
    class Connector(aiohttp.TCPConnector):
        async def connect(self, request, traces, timeout):
            return await super().connect(request, traces, timeout)
    async def main():
        trace = [aiohttp.TraceConfig()]
        async with aiohttp.ClientSession(connector=Connector(), trace_configs=trace) as session:
            async with session.get(sys.argv[1] + "/hello") as response:
                print(response.status)
    asyncio.run(main())
    """
    with AnsweringServer() as server:
        (span,) = traced(code, server.url).clients

    assert span.attributes["http.response.status_code"] == 200


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_PYTHON_AIOHTTP_CLIENT_EXCLUDED_URLS": "/hello"},
        {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "aiohttp-client"},
    ],
)
def test_a_client_is_left_alone_where_the_settings_say_so(receiver: Receiver, variables: dict[str, str]) -> None:
    body = WAYS["a session"].replace("\n", "\n    ")

    assert clients(receiver, f"async def main():\n    {body}\nrun(main())", **variables) == []
