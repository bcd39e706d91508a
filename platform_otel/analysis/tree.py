"""A trace as a tree of spans, and the tree as lines of text. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple


class TraceSpan(NamedTuple):
    """What a tree needs to know of a span, whether it comes from the wire or from our own provider.

    Ids are lower-case hex (32 and 16 digits, no parent is ""); times are nanoseconds since the epoch; kind is server,
    client, internal, producer or consumer; status is unset, ok or error; message is the status message, or the type
    and message of the exception.
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


class TreeNode(NamedTuple):
    """A span with its children, the earliest first. An orphan names a parent that is not above it in the tree."""

    span: TraceSpan
    children: list[TreeNode]
    orphan: bool


# --- the tree ---------------------------------------------------------------------------------------------------------

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


# --- the text ---------------------------------------------------------------------------------------------------------

# The narrowest line that we lay out: below it the terminal wraps.
_NARROWEST = 40
# From this width on there is room to show when in the trace a span ran.
_WIDE = 90


class _Glyphs(NamedTuple):
    branch: str
    last_branch: str
    trunk: str
    gap: str
    ellipsis: str
    failed: str
    bar: str
    arrow: str


_UNICODE = _Glyphs("├─", "└─", "│ ", "  ", "…", "✗", "━", "→")
_ASCII = _Glyphs("|-", "`-", "| ", "  ", "~", "!", "=", ">")

_RESET = "\x1b[0m"
_BOLD, _DIM, _RED, _GREEN, _YELLOW = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"
# Without red, yellow and green, which say how a request went.
_SERVICE_COLOURS = ("\x1b[36m", "\x1b[35m", "\x1b[34m", "\x1b[96m", "\x1b[95m", "\x1b[94m")


class _Row(NamedTuple):
    """A node and its guides: before its own line, and between it and its children."""

    node: TreeNode
    guide: str
    guide_between: str


class _Layout(NamedTuple):
    """How wide each column is, and what the columns are drawn with. No time column is 0 wide."""

    glyphs: _Glyphs
    colours: Mapping[str, str] | None
    in_seconds: bool
    start: int
    end: int
    service: int
    label: int
    duration: int
    time: int


