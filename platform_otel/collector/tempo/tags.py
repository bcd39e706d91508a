"""Names and values for query builders: from the columns where they know, else from the newest spans."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from platform_otel.collector import operations
from platform_otel.collector.reader import Reader
from platform_otel.collector.tempo import newest
from platform_otel.collector.tempo.conditions import SpanSet
from platform_otel.collector.tempo.fields import (
    SCOPES,
    WORDS,
    Field,
    Trace,
    holders,
    is_of_trace,
    lookup_in,
    names,
    surroundings,
)
from platform_otel.collector.tempo.newest import Window
from platform_otel.collector.tempo.search import Match, lookup_of

INTRINSIC = "intrinsic"
# Of these fields nobody picks a value from a list.
_WITHOUT_LIST = ("duration", "traceDuration", "event:timeSinceStart", "trace:id", "span:id", "span:parentID")
_NO_TRACE = Trace(0, "", "")
_AT_ONCE = 500
# Tempo has such a limit too (max_bytes_per_tag_values_query): https://grafana.com/docs/tempo/latest/configuration/
_MOST_CHARACTERS = 5_000_000


class Scope(NamedTuple):
    """The names of attributes of one scope."""

    name: str
    tags: list[str]


class TagValue(NamedTuple):
    """A value and its type: string, int, float, bool or keyword."""

    type: str
    value: str


def scopes(reader: Reader, window: Window, wanted: str, limit: int) -> list[Scope]:
    """The names of attributes, by scope; of one scope or, for "", of all.

    Raises:
        TooSlow
    """
    found: dict[str, set[str]] = {scope: set() for scope in SCOPES if wanted in ("", scope)}
    for scope, holder in _holders(reader, window) if found else ():
        if scope in found:
            found[scope].update([attribute.key for attribute in holder.attributes])
    listed = [Scope(scope, sorted(tags)[:limit]) for scope, tags in found.items() if tags]
    return [*listed, Scope(INTRINSIC, names())] if wanted in ("", INTRINSIC) else listed


def values(reader: Reader, field: Field, where: SpanSet | None, window: Window, limit: int) -> list[TagValue]:
    """The values of a field, among all spans or those of a set.

    Raises:
        TooSlow
    """
    if field.key in WORDS:
        return [TagValue("keyword", word) for word in WORDS[field.key]]
    if field.key in _WITHOUT_LIST:
        return []
    if field.key in _FROM_COLUMNS and (where is None or is_of_trace(field)):
        found: Iterable[object] = _FROM_COLUMNS[field.key](reader)
    else:
        found = _of_newest(reader, field, where, window)
    return sorted(_distinct(found, limit), key=lambda each: each.value)


def _distinct(found: Iterable[object], limit: int) -> set[TagValue]:
    distinct: set[TagValue] = set()
    characters = 0
    for shown in map(_shown, found):
        if shown is not None and shown not in distinct:
            distinct.add(shown)
            characters += len(shown.value)
        if len(distinct) >= limit or characters >= _MOST_CHARACTERS:
            break
    return distinct


def _holders(reader: Reader, window: Window) -> Iterator[tuple[str, Any]]:
    """What has attributes, and its scope; of what spans share, once for those that stand together."""
    last = None
    for item in newest.spans(reader, window):
        shared = {} if item.of_scope is last else surroundings(item)
        last = item.of_scope
        for scope, those in {**holders(item), **shared}.items():
            for holder in those:
                yield scope, holder


def _of_newest(reader: Reader, field: Field, where: SpanSet | None, window: Window) -> Iterator[object]:
    for matches in _groups(Match(item, lookup_in(_NO_TRACE, item)) for item in newest.spans(reader, window)):
        for match in matches if where is None else where.chosen(matches, lookup_of(reader)):
            value = match.lookup(field.key)
            yield from value if isinstance(value, list) else [value]


def _groups(matches: Iterable[Match]) -> Iterator[list[Match]]:
    """Some at a time."""
    group: list[Match] = []
    for match in matches:
        group.append(match)
        if len(group) == _AT_ONCE:
            yield group
            group = []
    yield group


def _shown(value: object) -> TagValue | None:
    if isinstance(value, bool):
        return TagValue("bool", str(value).lower())
    if isinstance(value, (int, float)):
        return TagValue("int" if isinstance(value, int) else "float", str(value))
    return TagValue("string", value) if isinstance(value, str) else None


def _names(reader: Reader) -> list[str]:
    return [operation.name for operation in operations.kept(reader)]


def _root_services(reader: Reader) -> list[str]:
    return [name for (name,) in reader.rows(_ROOTS.format("services"))]


def _root_names(reader: Reader) -> list[str]:
    return [name for (name,) in reader.rows(_ROOTS.format("operations"))]


_ROOTS = """
    SELECT DISTINCT {}.name FROM operations JOIN services ON services.id = service
    WHERE operations.id IN (SELECT DISTINCT root FROM (SELECT root FROM traces ORDER BY start DESC LIMIT 20000))"""
_FROM_COLUMNS: dict[str, Callable[[Reader], list[str]]] = {
    "resource.service.name": operations.services,
    ".service.name": operations.services,
    "name": _names,
    "rootServiceName": _root_services,
    "rootName": _root_names,
}
