"""Where the time goes that need not go: slow services, queues before them, and one call made many times."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from platform_otel.analysis.alignment import align
from platform_otel.analysis.family import Families, Key, families, key_of
from platform_otel.analysis.intervals import covered
from platform_otel.analysis.peers import peer_of
from platform_otel.analysis.relations import CALLS, is_entry, is_waited_for
from platform_otel.analysis.self_time import self_times
from platform_otel.analysis.tree import TraceSpan, TreeNode, duration

SLOW_HOP = "slow_hop"
QUEUE = "queue"
REPEATED_CALLS = "repeated_calls"
KINDS = (SLOW_HOP, QUEUE, REPEATED_CALLS)

_MILLISECOND = 10**6
# One call has to be made so often, one after the other, for so much of its parent's time.
_MANY = 10
_ONE_AFTER_ANOTHER = 0.8
_OF_PARENT = 0.1
# So much of the traces' time is one operation's own work, or of the calls' is wait, and so much more than is usual
# elsewhere.
_OF_TRACE = 0.4
_OF_CALL = 0.5
_MORE_THAN_USUAL = 3
# In so many of the requests at least: one pause among hundreds is not where the time goes.
_OFTEN = 0.05
# Less is nobody's concern.
_SHORTEST = 10 * _MILLISECOND


class Slowness(NamedTuple):
    """Something that takes time.

    Args:
        what: one of KINDS.
        caller: who waits: the service that calls; "" if the callee begins the traces.
        service, operation: what is slow, has a queue before it, or makes the calls.
        repeated: the call that is made many times; "" for other kinds.
        peer: whom it calls; "" for other kinds.
        evidence: what was seen, in one sentence.
        times: how often; a service that is slow for some requests only is judged by these.
        usual: how long it takes then (the median), in nanoseconds: own work, wait, or all the repeated calls.
        share: of the time of the traces that have this operation.
        example: where it takes longest.
    """

    what: str
    caller: str
    service: str
    operation: str
    repeated: str
    peer: str
    evidence: str
    times: int
    usual: int
    share: float
    example: TraceSpan


class _Case(NamedTuple):
    """Once that something took time; ``within`` how much, if that is not the trace's."""

    span: TraceSpan
    took: int
    calls: int = 1
    within: int = 0


# What may be slow: by caller, service and operation.
_Groups = Mapping[tuple[str, str, str], Sequence[_Case]]


def slowness(spans: Iterable[TraceSpan]) -> list[Slowness]:
    """What takes time in these traces, those with the largest share first.

    Nothing is slow by itself: a hop is slow if much of its traces' time is its own work, where it works much longer
    than other services do; a queue is where a caller waits longer than its callee works.
    """
    family = families(spans)
    wholes = _wholes(family)
    found = [*_slow_hops(family, wholes), *_queues(family, wholes), *_repeated(family, wholes)]
    return sorted(found, key=lambda each: (-each.share, each.what, each.service, each.operation, each.repeated))


def _wholes(family: Families) -> dict[str, int]:
    """How long the trees of each trace take."""
    intervals: dict[str, list[tuple[int, int]]] = {}
    for root in family.roots:
        intervals.setdefault(root.span.trace_id, []).append((root.span.start, root.span.end))
    return {trace: max(1, covered(of_trace)) for trace, of_trace in intervals.items()}


def _share(slow: Iterable[_Case], cases: Iterable[_Case], wholes: Mapping[str, int]) -> float:
    """Of the time of the traces that have a case, how much the slow ones took."""
    whole = sum(wholes[trace] for trace in {case.span.trace_id for case in cases})
    return min(1.0, sum(case.took for case in slow) / whole)


def _usual_elsewhere(groups: _Groups) -> Callable[[str], float | None]:
    """How long the same takes other services than a given one: the median of their medians; None if there is none."""
    by_service: dict[str, list[int]] = {}
    for (_, service, _), cases in groups.items():
        by_service.setdefault(service, []).extend(case.took for case in cases)
    usual = {service: median(took) for service, took in by_service.items()}
    ordered = sorted(usual.values())
    others = len(ordered) - 1

    def elsewhere(service: str) -> float | None:
        own = bisect_left(ordered, usual[service])
        middle = (others - 1) // 2, others // 2
        return median(ordered[at + (at >= own)] for at in middle) if others else None

    return elsewhere


# --- Slow hops --------------------------------------------------------------------------------------------------------


def _slow_hops(family: Families, wholes: Mapping[str, int]) -> Iterator[Slowness]:
    """Operations that a service was called for, whose own work is most of the trace and unlike that of others."""
    own = self_times(align(family.roots).roots)
    by_entry = _own_by_entry(family, own)
    groups: dict[tuple[str, str, str], list[_Case]] = {}
    for span, above in _entered(family):
        # What goes on when the answer is out keeps nobody waiting.
        worked = min(by_entry[key_of(span)], duration(above))
        groups.setdefault((above.service, span.service, span.name), []).append(_Case(span, worked))
    elsewhere = _usual_elsewhere(groups)
    for (caller, service, _), cases in groups.items():
        usual = elsewhere(service)
        if usual is None:
            continue
        slow = [case for case in cases if case.took >= max(_SHORTEST, _MORE_THAN_USUAL * usual)]
        share = _share(slow, cases, wholes)
        if share >= _OF_TRACE and len(slow) >= _OFTEN * len(cases):
            evidence = (
                f"{_how_often(slow, cases)}its own work takes {_shown(_usual(slow))}, {share:.0%} of its traces' time; "
                f"that of other services takes {_shown(round(usual))}"
            )
            yield _slowness(SLOW_HOP, caller, slow, evidence, share)


