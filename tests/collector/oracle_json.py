"""OTLP/JSON as protobuf's own json_format makes it, but for ids."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

_IDS = ("traceId", "spanId", "parentSpanId")


def to_json(message: Message) -> dict[str, Any]:
    """A message as OTLP/JSON has it, ready for json.dumps."""
    document: dict[str, Any] = _with_ids_in_hex(json_format.MessageToDict(message, use_integers_for_enums=True))
    return document


def _with_ids_in_hex(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_ids_in_hex(each) for each in value]
    if isinstance(value, dict):
        return {name: b64decode(each).hex() if name in _IDS else _with_ids_in_hex(each) for name, each in value.items()}
    return value
