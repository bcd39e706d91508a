"""Lifetimes, context, exclusion and headers of server spans."""

from __future__ import annotations

import pytest

from tests.http.server import AnsweringServer
from tests.receiver import ReceivedSpan, Receiver
from tests.support import exporting_to, launch_code

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

FASTAPI = """
import asyncio, httpx, requests, sys
from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.middleware.base import BaseHTTPMiddleware
from opentelemetry import trace
app = FastAPI()
{application}
async def get(path, headers={{}}, method="GET"):
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        return await client.request(method, path, headers=headers)
{then}
"""
FLASK = """
import requests, sys
from flask import Flask, Response, request
from opentelemetry import trace
app = Flask("app")
{application}
def get(path, headers={{}}):
    with app.test_client() as client:
        return client.get(path, headers=headers, buffered=True)
{then}
"""
# The clients of these programs are not what is tested.
SERVERS_ONLY = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "httpx"}


def spans_of(receiver: Receiver, template: str, application: str, then: str, **variables: str) -> list[ReceivedSpan]:
    code = template.format(application=application, then=then)
    outcome = launch_code(code, **exporting_to(receiver, **(SERVERS_ONLY | variables)))

    assert (outcome.returncode, outcome.stderr) == (0, ""), outcome.stderr
    return receiver.spans()


# --- Lifetimes --------------------------------------------------------------------------------------------------------


def test_a_background_task_is_a_span_of_its_own_that_does_not_stretch_its_requests(receiver: Receiver) -> None:
    application = """
async def later(): await asyncio.sleep(0.05)
@app.get("/x")
async def x(tasks: BackgroundTasks): tasks.add_task(later); return {}
"""
    server, task = sorted(spans_of(receiver, FASTAPI, application, "asyncio.run(get('/x'))"), key=lambda s: s.start)

    assert (server.name, task.name) == ("GET /x", "background later")
    assert task.parent_id == server.span_id
    assert server.end <= task.start


def test_a_background_task_that_fails_is_the_error_and_its_request_is_none(receiver: Receiver) -> None:
    application = """
def later(): raise ValueError("late")
@app.get("/x")
async def x(tasks: BackgroundTasks): tasks.add_task(later); return {}
"""
    then = "asyncio.run(get('/x'))"
    server, task = sorted(spans_of(receiver, FASTAPI, application, then), key=lambda span: span.start)

    assert (server.status, server.events) == ("unset", ())
    assert (task.status, [event.name for event in task.events]) == ("error", ["exception"])


def test_a_stream_is_part_of_its_request_with_what_it_calls(receiver: Receiver) -> None:
    application = """
@app.get("/x")
def x():
    def parts():
        yield "a"
        trace.get_tracer("t").start_span("within").end()
        yield "b"
    return Response(parts())
"""
    within, server = sorted(spans_of(receiver, FLASK, application, "get('/x')"), key=lambda span: span.kind)

    assert (within.name, within.parent_id) == ("within", server.span_id)
    assert server.start <= within.start <= within.end <= server.end


def test_a_websocket_is_one_span_with_its_messages_counted(receiver: Receiver) -> None:
    application = """
from starlette.testclient import TestClient
from starlette.websockets import WebSocket
@app.websocket("/ws/{room}")
async def socket(websocket: WebSocket, room: str):
    await websocket.accept()
    for _ in range(3): await websocket.send_text(await websocket.receive_text())
    await websocket.close(4000)
"""
    then = """
client = TestClient(app)
with client.websocket_connect("/ws/a?token=x") as socket:
    for word in ("a", "b", "c"):
        socket.send_text(word); socket.receive_text()
"""
    [span] = spans_of(receiver, FASTAPI, application, then, PYTHONWARNINGS="ignore")

    assert (span.name, span.kind, span.status) == ("WS /ws/{room}", "server", "unset")
    assert span.attributes["platform_trace.websocket.received"] == 3
    assert span.attributes["platform_trace.websocket.sent"] == 3
    assert span.attributes["platform_trace.websocket.close_code"] == 4000
    assert span.attributes["http.request.method"] == "GET"
    assert span.attributes["http.response.status_code"] == 101
    assert span.attributes["url.query"] == "token=REDACTED"