def _own_by_entry(family: Families, own: Mapping[Key, int]) -> dict[Key, int]:
    """The own work of a service for one request: of the span where the request came in, and those below, but for calls.

    What a call waits for without anybody who answers is not the work of who waits.
    """
    entry_of: dict[Key, Key] = {}
    total: dict[Key, int] = {}
    for node in family.nodes:
        key, parent = key_of(node.span), family.parents.get(key_of(node.span))
        begins = is_entry(node.span, parent)
        entry_of[key] = key if begins or parent is None else entry_of[key_of(parent)]
        total.setdefault(entry_of[key], 0)
        if node.span.kind not in CALLS:
            total[entry_of[key]] += own.get(key, 0)
    return total


def _entered(family: Families) -> Iterator[tuple[TraceSpan, TraceSpan]]:
    """Where requests come into a service, each with the span that waits for it.

    Traces of which spans are missing are left out: waiting for what is not there looks like work.
    """
    torn = {root.span.trace_id for root in family.roots if root.span.parent_id}
    for node in family.nodes:
        parent = family.parents.get(key_of(node.span))
        if parent is not None and node.span.trace_id not in torn and _is_waited_for_entry(node.span, parent):
            yield node.span, parent


def _is_waited_for_entry(span: TraceSpan, parent: TraceSpan) -> bool:
    return is_entry(span, parent) and is_waited_for(span, parent)


# --- Queues -----------------------------------------------------------------------------------------------------------


def _queues(family: Families, wholes: Mapping[str, int]) -> Iterator[Slowness]:
    """Calls that take much longer for the caller than for the callee, so that most of the wait is on the way."""
    groups: dict[tuple[str, str, str], list[_Case]] = {}
    for node in family.nodes:
        for child in node.children:
            if (node.span.kind, child.span.kind) == ("client", "server") and len(node.children) == 1:
                wait = duration(node.span)
                key = node.span.service, child.span.service, child.span.name
                case = _Case(child.span, max(0, wait - duration(child.span)), within=wait)
                groups.setdefault(key, []).append(case)
    elsewhere = _usual_elsewhere(groups)
    for (caller, service, _), cases in groups.items():
        least = max(_SHORTEST, _MORE_THAN_USUAL * (elsewhere(service) or 0))
        slow = [case for case in cases if case.took >= max(least, _OF_CALL * case.within)]
        of_call = sum(case.took for case in slow) / max(1, sum(case.within for case in cases))
        if of_call >= _OF_CALL and len(slow) >= _OFTEN * len(cases):
            evidence = (
                f"{_how_often(slow, cases)}{caller} waits {_shown(_usual(slow))} longer than {service} works, "
                f"{of_call:.0%} of its wait: in the network, or in a queue before {service}"
            )
            yield _slowness(QUEUE, caller, slow, evidence, _share(slow, cases, wholes))


# --- Repeated calls ---------------------------------------------------------------------------------------------------


def _repeated(family: Families, wholes: Mapping[str, int]) -> Iterator[Slowness]:
    """One call made many times by the same span, one after the other: the loop around a query."""
    groups: dict[tuple[str, str, str, str], list[tuple[_Case, TraceSpan]]] = {}
    for node in family.nodes:
        if len(node.children) >= _MANY:
            for case, call in _loops(node):
                key = node.span.service, node.span.name, call.name, peer_of(call)
                groups.setdefault(key, []).append((case, call))
    for (_, _, name, peer), found in groups.items():
        cases = [case for case, _ in found]
        count, share = round(median(case.calls for case in cases)), _share(cases, cases, wholes)
        evidence = f"{count} x {name}, {_shown(_usual(cases))}, one after the other"
        yield _slowness(REPEATED_CALLS, "", cases, evidence, share)._replace(repeated=name, peer=peer)


def _loops(node: TreeNode) -> Iterator[tuple[_Case, TraceSpan]]:
    siblings: dict[tuple[str, str], list[TraceSpan]] = {}
    for child in node.children:
        if child.span.kind in CALLS:
            siblings.setdefault((child.span.name, peer_of(child.span)), []).append(child.span)
    for calls in siblings.values():
        took, whole = covered((call.start, call.end) for call in calls), sum(map(duration, calls))
        in_turn = took >= _ONE_AFTER_ANOTHER * whole
        if len(calls) >= _MANY and in_turn and took >= max(_SHORTEST, _OF_PARENT * duration(node.span)):
            yield _Case(node.span, took, len(calls)), calls[0]


# --- What is told of each ---------------------------------------------------------------------------------------------


def _slowness(what: str, caller: str, cases: Sequence[_Case], evidence: str, share: float) -> Slowness:
    worst = max(cases, key=lambda case: (case.took, key_of(case.span))).span
    return Slowness(
        what=what,
        caller=caller,
        service=worst.service,
        operation=worst.name,
        repeated="",
        peer="",
        evidence=evidence,
        times=len(cases),
        usual=_usual(cases),
        share=share,
        example=worst,
    )


def _usual(cases: Iterable[_Case]) -> int:
    return round(median(case.took for case in cases))


def _how_often(slow: Sequence[_Case], cases: Sequence[_Case]) -> str:
    return "" if len(slow) == len(cases) else f"in {len(slow)} of {len(cases)} requests "


def _shown(nanoseconds: int) -> str:
    return f"{nanoseconds / _MILLISECOND:.0f} ms" if nanoseconds >= _MILLISECOND else f"{nanoseconds / 1000:.0f} us"
