"""The hops of a trace: for each service that waited for another, how long, and for what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from platform_otel.analysis.calls import Call, Parts
from platform_otel.analysis.intervals import shares


class Hop(NamedTuple):
    """All calls from one service to another.

    Args:
        caller: None for what came from outside, or from a span that is missing.
        callee: a service; or what client spans say of the other side, if that has no span.
        is_seen: whether the callee has spans.
        is_waited_for: whether the caller waits for the callee; it does not for those that consume its messages.
        calls, failed: how many, and how many failed.
        unpaired: calls of which only the callee has a span.
        outlived: calls that their server worked longer at than the client waited.
        wait: nanoseconds in which the caller waited for one of the calls at least.
        parts: what the wait was made of; their sum is the wait.
    """

    caller: str | None
    callee: str
    is_seen: bool
    is_waited_for: bool
    calls: int
    failed: int
    unpaired: int
    outlived: int
    wait: int
    parts: Parts


def hops(calls: Iterable[Call]) -> list[Hop]:
    """The hops that these calls of one trace make up, in the order of the first call of each.

    Calls of one hop may overlap. Each moment then counts once: it belongs to the call that ends last, for which the
    caller had to wait anyway. A call that has only some of its time contributes as much of each of its parts.
    """
    groups: dict[tuple[str | None, str, bool, bool], list[Call]] = {}
    for call in calls:
        groups.setdefault((call.caller, call.callee, call.is_seen, call.is_waited_for), []).append(call)
    return [_hop(group) for group in groups.values()]


def _hop(calls: Sequence[Call]) -> Hop:
    # Sorted by all that counts, so that the order of the input does not.
    ordered = sorted(calls, key=lambda call: (call.start, call.end, call.parts))
    owned = shares([(call.start, call.end) for call in ordered])
    shared = [call.parts.share(share) for call, share in zip(ordered, owned, strict=True)]
    first = calls[0]
    return Hop(
        caller=first.caller,
        callee=first.callee,
        is_seen=first.is_seen,
        is_waited_for=first.is_waited_for,
        calls=len(calls),
        failed=sum(call.failed for call in calls),
        unpaired=sum(call.is_seen and not call.is_paired for call in calls),
        outlived=sum(call.parts.outlived > 0 for call in calls),
        wait=sum(owned),
        parts=Parts(*map(sum, zip(*shared, strict=True))),
    )
