"""Where context got lost: traces that begin anew or miss a parent, each with the evidence and its cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from platform_otel.analysis import enclosure
from platform_otel.analysis.clocks import MILLISECOND, ClockSkew, clock_skews
from platform_otel.analysis.family import Families, families, handovers, key_of, unanswered
from platform_otel.analysis.peers import peer_of, place_of
from platform_otel.analysis.relations import ENTRIES
from platform_otel.analysis.reunion import Reunion, reunions
from platform_otel.analysis.service_map import listener, listeners
from platform_otel.analysis.tree import TraceSpan

CALLER_NOT_TRACED = "caller_not_traced"
HEADER_NOT_FORWARDED = "header_not_forwarded"
FOREIGN_HEADER = "foreign_header"
PARENT_NEVER_ARRIVED = "parent_never_arrived"
SAMPLED_OUT = "sampled_out"
CLOCK_SKEW = "clock_skew"
CAUSES = (CALLER_NOT_TRACED, HEADER_NOT_FORWARDED, FOREIGN_HEADER, PARENT_NEVER_ARRIVED, SAMPLED_OUT, CLOCK_SKEW)

# What our own server spans say of context that came and was not taken up.
IGNORED = "platform_trace.ignored_context"


class Break(NamedTuple):
    """One place where one trace breaks; the caller's span is None if it is not known."""

    caller: TraceSpan | None
    callee: TraceSpan


class BrokenLink(NamedTuple):
    """What breaks between two services, and why.

    Args:
        caller: the service, or the peer that is not traced; "" if nothing tells who it is.
        operation: of the callee, where the trace begins anew or misses its parent.
        evidence: what was seen, in one sentence.
        times: how many times it breaks.
        first_seen, last_seen: when the callee's spans began, in nanoseconds since the epoch.
        example: the latest.
        behind: for skew, by how many nanoseconds the clock is behind; negative if it is ahead.
        service: for skew, whose clock it is; else "".
    """

    cause: str
    caller: str
    callee: str
    operation: str
    evidence: str
    times: int
    first_seen: int
    last_seen: int
    example: Break
    behind: int = 0
    service: str = ""


Breaks = Sequence[Break]


def broken_links(spans: Iterable[TraceSpan], until: int | None = None) -> list[BrokenLink]:
    """What is broken in these traces, the most frequent first; what has a sound explanation is not in it.

    Sound are: requests from outside at a public service, calls to peers outside, traces that begin with a link,
    calls that failed before they reached anybody.

    Args:
        spans: of whole traces.
        until: missing spans of traces that were going on after that may still arrive, in nanoseconds since the epoch.
    """
    family = families(spans)
    skewed = clock_skews(handovers(family))
    behind = {skew.service: skew.behind for skew in skewed}
    listening = listeners(family)
    lonely = unanswered(family)
    beginnings = [root.span for root in family.roots if _begins(root.span)]
    met = reunions(lonely, beginnings, listening, behind)
    alone = _others(beginnings, (each.entry for each in met))
    away = [span for span in _others(lonely, (each.call for each in met)) if not listener(place_of(span), listening)]

    found = [_skewed(skew) for skew in skewed]
    found += _reunited(met)
    found += _foreign(alone)
    found += _behind_untraced(family, away, [span for span in alone if not _ignored(span)], behind)
    found += _orphaned(family, until)
    return sorted(found, key=lambda link: (-link.times, link.cause, link.caller, link.callee, link.operation))


def _begins(span: TraceSpan) -> bool:
    """Whether a trace begins where others could have continued; a link is a way to continue one, too."""
    return not span.parent_id and span.kind in ENTRIES and not span.links


def _others(spans: Iterable[TraceSpan], without: Iterable[TraceSpan]) -> list[TraceSpan]:
    known = {key_of(span) for span in without}
    return [span for span in spans if key_of(span) not in known]


