"""What the standards allow and few applications do is served as without us, and has its one span."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.receiver import ReceivedSpan, Receiver
from tests.support import exporting_to, launch_code, run_code

ASGI = """
import asyncio, copy, gc, pickle
from opentelemetry import trace
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
SCOPE = {{"type": "http", "method": "GET", "path": "/x", "headers": [], "query_string": b"", "root_path": ""}}
async def call(application, **different):
    sent = []
    async def send(message): sent.append(message)
    async def receive(): return {{"type": "http.request"}}
    scope = different.pop("scope", None) or {{**SCOPE, **different}}
    try:
        await application(scope, receive, send)
    except Exception as error:
        print(type(error).__name__)
    return sent
async def answer(send, status=200, headers=()):
    await send({{"type": "http.response.start", "status": status, "headers": headers}})
    await send({{"type": "http.response.body", "body": b"ok"}})
def around(endpoint):
    return Starlette(routes=[Mount("", endpoint)])
{program}
"""
WSGI = """
import sys
from flask import Flask, Response
from opentelemetry import trace
ENVIRON = {{"REQUEST_METHOD": "GET", "PATH_INFO": "/x", "SERVER_NAME": "service", "SERVER_PORT": "80"}}
ENVIRON["wsgi.url_scheme"] = "http"
def call(application, environ=None):
    answers = []
    def start_response(status, headers, exc_info=None): answers.append((status, list(headers), exc_info))
    body = application(dict(ENVIRON) if environ is None else environ, start_response)
    parts = list(body)
    getattr(body, "close", bool)()
    return answers, parts
def around(application):
    app = Flask("app")
    app.wsgi_app = application
    return app
{program}
"""
QUIET = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "httpx"}


def spans_and_output(receiver: Receiver, code: str, **variables: str) -> tuple[list[ReceivedSpan], str]:
    """The spans of a program, which prints what it prints without us."""
    untraced = run_code(code)
    outcome = launch_code(code, **exporting_to(receiver, **QUIET, **variables))

    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, untraced.stdout, untraced.stderr), outcome.stderr
    return receiver.spans(), outcome.stdout


def asgi(receiver: Receiver, program: str, **variables: str) -> tuple[list[ReceivedSpan], str]:
    return spans_and_output(receiver, ASGI.format(program=program), **variables)


def wsgi(receiver: Receiver, program: str, **variables: str) -> tuple[list[ReceivedSpan], str]:
    return spans_and_output(receiver, WSGI.format(program=program), **variables)


# --- ASGI -------------------------------------------------------------------------------------------------------------


def test_a_scope_can_be_copied_and_pickled(receiver: Receiver) -> None:
    program = """
async def application(scope, receive, send):
    mine = {name: value for name, value in scope.items() if name in SCOPE or name.startswith("platform_trace.")}
    print(copy.copy(mine)["path"], copy.deepcopy(mine)["path"], pickle.loads(pickle.dumps(mine))["path"])
    await answer(send)
asyncio.run(call(around(application)))
"""
    [span], output = asgi(receiver, program)

    assert (span.kind, output) == ("server", "/x /x /x\n")


BUSY = {
    "asgi": """
async def application(scope, receive, send): await answer(send, 503)
try: import no_such_server
except ImportError: asyncio.run(call(around(application)))
""",
    "wsgi": """
def application(environ, start_response):
    start_response("503 Busy", [])
    return [b"busy"]
try: import no_such_server
except ImportError: call(around(application))
""",
}


@pytest.mark.parametrize("interface", [asgi, wsgi])
def test_what_a_server_runs_amid_is_not_why_a_request_fails(
    receiver: Receiver, interface: Callable[[Receiver, str], tuple[list[ReceivedSpan], str]]
) -> None:
    [span], _ = interface(receiver, BUSY[interface.__name__])

    assert (span.attributes["error.type"], span.events) == ("503", ())


CAPTURE = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_"


def test_headers_that_can_be_read_once_are_the_servers(receiver: Receiver) -> None:
    program = """
