"""Self time: how long a span was at work itself, waiting for nothing below it."""

from __future__ import annotations

from collections.abc import Iterable

from platform_otel.analysis.intervals import clipped, covered
from platform_otel.analysis.relations import is_waited_for
from platform_otel.analysis.tree import TreeNode, duration, walk


def self_times(roots: Iterable[TreeNode]) -> dict[tuple[str, str], int]:
    """Nanoseconds of each span, by trace id and span id, in the order of the tree.

    Children that run at the same time count once, and one that outlives its parent until the parent's end. What
    consumes a message does not keep its producer.

    Args:
        roots: trees on one clock, as align makes them.
    """
    return {(node.span.trace_id, node.span.span_id): _self_time(node) for node in walk(roots)}


def _self_time(node: TreeNode) -> int:
    bounds = node.span.start, node.span.end
    below = [child.span for child in node.children if is_waited_for(child.span, node.span)]
    return duration(node.span) - covered(clipped((span.start, span.end), bounds) for span in below)
