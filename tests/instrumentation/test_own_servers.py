"""A service that instruments its servers itself, or sets its own provider, has each span once, and its own way."""

from __future__ import annotations

import pytest

from tests.receiver import ReceivedSpan, Receiver
from tests.support import exporting_to, launch_code, received

FASTAPI_BEFORE = """
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
FastAPIInstrumentor().instrument(server_request_hook=hook, exclude_spans=["receive", "send"])
from fastapi import FastAPI
app = FastAPI()
"""
FASTAPI_AFTER = """
from fastapi import FastAPI
import fastapi
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
FastAPIInstrumentor().instrument(server_request_hook=hook, exclude_spans=["receive", "send"])
app = fastapi.FastAPI()
"""
FASTAPI_APP = """
from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
app = FastAPI()
FastAPIInstrumentor.instrument_app(app, server_request_hook=hook, exclude_spans=["receive", "send"])
"""
STARLETTE_APP = """
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from opentelemetry.instrumentation.starlette import StarletteInstrumentor
async def x(request): return JSONResponse({})
app = Starlette(routes=[Route("/x", x)])
app.get = lambda path: lambda function: function
StarletteInstrumentor.instrument_app(app, server_request_hook=hook)
"""
MIDDLEWARE_WITHIN = """
from fastapi import FastAPI
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
app = FastAPI()
app.add_middleware(OpenTelemetryMiddleware, server_request_hook=hook, exclude_spans=["receive", "send"])
"""
MIDDLEWARE_AROUND = """
from fastapi import FastAPI
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
app = FastAPI()
served = OpenTelemetryMiddleware(app, server_request_hook=hook, exclude_spans=["receive", "send"])
"""
NATIVE = """
from fastapi import FastAPI
app = FastAPI(telemetry={"tracing": True, "operation_spans": False})
"""
ASGI = """
import asyncio, httpx
def hook(span, scope): span.set_attribute("own.hook", True)
{application}
@app.get("/x")
async def hello(): return {{}}
async def main():
    transport = httpx.ASGITransport(globals().get("served", app))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        for _ in range(2): print((await client.get("/x")).status_code)
asyncio.run(main())
"""
FLASK_BEFORE = """
from opentelemetry.instrumentation.flask import FlaskInstrumentor
FlaskInstrumentor().instrument(request_hook=hook)
from flask import Flask
app = Flask("app")
"""
FLASK_APP = """
from flask import Flask
from opentelemetry.instrumentation.flask import FlaskInstrumentor
app = Flask("app")
FlaskInstrumentor().instrument_app(app, request_hook=hook)
"""
WSGI_MIDDLEWARE = """
from flask import Flask
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
app = Flask("app")
app.wsgi_app = OpenTelemetryMiddleware(app.wsgi_app, request_hook=hook)
"""
WSGI_MIDDLEWARE_AROUND = """
from flask import Flask
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
app = Flask("app")
served = OpenTelemetryMiddleware(app, request_hook=hook)
"""
WSGI = """
from werkzeug.test import Client
def hook(span, environ): span.set_attribute("own.hook", True)
{application}
@app.get("/x")
def hello(): return {{}}
client = Client(globals().get("served", app))
for _ in range(2): print(client.get("/x", buffered=True).status_code)
"""
PROVIDER = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
"""
ONLY_SERVERS = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "httpx", "PYTHONWARNINGS": "ignore"}


def servers_of(receiver: Receiver, code: str, **variables: str) -> list[ReceivedSpan]:
    outcome = launch_code(code, **exporting_to(receiver, **ONLY_SERVERS, **variables))

    assert (outcome.stdout, outcome.stderr) == ("200\n200\n", ""), outcome.stderr
    return [span for span in received(receiver, 2) if not span.name.endswith((" send", " receive"))]


@pytest.mark.parametrize(
    "application",
    [FASTAPI_BEFORE, FASTAPI_AFTER, FASTAPI_APP, STARLETTE_APP, MIDDLEWARE_WITHIN, MIDDLEWARE_AROUND],
    ids=["fastapi before", "fastapi after", "fastapi app", "starlette app", "middleware within", "middleware around"],
)
@pytest.mark.parametrize("provider", ["", PROVIDER], ids=["", "its own provider"])
def test_upstreams_instrumentation_of_an_asgi_application_is_the_only_one(
    receiver: Receiver, application: str, provider: str
) -> None:
    spans = servers_of(receiver, provider + ASGI.format(application=application))

    assert [(span.kind, span.attributes["own.hook"], span.parent_id) for span in spans] == [("server", True, "")] * 2
    assert all(span.scope.name.startswith("opentelemetry.instrumentation.") for span in spans)


@pytest.mark.parametrize(
    "application",
    [FLASK_BEFORE, FLASK_APP, WSGI_MIDDLEWARE, WSGI_MIDDLEWARE_AROUND],
    ids=["flask before", "flask app", "middleware within", "middleware around"],
)
@pytest.mark.parametrize("provider", ["", PROVIDER], ids=["", "its own provider"])
def test_upstreams_instrumentation_of_a_wsgi_application_is_the_only_one(
    receiver: Receiver, application: str, provider: str
) -> None:
    spans = servers_of(receiver, provider + WSGI.format(application=application))

    assert [(span.kind, span.attributes["own.hook"], span.parent_id) for span in spans] == [("server", True, "")] * 2


def test_fastapis_own_tracing_is_off_by_default(receiver: Receiver) -> None:
    spans = servers_of(receiver, ASGI.format(application="from fastapi import FastAPI\napp = FastAPI()"))

    assert {span.scope.name for span in spans} == {"platform_otel.fastapi"}


def test_fastapis_own_tracing_is_the_only_one_where_the_service_asks_for_it(receiver: Receiver) -> None:
    pytest.importorskip("fastapi.telemetry")
    spans = servers_of(receiver, ASGI.format(application=NATIVE))

    assert [(span.scope.name, span.name) for span in spans] == [("fastapi", "GET /x")] * 2


@pytest.mark.parametrize("code", [ASGI, WSGI], ids=["asgi", "wsgi"])
def test_an_application_with_its_own_provider_has_our_spans_once(receiver: Receiver, code: str) -> None:
    framework = (
        "from fastapi import FastAPI\napp = FastAPI()"
        if code is ASGI
        else "from flask import Flask\napp = Flask('app')"
    )
    spans = servers_of(receiver, PROVIDER + code.format(application=framework))

    assert [(span.kind, span.name, span.scope.name.partition(".")[0]) for span in spans] == [
        ("server", "GET /x", "platform_otel")
    ] * 2


@pytest.mark.parametrize(
    "variables", [{"PLATFORM_TRACE_UPSTREAM": "all"}, {"OTEL_SEMCONV_STABILITY_OPT_IN": "http/dup"}]
)
@pytest.mark.parametrize("code", [ASGI, WSGI], ids=["asgi", "wsgi"])
def test_upstreams_is_in_force_where_the_settings_prefer_it(
    receiver: Receiver, code: str, variables: dict[str, str]
) -> None:
    framework = (
        "from fastapi import FastAPI\napp = FastAPI()"
        if code is ASGI
        else "from flask import Flask\napp = Flask('app')"
    )
    spans = servers_of(receiver, code.format(application=framework), **variables)

    assert [(span.kind, span.scope.name.partition(".")[0]) for span in spans] == [("server", "opentelemetry")] * 2
