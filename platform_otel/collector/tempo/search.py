"""Searching by TraceQL: the traces in which there are the spans that a query asks for, and these spans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from platform_otel.collector.expression import Lookup
from platform_otel.collector.messages import Item
from platform_otel.collector.names import OTHERS
from platform_otel.collector.reader import Reader
from platform_otel.collector.search import Found, Query, Spans, search
from platform_otel.collector.summaries import Summary
from platform_otel.collector.tempo.conditions import SpanSet
from platform_otel.collector.tempo.fields import NO_ROOT, Trace, lookup_in
from platform_otel.collector.tempo.plan import narrowed

_ROOT = """
    SELECT services.name, operations.name FROM operations JOIN services ON services.id = service
    WHERE operations.id = ?"""
_HAS_OTHERS = (
    "SELECT 1 FROM operations JOIN services ON services.id = service WHERE ? IN (operations.name, services.name)"
)

Shown = dict[str, Any]  # ready for JSON


class Match(NamedTuple):
    """A span of the set, and what it says to fields; as long as it is kept, its whole batch is in memory."""

    item: Item
    lookup: Lookup


class Matches(NamedTuple):
    """The spans of a trace that are in the set: how many there are, and what is shown of the earliest of them."""

    total: int
    first: Sequence[Shown]


class Result(NamedTuple):
    """The traces, and by id what was found in each."""

    found: Found
    matches: dict[str, Matches]


def find(reader: Reader, query: Query, spans: SpanSet, most_shown: int, show: Callable[[Match], Shown]) -> Result:
    """The traces in which there are such spans, the newest first.

    ``query`` is what else is asked of the trace; ``most_shown``, how many spans of each trace are wanted, and ``show``,
    what of them.

    Raises:
        TooSlow
    """
    looked_into = Spans(reader)
    matches: dict[str, Matches] = {}

    def judge(row: Sequence[Any]) -> bool:
        chosen = spans.chosen(_spans(reader, looked_into, row), lookup_of(reader))
        if chosen:
            first = sorted(chosen, key=lambda match: match.item.item.start_time_unix_nano)[:most_shown]
            matches[row[1].hex()] = Matches(len(chosen), [show(match) for match in first])
        return bool(chosen)

    wanted = query if _has_others(reader) else narrowed(query, spans)
    return Result(search(reader, wanted, judge), matches)


def lookup_of(reader: Reader) -> Callable[[Match], Lookup]:
    """What a span says; looks at the clock each time."""

    def lookup(match: Match) -> Lookup:
        reader.check()
        return match.lookup

    return lookup


def root(summary: Summary) -> dict[str, object]:
    """Service and name of the root, as Tempo has them."""
    arrived = summary["rootArrived"]
    return {
        "rootServiceName": summary["service"] if arrived else NO_ROOT,
        "rootTraceName": summary["operation"] if arrived else "",
    }


def _spans(reader: Reader, spans: Spans, row: Sequence[Any]) -> list[Match]:
    number, duration, operation = row[0], row[3], row[6]
    service, name = reader.rows(_ROOT, (operation,))[0] if operation else ("", "")
    trace = Trace(duration, service, name)
    return [Match(item, lookup_in(trace, item)) for item in spans.of(number)]


def _has_others(reader: Reader) -> bool:
    """Whether names are missing from the columns, as there were too many."""
    return bool(reader.rows(_HAS_OTHERS + " LIMIT 1", (OTHERS,)))
