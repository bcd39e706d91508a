"""The OpenAPI description of the queries, from the table of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from platform_otel import __version__
from platform_otel.collector.parameters import Parameter

Schema = dict[str, Any]  # Any: JSON

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
TIME: Schema = {"type": "string", "pattern": "^[0-9]+$", "description": "Nanoseconds since the epoch."}
NANOSECONDS: Schema = {"type": "integer", "minimum": 0, "description": "Nanoseconds."}


def thing(**properties: Schema) -> Schema:
    """An object that has all of these."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def many(items: Schema) -> Schema:
    """A list of these."""
    return {"type": "array", "items": items}


def or_null(schema: Schema) -> Schema:
    """This or null."""
    return {"anyOf": [schema, {"type": "null"}]}


STATISTICS = {
    "count": COUNT,
    "errorCount": COUNT,
    "errorRate": {"type": "number", "minimum": 0, "maximum": 1},
    **{f"p{share}Nano": {**NANOSECONDS, "description": "Within 1 %."} for share in (50, 95, 99)},
}
SERVICE = thing(service=TEXT, spanCount=COUNT, errorCount=COUNT, operationCount=COUNT)
_OPERATION = thing(service=TEXT, operation=TEXT, kind=TEXT, **STATISTICS)
_SUMMARY = thing(
    traceId=TEXT,
    startTimeUnixNano=TIME,
    durationNano=NANOSECONDS,
    spanCount=COUNT,
    errorCount=COUNT,
    rootArrived={"type": "boolean", "description": "Whether a span without parent is there."},
    service={**TEXT, "description": "Of the root, or of the earliest span."},
    operation=TEXT,
    kind=TEXT,
    services=many(TEXT),
)
WINDOW = {"startTimeUnixNano": TIME, "endTimeUnixNano": TIME}
_OTLP = {"type": "object", "description": "https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding"}
_SIGNAL = thing(requests=COUNT, accepted=COUNT, rejected=COUNT)

SERVICES = thing(**WINDOW, services=many(SERVICE))
OPERATIONS = thing(**WINDOW, operations=many(_OPERATION))
TRACES = thing(
    traces=many(_SUMMARY),
    lookedAt={**COUNT, "description": "How many traces were examined for this page."},
    reached=or_null({**TEXT, "description": "Start or duration, by the order, of the last one of them."}),
    next=or_null({**TEXT, "description": "For after; null if nothing is left to look at."}),
)
TRACE = {**_OTLP, "title": "TracesData"}
LOGS = {**_OTLP, "title": "LogsData"}
CHANGES = {
    "type": "string",
    "description": "Events named traces; their data is JSON: a list of traces, as searches have.",
}
STATUS = thing(
    version=TEXT,
    database=TEXT,
    bytes=COUNT,
    otlpPort={**COUNT, "description": "Where spans go over HTTP."},
    received={"type": "object", "description": "Since the start.", "additionalProperties": _SIGNAL},
)
_ERROR = thing(error=TEXT)
_FAILURES = {
    "400": "A parameter is not understood.",
    "401": "The token is missing or wrong.",
    "403": "Another host's name, or a page of another origin.",
    "404": "There is no such thing.",
    "503": "Too many ask at once.",
    "504": "It takes too long.",
}


class Operation(NamedTuple):
    """Something that can be asked by GET, and the schema of the answer."""

    path: str
    summary: str
    parameters: tuple[Parameter, ...]
    schema: Schema
    content_type: str = "application/json"


def description(operations: Iterable[Operation]) -> Schema:
    """The document."""
    paths = {operation.path: {"get": _operation(operation)} for operation in operations}
    return {
        "openapi": "3.1.0",
        "info": {"title": "platform-trace collector", "version": __version__},
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{}, {"token": []}],
    }


def _operation(operation: Operation) -> Schema:
    failures = {status: _response(text, "application/json", _ERROR) for status, text in _FAILURES.items()}
    return {
        "summary": operation.summary,
        "operationId": re.sub(r"\W+", "_", operation.path).strip("_"),
        "parameters": [_parameter(each) for each in operation.parameters],
        "responses": {"200": _response("The answer.", operation.content_type, operation.schema), **failures},
    }


def _parameter(parameter: Parameter) -> Schema:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.where == "path",
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }


def _response(text: str, content_type: str, schema: Schema) -> Schema:
    return {"description": text, "content": {content_type: {"schema": schema}}}
