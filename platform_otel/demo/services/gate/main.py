"""gate is the way in. FastAPI over httpx, and the one service that traces itself, to its own stdout."""

import os

import httpx
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from opentelemetry import trace
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

provider = TracerProvider(resource=Resource.create({"service.name": "gate"}))
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
trace.set_tracer_provider(provider)
HTTPXClientInstrumentor().instrument()

identity = httpx.AsyncClient(base_url=os.environ.get("IDENTITY_URL", "http://127.0.0.1:8001"), timeout=10)
app = FastAPI(title="gate")
FastAPIInstrumentor.instrument_app(app, exclude_spans=["receive", "send"])


@app.get("/people/{person}/answers/{topic}")
async def answer(person: str, topic: str) -> JSONResponse:
    """The answer of the model, for a person whom identity knows."""
    reply = await identity.get(f"/people/{person}/completions/{topic}")
    if reply.is_server_error:
        return JSONResponse({"detail": f"identity answered {reply.status_code}"}, 502)
    return JSONResponse(reply.json(), reply.status_code)
