"""What the store keeps compressed, as OTLP again: whole batches, and messages put together from items of several."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from google.protobuf.message import Message
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from platform_otel.collector.otlp_decoding import REQUESTS


class _Fields(NamedTuple):
    """What a signal's messages call their parts."""

    data: Any  # the generated class; as in otlp_decoding.REQUESTS
    resources: str
    scopes: str
    items: str


_FIELDS = {
    "traces": _Fields(TracesData, "resource_spans", "scope_spans", "spans"),
    "logs": _Fields(LogsData, "resource_logs", "scope_logs", "log_records"),
}


class Item(NamedTuple):
    """A span or a log record, with what it belongs to."""

    item: Any  # generated classes, here and below
    of_scope: Any
    of_resource: Any


class Unpacked:
    """A batch of the store, of which only the items that are asked for are touched: that is what costs."""

    def __init__(self, signal: str, raw: bytes) -> None:
        fields = _FIELDS[signal]
        self._request = REQUESTS[signal].FromString(zlib.decompress(raw))
        self._scopes: list[tuple[Any, Any, Any]] = []
        self._ends: list[int] = []
        end = 0
        for of_resource in getattr(self._request, fields.resources):
            for of_scope in getattr(of_resource, fields.scopes):
                items = getattr(of_scope, fields.items)
                end += len(items)
                self._scopes.append((items, of_scope, of_resource))
                self._ends.append(end)

    def item(self, position: int) -> Item:
        """The item at a position, counted over all of the message."""
        place = bisect_right(self._ends, position)
        items, of_scope, of_resource = self._scopes[place]
        return Item(items[position - (self._ends[place] - len(items))], of_scope, of_resource)

    def items(self) -> Iterator[Item]:
        """All of them, in order."""
        for items, of_scope, of_resource in self._scopes:
            for item in items:
                yield Item(item, of_scope, of_resource)


def put_together(signal: str, items: Iterable[Item]) -> Message:
    """One message with these items; those of one resource and scope stand together."""
    fields = _FIELDS[signal]
    data: Message = fields.data()
    resources: dict[bytes, Any] = {}
    scopes: dict[tuple[bytes, bytes], Any] = {}
    for item, of_scope, of_resource in items:
        resource_key = _key(of_resource.resource, of_resource.schema_url)
        if resource_key not in resources:
            resources[resource_key] = _like(getattr(data, fields.resources).add(), of_resource, "resource")
        scope_key = (resource_key, _key(of_scope.scope, of_scope.schema_url))
        if scope_key not in scopes:
            scopes[scope_key] = _like(getattr(resources[resource_key], fields.scopes).add(), of_scope, "scope")
        getattr(scopes[scope_key], fields.items).append(item)
    return data


def values(attributes: Iterable[Any]) -> dict[str, object]:
    """Attributes as Python has them."""
    return {attribute.key: value(attribute.value) for attribute in attributes}


def value(wrapped: Any) -> object:
    """What an AnyValue holds; None if nothing."""
    kind = wrapped.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [value(each) for each in wrapped.array_value.values]
    if kind == "kvlist_value":
        return values(wrapped.kvlist_value.values)
    plain: object = getattr(wrapped, kind)
    return plain


def _key(message: Message, schema_url: str) -> bytes:
    return schema_url.encode() + b"\0" + message.SerializeToString(deterministic=True)


def _like(made: Any, original: Any, part: str) -> Any:
    getattr(made, part).CopyFrom(getattr(original, part))
    made.schema_url = original.schema_url
    return made
