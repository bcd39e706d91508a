"""The spans of many traces as families: who is whose parent, and which calls were answered by whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from platform_otel.analysis.relations import CALLS, ENTRIES
from platform_otel.analysis.tree import TraceSpan, TreeNode, build_tree, walk

Key = tuple[str, str]


class Handover(NamedTuple):
    """A span of one service, and one of another that it is the parent of."""

    caller: TraceSpan
    callee: TraceSpan


class Families(NamedTuple):
    """The spans of any number of traces.

    Args:
        nodes: every span once, parents before their children.
        roots: those of them that are below no other.
        parents: of a span's key the span above it; roots have none.
    """

    nodes: Sequence[TreeNode]
    roots: Sequence[TreeNode]
    parents: Mapping[Key, TraceSpan]


def families(spans: Iterable[TraceSpan]) -> Families:
    """Arrange spans; duplicates, circles and missing parents are as in :func:`build_tree`."""
    roots = build_tree(spans)
    nodes = list(walk(roots))
    parents = {key_of(child.span): node.span for node in nodes for child in node.children}
    return Families(nodes, roots, parents)


def key_of(span: TraceSpan) -> Key:
    """What a span is known by."""
    return span.trace_id, span.span_id


def above(span: TraceSpan, parents: Mapping[Key, TraceSpan]) -> Iterator[TraceSpan]:
    """The spans above one, the nearest first."""
    found = parents.get(key_of(span))
    while found is not None:
        yield found
        found = parents.get(key_of(found))


def handovers(family: Families) -> list[Handover]:
    """Each pair of parent and child of which the services differ."""
    return [
        Handover(node.span, child.span)
        for node in family.nodes
        for child in node.children
        if child.span.service != node.span.service
    ]


def unanswered(family: Families) -> list[TraceSpan]:
    """The calls below which nothing says who took them.

    A call around another call of the same service, as a client on top of a client makes it, is none: the inner one is.
    """
    taken: set[Key] = set()
    for node in reversed(family.nodes):
        if any(_takes(node.span, child.span, taken) for child in node.children):
            taken.add(key_of(node.span))
    return [node.span for node in family.nodes if node.span.kind in CALLS and key_of(node.span) not in taken]


def _takes(span: TraceSpan, child: TraceSpan, taken: set[Key]) -> bool:
    if child.service != span.service or child.kind in ENTRIES or child.kind in CALLS:
        return True
    return key_of(child) in taken
