"""All that is said of one trace, from its spans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from platform_otel.analysis.alignment import Skew, align
from platform_otel.analysis.calls import calls
from platform_otel.analysis.critical_path import Step, critical_path
from platform_otel.analysis.hops import Hop, hops
from platform_otel.analysis.self_time import self_times
from platform_otel.analysis.tree import TraceSpan, TreeNode, build_tree, walk


class TraceAnalysis(NamedTuple):
    """What the spans of one trace say.

    Args:
        roots: its trees, on one clock; the main one first, which begins without a parent.
        hops: who waited for whom.
        critical_path: of the main tree.
        self_times: nanoseconds, by span id.
        shifts: nanoseconds that were added to the times of a span, by span id.
        skews: the clocks that differ.
        orphans: spans whose parent is not there.
    """

    roots: Sequence[TreeNode]
    hops: Sequence[Hop]
    critical_path: Sequence[Step]
    self_times: Mapping[str, int]
    shifts: Mapping[str, int]
    skews: Sequence[Skew]
    orphans: Sequence[TraceSpan]


def analyse(spans: Iterable[TraceSpan]) -> TraceAnalysis:
    """Everything about one trace. Repeats and order of the spans make no difference.

    Args:
        spans: of one trace, one at least.
    """
    found = align(build_tree(spans))
    roots = sorted(found.roots, key=lambda root: bool(root.span.parent_id))
    return TraceAnalysis(
        roots=roots,
        hops=hops(calls(roots)),
        critical_path=critical_path(roots[0]),
        self_times={span_id: each for (_, span_id), each in self_times(roots).items()},
        shifts={span_id: each for (_, span_id), each in found.shifts.items()},
        skews=found.skews,
        orphans=_without_parent(roots),
    )


def _without_parent(roots: Sequence[TreeNode]) -> list[TraceSpan]:
    known = {node.span.span_id for node in walk(roots)}
    return [root.span for root in roots if root.orphan and root.span.parent_id not in known]
