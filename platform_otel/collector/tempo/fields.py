"""What TraceQL's fields are called, and what a span says to each.

https://grafana.com/docs/tempo/latest/traceql/construct-traceql-queries/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from platform_otel.collector.expression import Lookup
from platform_otel.collector.messages import Item, value
from platform_otel.collector.model import KINDS, STATUSES
from platform_otel.collector.search import lookup_of

SCOPES = ("span", "resource", "event", "link", "instrumentation")
# The words that a field is compared with, for fields that have a few.
WORDS = {"status": STATUSES, "kind": KINDS}
_SAME = {
    "span:name": "name",
    "span:kind": "kind",
    "span:status": "status",
    "span:statusMessage": "statusMessage",
    "span:duration": "duration",
    "trace:duration": "traceDuration",
    "trace:rootName": "rootName",
    "trace:rootService": "rootServiceName",
}
NO_ROOT = "<root span not yet received>"


class Trace(NamedTuple):
    """What fields say of the whole trace; the root's texts are "" until it has arrived."""

    duration: int
    root_service: str
    root_name: str


class Field(NamedTuple):
    """A field of a span or a trace, or an attribute.

    Args:
        scope: "" for one that is no attribute; "." for an attribute of the span or else of its resource.
    """

    scope: str
    name: str

    @property
    def key(self) -> str:
        """Its name for lookups: each field has another."""
        return f"{self.scope.removesuffix('.')}.{self.name}" if self.scope else self.name


def is_of_trace(field: Field) -> bool:
    """Whether it says the same for every span of a trace, and nothing of a span alone."""
    return field.key in _OF_TRACE


def own(name: str) -> Field | None:
    """The field of a span or a trace that has this name; None if there is none."""
    name = _SAME.get(name, name)
    return Field("", name) if name in _OF_SPAN or name in _OF_TRACE else None


def names() -> list[str]:
    """Every name of a field that is no attribute."""
    return sorted({*_OF_SPAN, *_OF_TRACE, *_SAME})


def lookup_in(trace: Trace, item: Item) -> Lookup:
    """What a span says to the keys of fields: text, a number, a boolean, a list of them, or None."""
    of_span = lookup_of(item)

    def lookup(key: str) -> object:
        if key in _OF_TRACE:
            return _OF_TRACE[key](trace)
        if key in _OF_SPAN:
            return _OF_SPAN[key](item)
        scope, _, name = key.partition(".")
        if scope in _LISTED:
            return _LISTED[scope](item, name)
        if scope:
            return of_span(key)
        found = of_span(f"span.{name}")
        return of_span(f"resource.{name}") if found is None else found

    return lookup


def holders(item: Item) -> dict[str, Iterable[Any]]:
    """What has attributes of a span's own, by scope."""
    return {"span": [item.item], "event": item.item.events, "link": item.item.links}


def surroundings(item: Item) -> dict[str, Iterable[Any]]:
    """What has attributes that many spans share, by scope."""
    return {"resource": [item.of_resource.resource], "instrumentation": [item.of_scope.scope]}


def _all_of(holders: Iterable[Any], name: str) -> list[object] | None:
    """The values of an attribute that several things may have."""
    found = [value(each.value) for holder in holders for each in holder.attributes if each.key == name]
    return [each for each in found if each is not None] or None


_LISTED: dict[str, Callable[[Item, str], object]] = {
    "event": lambda item, name: _all_of(item.item.events, name),
    "link": lambda item, name: _all_of(item.item.links, name),
    "instrumentation": lambda item, name: _all_of([item.of_scope.scope], name),
}
_OF_TRACE: dict[str, Callable[[Trace], object]] = {
    "traceDuration": lambda trace: trace.duration,
    "rootServiceName": lambda trace: trace.root_service or NO_ROOT,
    "rootName": lambda trace: trace.root_name or None,
}
_OF_SPAN: dict[str, Callable[[Item], object]] = {
    "name": lambda item: item.item.name,
    "kind": lambda item: lookup_of(item)("kind"),
    "status": lambda item: lookup_of(item)("status"),
    "statusMessage": lambda item: lookup_of(item)("message"),
    "duration": lambda item: lookup_of(item)("duration"),
    "span:id": lambda item: item.item.span_id.hex(),
    "span:parentID": lambda item: item.item.parent_span_id.hex() or None,
    "trace:id": lambda item: item.item.trace_id.hex(),
    "instrumentation:name": lambda item: item.of_scope.scope.name or None,
    "instrumentation:version": lambda item: item.of_scope.scope.version or None,
    "event:name": lambda item: [event.name for event in item.item.events] or None,
    "event:timeSinceStart": lambda item: (
        [max(0, event.time_unix_nano - item.item.start_time_unix_nano) for event in item.item.events] or None
    ),
    "link:spanID": lambda item: [link.span_id.hex() for link in item.item.links] or None,
    "link:traceID": lambda item: [link.trace_id.hex() for link in item.item.links] or None,
}
