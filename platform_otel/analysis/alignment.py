"""The spans of several machines on one clock: that of whoever called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from platform_otel.analysis.clocks import TOLERANCE
from platform_otel.analysis.intervals import Interval
from platform_otel.analysis.relations import is_entry, is_waited_for
from platform_otel.analysis.tree import TraceSpan, TreeNode


class Skew(NamedTuple):
    """A clock that differs from the caller's.

    Args:
        span_id: where it was noticed; what is below, on that machine, is moved by as much.
        shift: nanoseconds that were added to its times.
    """

    span_id: str
    caller: str
    callee: str
    shift: int


class Aligned(NamedTuple):
    """Trees whose times compare, how far each span was moved (by trace id and span id), and the clocks that differ."""

    roots: list[TreeNode]
    shifts: dict[tuple[str, str], int]
    skews: list[Skew]


def align(roots: Iterable[TreeNode]) -> Aligned:
    """Move what a callee measured onto its caller's clock, where it cannot have been as it says.

    A server begins to work while its client waits; a consumer does not begin before its producer. Where that holds, but
    for what clocks kept by NTP differ, they are taken as right. Where it does not, the callee's clock is taken to be
    its caller's, as between processes of one machine; or else as far off as puts the work into the middle of the wait.
    How long things took never changes.
    """
    aligned = Aligned([], {}, [])
    waiting = []
    for root in roots:
        aligned.roots.append(_placed(root, 0, aligned))
        waiting.append((root, aligned.roots[-1], 0))
    while waiting:
        node, moved, shift = waiting.pop()
        shifts = _shifts(node, moved.span, shift, aligned.skews)
        for child, its_shift in zip(node.children, shifts, strict=True):
            moved.children.append(_placed(child, its_shift, aligned))
            waiting.append((child, moved.children[-1], its_shift))
        moved.children.sort(key=lambda each: (each.span.start, each.span.span_id))
    aligned.skews.sort()
    return aligned


def _placed(node: TreeNode, shift: int, aligned: Aligned) -> TreeNode:
    span = node.span
    aligned.shifts[span.trace_id, span.span_id] = shift
    moved = span._replace(start=span.start + shift, end=max(span.start, span.end) + shift)
    return TreeNode(moved, [], node.orphan)


def _shifts(node: TreeNode, caller: TraceSpan, shift: int, skews: list[Skew]) -> list[int]:
    """How far each child is moved: those of one service as one if they can be, as they have one clock, mostly."""
    found: dict[str, int] = {}
    for group in _groups(node):
        whole = _whole(group)
        together = _shift(group[0], whole, caller, shift)
        fits_together = _length(whole) <= _length((caller.start, caller.end))
        for span in group:
            own = together if fits_together else _shift(span, (span.start, span.end), caller, shift)
            found[span.span_id] = own
            if own not in (0, shift):
                skews.append(Skew(span.span_id, caller.service, span.service, own))
    return [found.get(child.span.span_id, shift) for child in node.children]


def _groups(node: TreeNode) -> Iterator[Sequence[TraceSpan]]:
    groups: dict[tuple[str, bool], list[TraceSpan]] = {}
    for child in node.children:
        if is_entry(child.span, node.span):
            key = child.span.service, is_waited_for(child.span, node.span)
            groups.setdefault(key, []).append(child.span)
    yield from groups.values()


def _shift(span: TraceSpan, interval: Interval, caller: TraceSpan, shift: int) -> int:
    fits = _fits_call if is_waited_for(span, caller) else _fits_message
    wait = caller.start, caller.end
    for candidate in (0, shift):
        if fits((interval[0] + candidate, interval[1] + candidate), wait):
            return candidate
    room = max(0, _length(wait) - _length(interval)) if fits is _fits_call else 0
    return wait[0] + room // 2 - interval[0]


def _fits_call(work: Interval, wait: Interval) -> bool:
    # It may end later: what is done behind the answer's back, or after the caller gave up, proves no clock wrong.
    return wait[0] - TOLERANCE <= work[0] <= wait[1] + TOLERANCE


def _fits_message(work: Interval, sending: Interval) -> bool:
    return work[0] >= sending[0] - TOLERANCE


def _whole(spans: Sequence[TraceSpan]) -> Interval:
    return min(span.start for span in spans), max(max(span.start, span.end) for span in spans)


def _length(interval: Interval) -> int:
    return interval[1] - interval[0]
