"""Traces that began anew within a call: which call that was, by address, request and time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from platform_otel.analysis.clocks import TOLERANCE
from platform_otel.analysis.family import key_of
from platform_otel.analysis.peers import Place, Request, destination_of, place_of, request_of
from platform_otel.analysis.service_map import listener
from platform_otel.analysis.tree import TraceSpan

# A call that was answered by nobody traced is compared with so many beginnings at most.
_MOST_COMPARED = 100
# How long after it was sent a message may be taken up, for us to say that it is the same.
_MOST_DELAY = 60 * 10**9


class Reunion(NamedTuple):
    """A call, and the beginning of another trace that is its other end."""

    call: TraceSpan
    entry: TraceSpan


def reunions(
    calls: Sequence[TraceSpan],
    entries: Sequence[TraceSpan],
    listening: Mapping[Place, str],
    behind: Mapping[str, int],
) -> list[Reunion]:
    """Pairs of a call that has no answer and a server or consumer span that has no parent: each is in one at most.

    Args:
        calls: those without answer.
        entries: those without parent, and without link.
        listening: which service answers where.
        behind: by how much the clocks of services are behind, in nanoseconds.
    """
    found: list[Reunion] = []
    met: set[tuple[str, str]] = set()
    index = _Index(entries, behind)
    # The shortest calls first: they leave the least choice.
    for call in sorted(calls, key=lambda span: (span.end - span.start, key_of(span))):
        for entry in index.near(call):
            if key_of(entry) not in met and _is_other_end(call, entry, listening):
                met.add(key_of(entry))
                found.append(Reunion(call, entry))
                break
    return sorted(found, key=lambda each: (each.entry.start, key_of(each.entry)))


class _Index:
    """The entries by what was asked of them, each with those that began first before the others."""

    def __init__(self, entries: Iterable[TraceSpan], behind: Mapping[str, int]) -> None:
        self._behind = behind
        self._entries: dict[Request, list[tuple[int, TraceSpan]]] = {}
        for entry in entries:
            begun = entry.start + behind.get(entry.service, 0)
            self._entries.setdefault(_asked(entry), []).append((begun, entry))
        for of_request in self._entries.values():
            of_request.sort(key=lambda item: (item[0], key_of(item[1])))

    def near(self, call: TraceSpan) -> Iterator[TraceSpan]:
        """Those that began while the call was going on, the first before the others."""
        candidates = self._entries.get(_asked(call), [])
        shift = self._behind.get(call.service, 0)
        last = (call.end if call.kind == "client" else call.end + _MOST_DELAY) + shift + TOLERANCE
        first = bisect_left(candidates, call.start + shift - TOLERANCE, key=lambda item: item[0])
        for begun, entry in candidates[first : first + _MOST_COMPARED]:
            if begun > last:
                return
            yield entry


def _asked(span: TraceSpan) -> Request:
    """What tells one request from others: for messages, where they go."""
    destination = destination_of(span)
    return Request("", destination) if destination else request_of(span)


def _is_other_end(call: TraceSpan, entry: TraceSpan, listening: Mapping[Place, str]) -> bool:
    if call.kind == "producer" or entry.kind == "consumer":
        return (call.kind, entry.kind) == ("producer", "consumer") and bool(destination_of(call))
    place = place_of(call)
    return bool(place.address) and (place == place_of(entry) or listener(place, listening) == entry.service)
