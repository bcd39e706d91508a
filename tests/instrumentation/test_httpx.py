"""httpx: what services do with clients, transports and responses works as it does without us."""

from __future__ import annotations

from functools import partial

import pytest

from tests.http.clients import traced
from tests.http.server import AnsweringServer
from tests.instrumentation.comparison import client_spans
from tests.receiver import Receiver

BEGIN = "import asyncio, httpx\nBASE = {base!r}\n"
clients = partial(client_spans, BEGIN)


def test_functions_classes_and_responses_look_as_they_did(receiver: Receiver) -> None:
    code = """
import inspect, pickle
for client in (httpx.Client, httpx.AsyncClient):
    for function in (client, client.send, client.request, client._send_single_request):
        print(list(inspect.signature(function).parameters), function.__qualname__, function.__doc__)
        print(inspect.iscoroutinefunction(function))
response = httpx.get(BASE + "/hello")
print(sorted(vars(response)), response.is_closed, response.elapsed.total_seconds() > 0)
again = pickle.loads(pickle.dumps(response))
print(again.status_code, again.content, again.request.method)
"""
    assert len(clients(receiver, code)) == 1


TRANSPORTS = {
    "a mock": "httpx.MockTransport(lambda request: httpx.Response(201, json={'a': 1}))",
    "a mock with a body that is read later": (
        "httpx.MockTransport(lambda request: httpx.Response(201, content=(piece for piece in [b'a', b'b'])))"
    ),
    "one of the service's own": (
        "type('Transport', (httpx.BaseTransport,), {'handle_request': lambda self, request: httpx.Response(201)})()"
    ),
    "an application": "httpx.WSGITransport(lambda environ, start: (start('201 Created', []), [b'hello'])[1])",
}


@pytest.mark.parametrize("transport", TRANSPORTS.values(), ids=TRANSPORTS)
def test_every_transport_is_traced(receiver: Receiver, transport: str) -> None:
    code = f"""
with httpx.Client(transport={transport}) as client:
    response = client.get("http://app/path")
    print(response.status_code, response.content, type(response.request.headers.get("accept")))
"""
    (span,) = clients(receiver, code)

    assert span.attributes["http.response.status_code"] == 201
    assert span.attributes["server.address"] == "app"


def test_spans_of_an_application_in_this_process_are_below_the_call(receiver: Receiver) -> None:
    code = """
async def application(scope, receive, send):
    async with httpx.AsyncClient() as client:
        answer = await client.get(BASE + "/hello")
    await send({"type": "http.response.start", "status": 203, "headers": []})
    await send({"type": "http.response.body", "body": answer.content})
async def main():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://app") as client:
        print((await client.get("/path")).content)
asyncio.run(main())
"""
    outer, inner = clients(receiver, code)

    assert [outer.attributes["http.response.status_code"], inner.attributes["http.response.status_code"]] == [203, 200]
    assert inner.trace_id == outer.trace_id


def test_clients_that_were_there_before_us_are_traced() -> None:
    code = """
    import sys, httpx
    from platform_otel.instrumentation import httpx as ours
    ours.uninstrument()
    client = httpx.Client()
    client.get(sys.argv[1] + "/hello")
    from platform_otel.config import Config
    ours.instrument(Config({}))
    client.get(sys.argv[1] + "/hello")
    """
    with AnsweringServer() as server:
        assert len(traced(code, server.url).clients) == 1
        assert [len(seen.values("traceparent")) for seen in server.seen] == [0, 1]


OWN = {
    "by its instrumentor": "HTTPXClientInstrumentor().instrument(); client = httpx.Client()",
    "one client": "client = httpx.Client(); HTTPXClientInstrumentor.instrument_client(client)",
    "by its transport": "client = httpx.Client(transport=SyncOpenTelemetryTransport(httpx.HTTPTransport()))",
}


@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
def test_a_service_that_instruments_itself_has_each_span_once(own: str) -> None:
    code = f"""
    import sys, httpx
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor, SyncOpenTelemetryTransport
    {own}
    client.get(sys.argv[1] + "/hello")
    """
    with AnsweringServer() as server:
        (span,) = traced(code, server.url).clients

        assert span.scope.name == "opentelemetry.instrumentation.httpx"
        assert [len(seen.values("traceparent")) for seen in server.seen] == [1]


def test_calls_at_once_are_spans_with_their_own_parents() -> None:
    code = """
    import asyncio, sys, httpx
    from opentelemetry import trace
    async def one(client, number):
        with trace.get_tracer("t").start_as_current_span(f"task {number}"):
            await client.get(sys.argv[1] + f"/redirect/{number % 3 + 1}", follow_redirects=True)
    async def main():
        async with httpx.AsyncClient() as client:
            await asyncio.gather(*[one(client, number) for number in range(12)])
    asyncio.run(main())
    """
    with AnsweringServer() as server:
        spans = traced(code, server.url).spans
    for parent in (span for span in spans if span.kind == "internal"):
        calls = [span for span in spans if span.parent_id == parent.span_id]

        assert len(calls) == int(parent.name.split()[1]) % 3 + 2
        assert [span.attributes.get("http.request.resend_count", 0) for span in calls] == list(range(len(calls)))


HOSTILE = {
    "a transport that returns nothing": (
        "T = type('T', (httpx.BaseTransport,), {'handle_request': lambda self, request: None})\n"
        "httpx.Client(transport=T()).get('http://h/')"
    ),
    "a transport whose response has no body": (
        "class R(httpx.Response):\n    @property\n    def is_closed(self): raise KeyError('mine')\n"
        "    @is_closed.setter\n    def is_closed(self, value): pass\n"
        "httpx.Client(transport=httpx.MockTransport(lambda request: R(200))).get('http://h/')"
    ),
    "a version that is none": (
        "m = httpx.MockTransport(lambda r: httpx.Response(200, extensions={'http_version': b'\\xff'}))\n"
        "print(httpx.Client(transport=m).get('http://h/').status_code)"
    ),
    "an address without a host": "httpx.get('http:///p')",
    "an address that is none": "httpx.get('//')",
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_what_is_hostile_ends_as_without_us(receiver: Receiver, hostile: str) -> None:
    lines = "\n".join(f"    {line}" for line in hostile.splitlines())
    code = f"try:\n{lines}\nexcept Exception as error:\n    print(type(error), error)\n"

    clients(receiver, code, PLATFORM_TRACE_STRICT="false", OTEL_LOG_LEVEL="error")


def test_a_coroutine_that_nobody_finishes_prints_nothing(receiver: Receiver) -> None:
    code = """
import contextvars
async def main():
    client = httpx.AsyncClient()
    coroutine = client.get(BASE + "/slow")
    waited_for = coroutine.send(None)
    contextvars.copy_context().run(coroutine.close)
asyncio.run(main())
"""
    (span,) = clients(receiver, code, PYTHONWARNINGS="ignore")

    assert span.attributes["error.type"] == "GeneratorExit"
