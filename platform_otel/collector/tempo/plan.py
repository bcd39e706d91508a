"""What the columns of the store can tell of a TraceQL query: which traces need not be looked into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from platform_otel.collector.expression import Both, Expression
from platform_otel.collector.model import KINDS, STATUSES
from platform_otel.collector.names import LONGEST_NAME
from platform_otel.collector.outside_values import LATEST
from platform_otel.collector.search import Query
from platform_otel.collector.tempo.conditions import AllOf, Comparison, Filter, SpanSet

# The names of a query's parts, by field.
_EQUAL = {"resource.service.name": "service", "name": "operation", "kind": "kind", "status": "status"}
_AT_LEAST = {"duration": "span_shortest", "traceDuration": "shortest"}
_AT_MOST = {"duration": "span_longest", "traceDuration": "longest"}
_OF_TRACE = ("shortest", "longest")

_Parts = dict[str, Any]  # text and numbers, by the names of Query's parts


def narrowed(query: Query, spans: SpanSet) -> Query:
    """The query, and what must hold for the columns of every trace in which there are such spans.

    For several sets that are joined by and, one of them is looked for; for those joined by or, none.
    """
    return query._replace(**_necessary(spans))


def _necessary(spans: SpanSet) -> _Parts:
    if isinstance(spans, AllOf):
        left, right = _necessary(spans.left), _necessary(spans.right)
        of_trace = {name: value for name, value in {**left, **right}.items() if name in _OF_TRACE}
        return {**(left if _is_telling(left) else right), **of_trace}
    if not isinstance(spans, Filter):
        return {}
    parts: _Parts = {}
    for comparison in _conjuncts(spans.condition):
        parts.update(_part(comparison))
    return parts


def _conjuncts(condition: Expression) -> Iterator[Comparison]:
    """The comparisons that all must hold."""
    if isinstance(condition, Both):
        yield from _conjuncts(condition.left)
        yield from _conjuncts(condition.right)
    elif isinstance(condition, Comparison):
        yield condition


def _part(comparison: Comparison) -> _Parts:
    key, sign, value = comparison.field.key, comparison.sign, comparison.value
    if sign == "=" and key in _EQUAL and isinstance(value, str) and _is_in_columns[_EQUAL[key]](value):
        return {_EQUAL[key]: value}
    if not isinstance(value, int) or isinstance(value, bool):
        return {}
    at_least = {_AT_LEAST[key]: _within(value + (sign == ">"))} if key in _AT_LEAST and sign in ("=", ">", ">=") else {}
    at_most = {_AT_MOST[key]: _within(value - (sign == "<"))} if key in _AT_MOST and sign in ("=", "<", "<=") else {}
    return {**at_least, **at_most}


def _within(nanoseconds: int) -> int:
    """As SQLite takes numbers."""
    return max(-1, min(nanoseconds, LATEST))


def _is_telling(parts: _Parts) -> bool:
    return any(name in parts for name in ("service", "operation", "status"))


def _is_short(name: str) -> bool:
    """Longer names are cut in the columns."""
    return 0 < len(name) <= LONGEST_NAME


_is_in_columns: dict[str, Callable[[str], bool]] = {
    "service": _is_short,
    "operation": _is_short,
    "kind": KINDS.__contains__,
    "status": STATUSES.__contains__,
}