async def application(scope, receive, send):
    print(list(scope["headers"]))
    await answer(send, 200, (header for header in [(b"x-a", b"1")]))
[start, _] = asyncio.run(call(around(application), headers=iter([(b"x-b", b"2")])))
print(list(start["headers"]))
"""
    [span], output = asgi(receiver, program, **{f"{CAPTURE}RESPONSE": ".*", f"{CAPTURE}REQUEST": ".*"})

    assert output == "[(b'x-b', b'2')]\n[(b'x-a', b'1')]\n"
    assert span.attributes["http.request.header.x-b"] == ["2"]


@pytest.mark.parametrize("status", ["'200'", "None", "object"])
def test_a_status_that_is_no_number_is_the_servers_to_judge(receiver: Receiver, status: str) -> None:
    program = f"""
async def application(scope, receive, send): await answer(send, {status})
[start, _] = asyncio.run(call(around(application)))
print(start["status"])
"""
    [span], _ = asgi(receiver, program)

    assert "http.response.status_code" not in span.attributes


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_request_that_fails_leaves_nothing_to_the_garbage_collector(receiver: Receiver, when: str) -> None:
    early = "await answer(send)" if when == "after" else ""
    program = f"""
import weakref
class Thing: pass
things = []
async def application(scope, receive, send):
    thing = Thing()
    things.append(weakref.ref(thing))
    {early}
    raise ValueError("gone")
async def main():
    app = around(application)
    await call(app)
    gc.collect()
    gc.disable()
    await call(app)
    print([thing() is None for thing in things])
asyncio.run(main())
"""
    spans, output = asgi(receiver, program)

    assert output.endswith("[True, True]\n")
    assert len(spans) == 2


def test_a_scope_that_middleware_makes_anew_is_of_the_same_request(receiver: Receiver) -> None:
    program = """
async def home(request): return PlainTextResponse("home")
inner = Starlette(routes=[Route("/home", home)])
async def fresh(scope, receive, send):
    await inner({name: scope[name] for name in SCOPE}, receive, send)
print(asyncio.run(call(Starlette(routes=[Mount("/fresh", fresh)]), path="/fresh/home"))[1]["body"])
"""
    [span], output = asgi(receiver, program)

    assert (span.name, output) == ("GET /fresh", "b'home'\n")


def test_a_scope_that_is_used_twice_is_two_requests(receiver: Receiver) -> None:
    program = """
async def application(scope, receive, send): await answer(send)
async def main():
    scope, app = dict(SCOPE), around(application)
    await call(app, scope=scope)
    scope.pop("app"), scope.pop("router", None)
    await call(app, scope=scope)
asyncio.run(main())
"""
    spans, _ = asgi(receiver, program)

    assert len(spans) == 2
    assert len({span.trace_id for span in spans}) == 2


def test_a_route_that_a_framework_writes_into_the_scope_is_the_route(receiver: Receiver) -> None:
    program = """
async def application(scope, receive, send):
    scope["path_template"] = "/items/{item}"
    await answer(send)
import uvicorn
config = uvicorn.Config(application, proxy_headers=False)
config.load()
asyncio.run(call(config.loaded_app, path="/root/items/1", root_path="/root"))
"""
    [span], _ = asgi(receiver, program)

    assert (span.name, span.attributes["http.route"]) == ("GET /root/items/{item}", "/root/items/{item}")


# --- WSGI -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "exc_info, status", [("None", "unset"), ("sys.exc_info()", "unset"), ("(ValueError, ValueError(1), None)", "error")]
)
def test_what_went_wrong_can_be_said_by_name(receiver: Receiver, exc_info: str, status: str) -> None:
    program = f"""
def application(environ, start_response):
    start_response("200 OK", [("X-A", "1")], exc_info={exc_info})
    return [b"ok"]
print(call(around(application)))
"""
    [span], _ = wsgi(receiver, program)

    assert (span.status, span.attributes["http.response.status_code"]) == (status, 200)


def test_a_status_of_wsgi_that_is_no_text_is_the_servers_to_judge(receiver: Receiver) -> None:
    program = """
