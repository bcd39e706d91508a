"""A trace's tree as lines of text: who called whom, how it went, how long it took, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from platform_otel.analysis.characters import columns, fit, pad, printable
from platform_otel.analysis.tree import TraceSpan, TreeNode, duration, status_code, walk

# The intervals in which a span, by its id, is on the way that the answer took; nanoseconds since the epoch.
Path = Mapping[str, Sequence[tuple[int, int]]]

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
    aside: str
    arrow: str


_UNICODE = _Glyphs("├─", "└─", "│ ", "  ", "…", "✗", "━", "┄", "→")
_ASCII = _Glyphs("|-", "`-", "| ", "  ", "~", "!", "=", "-", ">")

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
    path: Path | None
    service: int
    label: int
    duration: int
    time: int


def render_tree(
    roots: Sequence[TreeNode],
    *,
    colour: bool = False,
    ascii_only: bool = False,
    width: int = 100,
    path: Path | None = None,
) -> list[str]:
    """The tree as lines of at most `width` columns: service, calls, HTTP status, duration and, if wide, when it ran.

    A failed span carries a mark and, when it knows why, a second line that says so. Whatever the spans bring along,
    no control character reaches the terminal. Below 40 columns the lines stay 40 wide. With a path, what is on it is
    drawn heavily and the rest lightly.
    """
    spans = [node.span for node in walk(roots)]
    if not spans:
        return []
    glyphs = _ASCII if ascii_only else _UNICODE
    layout = _lay_out(spans, glyphs, colour, max(width, _NARROWEST), path)
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


def _lay_out(spans: Sequence[TraceSpan], glyphs: _Glyphs, colour: bool, width: int, path: Path | None) -> _Layout:
    services = list(dict.fromkeys(span.service for span in spans))
    in_seconds = max(duration(span) for span in spans) >= 10_000_000_000
    service = min(max(columns(printable(name)) for name in services), width // 4)
    took = max(len(_duration_text(span, in_seconds)) for span in spans)
    time = width // 5 if width >= _WIDE else 0
    # Two spaces between the columns; the status is three digits, a space and the mark of a failure.
    label = width - service - 2 - 2 - 5 - 2 - took - (2 + time if time else 0)
    return _Layout(
        glyphs=glyphs,
        colours=_colour_per_service(services) if colour else None,
        in_seconds=in_seconds,
        start=min(span.start for span in spans),
        end=max(max(span.start, span.end) for span in spans),
        path=path,
        service=service,
        label=label,
        duration=took,
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
    service = (
        "" if span.service == service_above else fit(printable(span.service), layout.service, layout.glyphs.ellipsis)
    )
    paint = _painter(layout)
    cells = [
        pad(paint(service, _service_colour(span, layout)), service, layout.service),
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
    name = fit(printable(span.name) or "(no name)", room, glyphs.ellipsis)
    room -= columns(name)
    detail = "".join(f" {part}" for part in _details(row.node, glyphs))
    detail = fit(detail, room, glyphs.ellipsis) if room > 6 else ""
    name_colour = _BOLD if span.kind in ("server", "consumer") else ""
    painted = paint(guide, _DIM) + paint(name, name_colour) + paint(detail, _DIM)
    return pad(painted, guide + name + detail, layout.label)


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


def _status_colour(code: int | None) -> str:
    if code is None:
        return ""
    return _RED if code >= 500 else _YELLOW if code >= 400 else _GREEN


def _duration_text(span: TraceSpan, in_seconds: bool) -> str:
    """One unit for the whole tree, so that the numbers compare at a glance."""
    return f"{duration(span) / 1e9:.2f} s" if in_seconds else f"{duration(span) / 1e6:.2f} ms"


def _time_bar(span: TraceSpan, layout: _Layout) -> str:
    first, end = _columns_of(span.start, span.end, layout)
    heavy = [(first, end)]
    if layout.path is not None:
        heavy = [_columns_of(*interval, layout) for interval in layout.path.get(span.span_id, ())]
    glyphs = layout.glyphs
    bar = [glyphs.bar if any(a <= at < b for a, b in heavy) else glyphs.aside for at in range(first, end)]
    return " " * first + _painter(layout)("".join(bar), _bar_colour(span, layout))


def _columns_of(start: int, end: int, layout: _Layout) -> tuple[int, int]:
    """The first column of a time, and the one after its last: it has at least one."""
    whole = max(1, layout.end - layout.start)
    first = min(layout.time - 1, (start - layout.start) * layout.time // whole)
    length = max(1, round(max(0, end - start) * layout.time / whole))
    return first, min(first + length, layout.time)


def _bar_colour(span: TraceSpan, layout: _Layout) -> str:
    return _RED if span.status == "error" else _service_colour(span, layout)


def _reason_lines(row: _Row, layout: _Layout) -> Iterator[str]:
    """Why the span failed, below its line and under the same guides, as wide as the line allows."""
    reason = _reason(row.node.span)
    if not reason:
        return
    guide = " " * (layout.service + 2) + row.guide_between
    room = layout.service + 2 + layout.label + 2 + 5 + 2 + layout.duration + (2 + layout.time if layout.time else 0)
    text = fit(f"{layout.glyphs.failed} {reason}", room - len(guide) - 1, layout.glyphs.ellipsis)
    paint = _painter(layout)
    yield f"{paint(guide, _DIM)} {paint(text, _RED)}".rstrip()


def _reason(span: TraceSpan) -> str:
    if span.status != "error":
        return ""
    error_type = str(span.attributes.get("error.type", ""))
    # error.type is the status code when the response was the only sign of trouble: the line already shows it.
    return printable(span.message) or ("" if error_type.isdigit() else printable(error_type))


def _painter(layout: _Layout) -> Callable[[str, str], str]:
    return _plain if layout.colours is None else _painted


def _plain(text: str, _: str) -> str:
    return text


def _painted(text: str, colour: str) -> str:
    return f"{colour}{text}{_RESET}" if colour and text else text


def _service_colour(span: TraceSpan, layout: _Layout) -> str:
    return (layout.colours or {}).get(span.service, "")
