"""Traces that begin while one untraced peer is being called, more often than chance would have it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import accumulate
from math import log
from statistics import median
from typing import NamedTuple, TypeVar

from platform_otel.analysis.family import key_of
from platform_otel.analysis.peers import kind_of_peer, peer_of
from platform_otel.analysis.tree import TraceSpan, duration

# Fewer beginnings than these prove nothing.
FEWEST = 5
# So many of a service's beginnings fall into the calls, if it is called by the peer only.
_MOST = 0.8
_CHANCE = log(1e-5)
# Where in time, in durations of a call, we look for how many would be inside by chance: load comes in bursts.
_ELSEWHERE = (-4.5, -1.5, 1.5, 4.5)
# Who uses a browser is a user.
_BROWSER = "Mozilla/"

_Spans = Sequence[TraceSpan]
_Name = TypeVar("_Name", bound=Hashable)


class Enclosure(NamedTuple):
    """Calls of a service to a peer that is not traced, each with what began meanwhile elsewhere; of so many."""

    peer: str
    pairs: Sequence[tuple[TraceSpan, TraceSpan]]
    of: int


def enclosures(
    calls: Iterable[TraceSpan],
    entries: Iterable[TraceSpan],
    services: Mapping[str, set[str]],
    behind: Mapping[str, int],
) -> list[Enclosure]:
    """For each operation whose traces begin within calls to one peer, the one that chance explains least.

    Args:
        calls: those that nobody traced answered.
        entries: server spans that begin traces.
        services: those that have spans in a trace, by trace id. What calls the peer itself is not called by it.
        behind: by how much the clocks of services are behind, in nanoseconds.
    """
    by_peer = _grouped(calls, lambda call: (call.service, peer_of(call)))
    times = {key: _Times(of_peer, behind) for key, of_peer in by_peer.items() if _could_call(key[1], of_peer)}
    found: list[Enclosure] = []
    for of_operation in _grouped(entries, lambda entry: (entry.service, entry.name)).values():
        if len(of_operation) < FEWEST or any(map(_is_browsers, of_operation)):
            continue
        reached = {service for entry in of_operation for service in services.get(entry.trace_id, ())}
        best = min(
            (_measured(each, of_operation) for key, each in times.items() if key[0] not in reached), default=None
        )
        if best is not None and best[0] <= _CHANCE:
            pairs = [(call, entry) for entry in of_operation if (call := best[1].around(entry)) is not None]
            found.append(Enclosure(peer_of(pairs[0][0]), pairs, len(of_operation)))
    return found


def _could_call(peer: str, calls: _Spans) -> bool:
    return bool(peer) and kind_of_peer(calls[0]) == "service" and len(calls) >= FEWEST


def _is_browsers(entry: TraceSpan) -> bool:
    return str(entry.attributes.get("user_agent.original", "")).startswith(_BROWSER)


class _Times:
    """When one service was calling one peer."""

    def __init__(self, calls: _Spans, behind: Mapping[str, int]) -> None:
        self._behind = behind
        self._calls = sorted(calls, key=lambda call: (call.start, key_of(call)))
        shift = behind.get(self._calls[0].service, 0)
        self._starts = [call.start + shift for call in self._calls]
        # Of the calls up to each, the one that ends last.
        self._last = list(accumulate(self._calls, _later))
        self._shift = shift
        self.usual = median(map(duration, self._calls))

    def __lt__(self, other: _Times) -> bool:
        return key_of(self._calls[0]) < key_of(other._calls[0])

    def around(self, entry: TraceSpan, later: float = 0) -> TraceSpan | None:
        """The call that was going on when a trace began, or would have if it had begun later by some nanoseconds."""
        begun = entry.start + self._behind.get(entry.service, 0) + later
        place = bisect_right(self._starts, begun)
        if not place:
            return None
        call = self._last[place - 1]
        return call if call.end + self._shift >= begun else None


def _later(one: TraceSpan, other: TraceSpan) -> TraceSpan:
    return one if one.end >= other.end else other


def _measured(times: _Times, entries: _Spans) -> tuple[float, _Times]:
    """The logarithm of the probability that it is chance; 0 if too few are inside."""
    inside = sum(times.around(entry) is not None for entry in entries)
    if inside < max(FEWEST, _MOST * len(entries)):
        return 0.0, times
    elsewhere = [times.around(entry, share * times.usual) is not None for entry in entries for share in _ELSEWHERE]
    return inside * log((sum(elsewhere) + 1) / (len(elsewhere) + 1)), times


def _grouped(spans: Iterable[TraceSpan], name: Callable[[TraceSpan], _Name]) -> dict[_Name, list[TraceSpan]]:
    groups: dict[_Name, list[TraceSpan]] = {}
    for span in spans:
        groups.setdefault(name(span), []).append(span)
    return groups
