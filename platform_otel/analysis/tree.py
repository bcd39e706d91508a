"""A trace as a tree of spans: missing parents, circles and repeats have their place in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple


class TraceSpan(NamedTuple):
    """What a tree needs to know of a span, whether it comes from the wire or from our own provider.

    Ids are lower-case hex (32 and 16 digits, no parent is ""); times are nanoseconds since the epoch; kind is server,
    client, internal, producer or consumer; status is unset, ok or error; message is the status message, or the type
    and message of the exception. Remote says whether the parent is in another process, None if the span does not know;
    exception is the type of the last exception that it recorded; links says how many there are.
    """

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    kind: str
    start: int
    end: int
    status: str
    message: str
    attributes: Mapping[str, object]
    remote: bool | None = None
    exception: str = ""
    links: int = 0


class TreeNode(NamedTuple):
    """A span with its children, the earliest first. An orphan names a parent that is not above it in the tree."""

    span: TraceSpan
    children: list[TreeNode]
    orphan: bool


_Key = tuple[str, str]


def build_tree(spans: Iterable[TraceSpan]) -> list[TreeNode]:
    """The roots of the trees that these spans form, the earliest first; every span is in exactly one place.

    Of two spans with the same ids the one that ended last stays. A circle of parents is cut open at one of its spans,
    which becomes a root. Nothing here recurses, so a trace may be as deep as it likes.
    """
    spans_by_key = _without_duplicates(spans)
    keys_by_parent = _keys_by_parent(spans_by_key)
    nodes: dict[_Key, TreeNode] = {}
    top = [key for key, span in spans_by_key.items() if _parent_key(span) not in spans_by_key]
    roots = [_grow(key, spans_by_key, keys_by_parent, nodes) for key in top]
    # What has no place yet hangs on a circle. The generator sees each tree that grows, so a circle is cut once.
    circles = (_key_on_circle(key, spans_by_key) for key in spans_by_key if key not in nodes)
    roots.extend(_grow(key, spans_by_key, keys_by_parent, nodes) for key in circles)
    return sorted(roots, key=lambda root: _order(root.span))


def walk(roots: Iterable[TreeNode]) -> Iterator[TreeNode]:
    """Every node, parents before children, in the order in which they are shown."""
    waiting = list(roots)[::-1]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def status_code(span: TraceSpan) -> int | None:
    """The HTTP status code of the span, by the stable conventions or the ones before."""
    code = span.attributes.get("http.response.status_code", span.attributes.get("http.status_code"))
    return code if isinstance(code, int) else None


def duration(span: TraceSpan) -> int:
    """Nanoseconds; none if a clock that was set back made the span end before it began."""
    return max(0, span.end - span.start)


def _without_duplicates(spans: Iterable[TraceSpan]) -> dict[_Key, TraceSpan]:
    spans_by_key: dict[_Key, TraceSpan] = {}
    for span in sorted(spans, key=_order):
        known = spans_by_key.get((span.trace_id, span.span_id))
        if known is None or known.end < span.end:
            spans_by_key[span.trace_id, span.span_id] = span
    return spans_by_key


def _order(span: TraceSpan) -> tuple[int, str, str]:
    return span.start, span.trace_id, span.span_id


def _parent_key(span: TraceSpan) -> _Key:
    return span.trace_id, span.parent_id


def _keys_by_parent(spans_by_key: Mapping[_Key, TraceSpan]) -> dict[_Key, list[_Key]]:
    keys: dict[_Key, list[_Key]] = {}
    for key, span in sorted(spans_by_key.items(), key=lambda item: _order(item[1])):
        keys.setdefault(_parent_key(span), []).append(key)
    return keys


def _grow(
    root_key: _Key,
    spans_by_key: Mapping[_Key, TraceSpan],
    keys_by_parent: Mapping[_Key, list[_Key]],
    nodes: dict[_Key, TreeNode],
) -> TreeNode:
    """The tree below one span, without the spans that already have their place in nodes."""
    root = nodes[root_key] = TreeNode(spans_by_key[root_key], [], bool(spans_by_key[root_key].parent_id))
    waiting = [root_key]
    while waiting:
        parent_key = waiting.pop()
        for key in keys_by_parent.get(parent_key, ()):
            if key not in nodes:
                nodes[key] = TreeNode(spans_by_key[key], [], False)
                nodes[parent_key].children.append(nodes[key])
                waiting.append(key)
    return root


def _key_on_circle(key: _Key, spans_by_key: Mapping[_Key, TraceSpan]) -> _Key:
    """Follow the parents of a span that no root leads to: they run in a circle, and this is where it closes."""
    seen = set()
    while key not in seen:
        seen.add(key)
        key = _parent_key(spans_by_key[key])
    return key