def test_a_websocket_that_is_refused_says_so(receiver: Receiver) -> None:
    application = """
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect
@app.websocket("/ws")
async def socket(websocket: WebSocket): await websocket.close(1008)
"""
    then = """
try:
    with TestClient(app).websocket_connect("/ws"): pass
except WebSocketDisconnect: pass
"""
    [span] = spans_of(receiver, FASTAPI, application, then, PYTHONWARNINGS="ignore")

    assert (span.attributes["http.response.status_code"], span.status) == (403, "unset")


def test_a_request_that_is_cancelled_says_so_and_is_no_error(receiver: Receiver) -> None:
    application = """
started = asyncio.Event()
@app.get("/x")
async def x(): started.set(); await asyncio.sleep(60)
"""
    then = """
async def main():
    task = asyncio.create_task(get("/x"))
    await started.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
asyncio.run(main())
"""
    [span] = spans_of(receiver, FASTAPI, application, then)

    assert (span.attributes["platform_trace.interrupted"], span.status) == ("cancellation", "unset")


def test_trios_cancellation_is_a_cancellation(receiver: Receiver) -> None:
    # Not trio itself: where it is installed, httpx imports it.
    application = """
import types
class Cancelled(BaseException): pass
sys.modules["trio"] = types.SimpleNamespace(Cancelled=Cancelled)
@app.get("/x")
async def x(): raise Cancelled
"""
    then = """
async def send(message): pass
scope = {"type": "http", "method": "GET", "path": "/x", "headers": [], "query_string": b"", "root_path": ""}
try: asyncio.run(app(scope, None, send))
except Cancelled: pass
"""
    [span] = spans_of(receiver, FASTAPI, application, then)

    assert (span.attributes["platform_trace.interrupted"], span.status) == ("cancellation", "unset")


def test_a_stream_that_nobody_listens_to_any_more_is_no_error_of_the_servers(receiver: Receiver) -> None:
    application = """
@app.get("/x")
async def x():
    async def parts():
        while True: yield "a"
    return StreamingResponse(parts())
"""
    # As a server does whose send raises.
    then = """
sent = []
async def send(message):
    if len(sent) > 2: raise OSError("gone")
    sent.append(message)
scope = {"type": "http", "method": "GET", "path": "/x", "headers": [], "query_string": b"", "root_path": ""}
scope["asgi"] = {"version": "3.0", "spec_version": "2.4"}
try: asyncio.run(app(scope, None, send))
except Exception: pass
"""
    [span] = spans_of(receiver, FASTAPI, application, then)

    assert (span.attributes["platform_trace.interrupted"], span.status, span.events) == ("disconnect", "unset", ())
    assert span.attributes["http.response.status_code"] == 200


OWN_PROVIDER = """
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
class Broken(SpanProcessor):
    def on_end(self, span): raise RuntimeError("broken")
provider = TracerProvider()
provider.add_span_processor(Broken())
trace.set_tracer_provider(provider)
"""
STREAMS = {
    FASTAPI: """
@app.get("/x")
async def x(): return StreamingResponse(iter(["a", "b"]))
async def main():
    print((await get("/x")).text, trace.get_current_span().get_span_context().is_valid)
asyncio.run(main())
""",
    FLASK: """
@app.get("/x")
def x(): return Response(iter(["a", "b"]))
print(get("/x").text, trace.get_current_span().get_span_context().is_valid)
""",
}


