"""`platform-trace show errors|broken|slow`: what the collector finds, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.collector.running import Collector, Made, body
from tests.support import LAUNCHER, run

CLIENT, ERROR = 3, 2
OLD = -60_000  # what is a minute old is settled
CALL: dict[str, str | int] = {
    "http.request.method": "GET",
    "url.full": "http://identity:8000/who",
    "http.response.status_code": 500,
}
ASKED: dict[str, str | int] = {
    "http.request.method": "GET",
    "url.path": "/who",
    "server.address": "identity",
    "server.port": 8000,
}
SPANS = (
    # An error of identity, which fails gate.
    Made(1, 1, service="gate", name="GET /a", start=OLD, milliseconds=500, status=ERROR),
    Made(1, 2, 1, "gate", "GET", OLD + 1, 98, CLIENT, ERROR, CALL),
    Made(1, 3, 2, "identity", "GET /who", OLD + 2, 90, 2, ERROR, {**ASKED, "error.type": "Key\x1b[2JError"}),
    # A call of identity within which another trace begins.
    Made(2, 1, service="gate", name="GET /a", start=OLD + 1000, milliseconds=500),
    Made(2, 2, 1, "gate", "GET", OLD + 1001, 98, CLIENT, 0, CALL),
    Made(3, 3, 0, "identity", "GET /who", OLD + 1002, 90, 2, 0, ASKED),
    # Twenty queries, one after the other.
    *(
        Made(2, 10 + n, 1, "gate", "SELECT", OLD + 1100 + 15 * n, 14, CLIENT, 0, {"db.system.name": "postgresql"})
        for n in range(20)
    ),
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[str, str]]]:
    """The options for a collector, and for its file."""
    db = tmp_path_factory.mktemp("findings") / "traces.db"
    with Collector(db=db) as collector:
        assert collector.send(body(*SPANS)).status == 200
        yield {"a collector": ("--url", f"http://{collector.query}"), "its file": ("--db", str(db))}


def show(source: tuple[str, str], *words: str) -> list[str]:
    outcome = run(LAUNCHER, "show", *words, *source)

    assert (outcome.returncode, outcome.stderr) == (0, "")
    return outcome.stdout.splitlines()


@pytest.mark.parametrize("name", ["a collector", "its file"])
def test_errors_are_shown_by_where_they_began(sources: dict[str, tuple[str, str]], name: str) -> None:
    lines = show(sources[name], "errors")

    assert lines[0] == "identity GET /who: Key?[2JError"
    assert lines[1].startswith("  once in 1 trace, at ")
    assert lines[2:] == ["  took down gate (1)", f"  for example {1:032x}", "", "Looked at 1 trace."]


@pytest.mark.parametrize("name", ["a collector", "its file"])
def test_broken_links_are_shown_with_cause_evidence_and_both_traces(
    sources: dict[str, tuple[str, str]], name: str
) -> None:
    lines = show(sources[name], "broken")

    assert lines[0] == "gate -> identity GET /who: the header was not forwarded"
    assert lines[1].startswith("  gate called identity:8000 once with a span of its own")
    assert lines[3] == f"  for example {3:032x}, called by {2:032x}"
    assert lines[-1] == "Looked at 3 traces."


def test_what_is_slow_is_shown(sources: dict[str, tuple[str, str]]) -> None:
    lines = show(sources["a collector"], "slow")

    assert lines[0] == "gate GET /a: repeated calls"
    assert lines[1] == "  20 x SELECT, 280 ms, one after the other"
    assert lines[2] == "  once, 56% of the time of these traces"


def test_nothing_found_is_said_with_how_many_were_looked_at(sources: dict[str, tuple[str, str]]) -> None:
    assert show(sources["a collector"], "errors", "--service", "nobody") == ["No error in these. Looked at 1 trace."]
    assert show(sources["its file"], "broken", "--end", "1h") == ["Nothing is broken in these. Looked at 0 traces."]


def test_the_answer_itself_is_printed_as_json(sources: dict[str, tuple[str, str]]) -> None:
    answer = json.loads("\n".join(show(sources["a collector"], "errors", "--json", "--limit", "1")))

    assert answer["groups"][0]["type"] == "Key\x1b[2JError"
