"""What both versions of Jaeger's API look for: traces of which one span is as asked, in the words of our search."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import reduce

from platform_otel.collector.expression import Both, Comparison, Either, Expression, Value
from platform_otel.collector.outside import MOST_CONDITIONS
from platform_otel.collector.parameters import BadParameter
from platform_otel.collector.reader import Reader
from platform_otel.collector.search import Query, search

DEFAULT_LIMIT = 100
MOST_TRACES = 1500
# Whole traces are the answer. The first is in it however large it is; others are as long as there is room.
_MOST_SPANS = 20_000


def found(reader: Reader, query: Query) -> list[bytes]:
    """The ids of the traces, the newest first.

    Raises:
        TooSlow
    """
    summaries = search(reader, query).traces
    return fitting((bytes.fromhex(str(each["traceId"])), int(str(each["spanCount"]))) for each in summaries)


def sizes(reader: Reader, trace_ids: Iterable[bytes]) -> dict[bytes, int]:
    """How many spans there are of each trace, of those that are there."""
    sql = "SELECT spans FROM traces WHERE trace_id = ?"
    return {each: spans for each in trace_ids for (spans,) in reader.rows(sql, (each,))}


def fitting(sizes: Iterable[tuple[bytes, int]]) -> list[bytes]:
    """Of traces and their numbers of spans, the first ones: as many as one answer has room for."""
    ids: list[bytes] = []
    room = _MOST_SPANS
    for trace_id, spans in sizes:
        room -= spans
        if ids and room < 0:
            break
        ids.append(trace_id)
    return ids


def tags_in_json(name: str, text: str) -> dict[str, str]:
    """Tags as the tools write them: an object of texts.

    Raises:
        BadParameter
    """
    try:
        tags = json.loads(text)
    except (ValueError, RecursionError):
        tags = None
    if not isinstance(tags, dict) or not all(isinstance(each, str) for each in tags.values()):
        raise BadParameter(f"malformed '{name}' parameter: a JSON object of texts is expected")
    return tags


def where(tags: Mapping[str, str]) -> Expression | None:
    """What holds for a span that has these tags, be they its own or its resource's; None if there are none.

    Raises:
        BadParameter
    """
    if len(tags) > MOST_CONDITIONS:
        raise BadParameter(f"there are more than {MOST_CONDITIONS} tags")
    conditions = [_tag(key, text) for key, text in tags.items()]
    return reduce(Both, conditions) if conditions else None


def _tag(key: str, text: str) -> Expression:
    """Some tags are fields in OTLP: see ui_json."""
    attribute = Either(_is(f"span.{key}", text), _is(f"resource.{key}", text))
    field = _FIELDS.get(key)
    return attribute if field is None else Either(attribute, field(text))


def _is(field: str, text: str) -> Expression:
    return Comparison(field, "=", Value(text, None))


_FIELDS: dict[str, Callable[[str], Expression]] = {
    "error": lambda text: _is("status", "error" if text == "true" else ""),
    "otel.status_code": lambda text: _is("status", text.lower()),
    "otel.status_description": lambda text: _is("message", text),
    "span.kind": lambda text: _is("kind", text),
}