def render_tree(
    roots: Sequence[TreeNode], *, colour: bool = False, ascii_only: bool = False, width: int = 100
) -> list[str]:
    """The tree as lines of at most `width` columns: service, calls, HTTP status, duration and, if wide, when it ran.

    A failed span carries a mark and, when it knows why, a second line that says so. Whatever the spans bring along,
    no control character reaches the terminal. Below 40 columns the lines stay 40 wide.
    """
    spans = [node.span for node in walk(roots)]
    if not spans:
        return []
    glyphs = _ASCII if ascii_only else _UNICODE
    layout = _lay_out(spans, glyphs, colour, max(width, _NARROWEST))
    rows = list(_rows(roots, glyphs, layout.label // 2))
    if any(row.guide.startswith(glyphs.ellipsis) for row in rows):
        rows = list(_rows(roots, _one_column_each(glyphs), layout.label // 2))
    return list(_lines(rows, layout))


def _lines(rows: Iterable[_Row], layout: _Layout) -> Iterator[str]:
    service_above: str | None = None
    for row in rows:
        yield _line(row, layout, service_above)
        yield from _reason_lines(row, layout)
        service_above = row.node.span.service


def _one_column_each(glyphs: _Glyphs) -> _Glyphs:
    """For a tree too deep for its column: each level is half as wide."""
    return glyphs._replace(branch=glyphs.branch[0], last_branch=glyphs.last_branch[0], trunk=glyphs.trunk[0], gap=" ")


def _lay_out(spans: Sequence[TraceSpan], glyphs: _Glyphs, colour: bool, width: int) -> _Layout:
    services = list(dict.fromkeys(span.service for span in spans))
    in_seconds = max(_duration(span) for span in spans) >= 10_000_000_000
    service = min(max(_columns(printable(name)) for name in services), width // 4)
    duration = max(len(_duration_text(span, in_seconds)) for span in spans)
    time = width // 5 if width >= _WIDE else 0
    # Two spaces between the columns; the status is three digits, a space and the mark of a failure.
    label = width - service - 2 - 2 - 5 - 2 - duration - (2 + time if time else 0)
    return _Layout(
        glyphs=glyphs,
        colours=_colour_per_service(services) if colour else None,
        in_seconds=in_seconds,
        start=min(span.start for span in spans),
        end=max(max(span.start, span.end) for span in spans),
        service=service,
        label=label,
        duration=duration,
        time=time,
    )


def _colour_per_service(services: Sequence[str]) -> dict[str, str]:
    return {name: _SERVICE_COLOURS[index % len(_SERVICE_COLOURS)] for index, name in enumerate(services)}


def _rows(roots: Sequence[TreeNode], glyphs: _Glyphs, widest: int) -> Iterator[_Row]:
    """The nodes with their guides. A guide that grows too wide loses its beginning, so depth costs no width."""
    waiting = [(root, "", "") for root in reversed(roots)]
    while waiting:
        node, guide, guide_below = waiting.pop()
        last = len(node.children) - 1
        between = guide_below + (glyphs.trunk if node.children else glyphs.gap)
        yield _Row(node, guide, _keep_end(between, widest, glyphs.ellipsis))
        for index in range(last, -1, -1):
            is_last = index == last
            branch, trunk = (glyphs.last_branch, glyphs.gap) if is_last else (glyphs.branch, glyphs.trunk)
            child_guide = _keep_end(guide_below + branch, widest, glyphs.ellipsis)
            waiting.append((node.children[index], child_guide, _keep_end(guide_below + trunk, widest, glyphs.ellipsis)))


def _keep_end(guide: str, widest: int, ellipsis: str) -> str:
    return guide if len(guide) <= widest else ellipsis + guide[len(guide) - widest + 1 :]


def _line(row: _Row, layout: _Layout, service_above: str | None) -> str:
    span = row.node.span
    # A name is said once where the trace enters a service: the hops stand out, and nothing repeats.
    service = "" if span.service == service_above else _fit(printable(span.service), layout.service, layout.glyphs)
    paint = _painter(layout)
    cells = [
        _pad(paint(service, _service_colour(span, layout)), service, layout.service),
        _label(row, layout),
        _status(span, layout),
        _duration_text(span, layout.in_seconds).rjust(layout.duration),
    ]
    if layout.time:
        cells.append(_time_bar(span, layout))
    return "  ".join(cells).rstrip()


def _label(row: _Row, layout: _Layout) -> str:
    """Guides and name; what the name leaves out (the peer, the missing parent) only where there is room for it."""
    span, glyphs, paint = row.node.span, layout.glyphs, _painter(layout)
    guide = row.guide + " " if row.guide else ""
    room = layout.label - len(guide)
    name = _fit(printable(span.name) or "(no name)", room, glyphs)
    room -= _columns(name)
    detail = "".join(f" {part}" for part in _details(row.node, glyphs))
    detail = _fit(detail, room, glyphs) if room > 6 else ""
    name_colour = _BOLD if span.kind in ("server", "consumer") else ""
    painted = paint(guide, _DIM) + paint(name, name_colour) + paint(detail, _DIM)
    return _pad(painted, guide + name + detail, layout.label)


def _details(node: TreeNode, glyphs: _Glyphs) -> Iterator[str]:
    statement = _statement(node.span)
    name = printable(node.span.name)
    if statement.startswith(name):
        # "INSERT" goes on as "INSERT INTO uses ...".
        yield statement[len(name) :].strip()
    elif statement or _destination(node):
        yield f"{glyphs.arrow} {statement or _destination(node)}"
    if node.orphan:
        yield f"(parent {printable(node.span.parent_id)[:8]} is elsewhere)"


def _statement(span: TraceSpan) -> str:
    text = span.attributes.get("db.query.text") or span.attributes.get("db.statement")
    return printable(text) if isinstance(text, str) else ""


def _destination(node: TreeNode) -> str:
    """Where a call goes; the host goes without saying where the tree shows who answered."""
    attributes = node.span.attributes
    if node.span.kind not in ("client", "producer"):
        return ""
    url = attributes.get("url.full") or attributes.get("http.url")
    if isinstance(url, str) and "://" in url:
        host, slash, path = url.partition("://")[2].partition("?")[0].rpartition("@")[2].partition("/")
        return printable(slash + path if node.children else host + slash + path)
    address = attributes.get("server.address") or attributes.get("net.peer.name")
    return printable(address) if isinstance(address, str) else ""


def _status(span: TraceSpan, layout: _Layout) -> str:
    paint = _painter(layout)
    code = status_code(span)
    text = "" if code is None else str(code)[:3]
    mark = layout.glyphs.failed if span.status == "error" else " "
    return paint(text.rjust(3), _status_colour(code)) + " " + paint(mark, _RED if span.status == "error" else "")


def status_code(span: TraceSpan) -> int | None:
    """The HTTP status code of the span, by the stable conventions or the ones before."""
    code = span.attributes.get("http.response.status_code", span.attributes.get("http.status_code"))
    return code if isinstance(code, int) else None


def _status_colour(code: int | None) -> str:
    if code is None:
        return ""
    return _RED if code >= 500 else _YELLOW if code >= 400 else _GREEN


def _duration(span: TraceSpan) -> int:
    # A clock set back while the span ran would make it negative.
    return max(0, span.end - span.start)


def _duration_text(span: TraceSpan, in_seconds: bool) -> str:
    """One unit for the whole tree, so that the numbers compare at a glance."""
    return f"{_duration(span) / 1e9:.2f} s" if in_seconds else f"{_duration(span) / 1e6:.2f} ms"


def _time_bar(span: TraceSpan, layout: _Layout) -> str:
    whole = max(1, layout.end - layout.start)
    first = min(layout.time - 1, (span.start - layout.start) * layout.time // whole)
    length = max(1, round(_duration(span) * layout.time / whole))
    bar = layout.glyphs.bar * min(length, layout.time - first)
    return " " * first + _painter(layout)(bar, _RED if span.status == "error" else _service_colour(span, layout))


def _reason_lines(row: _Row, layout: _Layout) -> Iterator[str]:
    """Why the span failed, below its line and under the same guides, as wide as the line allows."""
    reason = _reason(row.node.span)
    if not reason:
        return
    guide = " " * (layout.service + 2) + row.guide_between
    room = layout.service + 2 + layout.label + 2 + 5 + 2 + layout.duration + (2 + layout.time if layout.time else 0)
    text = _fit(f"{layout.glyphs.failed} {reason}", room - len(guide) - 1, layout.glyphs)
    paint = _painter(layout)
    yield f"{paint(guide, _DIM)} {paint(text, _RED)}".rstrip()


def _reason(span: TraceSpan) -> str:
    if span.status != "error":
        return ""
    error_type = str(span.attributes.get("error.type", ""))
    # error.type is the status code when the response was the only sign of trouble: the line already shows it.
    return printable(span.message) or ("" if error_type.isdigit() else printable(error_type))


# --- characters -------------------------------------------------------------------------------------------------------


def _painter(layout: _Layout) -> Callable[[str, str], str]:
    return _plain if layout.colours is None else _painted


def _plain(text: str, _: str) -> str:
    return text


def _painted(text: str, colour: str) -> str:
    return f"{colour}{text}{_RESET}" if colour and text else text


def _service_colour(span: TraceSpan, layout: _Layout) -> str:
    return (layout.colours or {}).get(span.service, "")


def printable(text: str) -> str:
    """The text on one line, without characters that steer a terminal: names and messages come from anywhere."""
    one_line = " ".join(text.split())
    return one_line if one_line.isprintable() else "".join(c if c.isprintable() else "?" for c in one_line)


def _fit(text: str, room: int, glyphs: _Glyphs) -> str:
    if _columns(text) <= room:
        return text
    while text and _columns(text) > room - 1:
        text = text[: min(len(text) - 1, max(0, room - 1))]
    return text + glyphs.ellipsis if room > 0 else ""


def _pad(painted: str, text: str, room: int) -> str:
    return painted + " " * (room - _columns(text))


def _columns(text: str) -> int:
    """How many columns of a terminal the text takes: the letters of some scripts take two, accents none."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)
