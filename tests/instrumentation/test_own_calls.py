"""A service that instruments itself gets what it would get without us: no warning, its arguments, once."""

import pytest

from tests.receiver import Receiver
from tests.support import exporting_to, launch_code, received, run_code

CALL_NOBODY = """
try:
    requests.get("http://127.0.0.1:9/x")
except requests.ConnectionError:
    pass
"""


def test_the_services_own_call_wins_with_its_arguments_and_without_a_word(receiver: Receiver) -> None:
    code = f"""
import requests
from opentelemetry.instrumentation.requests import RequestsInstrumentor
RequestsInstrumentor().instrument(request_hook=lambda span, request: span.set_attribute("own.hook", True))
{CALL_NOBODY}
"""
    outcome = launch_code(code, **exporting_to(receiver))

    assert (outcome.returncode, outcome.stderr) == (0, "")
    [span] = received(receiver, 1)
    assert span.attributes["own.hook"] is True


def test_a_second_call_of_the_service_warns_as_without_us() -> None:
    code = """
from opentelemetry.instrumentation.requests import RequestsInstrumentor
RequestsInstrumentor().instrument()
RequestsInstrumentor().instrument()
"""
    assert launch_code(code).stderr == run_code(code).stderr == "Attempting to instrument while already instrumented\n"


def test_a_service_that_instruments_itself_keeps_its_conventions(receiver: Receiver) -> None:
    code = f"""
import requests
from opentelemetry.instrumentation.requests import RequestsInstrumentor
RequestsInstrumentor().instrument()
{CALL_NOBODY}
"""
    launch_code(code, **exporting_to(receiver))

    [span] = received(receiver, 1)
    assert span.attributes["http.method"] == "GET"
    assert "http.request.method" not in span.attributes


APPLICATIONS = {
    "fastapi": """
from fastapi import FastAPI
import httpx, asyncio
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
app = FastAPI()
FastAPIInstrumentor.instrument_app(app, exclude_spans=["receive", "send"])
@app.middleware("http")
async def added_afterwards(request, call_next):
    return await call_next(request)
@app.get("/hello/{name}")
def hello(name: str):
    return {}
async def get(path):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        return await client.get(path)
print(asyncio.run(get("/hello/a")).status_code)
""",
    "flask": """
from flask import Flask
from opentelemetry.instrumentation.flask import FlaskInstrumentor
app = Flask("app")
FlaskInstrumentor().instrument_app(app)
@app.get("/hello/<name>")
def hello(name):
    return {}
print(app.test_client().get("/hello/a").status_code)
""",
}


@pytest.mark.parametrize("framework", APPLICATIONS)
def test_an_application_that_the_service_instruments_is_traced_once(receiver: Receiver, framework: str) -> None:
    # In the same process, upstream's server span is "internal" beneath the client's.
    outcome = launch_code(
        APPLICATIONS[framework], **exporting_to(receiver, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="httpx")
    )

    assert (outcome.stdout, outcome.stderr) == ("200\n", "")
    servers = [span for span in received(receiver, 1) if span.kind == "server"]
    assert [str(span.attributes["http.route"]).strip("/")[:5] for span in servers] == ["hello"]
