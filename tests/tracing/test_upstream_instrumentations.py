"""Upstream's instrumentations give over our provider the spans that they give over the SDK's."""

import pytest

from tests.receiver import ReceivedSpan, Receiver
from tests.support import exporting_to, launch_code, received, run_code

OVER_THE_SDK = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
"""
# What each program does after its library has been instrumented by its own call.
PROGRAMS = {
    "requests": """
import requests
from opentelemetry.instrumentation.requests import RequestsInstrumentor
RequestsInstrumentor().instrument()
try:
    requests.get("http://127.0.0.1:9/path?q=1", headers={"X-Thing": "1"})
except requests.ConnectionError:
    pass
""",
    "fastapi": """
import asyncio, httpx
from fastapi import BackgroundTasks, FastAPI, HTTPException
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
app = FastAPI(telemetry={"tracing": False}) if "telemetry" in FastAPI.__init__.__annotations__ else FastAPI()
FastAPIInstrumentor.instrument_app(app)
@app.get("/hello/{name}")
async def hello(name: str, tasks: BackgroundTasks):
    tasks.add_task(print, end="")
    return {"hello": name}
@app.get("/missing")
async def missing():
    raise HTTPException(404)
@app.get("/broken")
async def broken():
    raise KeyError("broken")
async def main():
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        for path in ("/hello/ada?x=1", "/missing", "/broken", "/nowhere"):
            parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            await client.get(path, headers={"traceparent": parent, "tracestate": "vendor=1"})
asyncio.run(main())
""",
    "flask": """
from flask import Flask
from opentelemetry.instrumentation.flask import FlaskInstrumentor
app = Flask("app")
FlaskInstrumentor().instrument_app(app)
@app.get("/hello/<name>")
def hello(name):
    return {"hello": name}
@app.get("/broken")
def broken():
    raise KeyError("broken")
for path in ("/hello/ada?x=1", "/broken", "/nowhere"):
    app.test_client().get(path)
""",
    "sqlalchemy": """
import sqlalchemy
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
engine = sqlalchemy.create_engine("sqlite://")
SQLAlchemyInstrumentor().instrument(engine=engine)
with engine.connect() as connection:
    connection.execute(sqlalchemy.text("create table t (a int)"))
    connection.execute(sqlalchemy.text("insert into t values (:a)"), [{"a": 1}, {"a": 2}])
    try:
        connection.execute(sqlalchemy.text("select nothing from nowhere"))
    except sqlalchemy.exc.OperationalError:
        pass
""",
    "redis": """
import redis
from opentelemetry.instrumentation.redis import RedisInstrumentor
RedisInstrumentor().instrument()
client = redis.Redis(port=9, socket_timeout=1, retry=None)
for work in (lambda: client.set("key", "value"), lambda: client.pipeline().get("a").get("b").execute()):
    try:
        work()
    except redis.ConnectionError:
        pass
""",
}


def comparable(spans: list[ReceivedSpan]) -> list[dict[str, object]]:
    """What must be equal: all but ids, times, and where in our code an exception passed."""
    ids = {span.span_id: number for number, span in enumerate(sorted(spans, key=lambda span: span.start))}
    return [
        {
            "name": span.name,
            "kind": span.kind,
            "status": span.status,
            "attributes": span.attributes,
            "parent": ids.get(span.parent_id, span.parent_id and "remote"),
            "trace state": span.trace_state,
            "scope": span.scope,
            "links": len(span.links),
            "events": [
                (event.name, {key: value for key, value in event.attributes.items() if key != "exception.stacktrace"})
                for event in span.events
            ],
        }
        for span in sorted(spans, key=lambda span: span.start)
    ]


@pytest.mark.parametrize("library", PROGRAMS)
def test_the_spans_are_those_that_the_sdk_gives(library: str) -> None:
    with Receiver() as ours, Receiver() as sdks:
        traced = launch_code(
            PROGRAMS[library], **exporting_to(ours, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="*", PYTHONWARNINGS="ignore")
        )
        assert traced.returncode == 0, traced.stderr
        untraced = run_code(OVER_THE_SDK + PROGRAMS[library], **exporting_to(sdks, PYTHONWARNINGS="ignore"))
        assert untraced.returncode == 0, untraced.stderr
        by_us, by_the_sdk = comparable(received(ours, 1)), comparable(received(sdks, 1))

    assert by_us == by_the_sdk
    assert len(by_us) >= 1
