"""The calls of a trace, one by one: who waited for whom, and what the wait was made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from platform_otel.analysis.intervals import Interval, clipped, covered, shares
from platform_otel.analysis.peers import peer_of
from platform_otel.analysis.relations import CALLS, is_entry, is_waited_for
from platform_otel.analysis.tree import TraceSpan, TreeNode, duration, walk


class Parts(NamedTuple):
    """What a wait was made of, in nanoseconds: ``network + own + waited + unseen - outlived`` is the wait.

    Args:
        network: between the two: client minus server duration, which no clock disturbs. Queues are in it.
        own: the callee's own work.
        waited: what the callee waited for, itself a caller.
        unseen: of calls whose other side has no span: network and callee, which nobody can tell apart.
        outlived: by how much servers worked longer than their client waited.
    """

    network: int = 0
    own: int = 0
    waited: int = 0
    unseen: int = 0
    outlived: int = 0

    @property
    def wait(self) -> int:
        """The whole."""
        return self.network + self.own + self.waited + self.unseen - self.outlived

    def share(self, nanoseconds: int) -> Parts:
        """As much of each part as makes up this much of the whole."""
        if nanoseconds == self.wait:
            return self
        _, own, waited, unseen, outlived = (part * nanoseconds // self.wait for part in self)
        # What rounding leaves is the network's, so that the parts sum to the whole.
        return Parts(nanoseconds - own - waited - unseen + outlived, own, waited, unseen, outlived)


class Call(NamedTuple):
    """One call.

    Args:
        caller: the service; None if it has no span in this trace: the request came from outside, or spans are missing.
        callee: the service; or what the client span says of the other side, if that has no span.
        is_seen: whether the callee has a span.
        is_paired: whether both sides have one.
        is_waited_for: whether the caller waits for the callee; it does not for those that consume its messages.
        start, end: when the caller waited, in nanoseconds since the epoch, on one clock.
        failed: whether it failed for the caller; or for the callee, if that is all that is known.
        parts: their sum is end minus start.
    """

    caller: str | None
    callee: str
    is_seen: bool
    is_paired: bool
    is_waited_for: bool
    start: int
    end: int
    failed: bool
    parts: Parts


def calls(roots: Iterable[TreeNode]) -> list[Call]:
    """The calls in these trees, those above before those below them.

    Args:
        roots: trees on one clock, as align makes them.
    """
    spans = _relate(roots)
    found: list[Call] = []
    for number, related in enumerate(spans):
        if related.is_entry and related.client is None:
            found.append(_unpaired(number, spans))
        if _is_call(related):
            found += _of_client(number, spans)
    return found


# --- Who belongs to whom ----------------------------------------------------------------------------------------------


class _Related:
    """A span among the others, by their numbers in the order of the tree."""

    def __init__(self, span: TraceSpan, parent: int | None) -> None:
        self.span = span
        self.parent = parent
        self.is_entry = False
        self.is_waited_for = True
        self.entry = 0  # where the request that it belongs to came into its service
        self.outgoing: int | None = None  # the nearest outgoing span, itself or above it in its service
        self.client: int | None = None  # of an entry: the span of the call that it answers
        self.answers: list[int] = []  # of an outgoing span: the entries that answer it
        self.has_outgoing_below = False
        self.waits: list[Interval] = []  # of an entry: when its service waited for others


def _relate(roots: Iterable[TreeNode]) -> list[_Related]:
    spans: list[_Related] = []
    numbers: dict[int, int] = {}
    for node in walk(roots):
        number = len(spans)
        related = _Related(node.span, numbers.get(id(node)))
        spans.append(related)
        _find_place(number, spans)
        numbers.update((id(child), number) for child in node.children)
    _look_below(spans)
    for number, related in enumerate(spans):
        for interval in _waits(related):
            spans[_waiting(number, spans)].waits.append(interval)
    return spans


def _find_place(number: int, spans: Sequence[_Related]) -> None:
    related = spans[number]
    above = None if related.parent is None else spans[related.parent]
    related.is_entry = is_entry(related.span, None if above is None else above.span)
    related.entry = number if above is None or related.is_entry else above.entry
    if above is not None and related.is_entry:
        related.client = above.outgoing
        caller = above.span if above.outgoing is None else spans[above.outgoing].span
        related.is_waited_for = is_waited_for(related.span, caller)
        if above.outgoing is not None:
            spans[above.outgoing].answers.append(number)
    elif above is not None:
        related.outgoing = above.outgoing
    if related.span.kind in CALLS:
        related.outgoing = number


def _look_below(spans: Sequence[_Related]) -> None:
    for related in reversed(spans):
        if related.parent is not None and not related.is_entry:
            outgoing = related.has_outgoing_below or related.span.kind in CALLS
            spans[related.parent].has_outgoing_below |= outgoing


def _is_call(related: _Related) -> bool:
    """Whether an outgoing span is the call itself: one that wraps others is not, unless somebody answers it."""
    return related.span.kind in CALLS and (bool(related.answers) or not related.has_outgoing_below)


def _waits(related: _Related) -> Iterator[Interval]:
    """When the service waits because of this span."""
    if _is_call(related):
        yield related.span.start, related.span.end
    if related.is_entry and related.parent is not None and related.client is None and related.is_waited_for:
        yield related.span.start, related.span.end


def _waiting(number: int, spans: Sequence[_Related]) -> int:
    """The entry of the request that waits: for an entry without a client span, that of the service above."""
    related = spans[number]
    if _is_call(related) or related.parent is None:
        return related.entry
    return spans[related.parent].entry


# --- What the waits are made of ---------------------------------------------------------------------------------------


def _work(entry: _Related) -> Parts:
    """What the callee did all the while: its own work, and waiting for others."""
    took, bounds = duration(entry.span), (entry.span.start, entry.span.end)
    waited = covered(clipped(each, bounds) for each in entry.waits)
    return Parts(own=took - waited, waited=waited)


def _unpaired(number: int, spans: Sequence[_Related]) -> Call:
    """What entered a service without a client span: the wait is as long as the work, for all we know."""
    entry = spans[number]
    caller = None if entry.parent is None else spans[entry.parent].span.service
    parts = _work(entry) if entry.is_waited_for else Parts()
    span = entry.span
    failed = span.status == "error"
    return Call(
        caller, span.service, True, False, entry.is_waited_for, span.start, span.start + parts.wait, failed, parts
    )


def _of_client(number: int, spans: Sequence[_Related]) -> Iterator[Call]:
    """The calls of one client span: one for each service that answered, mostly one."""
    client = spans[number]
    span, took = client.span, duration(client.span)

    def call(callee: str, is_seen: bool, is_waited_for: bool, parts: Parts) -> Call:
        failed = span.status == "error"
        return Call(span.service, callee, is_seen, is_seen, is_waited_for, span.start, span.start + took, failed, parts)

    if not client.answers:
        yield call(peer_of(span), False, span.kind != "producer", Parts(unseen=took))
    for callee, entries in _by_service([spans[each] for each in client.answers if spans[each].is_waited_for]):
        work = _together(entries)
        between = took - work.wait
        yield call(callee, True, True, work._replace(network=max(0, between), outlived=max(0, -between)))
    for callee, _ in _by_service([spans[each] for each in client.answers if not spans[each].is_waited_for]):
        yield call(callee, True, False, Parts(network=took))


def _by_service(entries: Iterable[_Related]) -> list[tuple[str, list[_Related]]]:
    by_service: dict[str, list[_Related]] = {}
    for entry in entries:
        by_service.setdefault(entry.span.service, []).append(entry)
    return sorted(by_service.items())


def _together(entries: Sequence[_Related]) -> Parts:
    """Several answers to one client span, such as attempts below it: what overlaps counts once."""
    entries = sorted(entries, key=lambda each: (each.span.start, each.span.end, each.span.span_id))
    owned = shares([(entry.span.start, entry.span.end) for entry in entries])
    parts = [_work(entry).share(share) for entry, share in zip(entries, owned, strict=True)]
    return Parts(*map(sum, zip(*parts, strict=True)))