def _ignored(span: TraceSpan) -> str:
    return str(span.attributes.get(IGNORED) or "")


# --- Each cause -------------------------------------------------------------------------------------------------------


def _skewed(skew: ClockSkew) -> BrokenLink:
    """A clock that is off breaks no trace, but every picture of it."""
    latest = max(skew.proof, key=lambda hop: (hop.callee.start, key_of(hop.callee)))
    other = latest.caller if latest.callee.service == skew.service else latest.callee
    where = f"{abs(skew.behind) / MILLISECOND:.0f} ms {'behind' if skew.behind > 0 else 'ahead of'}"
    return BrokenLink(
        cause=CLOCK_SKEW,
        caller=latest.caller.service,
        callee=latest.callee.service,
        operation=latest.callee.name,
        evidence=f"{len(skew.proof)} of {skew.of} calls from and to {skew.service} have times that no single clock can "
        f"give: that of {skew.service} is {where} {other.service}'s",
        times=len(skew.proof),
        first_seen=min(hop.callee.start for hop in skew.proof),
        last_seen=latest.callee.start,
        example=Break(*latest),
        behind=skew.behind,
        service=skew.service,
    )


def _reunited(met: Iterable[Reunion]) -> list[BrokenLink]:
    """A call that was traced, and a trace that began within it: the header was lost between them, or not understood."""
    forwarded, foreign = _parted(met, lambda each: bool(_ignored(each.entry)))
    return [
        *_links(HEADER_NOT_FORWARDED, [(each.call.service, Break(*each)) for each in forwarded], _lost),
        *_links(FOREIGN_HEADER, [(each.call.service, Break(*each)) for each in foreign], _not_read),
    ]


def _foreign(alone: Iterable[TraceSpan]) -> list[BrokenLink]:
    """A trace that began though the request had context, from a caller that nothing else tells of."""
    return _links(FOREIGN_HEADER, [("", Break(None, span)) for span in alone if _ignored(span)], _not_read)


def _behind_untraced(
    family: Families, away: Iterable[TraceSpan], alone: Iterable[TraceSpan], behind: Mapping[str, int]
) -> list[BrokenLink]:
    """Traces that begin whenever a peer is being called that is not traced: it calls on."""
    services: dict[str, set[str]] = {}
    for node in family.nodes:
        services.setdefault(node.span.trace_id, set()).add(node.span.service)
    entries = [span for span in alone if span.kind == "server"]
    found: list[BrokenLink] = []
    for each in enclosure.enclosures(away, entries, services, behind):
        breaks = [(each.peer, Break(*pair)) for pair in each.pairs]
        found += _links(CALLER_NOT_TRACED, breaks, partial(_called_on, of=each.of))
    return found


def _orphaned(family: Families, until: int | None) -> list[BrokenLink]:
    """Spans whose parent is not there."""
    known = {key_of(node.span) for node in family.nodes}
    whole = {root.span.trace_id for root in family.roots if not root.span.parent_id}
    ends: dict[str, int] = {}
    for node in family.nodes:
        ends[node.span.trace_id] = max(ends.get(node.span.trace_id, 0), node.span.end)
    lost: list[tuple[str, Break]] = []
    sampled: list[tuple[str, Break]] = []
    callers = _callers(family)
    for root in family.roots:
        span = root.span
        settled = until is None or ends[span.trace_id] <= until
        if not span.parent_id or (span.trace_id, span.parent_id) in known or not settled:
            continue
        caller = _usual(callers.get((span.service, span.name))) if _is_remote(span) else span.service
        # Of the caller nothing is there, though in other traces it is: it decides for each trace.
        whole_caller_is_missing = _is_remote(span) and bool(caller) and span.trace_id not in whole
        (sampled if whole_caller_is_missing else lost).append((caller, Break(None, span)))
    return [
        *_links(PARENT_NEVER_ARRIVED, lost, _never_arrived),
        *_links(SAMPLED_OUT, sampled, lambda breaks: _dropped(breaks, callers)),
    ]


