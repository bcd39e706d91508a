"""A trace as a tree, and the tree as text: nothing is lost, nothing hangs, nothing steers the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from unicodedata import combining

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_otel.analysis.tree import TraceSpan, TreeNode, build_tree, walk
from platform_otel.analysis.waterfall import render_tree

TRACE = "0af7651916cd43dd8448eb211c80319c"
MILLISECOND = 1_000_000


def span(
    span_id: str,
    parent_id: str = "",
    *,
    trace_id: str = TRACE,
    service: str = "gate",
    name: str = "GET /",
    kind: str = "internal",
    start: int = 0,
    end: int = MILLISECOND,
    status: str = "unset",
    message: str = "",
    attributes: Mapping[str, object] | None = None,
) -> TraceSpan:
    return TraceSpan(trace_id, span_id, parent_id, service, name, kind, start, end, status, message, attributes or {})


def shape(roots: Sequence[TreeNode]) -> dict[str, dict[str, object]]:
    """The ids of a small tree as nested dictionaries, in the tree's order."""
    return {root.span.span_id: dict(shape(root.children)) for root in roots}


def rendered(*spans: TraceSpan, width: int = 100) -> str:
    return "\n".join(render_tree(build_tree(spans), width=width))


# --- the tree ---------------------------------------------------------------------------------------------------------


def test_a_span_is_a_child_of_its_parent() -> None:
    roots = build_tree([span("c", "b"), span("b", "a"), span("a")])

    assert shape(roots) == {"a": {"b": {"c": {}}}}


def test_children_are_in_the_order_of_their_start() -> None:
    roots = build_tree(
        [span("a"), span("late", "a", start=9), span("early", "a", start=2), span("middle", "a", start=5)]
    )

    assert [node.span.span_id for node in roots[0].children] == ["early", "middle", "late"]


def test_a_span_whose_parent_is_elsewhere_is_a_root_and_says_so() -> None:
    (root,) = build_tree([span("b", "00f067aa0ba902b7")])

    assert root.orphan
    assert "parent 00f067aa is elsewhere" in rendered(root.span)


def test_a_span_without_a_parent_is_no_orphan() -> None:
    (root,) = build_tree([span("a")])

    assert not root.orphan


def test_of_two_spans_with_the_same_ids_the_one_that_ended_last_stays() -> None:
    roots = build_tree([span("a", end=5), span("b", "a"), span("a", end=9), span("a", end=7)])

    assert [node.span.end for node in roots] == [9]
    assert shape(roots) == {"a": {"b": {}}}


def test_the_same_span_id_in_another_trace_is_another_span() -> None:
    roots = build_tree([span("a"), span("b", "a"), span("a", trace_id="f" * 32)])

    assert [shape([root]) for root in roots] == [{"a": {"b": {}}}, {"a": {}}]


def test_a_span_that_is_its_own_parent_is_a_root() -> None:
    roots = build_tree([span("a", "a"), span("b", "a")])

    assert shape(roots) == {"a": {"b": {}}}


def test_a_circle_of_parents_is_cut_open_and_keeps_what_hangs_on_it() -> None:
    roots = build_tree([span("a", "c"), span("b", "a"), span("c", "b"), span("leaf", "b", start=-5)])

    assert len(roots) == 1
    assert sorted(node.span.span_id for node in walk(roots)) == ["a", "b", "c", "leaf"]


def test_no_spans_make_no_tree_and_no_text() -> None:
    assert build_tree([]) == []
    assert render_tree([]) == []


def test_a_trace_may_be_deeper_than_python_recurses() -> None:
    depth = 5000
    spans = [span(str(number), str(number - 1) if number else "", start=number) for number in range(depth)]

    lines = render_tree(build_tree(spans), width=60)

    assert len(lines) == depth
    assert max(map(len, lines)) <= 60


# --- any spans at all -------------------------------------------------------------------------------------------------

