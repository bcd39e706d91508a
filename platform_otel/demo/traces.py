"""Which spans belong to a request, and whether all of them are there. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from platform_otel.analysis.characters import printable
from platform_otel.analysis.tree import TraceSpan, build_tree, status_code, walk


def request(span: TraceSpan) -> str:
    """The request that a server span stands for, such as "GET /people/ada"; "" for any other span."""
    if span.kind != "server":
        return ""
    method = span.attributes.get("http.request.method", span.attributes.get("http.method", ""))
    path = span.attributes.get("url.path", span.attributes.get("http.target", ""))
    return f"{method} {str(path).partition('?')[0]}"


def is_complete(trace: Sequence[TraceSpan]) -> bool:
    """Whether nothing is missing: a root, every parent, and below each answered HTTP call what answered it.

    That holds here because every service that is called is traced. A span ends, and so arrives, after its children in
    the same process.
    """
    nodes = list(walk(build_tree(trace)))
    return (
        any(not node.span.parent_id and request(node.span) for node in nodes)
        and not any(node.orphan for node in nodes)
        and all(node.children for node in nodes if node.span.kind == "client" and status_code(node.span) is not None)
    )


def title(trace: Sequence[TraceSpan]) -> str:
    """The request that the trace began with, fit to be printed: a path may hold any character."""
    roots = build_tree(trace)
    return printable(next((found for root in roots if (found := request(root.span))), roots[0].span.name))
