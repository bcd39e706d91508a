"""aiohttp.web: every legal way to make an application works, and a request is one server span."""

import pytest

from platform_otel.demo.receiver import Receiver
from tests.instrumentation.comparison import needs, spans_of

pytestmark = needs("aiohttp", "opentelemetry-instrumentation-aiohttp-server")

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
print(type(application), len(listed))
application.router.add_get("/hello/{{name}}", hello)
if {path!r}.startswith("/outer"):
    inner, application = application, web.Application()
    application.add_subapp("/outer", inner)
asyncio.run(get(application, {path!r}))
"""


def server_spans(receiver: Receiver, application: str, path: str, *flags: str) -> list[object]:
    code = PROGRAM.format(application=application, path=path)
    return [span.attributes["http.route"] for span in spans_of(receiver, code, *flags) if span.kind == "server"]


@pytest.mark.parametrize(
    "application",
    [
        "web.Application()",
        "web.Application(middlewares=[theirs])",
        "web.Application(middlewares=(theirs,))",
        "web.Application(middlewares=iter([theirs]))",
        "web.Application(middlewares=None)",
        "[web.Application(middlewares=listed), web.Application(middlewares=listed)][1]",
    ],
)
def test_a_request_is_one_span_whatever_the_middlewares_are(receiver: Receiver, application: str) -> None:
    assert server_spans(receiver, application, "/hello/world") == ["/hello/{name}"]


def test_a_request_to_a_sub_application_is_one_span(receiver: Receiver) -> None:
    assert server_spans(receiver, "web.Application()", "/outer/hello/world") == ["/outer/hello/{name}"]


def test_a_request_that_no_route_takes_is_one_span(receiver: Receiver) -> None:
    assert server_spans(receiver, "web.Application()", "/outer/nowhere") == [""]


def test_no_warning_of_aiohttp_is_ours(receiver: Receiver) -> None:
    flags = ("-W", "error::DeprecationWarning")

    assert server_spans(receiver, "web.Application()", "/hello/world", *flags) == ["/hello/{name}"]


def test_a_service_that_instruments_itself_has_one_span_per_request(receiver: Receiver) -> None:
    own = "(lambda i: [i.uninstrument(), i.instrument(), web.Application()][-1])(AioHttpServerInstrumentor())"
    code = PROGRAM.format(application=own, path="/hello/world")
    imports = "from opentelemetry.instrumentation.aiohttp_server import AioHttpServerInstrumentor\n"
    code = imports + code.replace("print(type(application), len(listed))", "")
    spans = [span for span in spans_of(receiver, code) if span.kind == "server"]

    assert len(spans) == 1
