"""Which services call which, and whom they call that is not traced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from platform_otel.analysis.family import Families, families, handovers, unanswered
from platform_otel.analysis.peers import Place, kind_of_peer, peer_of, place_of
from platform_otel.analysis.tree import TraceSpan, duration

# What is called with an address of its own for each call must not fill the map.
MOST_GHOSTS = 100


class MapCall(NamedTuple):
    """The calls from one service to another, or to a peer that is not traced.

    Args:
        durations: nanoseconds of each: of the callee's span, or of the caller's where there is no other.
        peer: what sort of peer it is, database, messaging or service; "" for a service that is traced.
    """

    caller: str
    callee: str
    durations: Sequence[int]
    errors: int
    peer: str = ""


def calls(family: Families) -> list[MapCall]:
    """The calls between services that are traced, by caller and callee."""
    return _grouped((hop.caller.service, hop.callee.service, "", hop.callee) for hop in handovers(family))


def ghost_calls(family: Families) -> list[MapCall]:
    """The calls to peers that are not traced; of those with the most calls.

    A call without answer to where a traced service listens is a call to that service, and so is not here: why its
    answer is missing is for :mod:`platform_otel.analysis.broken` to say.
    """
    listening = listeners(family)
    traced = {node.span.service for node in family.nodes}
    found = _grouped(
        (span.service, peer_of(span), kind_of_peer(span), span)
        for span in unanswered(family)
        if peer_of(span) not in {"", *traced} and not listener(place_of(span), listening)
    )
    counts: Counter[str] = Counter()
    for call in found:
        counts[call.callee] += len(call.durations)
    shown = {name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_GHOSTS]}
    return [call for call in found if call.callee in shown]


def map_of(spans: Iterable[TraceSpan]) -> list[MapCall]:
    """All calls that these spans tell of."""
    family = families(spans)
    return calls(family) + ghost_calls(family)


def listeners(family: Families) -> dict[Place, str]:
    """Which service answers at which address: as calls found it there, or as it says itself."""
    votes: dict[Place, Counter[str]] = {}
    for hop in handovers(family):
        if hop.caller.kind == "client" and hop.callee.kind == "server":
            votes.setdefault(place_of(hop.caller), Counter())[hop.callee.service] += 1
    for node in family.nodes:
        if node.span.kind == "server":
            votes.setdefault(place_of(node.span), Counter())[node.span.service] += 1
    return {place: min(found, key=lambda name: (-found[name], name)) for place, found in votes.items() if place.address}


def listener(place: Place, listening: Mapping[Place, str]) -> str:
    """The traced service at a place, also by a host that has its name; "" for none."""
    if not place.address:
        return ""
    found = listening.get(place)
    if found is None and place.address.partition(".")[0] in listening.values():
        found = place.address.partition(".")[0]
    return found or ""


def _grouped(found: Iterable[tuple[str, str, str, TraceSpan]]) -> list[MapCall]:
    groups: dict[tuple[str, str, str], list[TraceSpan]] = {}
    for caller, callee, peer, span in found:
        groups.setdefault((caller, callee, peer), []).append(span)
    return [
        MapCall(caller, callee, [duration(span) for span in spans], sum(s.status == "error" for s in spans), peer)
        for (caller, callee, peer), spans in sorted(groups.items())
    ]