IDS = st.sampled_from(["a", "b", "c", "d", "e", "f", "elsewhere"])
TEXTS = st.text(max_size=30)
SPANS = st.builds(
    TraceSpan,
    trace_id=st.sampled_from([TRACE, "f" * 32]),
    span_id=IDS,
    parent_id=st.just("") | IDS,
    service=TEXTS,
    name=TEXTS,
    kind=st.sampled_from(["server", "client", "internal", "producer", "consumer"]),
    start=st.integers(-100, 10**19),
    end=st.integers(-100, 10**19),
    status=st.sampled_from(["unset", "ok", "error"]),
    message=TEXTS,
    attributes=st.dictionaries(
        st.sampled_from(
            ["http.response.status_code", "url.full", "http.url", "server.address", "db.query.text", "error.type"]
        ),
        st.integers() | TEXTS | st.just("http://user:secret@host/path?query") | st.none() | st.lists(st.integers()),
    ),
)


@given(st.lists(SPANS, max_size=12))
def test_every_span_is_in_the_tree_exactly_once(spans: list[TraceSpan]) -> None:
    nodes = list(walk(build_tree(spans)))

    assert sorted((node.span.trace_id, node.span.span_id) for node in nodes) == sorted(
        {(span.trace_id, span.span_id) for span in spans}
    )


@given(st.lists(SPANS, max_size=12))
def test_a_child_is_below_the_parent_that_it_names(spans: list[TraceSpan]) -> None:
    for node in walk(build_tree(spans)):
        for child in node.children:
            assert (child.span.trace_id, child.span.parent_id) == (node.span.trace_id, node.span.span_id)


@given(st.lists(SPANS, max_size=12, unique_by=lambda span: (span.trace_id, span.span_id)), st.randoms())
def test_the_order_of_arrival_does_not_matter(spans: list[TraceSpan], random: object) -> None:
    shuffled = list(spans)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis hands in a random.Random

    assert build_tree(shuffled) == build_tree(spans)


@given(st.lists(SPANS, min_size=1, max_size=12), st.booleans(), st.booleans(), st.integers(0, 200))
def test_any_spans_at_all_are_lines_that_fit(
    spans: list[TraceSpan], colour: bool, ascii_only: bool, width: int
) -> None:
    roots = build_tree(spans)

    lines = render_tree(roots, ascii_only=ascii_only, width=width)
    coloured = render_tree(roots, colour=colour, ascii_only=ascii_only, width=width)

    failed = sum(node.span.status == "error" for node in walk(roots))
    assert len(list(walk(roots))) <= len(lines) <= len(list(walk(roots))) + failed
    assert all(line.isprintable() for line in lines)
    assert all(sum(not combining(letter) for letter in line) <= max(40, width) for line in lines)
    assert [without_colour(line) for line in coloured] == lines


def without_colour(line: str) -> str:
    parts = line.split("\x1b[")
    return (parts[0] + "".join(part.partition("m")[2] for part in parts[1:])).rstrip()


# --- the text ---------------------------------------------------------------------------------------------------------


def test_a_trace_reads_as_a_tree() -> None:
    spans = [
        span("a", name="GET /answers", kind="server", end=80 * MILLISECOND,
             attributes={"http.response.status_code": 502}),
        span("b", "a", name="GET", kind="client", start=10 * MILLISECOND, end=70 * MILLISECOND, status="error",
             attributes={"http.response.status_code": 500, "url.full": "http://host:80/prompts/elegy?name=Ada"}),
        span("c", "b", service="prompts", name="GET /prompts/{topic}", kind="server", start=20 * MILLISECOND,
             end=60 * MILLISECOND, status="error", message="KeyError: 'season'",
             attributes={"http.response.status_code": 500}),
        span("d", "c", service="prompts", name="SELECT", kind="client", start=30 * MILLISECOND, end=31 * MILLISECOND,
             attributes={"db.query.text": "SELECT text FROM prompts"}),
    ]  # fmt: skip

    assert render_tree(build_tree(spans), width=80) == [
        "gate     GET /answers                                            502    80.00 ms",
        "         └─ GET → /prompts/elegy                                 500 ✗  60.00 ms",
        "prompts    └─ GET /prompts/{topic}                               500 ✗  40.00 ms",
        "             │  ✗ KeyError: 'season'",
        "             └─ SELECT text FROM prompts                                 1.00 ms",
    ]


