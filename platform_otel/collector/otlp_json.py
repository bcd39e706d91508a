"""OTLP/JSON as OTLP's messages: protobuf's mapping to JSON, but for ids, which are hex here.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format

from platform_otel.collector.otlp_decoding import REQUESTS, Malformed

_IDS = ("traceId", "spanId", "parentSpanId")
# Where things are that have ids: the lists on the way to them.
_WAYS = {
    "resourceSpans": ("scopeSpans", "spans"),
    "resourceLogs": ("scopeLogs", "logRecords"),
}

# What the parser raises for values of a wrong type is not always its own error; for half of a surrogate pair in the
# name of a field it is SystemError, for an infinite whole number OverflowError (protobuf 7.36).
_REFUSALS = (
    json_format.ParseError,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    OverflowError,
    RecursionError,
    SystemError,
)

Json = Any  # whatever the sender wrote


def to_protobuf(signal: str, body: bytes) -> bytes:
    """The same request in protobuf's own encoding. Ids that are no hex become empty ones.

    Raises:
        Malformed
    """
    try:
        document = json.loads(body)
        if not isinstance(document, dict):
            raise ValueError("an object is expected")
        _change_ids(document)
        message = json_format.ParseDict(document, REQUESTS[signal](), ignore_unknown_fields=True)
        encoded: bytes = message.SerializeToString()
    except _REFUSALS as error:
        raise Malformed(f"not an Export{signal.capitalize()}ServiceRequest: {_short(error)}") from None
    return encoded


def _change_ids(document: Json) -> None:
    for resources, (scopes, items) in _WAYS.items():
        for of_resource in _each(document, resources):
            for of_scope in _each(of_resource, scopes):
                for item in _each(of_scope, items):
                    _change(item)
                    for link in _each(item, "links"):
                        _change(link)


def _each(container: Json, key: str) -> Iterator[dict[str, Json]]:
    """The objects in the list of this name; what is of another type is left to the parser to refuse."""
    found = container.get(key) if isinstance(container, dict) else None
    return (each for each in found if isinstance(each, dict)) if isinstance(found, list) else iter(())


def _change(item: dict[str, Json]) -> None:
    for name in _IDS:
        if isinstance(item.get(name), str):
            item[name] = _base64(item[name])


def _base64(text: str) -> str:
    try:
        return b64encode(bytes.fromhex(text)).decode()
    except ValueError:
        return ""


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:200]


def main() -> None:
    """Convert standard input to standard output; one line on stderr says why not."""
    try:
        sys.stdout.buffer.write(to_protobuf(sys.argv[1], sys.stdin.buffer.read()))
    except Malformed as error:
        sys.exit(str(error))