def _is_remote(span: TraceSpan) -> bool:
    """Whether the parent is of another process; who does not say so is asked for its kind."""
    return span.kind in ENTRIES if span.remote is None else span.remote


_Callers = Mapping[tuple[str, str], Counter[str]]


def _callers(family: Families) -> dict[tuple[str, str], Counter[str]]:
    """How often each operation was called by which service."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for hop in handovers(family):
        found.setdefault((hop.callee.service, hop.callee.name), Counter())[hop.caller.service] += 1
    return found


def _usual(callers: Counter[str] | None) -> str:
    return min(callers, key=lambda name: (-callers[name], name)) if callers else ""


# --- What was seen, in words ------------------------------------------------------------------------------------------


def _lost(breaks: Breaks) -> str:
    caller, callee = breaks[-1].caller, breaks[-1].callee
    assert caller is not None
    return (
        f"{caller.service} called {peer_of(caller) or callee.service} {_times(breaks)} with a span of its own, and "
        f"{callee.service} began a new trace within the call, for the same request: no header came through"
    )


def _not_read(breaks: Breaks) -> str:
    headers = sorted({name for each in breaks for name in _ignored(each.callee).split(",")})
    if headers == ["traceparent"]:
        return f"the requests had a traceparent that {breaks[-1].callee.service} could not read"
    return f"the requests had {', '.join(headers)}, which {breaks[-1].callee.service} does not read"


def _called_on(breaks: Breaks, *, of: int) -> str:
    caller, callee = breaks[-1].caller, breaks[-1].callee
    assert caller is not None
    return (
        f"{len(breaks)} of {of} traces that begin at {callee.service} do so while {caller.service} is calling "
        f"{peer_of(caller)}, which is not traced: it calls {callee.service}"
    )


def _never_arrived(breaks: Breaks) -> str:
    span = breaks[-1].callee
    if _is_remote(span):
        return f"{span.service} was given the context of a span that is not there, {_times(breaks)}"
    return f"spans of {span.service} itself are not there, {_times(breaks)}, though their children are"


def _dropped(breaks: Breaks, callers: _Callers) -> str:
    span = breaks[-1].callee
    known = callers[span.service, span.name].total()
    return (
        f"{len(breaks)} of {len(breaks) + known} calls that {span.service} had are in traces with nothing of its "
        f"caller: {span.service} keeps what the caller's sampler drops"
    )


def _times(breaks: Breaks) -> str:
    return "once" if len(breaks) == 1 else f"{len(breaks)} times"


def _links(cause: str, breaks: Iterable[tuple[str, Break]], evidence: Callable[[Breaks], str]) -> list[BrokenLink]:
    """One link for each caller and operation of a callee."""
    groups: dict[tuple[str, str, str], list[Break]] = {}
    for caller, each in breaks:
        groups.setdefault((caller, each.callee.service, each.callee.name), []).append(each)
    return [_link(cause, caller, group, evidence) for (caller, _, _), group in groups.items()]


def _link(cause: str, caller: str, breaks: list[Break], evidence: Callable[[Breaks], str]) -> BrokenLink:
    breaks.sort(key=lambda each: (each.callee.start, key_of(each.callee)))
    latest = breaks[-1]
    return BrokenLink(
        cause=cause,
        caller=caller,
        callee=latest.callee.service,
        operation=latest.callee.name,
        evidence=evidence(breaks),
        times=len(breaks),
        first_seen=breaks[0].callee.start,
        last_seen=latest.callee.start,
        example=latest,
    )


def _parted(met: Iterable[Reunion], condition: Callable[[Reunion], bool]) -> tuple[list[Reunion], list[Reunion]]:
    parts: tuple[list[Reunion], list[Reunion]] = [], []
    for each in met:
        parts[condition(each)].append(each)
    return parts