@pytest.mark.parametrize("template", STREAMS, ids=["fastapi", "flask"])
def test_a_processor_of_the_application_that_fails_does_not_break_off_a_response(template: str) -> None:
    code = template.format(application=OWN_PROVIDER, then=STREAMS[template])
    variables = {"OTEL_TRACES_EXPORTER": "none", "PLATFORM_TRACE_STRICT": None, **SERVERS_ONLY}
    outcome = launch_code(code, **variables)

    assert (outcome.returncode, outcome.stdout) == (0, "ab False\n")
    assert outcome.stderr == "platform-trace: could not end the span of a request: RuntimeError: broken\n"


def test_an_application_that_ends_without_an_answer_is_an_error(receiver: Receiver) -> None:
    application = """
from starlette.applications import Starlette
from starlette.routing import Mount
async def silent(scope, receive, send): pass
app = Starlette(routes=[Mount("/silent", silent)])
"""
    then = """
async def send(message): pass
scope = {"type": "http", "method": "GET", "path": "/silent/x", "headers": [], "query_string": b"", "root_path": ""}
asyncio.run(app(scope, None, send))
"""
    [span] = spans_of(receiver, FASTAPI, application, then)

    assert (span.status, span.attributes["error.type"]) == ("error", "incomplete_response")


def test_an_exception_that_is_answered_beneath_other_middleware_is_recorded(receiver: Receiver) -> None:
    application = """
class Middleware(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next): return await call_next(request)
app.add_middleware(Middleware)
@app.exception_handler(LookupError)
def answer(request, error): return JSONResponse({}, 503)
@app.get("/x")
async def x(): raise LookupError("gone")
"""
    [span] = spans_of(receiver, FASTAPI, application, "asyncio.run(get('/x'))")
    [event] = span.events

    assert event.attributes["exception.message"] == "gone"
    assert (span.name, span.attributes["error.type"]) == ("GET /x", "LookupError")


@pytest.mark.parametrize("handlers", ["{}", "{Exception: answer}"])
def test_what_a_mounted_application_fails_by_is_recorded_beneath_other_middleware(
    receiver: Receiver, handlers: str
) -> None:
    application = """
from starlette.applications import Starlette
from starlette.routing import Route
class Middleware(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next): return await call_next(request)
async def answer(request, error): return JSONResponse({}, 500)
async def x(request): raise LookupError("gone")
app.add_middleware(Middleware)
app.mount("/mounted", Starlette(routes=[Route("/x", x)], exception_handlers=HANDLERS))
""".replace("HANDLERS", handlers)
    [span] = spans_of(receiver, FASTAPI, application, "asyncio.run(get('/mounted/x'))")
    [event] = span.events

    assert event.attributes["exception.message"] == "gone"
    assert (span.name, span.attributes["error.type"]) == ("GET /mounted/x", "LookupError")


def test_an_exception_that_is_answered_with_a_4xx_is_not_recorded(receiver: Receiver) -> None:
    application = """
@app.errorhandler(LookupError)
def answer(error): return "gone", 410
@app.get("/x")
def x(): raise LookupError("gone")
"""
    [span] = spans_of(receiver, FLASK, application, "get('/x')")

    assert (span.status, span.events, span.attributes["http.response.status_code"]) == ("unset", (), 410)


def test_a_5xx_that_nothing_was_raised_for_is_an_error_by_its_code(receiver: Receiver) -> None:
    application = """
@app.get("/x")
def x(): return Response(iter(["sorry"]), 500)
"""
    [span] = spans_of(receiver, FLASK, application, "get('/x')")

    assert (span.status, span.attributes["error.type"], span.events) == ("error", "500", ())


# --- Routes -----------------------------------------------------------------------------------------------------------


