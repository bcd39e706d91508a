"""What TraceQL asks of spans, evaluated: comparisons, and sets of spans joined.

And, or and not are those of our own expressions. A value is compared with one of its own type only: text with text,
numbers and durations with numbers, booleans with booleans. What is not there is neither equal nor unequal to anything
but nil. Of a list one element is enough; for != and !~ all of them have to differ.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from platform_otel.collector.expression import Both, Either, Expression, Lookup, Not
from platform_otel.collector.tempo.fields import Field
from platform_otel.collector.tempo.regular import Regular

Static = str | int | float | bool | None
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {  # Any: both numbers or both text
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_POSITIVE = {"!=": "=", "!~": "=~"}

_Thing = TypeVar("_Thing")


class Comparison(NamedTuple):
    """A field and a value; None is nil."""

    field: Field
    sign: str
    value: Static

    def holds(self, lookup: Lookup) -> bool:
        """Whether it is so for what the lookup knows."""
        found = lookup(self.field.key)
        if self.value is None:
            return (found is None) == (self.sign == "=")
        alike = [each for each in _each(found) if _type(each) is _type(self.value)]
        compare = _ORDERS[_POSITIVE.get(self.sign, self.sign)]
        return bool(alike) and any(compare(each, self.value) for each in alike) != (self.sign == "!=")


class Matching(NamedTuple):
    """A field and a regular expression."""

    field: Field
    sign: str
    expression: Regular

    def holds(self, lookup: Lookup) -> bool:
        """Whether it is so for what the lookup knows."""
        texts = [each for each in _each(lookup(self.field.key)) if isinstance(each, str)]
        return bool(texts) and any(map(self.expression.matches, texts)) != (self.sign == "!~")


class Truth(NamedTuple):
    """A field that is true."""

    field: Field

    def holds(self, lookup: Lookup) -> bool:
        """Whether it is so for what the lookup knows."""
        return lookup(self.field.key) is True


class Always(NamedTuple):
    """What holds for every span, or for none."""

    value: bool

    def holds(self, lookup: Lookup) -> bool:
        """Whether it is so for what the lookup knows."""
        return self.value


# --- Sets of spans ----------------------------------------------------------------------------------------------------


class Filter(NamedTuple):
    """The spans of a trace for which a condition holds."""

    condition: Expression

    def chosen(self, spans: Sequence[_Thing], lookup_of: Callable[[_Thing], Lookup]) -> list[_Thing]:
        """Those of these spans."""
        return [span for span in spans if self.condition.holds(lookup_of(span))]


class AllOf(NamedTuple):
    """The spans of two sets, if there are some in both."""

    left: SpanSet
    right: SpanSet

    def chosen(self, spans: Sequence[_Thing], lookup_of: Callable[[_Thing], Lookup]) -> list[_Thing]:
        """Those of these spans."""
        left, right = self.left.chosen(spans, lookup_of), self.right.chosen(spans, lookup_of)
        return _together(spans, left, right) if left and right else []


class AnyOf(NamedTuple):
    """The spans of two sets."""

    left: SpanSet
    right: SpanSet

    def chosen(self, spans: Sequence[_Thing], lookup_of: Callable[[_Thing], Lookup]) -> list[_Thing]:
        """Those of these spans."""
        return _together(spans, self.left.chosen(spans, lookup_of), self.right.chosen(spans, lookup_of))


SpanSet = Filter | AllOf | AnyOf


def fields(query: SpanSet) -> list[Field]:
    """The fields that are asked for, each once."""
    return list(dict.fromkeys(_fields(query)))


def _fields(part: SpanSet | Expression) -> Iterator[Field]:
    if isinstance(part, (AllOf, AnyOf, Both, Either)):
        yield from _fields(part.left)
        yield from _fields(part.right)
    elif isinstance(part, Filter):
        yield from _fields(part.condition)
    elif isinstance(part, Not):
        yield from _fields(part.inner)
    elif isinstance(part, (Comparison, Matching, Truth)):
        yield part.field


def _together(spans: Sequence[_Thing], *chosen: Sequence[_Thing]) -> list[_Thing]:
    """Those that were chosen, in their order."""
    wanted = {id(span) for each in chosen for span in each}
    return [span for span in spans if id(span) in wanted]


def _each(found: object) -> Sequence[object]:
    return found if isinstance(found, list) else [found]


def _type(found: object) -> type:
    """The type as TraceQL has it: integers, decimals and durations are numbers."""
    return float if isinstance(found, int) and not isinstance(found, bool) else type(found)