def test_a_wide_terminal_shows_when_each_span_ran() -> None:
    spans = [span("a", end=100), span("b", "a", start=50, end=100)]

    first, second = render_tree(build_tree(spans), width=100)

    assert first.endswith("  " + "━" * 20)
    assert second.endswith("  " + " " * 10 + "━" * 10)


def test_a_deep_tree_is_drawn_narrower_before_it_loses_its_beginning() -> None:
    spans = [span(str(depth), str(depth - 1) if depth else "", name="step") for depth in range(9)]

    lines = rendered(*spans, width=40).splitlines()

    # Four columns for the service, two between the columns, and one for each level but the last.
    assert lines[8].startswith(" " * (4 + 2 + 7) + "└ step ")


@pytest.mark.parametrize(
    ("attributes", "shown"),
    [
        ({"http.response.status_code": 200}, "200"),
        ({"http.status_code": 404}, "404"),
        ({"http.response.status_code": "200"}, ""),
        ({}, ""),
    ],
)
def test_the_status_code_comes_from_either_convention(attributes: dict[str, object], shown: str) -> None:
    line = rendered(span("a", name="request", attributes=attributes), width=60)

    assert line.split() == ["gate", "request", *filter(None, [shown]), "1.00", "ms"]


@pytest.mark.parametrize(
    ("message", "error_type", "reason"),
    [
        ("ValueError: no", "ValueError", "✗ ValueError: no"),
        ("", "ConnectTimeout", "✗ ConnectTimeout"),
        ("first\nsecond", "", "✗ first second"),
    ],
)
def test_a_failed_span_says_why(message: str, error_type: str, reason: str) -> None:
    lines = rendered(span("a", status="error", message=message, attributes={"error.type": error_type})).splitlines()

    assert lines[1].strip() == reason


@pytest.mark.parametrize("error_type", ["500", ""])
def test_a_failed_span_that_knows_nothing_but_its_status_code_is_marked_on_its_line(error_type: str) -> None:
    attributes = {"http.response.status_code": 500, "error.type": error_type}

    (line,) = rendered(span("a", status="error", attributes=attributes)).splitlines()

    assert "500 ✗" in line


def test_a_call_shows_its_host_only_where_the_tree_does_not_show_who_answered() -> None:
    call = span(
        "a", name="GET", kind="client", attributes={"url.full": "https://user:secret@host:8443/path?key=secret"}
    )

    alone = rendered(call)
    answered = rendered(call, span("b", "a", service="prompts"))

    assert "GET → host:8443/path  " in alone
    assert "GET → /path  " in answered
    assert "secret" not in alone + answered


def test_durations_of_ten_seconds_and_more_are_in_seconds() -> None:
    lines = rendered(span("a", end=12_340 * MILLISECOND), span("b", "a", end=40 * MILLISECOND), width=60).splitlines()

    assert [line.split()[-2:] for line in lines] == [["12.34", "s"], ["0.04", "s"]]


def test_a_span_that_ended_before_it_began_took_no_time() -> None:
    assert "0.00 ms" in rendered(span("a", start=MILLISECOND, end=0))


def test_control_characters_do_not_reach_the_terminal() -> None:
    text = rendered(span("a", name="\x1b[2Jname", service="\x07gate", status="error", message="\x9b31mbad\r\nend"))

    assert "?[2Jname" in text
    assert all(line.isprintable() for line in text.splitlines())


def test_letters_that_take_two_columns_keep_the_columns_aligned() -> None:
    lines = rendered(
        span("a", service="門", name="回答"), span("b", "a", service="ab", name="x"), width=60
    ).splitlines()

    assert lines[0].index("1.00 ms") + 3 == lines[1].index("1.00 ms")


def test_a_terminal_that_knows_only_ascii_gets_only_ascii() -> None:
    spans = [span("a", status="error", message="no"), span("b", "a", name="n" * 200), span("c", "a", kind="client")]

    assert all(line.isascii() for line in render_tree(build_tree(spans), ascii_only=True))