def test_a_route_is_joined_over_mounts_routers_and_the_root_of_the_application(receiver: Receiver) -> None:
    application = """
from fastapi import APIRouter
from starlette.routing import Route
inner, outer, mounted = APIRouter(), APIRouter(prefix="/outer"), FastAPI()
@inner.get("/items/{item}")
async def items(item): return {}
outer.include_router(inner, prefix="/{tenant}")
mounted.include_router(outer)
app.mount("/mounted/{version}", mounted)
"""
    then = """
async def main():
    transport = httpx.ASGITransport(app, root_path="/root")
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        print((await client.get("/root/mounted/v1/outer/acme/items/3")).status_code, file=sys.stdout)
asyncio.run(main())
"""
    [span] = spans_of(receiver, FASTAPI, application, then)

    assert span.name == "GET /root/mounted/{version}/outer/{tenant}/items/{item}"
    assert span.attributes["http.response.status_code"] == 200


def test_a_flask_application_inside_an_asgi_application_has_its_route_and_no_second_span(receiver: Receiver) -> None:
    application = """
from flask import Flask
from starlette.middleware.wsgi import WSGIMiddleware
legacy = Flask("legacy")
@legacy.get("/hello/<name>")
def hello(name): return {}
app.mount("/legacy", WSGIMiddleware(legacy))
"""
    [span] = spans_of(receiver, FASTAPI, application, "asyncio.run(get('/legacy/hello/a'))", PYTHONWARNINGS="ignore")

    assert (span.name, span.scope.name) == ("GET /legacy/hello/<name>", "platform_otel.fastapi")


def test_a_dispatchers_prefix_is_part_of_the_route(receiver: Receiver) -> None:
    application = """
from werkzeug.middleware.dispatcher import DispatcherMiddleware
api = Flask("api")
@api.get("/users/<user>")
def users(user): return {}
app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/api": api})
"""
    [span] = spans_of(receiver, FLASK, application, "get('/api/users/ada')")

    assert span.name == "GET /api/users/<user>"


# --- Context ----------------------------------------------------------------------------------------------------------


ROUTE = {
    FASTAPI: "@app.get('/x')\nasync def x(): return {}",
    FLASK: "@app.get('/x')\ndef x(): return {}",
}
CALL = {FASTAPI: "asyncio.run(get('/x', {headers!r}))", FLASK: "get('/x', {headers!r})"}
each_framework = pytest.mark.parametrize("template", [FASTAPI, FLASK], ids=["fastapi", "flask"])


def span_with(receiver: Receiver, template: str, headers: dict[str, str], **variables: str) -> ReceivedSpan:
    [span] = spans_of(receiver, template, ROUTE[template], CALL[template].format(headers=headers), **variables)
    return span


@each_framework
def test_the_trace_of_the_caller_goes_on(receiver: Receiver, template: str) -> None:
    span = span_with(receiver, template, {"traceparent": PARENT, "tracestate": "a=1,b=2", "b3": "0"})

    assert (span.trace_id, span.parent_id) == (PARENT.split("-")[1], PARENT.split("-")[2])
    assert span.trace_state == "a=1,b=2"
    assert "platform_trace.ignored_context" not in span.attributes


@each_framework
@pytest.mark.parametrize("header", ["b3", "X-B3-TraceId", "uber-trace-id", "x-datadog-trace-id", "sentry-trace"])
def test_context_of_another_tracer_is_named_where_a_trace_starts(
    receiver: Receiver, template: str, header: str
) -> None:
    span = span_with(receiver, template, {header: "1"})

    assert (span.parent_id, span.attributes["platform_trace.ignored_context"]) == ("", header.lower())


@each_framework
def test_a_traceparent_that_is_not_valid_is_named(receiver: Receiver, template: str) -> None:
    span = span_with(receiver, template, {"traceparent": "00-0-0-0"})

    assert (span.parent_id, span.attributes["platform_trace.ignored_context"]) == ("", "traceparent")


@each_framework
def test_context_that_a_propagator_reads_is_not_named(receiver: Receiver, template: str) -> None:
    pytest.importorskip("opentelemetry.propagators.aws")
    xray = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    span = span_with(receiver, template, {"X-Amzn-Trace-Id": xray, "b3": "1"}, OTEL_PROPAGATORS="xray")

    assert span.parent_id == "53995c3f42cd8ad8"
    assert "platform_trace.ignored_context" not in span.attributes