def application(environ, start_response):
    start_response(200, iter([("X-A", "1")]))
    return [b"ok"]
print(call(around(application)))
"""
    [span], output = wsgi(receiver, program, **{f"{CAPTURE}RESPONSE": ".*"})

    assert "http.response.status_code" not in span.attributes
    assert "('X-A', '1')" in output


STREAM = """
def application(environ, start_response):
    start_response("200 OK", [])
    return parts()
def parts():
    try:
        for part in (b"a", b"b"):
            trace.get_tracer("t").start_span("within").end()
            yield part
    finally:
        trace.get_tracer("t").start_span("at the end").end()
print(call(around(application))[1])
"""


@pytest.mark.parametrize(
    "variable",
    ["OTEL_PYTHON_EXCLUDED_URLS", "HTTP_TRACEPARENT"],
    ids=["excluded", "not sampled"],
)
def test_a_stream_makes_no_spans_where_its_request_makes_none(receiver: Receiver, variable: str) -> None:
    environ = "ENVIRON['HTTP_TRACEPARENT'] = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'\n"
    if variable == "HTTP_TRACEPARENT":
        spans, _ = wsgi(receiver, environ + STREAM)
    else:
        spans, _ = wsgi(receiver, STREAM, **{variable: "/x"})

    assert spans == []


def test_an_environ_that_is_used_twice_is_two_requests(receiver: Receiver) -> None:
    program = """
def application(environ, start_response): start_response("200 OK", []); return [b"ok"]
environ, app = dict(ENVIRON), around(application)
call(app, environ), call(app, environ)
"""
    spans, _ = wsgi(receiver, program)

    assert len({span.trace_id for span in spans}) == 2


# --- Both -------------------------------------------------------------------------------------------------------------


def test_what_is_written_to_a_served_application_is_written_to_the_application(receiver: Receiver) -> None:
    code = """
import copy, pickle
from wsgiref.simple_server import WSGIServer, WSGIRequestHandler
class Application:
    region = "?"
    def __call__(self, environ, start_response): return []
application = Application()
server = WSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
server.set_app(application)
served = server.get_app()
served.region, served.other = "eu", 1
del served.other
print(application.region, vars(served), isinstance(served, Application), served.__class__ is Application)
print(copy.copy(served).region, copy.deepcopy(served).region, type(pickle.loads(pickle.dumps(served))).__name__)
"""
    _, output = spans_and_output(receiver, code)

    assert output == "eu {'region': 'eu'} True True\neu eu Application\n"


FRAMEWORKS = {"fastapi": "fastapi.FastAPI()", "starlette": "Starlette()", "flask": "Flask('app')"}
# As a server calls it.
UNDER_UVICORN = """
import fastapi, uvicorn
config = uvicorn.Config({application}, proxy_headers=False)
config.load()
for path in ("/x", "/y"):
    asyncio.run(call(config.loaded_app, path=path))
"""
UNDER_WSGIREF = """
from wsgiref.simple_server import WSGIServer, WSGIRequestHandler
server = WSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
server.set_app({application})
for path in ("/x", "/y"):
    call(server.get_app(), {{**ENVIRON, "PATH_INFO": path}})
"""
AROUND = """
class Around:
    def __init__(self, app): self.app = app
    def __call__(self, *arguments): return self.app(*arguments)
"""


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_is_excluded_for_a_framework_is_so_beneath_middleware(receiver: Receiver, framework: str) -> None:
    serve, served = (wsgi, UNDER_WSGIREF) if framework == "flask" else (asgi, UNDER_UVICORN)
    program = AROUND + served.format(application=f"Around(Around({FRAMEWORKS[framework]}))")
    spans, _ = serve(receiver, program, **{f"OTEL_PYTHON_{framework.upper()}_EXCLUDED_URLS": "/x"})

    assert [(span.scope.name[:14], span.attributes["url.path"]) for span in spans] == [("platform_otel.", "/y")]
