"""TraceQL finds what plain Python finds, and whatever is no TraceQL is refused with its place."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import pytest

from tests.collector.running import Collector, Made, body
from tests.collector.twenty_traces import Known, known, message
from tests.support import PATIENCE

Is = Callable[[Known], bool]
# Of the spans of one trace, those that are chosen.
Chooses = Callable[[list[Known]], set[str]]


def those(condition: Is) -> Chooses:
    return lambda spans: {span.span for span in spans if condition(span)}


def both(left: Is, right: Is) -> Chooses:
    def chooses(spans: list[Known]) -> set[str]:
        chosen = those(left)(spans), those(right)(spans)
        return chosen[0] | chosen[1] if all(chosen) else set()

    return chooses


def either(left: Is, right: Is) -> Chooses:
    return lambda spans: those(left)(spans) | those(right)(spans)


def of_trace(condition: Callable[[list[Known]], bool]) -> Chooses:
    return lambda spans: {span.span for span in spans} if condition(spans) else set()


def root(spans: list[Known]) -> Known | None:
    return next((span for span in spans if not span.parent), None)


def lasted(spans: list[Known]) -> int:
    return max(span.start + span.milliseconds for span in spans) - min(span.start for span in spans)


def n(span: Known) -> int:
    number = span.attributes["n"]
    assert isinstance(number, int)
    return number


QUERIES: dict[str, Chooses] = {
    "{}": those(lambda s: True),
    "{ }": those(lambda s: True),
    "{ true }": those(lambda s: True),
    "{ false }": those(lambda s: False),
    '{resource.service.name="gate"}': those(lambda s: s.service == "gate"),
    '{resource.service.name!="gate"}': those(lambda s: s.service != "gate"),
    '{resource.service.name=~"gate|meter"}': those(lambda s: s.service in ("gate", "meter")),
    '{resource.service.name=~"gat"}': those(lambda s: False),
    '{resource.service.name!~"g.*|m.*"}': those(lambda s: s.service == "prompts"),
    '{.service.name="meter"}': those(lambda s: s.service == "meter"),
    '{span.service.name="meter"}': those(lambda s: False),
    '{.zone="west"}': those(lambda s: s.zone == "west"),
    '{resource.zone="west" && resource.service.name="gate"}': those(lambda s: s.zone == "west" and s.service == "gate"),
    '{span.zone!="west"}': those(lambda s: False),
    '{name="GET /a"}': those(lambda s: s.name == "GET /a"),
    '{name=~"GET.*"}': those(lambda s: s.name.startswith("GET")),
    '{name="GET" && resource.service.name="meter"}': those(lambda s: s.name == "GET" and s.service == "meter"),
    '{span:name="POST"}': those(lambda s: s.name == "POST"),
    "{status=error}": those(lambda s: s.status == "error"),
    "{status!=error}": those(lambda s: s.status != "error"),
    "{span:status=ok || status=unset}": those(lambda s: s.status != "error"),
    '{status="error"}': those(lambda s: s.status == "error"),
    '{status=error && resource.service.name="prompts"}': those(
        lambda s: s.status == "error" and s.service == "prompts"
    ),
    "{kind=server}": those(lambda s: s.kind == "server"),
    "{kind!=server && kind!=client}": those(lambda s: s.kind not in ("server", "client")),
    "{kind=unspecified}": those(lambda s: s.kind == "unspecified"),
    "{kind=consumer && status=error}": those(lambda s: s.kind == "consumer" and s.status == "error"),
    '{statusMessage="it failed"}': those(lambda s: bool(s.message)),
    "{duration>100ms}": those(lambda s: s.milliseconds > 100),
    "{duration>=0.1s && duration<150000us}": those(lambda s: 100 <= s.milliseconds < 150),
    "{span:duration<=20ms}": those(lambda s: s.milliseconds <= 20),
    "{duration>1m30s}": those(lambda s: False),
    "{duration<1d && duration<1.5w}": those(lambda s: True),
    "{traceDuration>150ms}": of_trace(lambda spans: lasted(spans) > 150),
    "{trace:duration<=150ms}": of_trace(lambda spans: lasted(spans) <= 150),
    '{rootServiceName="gate"}': of_trace(lambda spans: (r := root(spans)) is not None and r.service == "gate"),
    '{trace:rootService=~"<root.*"}': of_trace(lambda spans: root(spans) is None),
    '{rootName="POST"}': of_trace(lambda spans: (r := root(spans)) is not None and r.name == "POST"),
    "{trace:rootName=nil}": of_trace(lambda spans: root(spans) is None),
    "{span.n=3}": those(lambda s: n(s) == 3),
    "{.n>=2 && .n<4}": those(lambda s: 2 <= n(s) < 4),
    "{span.n=3.0}": those(lambda s: n(s) == 3),
    '{span.n="3"}': those(lambda s: False),
    '{span.n!="3"}': those(lambda s: False),
    "{.ratio>0.3}": those(lambda s: s.attributes.get("ratio") in (0.5, 0.75)),
    "{.ratio!=0.5}": those(lambda s: s.attributes.get("ratio") not in (0.5, None)),
    "{.ratio=nil}": those(lambda s: "ratio" not in s.attributes),
    "{span.cached!=nil}": those(lambda s: "cached" in s.attributes),
    "{span.cached=true}": those(lambda s: s.attributes.get("cached") is True),
    "{span.cached!=true}": those(lambda s: s.attributes.get("cached") is False),
    "{.cached}": those(lambda s: s.attributes.get("cached") is True),
    "{!.cached}": those(lambda s: s.attributes.get("cached") is not True),
    '{!(.n=1 || name="GET")}': those(lambda s: n(s) != 1 and s.name != "GET"),
    '{span."with space"="yes"}': those(lambda s: "with space" in s.attributes),
    '{."with space"=`yes`}': those(lambda s: "with space" in s.attributes),
    "{span.http.route='/b/{id}'}": those(lambda s: s.attributes["http.route"] == "/b/{id}"),
    r'{span.http.route=~"/v1/.*\\{id\\}"}': those(lambda s: s.attributes["http.route"] == "/v1/things/{id}"),
    "{span.nothing=1}": those(lambda s: False),
    "{event:name=`exception`}": those(lambda s: bool(s.event)),
    '{event.exception.type=~"Key.*" && event:timeSinceStart=1ms}': those(lambda s: bool(s.event)),
    '{instrumentation:name="platform"}': those(lambda s: True),
    "{span:parentID=nil}": those(lambda s: not s.parent),
    "{(.n=1 || .n=2) && (status=error || kind=client)}": those(
        lambda s: n(s) in (1, 2) and (s.status == "error" or s.kind == "client")
    ),
    # From left to right: or does not bind less than and.
    "{.n=1 || .n=2 && status=error}": those(lambda s: n(s) in (1, 2) and s.status == "error"),
    "{status=error && .n=1 || .n=2}": those(lambda s: (s.status == "error" and n(s) == 1) or n(s) == 2),
    '{resource.service.name="gate"} && {status=error}': both(
        lambda s: s.service == "gate", lambda s: s.status == "error"
    ),
    " || ".join(f"{{.n={number}}}" for number in range(100)): those(lambda s: True),
    "{" + " && ".join(["(.n>=2)"] * 90) + "}": those(lambda s: n(s) >= 2),
    '{.n=5} && {resource.service.name="gate" && kind=client}': both(
        lambda s: n(s) == 5, lambda s: s.service == "gate" and s.kind == "client"
    ),
    "{kind=producer} || {duration>180ms}": either(lambda s: s.kind == "producer", lambda s: s.milliseconds > 180),
    '({name="GET"} && {.n=0})': both(lambda s: s.name == "GET", lambda s: n(s) == 0),
}
SPANS = known()


@pytest.fixture(scope="module")
def filled() -> Iterator[Collector]:
    """A collector that has the twenty traces."""
    with Collector() as collector:
        assert collector.send(message().SerializeToString()).status == 200
        yield collector


def expected(chooses: Chooses) -> dict[str, set[str]]:
    """By trace, the spans that are chosen, in plain Python."""
    of_trace = {span.trace: [each for each in SPANS if each.trace == span.trace] for span in SPANS}
    chosen = {trace: chooses(spans) for trace, spans in of_trace.items()}
    return {trace: spans for trace, spans in chosen.items() if spans}


def found(collector: Collector, query: str) -> dict[str, set[str]]:
    """By trace, the spans that the collector says."""
    traces = collector.get("/api/search", q=query, limit=100, spss=100)["traces"]
    return {trace["traceID"]: {span["spanID"] for span in trace["spanSets"][0]["spans"]} for trace in traces}


def test_there_are_enough_queries() -> None:
    assert len(QUERIES) >= 60


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_chooses_the_spans_that_plain_python_chooses(filled: Collector, query: str) -> None:
    assert found(filled, query) == expected(QUERIES[query])


def test_the_queries_tell_traces_apart() -> None:
    """Of queries that all find everything, or nothing, the test above would say little."""
    sizes = {query: len(expected(chooses)) for query, chooses in QUERIES.items()}

    assert sum(0 < size < 20 for size in sizes.values()) >= 40


REFUSED = [
    (" ", "at character 2: { is missing, there is nothing more"),
    ("{", "at character 2: a field is missing, there is nothing more"),
    ("{} extra", "at character 4: &&, || or the end is missing, there is 'extra'"),
    ("{} | count() > 2", "at character 4: cannot read '| count() > 2'"),
    ("{} >> {}", "at character 4: &&, || or the end is missing, there is '>'"),
    ("{ .a = }", "at character 8: a value is missing, there is '}'"),
    ("{ .a + 1 > 2 }", "at character 6: cannot read '+ 1 > 2 }'"),
    ("{ .a = .b }", "at character 8: a value is missing, there is '.b'"),
    ("{ 1 = .a }", "at character 3: a field is missing, there is '1'"),
    ("{ !.a = 1 }", "at character 4: after ! a comparison stands in parentheses"),
    ("{ foo = 1 }", "at character 3: a field is missing, there is 'foo'"),
    ("{ parent.a = 1 }", "at character 3: cannot read 'parent.a"),
    ("{ status = eror }", "at character 12: one of unset, ok, error is missing, there is 'eror'"),
    ("{ kind = error }", "at character 10: one of unspecified, internal, server"),
    ("{ .a > nil }", "at character 8: nil is compared by = and != only"),
    ("{ .a =~ 5 }", "at character 9: a regular expression is text"),
    ('{ .a =~ "(" }', "at character 9: in the regular expression: missing ): ("),
    ('{ .a = "b }', "at character 8: cannot read"),
    ("{ (.a = 1 }", "at character 11: &&, || or ) is missing"),
    ("(" * 60 + "{}" + ")" * 60, "at character 52: parentheses may be nested 50 deep"),
    ("{" + "!" * 60 + "true}", "nested 50 deep"),
    ("{.a=1" + " " * 10_000 + "}", "a query has at most 10000 characters"),
    ("{" + "||".join([".a"] * 1000) + "}", "a query has at most 200 sets and conditions"),
    ("&&".join(["{}"] * 1000), "at character 801: a query has at most 200 sets and conditions"),
    (r'{ .a =~ "\d+" }', "at character 9: cannot read '\"\\\\d+\" }'; text has to end, and a backslash stands before"),
]


@pytest.mark.parametrize("query, says", REFUSED, ids=[query[:30] for query, _ in REFUSED])
def test_what_is_beyond_is_refused_with_its_place(filled: Collector, query: str, says: str) -> None:
    answer = filled.ask("/api/search", q=query)

    assert answer.status == 400
    assert answer.body.decode().startswith("invalid TraceQL query: ")
    assert says in answer.body.decode()


def test_what_is_supported_is_said_with_the_refusal(filled: Collector) -> None:
    answer = filled.ask("/api/search", q="{} | rate()")

    assert b"supported are { } joined by && and ||" in answer.body


# --- Any text ---------------------------------------------------------------------------------------------------------

PIECES = (
    *"{}()!.",
    *("{}", "{ ", " }", " && ", " || ", "=", "!=", "=~", "!~", "<", ">="),
    *("span.n", ".a", 'resource."b c"', "name", "status", "kind", "duration", "rootName", "event:name", "true", "nil"),
    *(
        "error",
        "server",
        "1",
        "-2.5",
        "1e9",
        "100ms",
        "9999999999999999h",
        '"GET"',
        '"a.*(b|c)+[^d]{2,3}"',
        "`x`",
        "'y'",
    ),
    *("|", "count()", "\x00", "é", "😀", '"', "\\", "\n"),
)


def texts(seed: int, count: int) -> Iterator[str]:
    """Some are near the language, some are noise."""
    rnd = random.Random(seed)
    queries = list(QUERIES)
    for number in range(count):
        if number % 3 == 0:
            yield "".join(rnd.choices(PIECES, k=rnd.randrange(1, 12)))
        elif number % 3 == 1:
            query = rnd.choice(queries)
            place = rnd.randrange(len(query))
            yield query[:place] + rnd.choice(PIECES) + query[place + rnd.randrange(3) :]
        else:
            yield "".join(
                chr(rnd.choice((rnd.randrange(1, 128), rnd.randrange(0xA0, 0xD800))))
                for _ in range(rnd.randrange(1, 20))
            )


def statuses(collector: Collector, queries: Iterator[str]) -> dict[int, list[str]]:
    """What is answered to each, on one connection."""
    connection = HTTPConnection(collector.query, timeout=PATIENCE)
    found: dict[int, list[str]] = {}
    for query in queries:
        connection.request("GET", f"/api/search?q={quote(query)}")
        response = connection.getresponse()
        response.read()
        found.setdefault(response.status, []).append(query)
    connection.close()
    return found


@pytest.mark.parametrize(
    "seed, count",
    [
        (1, 2_000),
        pytest.param(2, 100_000, marks=[pytest.mark.matrix, pytest.mark.timeout(1800)]),
    ],
)
def test_any_text_is_answered_or_refused(filled: Collector, seed: int, count: int) -> None:
    found = statuses(filled, texts(seed, count))

    assert set(found) == {200, 400}, {status: queries[:5] for status, queries in found.items()}
    assert all(len(queries) > count / 20 for queries in found.values())


def test_many_expressions_and_long_texts_end_with_the_time_for_a_query() -> None:
    slow = " || ".join(f'.text=~".*[ab]{{{number}}}c"' for number in range(500, 650))
    with Collector() as collector:
        spans = [Made(1, number, attributes={"text": "ab" * 10_000}) for number in range(1, 31)]
        assert collector.send(body(*spans)).status == 200
        answer = collector.ask("/api/search", q="{" + slow + "}")

        assert (answer.status, answer.body) == (504, b"it takes too long")
        assert collector.ask("/api/echo").body == b"echo"


def test_an_expression_that_would_take_years_elsewhere_is_answered(filled: Collector) -> None:
    answer: Any = filled.get("/api/search", q='{name=~"(((a*)*)*)*b" || .http.route=~"(/|.|[a-z]+)*x"}')

    assert answer["traces"] == []