@each_framework
def test_untrusted_context_is_a_link_and_no_parent(receiver: Receiver, template: str) -> None:
    span = span_with(
        receiver, template, {"traceparent": PARENT, "baggage": "a=1"}, PLATFORM_TRACE_TRUST_INCOMING="never"
    )
    [link] = span.links

    assert (span.parent_id, link.trace_id) == ("", PARENT.split("-")[1])
    assert span.attributes["platform_trace.ignored_context"] == "traceparent"


def test_a_span_around_a_request_in_the_same_process_is_its_parent(receiver: Receiver) -> None:
    then = "with trace.get_tracer('t').start_as_current_span('around'): get('/x')"
    spans = {span.name: span for span in spans_of(receiver, FLASK, ROUTE[FLASK], then)}

    assert spans["GET /x"].parent_id == spans["around"].span_id


def test_a_request_that_another_one_has_read_is_not_its_child(receiver: Receiver) -> None:
    application = """
from starlette.applications import Starlette
second = []
async def send(message):
    if message["type"] == "http.response.body" and not second:  # as a server that reads on when a response is complete
        second.append(asyncio.create_task(app(dict(scope), None, send)))
scope = {"type": "http", "method": "GET", "path": "/x", "headers": [], "query_string": b"", "root_path": ""}
@app.get("/x")
async def x(): return {}
"""
    then = """
async def main():
    await app(dict(scope), None, send)
    await second[0]
asyncio.run(main())
"""
    spans = spans_of(receiver, FASTAPI, application, then)

    assert [span.parent_id for span in spans] == ["", ""]


# --- Exclusion --------------------------------------------------------------------------------------------------------


CALLS_ON = {
    FASTAPI: """
def call(): requests.get(sys.argv[1] if sys.argv[1:] else URL)
@app.get("/healthz")
@app.get("/x")
async def x(): call(); trace.get_tracer("t").start_span("within").end(); return {}
""",
    FLASK: """
def call(): requests.get(URL)
@app.get("/healthz")
@app.get("/x")
def x(): call(); trace.get_tracer("t").start_span("within").end(); return {}
""",
}


def excluded(receiver: Receiver, template: str, path: str, **variables: str) -> tuple[list[str], list[str]]:
    """The names of the spans, and the traceparent of the call that the request makes."""
    with AnsweringServer() as server:
        application = f"URL = {server.url!r}\n{CALLS_ON[template]}"
        then = CALL[template].format(headers={"traceparent": PARENT}).replace("/x", path)
        names = [span.name for span in spans_of(receiver, template, application, then, **variables)]
        [call] = server.seen
    return names, call.values("traceparent")


@each_framework
@pytest.mark.parametrize(
    "path, variables",
    [
        ("/healthz", {}),
        ("/healthz?full=1", {}),
        ("/x", {"OTEL_PYTHON_EXCLUDED_URLS": "/y,service?.*/x$"}),
        ("/x?debug=1", {"OTEL_PYTHON_EXCLUDED_URLS": "debug=1"}),
        ("/x", {"OTEL_PYTHON_FASTAPI_EXCLUDED_URLS": "x$", "OTEL_PYTHON_FLASK_EXCLUDED_URLS": "x$"}),
    ],
)
def test_an_excluded_request_makes_no_span_and_passes_the_context_on(
    receiver: Receiver, template: str, path: str, variables: dict[str, str]
) -> None:
    variables = {name: value.replace("service?", "(service|localhost)") for name, value in variables.items()}

    assert excluded(receiver, template, path, **variables) == ([], [PARENT])


