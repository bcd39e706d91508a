"""The critical path of a trace: at each moment, the span that the answer was waiting for."""

from __future__ import annotations

from typing import NamedTuple

from platform_otel.analysis.relations import is_waited_for
from platform_otel.analysis.tree import TraceSpan, TreeNode


class Step(NamedTuple):
    """A while in which the answer waited for this span itself; nanoseconds since the epoch."""

    span: TraceSpan
    start: int
    end: int


class _Frame:
    """A span that is being looked at, from its end back to its start."""

    def __init__(self, node: TreeNode, start: int, end: int) -> None:
        self.node = node
        self.start = start
        self.end = end
        self.at = end
        # The one that ends last is popped first; one that outlives its parent counts until the parent's end.
        self.children = sorted(
            (child for child in node.children if is_waited_for(child.span, node.span)),
            key=lambda child: (min(child.span.end, end), child.span.end, -child.span.start, child.span.span_id),
        )


def critical_path(root: TreeNode) -> list[Step]:
    """The steps from the start of the root to its end, without gaps: together as long as the root.

    Seen from its end, a span waited for the child that ended last; before that child began, for the one that had ended
    last by then; and so on. What runs beside that is not on the path.

    Args:
        root: a tree on one clock, as align makes it.
    """
    steps: list[Step] = []
    frames = [_Frame(root, root.span.start, root.span.end)]
    while frames:
        frame = frames[-1]
        child = _next_child(frame)
        if child is None:
            _step(steps, frame, frame.start)
            frames.pop()
            continue
        _step(steps, frame, child.end)
        frame.at = child.start
        frames.append(child)
    return steps[::-1]


def _next_child(frame: _Frame) -> _Frame | None:
    """The child that had ended last at the moment where the frame is."""
    while frame.children:
        node = frame.children.pop()
        start, end = max(node.span.start, frame.start), min(node.span.end, frame.end)
        if start < end <= frame.at:
            return _Frame(node, start, end)
    return None


def _step(steps: list[Step], frame: _Frame, start: int) -> None:
    if start < frame.at:
        steps.append(Step(frame.node.span, start, frame.at))