GOES_ON = {
    FASTAPI: """
over = asyncio.Event()
async def work():
    await over.wait()
    trace.get_tracer("t").start_span("afterwards").end()
@app.get("/healthz/")
async def healthz():
    trace.get_tracer("t").start_span("within").end()
    app.state.task = asyncio.create_task(work())
    return StreamingResponse(parts())
async def parts():
    yield "a"
    trace.get_tracer("t").start_span("within").end()
async def main():
    print((await get("/healthz/", HEADERS)).text)
    over.set()
    await app.state.task
asyncio.run(main())
""",
    FLASK: """
import threading
over = threading.Event()
def work():
    over.wait()
    trace.get_tracer("t").start_span("afterwards").end()
thread = threading.Thread(target=work)
@app.get("/healthz/")
def healthz():
    trace.get_tracer("t").start_span("within").end()
    return Response(parts())
def parts():
    thread.start()
    yield "a"
    trace.get_tracer("t").start_span("within").end()
print(get("/healthz/", HEADERS).text)
over.set()
thread.join()
""",
}


@pytest.mark.parametrize("template", GOES_ON, ids=["fastapi", "flask"])
@pytest.mark.parametrize("headers", [{}, {"traceparent": PARENT}], ids=["a trace of its own", "that of the caller"])
def test_what_an_excluded_request_has_begun_is_traced_once_the_request_is_over(
    receiver: Receiver, template: str, headers: dict[str, str]
) -> None:
    [span] = spans_of(receiver, template, f"HEADERS = {headers}", GOES_ON[template])

    assert span.name == "afterwards"
    assert span.parent_id == (PARENT.split("-")[2] if headers else "")


@each_framework
@pytest.mark.parametrize("path", ["/x", "/healthz"])
def test_what_the_settings_do_not_exclude_is_traced_a_health_check_too(
    receiver: Receiver, template: str, path: str
) -> None:
    names, [header] = excluded(receiver, template, path, OTEL_PYTHON_EXCLUDED_URLS="/y")

    assert sorted(names) == ["GET", f"GET {path}", "within"]
    assert header != PARENT
    assert header.split("-")[1] == PARENT.split("-")[1]


# --- Headers ----------------------------------------------------------------------------------------------------------


CAPTURE = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"


@each_framework
def test_headers_are_recorded_as_asked_for_and_credentials_never(receiver: Receiver, template: str) -> None:
    span = span_with(
        receiver,
        template,
        {
            "X-Thing": "1",
            "X-Hidden": "2",
            "Authorization": "Bearer s3cret",
            "Cookie": "a=s3cret",
            "X-Api-Key": "s3cret",
        },
        **{f"{CAPTURE}SERVER_REQUEST": ".*", f"{CAPTURE}SERVER_RESPONSE": "content-.*"},
        **{f"{CAPTURE}SANITIZE_FIELDS": "hidden"},
    )

    headers = {name: value for name, value in span.attributes.items() if ".header.x-" in name or ".response.h" in name}
    assert headers == {
        "http.request.header.x-thing": ["1"],
        "http.request.header.x-hidden": ["[REDACTED]"],
        "http.response.header.content-type": ["application/json"],
        "http.response.header.content-length": headers["http.response.header.content-length"],
    }
    assert "s3cret" not in str(span)


@each_framework
def test_known_methods_are_those_that_the_setting_says(receiver: Receiver, template: str) -> None:
    span = span_with(receiver, template, {}, OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS="BREW,POST")

    assert (span.name, span.attributes["http.request.method"]) == ("HTTP /x", "_OTHER")
    assert span.attributes["http.request.method_original"] == "GET"


# --- Sampling ---------------------------------------------------------------------------------------------------------


@each_framework
def test_a_request_that_is_not_sampled_makes_no_span_and_says_so_to_those_it_calls(
    receiver: Receiver, template: str
) -> None:
    names, [header] = excluded(receiver, template, "/x", OTEL_TRACES_SAMPLER="always_off")

    assert names == []
    assert header.startswith(PARENT[:36])
    assert header.endswith("-00")
