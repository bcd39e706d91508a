"""`platform-trace show`: a collector and its file answer the same, nothing steers the terminal, refusals are clear."""

from __future__ import annotations

import json
import os
import pty
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest

from platform_otel.collector.examined import MOST_OF_ONE
from platform_otel.errors import PlatformTraceError
from platform_otel.show import trace
from platform_otel.show.source import Collector as Client
from platform_otel.show.source import NoSuchTrace, Source, TakesTooLong
from tests.collector.running import BASE, Collector, Made, body, log_body
from tests.collector.test_links import linking
from tests.support import LAUNCHER, PATIENCE, environment, free_port, run

CLIENT, ERROR = 3, 2
FIRST, SECOND = 0xABC1 << 112, 0xABD1 << 112
# The first begins ten minutes before the second, as one of its spans says.
BETWEEN = str(BASE - 300 * 10**9)
STEERS = "\x1b[2J\x07\x9b31m\u202eGET\r\nb"
SPANS = (
    Made(FIRST, 1, service="gate", name="GET /a", start=0, milliseconds=100),
    Made(FIRST, 2, parent=1, service="gate", name="GET", kind=CLIENT, start=10, milliseconds=80, status=ERROR),
    Made(FIRST, 3, parent=2, service="meter", name=STEERS, start=-600_000, milliseconds=60, status=ERROR),
    Made(FIRST, 4, parent=9, service="prices", name="GET /p", start=30, milliseconds=5),
    Made(SECOND, 1, service="gate", name="GET /b", start=200, milliseconds=7, attributes={"http.route": "/b"}),
)


class Shown(NamedTuple):
    """Where answers can come from: the options that say so."""

    url: str
    db: str

    def options(self, source: str) -> tuple[str, str]:
        return ("--url", self.url) if source == "a collector" else ("--db", self.db)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A collector on a file, which both have the same traces."""
    db = tmp_path_factory.mktemp("show") / "it is #1?.db"
    with Collector(db=db) as collector:
        assert collector.send(body(*SPANS)).status == 200
        assert collector.send(log_body(f"hello {STEERS}", trace=FIRST, span=1), "logs").status == 200
        yield Shown(f"http://{collector.query}", str(db))


SOURCES = pytest.mark.parametrize("source", ["a collector", "its file"])


def show(shown: Shown, source: str, *words: str) -> str:
    outcome = run(LAUNCHER, "show", *words, *shown.options(source))

    assert (outcome.returncode, outcome.stderr) == (0, "")
    return outcome.stdout


# --- What is shown ----------------------------------------------------------------------------------------------------


def test_a_trace_names_the_spans_that_link_to_it() -> None:
    with Collector() as collector:
        collector.send(body(Made(1, 1, service="gate", name="send orders")))
        for trace in range(2, 9):
            collector.send(linking(Made(trace, 1, service="billing", name=f"order {trace}"), (1, 1)))
        outcome = run(LAUNCHER, "show", "trace", f"{1:032x}", "--url", f"http://{collector.query}")

    lines = outcome.stdout.splitlines()
    first = lines.index(f"Linked from billing order 8: trace {8:032x}, span {1:016x}.")
    assert lines[first + 4].startswith("Linked from billing order 4: ")
    assert lines[first + 5] == "Linked from 2 more spans."


@pytest.mark.parametrize(
    "refusal", [TakesTooLong("it takes too long"), NoSuchTrace("Not Found")], ids=["too slow", "an earlier collector"]
)
def test_a_trace_is_shown_without_what_links_to_it_if_that_cannot_be_had(
    shown: Shown, refusal: PlatformTraceError
) -> None:
    class WithoutLinks(Source):
        def ask(self, path: str, **parameters: object) -> Any:
            if path.endswith("/links"):
                raise refusal
            return Client(shown.url).ask(path, **parameters)

    found = trace.read(WithoutLinks(), f"{SECOND:032x}")

    assert found.analysis["traceId"] == f"{SECOND:032x}"
    assert trace.linked_from(found) == []


def test_a_trace_too_large_to_be_analysed_is_shown_without_hops() -> None:
    with Collector() as collector:
        for first in range(1, MOST_OF_ONE + 1, 10_000):
            collector.send(body(*(Made(1, span, 0 if span == 1 else 1) for span in range(first, first + 10_000))))
        collector.send(body(Made(1, MOST_OF_ONE + 1, 1)))
        outcome = run(LAUNCHER, "show", "trace", f"{1:032x}", "--url", f"http://{collector.query}")

    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert outcome.stdout.splitlines()[-1] == (
        "Without its hops and its critical path: to analyse a trace of 50001 spans takes too long; 50000 are the most."
    )
    assert outcome.stdout.count("GET /") == MOST_OF_ONE + 1


def test_services_are_shown_with_their_counts(shown: Shown) -> None:
    assert show(shown, "a collector", "services").splitlines() == [
        "service  spans  errors  operations",
        "gate         3       1           3",
        "meter        1       1           1",
        "prices       1       0           1",
    ]


@SOURCES
def test_traces_are_shown_in_short(shown: Shown, source: str) -> None:
    head, newest, other = show(shown, source, "traces").splitlines()

    assert head.split() == ["id", "began", "ms", "spans", "errors", "service", "operation"]
    assert newest.startswith("abd1000000000000  ")
    assert newest.endswith("   1       0  gate     GET /b")
    assert other.startswith("abc1000000000000  ")


@pytest.mark.parametrize(
    "filters, found",
    [
        (("--service", "meter"), ["abc1"]),
        (("--caller", "gate"), ["abc1"]),
        (("--operation", "GET /b"), ["abd1"]),
        (("--kind", "client"), ["abc1"]),
        (("--status", "error"), ["abc1"]),
        (("--where", "http.route = /b and duration < 10ms"), ["abd1"]),
        (("--min-duration", "1.5s"), ["abc1"]),
        (("--max-duration", "7ms"), ["abd1"]),
        (("--start", BETWEEN), ["abd1"]),
        (("--end", BETWEEN), ["abc1"]),
        (("--order", "slowest", "--limit", "1"), ["abc1"]),
    ],
)
def test_traces_are_found_by_every_filter_of_the_search(
    shown: Shown, filters: tuple[str, ...], found: list[str]
) -> None:
    answer = json.loads(show(shown, "a collector", "traces", "--json", *filters))

    assert [each["traceId"][:4] for each in answer["traces"]] == found


def test_where_a_page_ended_the_next_one_begins(shown: Shown) -> None:
    first = show(shown, "a collector", "traces", "--limit", "1")
    after = first.splitlines()[-1].removeprefix("There may be more: --after ")

    assert show(shown, "a collector", "traces", "--after", after).splitlines()[1].startswith("abc1")


@SOURCES
def test_a_trace_is_a_waterfall_on_one_clock_with_its_path_and_its_hops(shown: Shown, source: str) -> None:
    lines = show(shown, source, "trace", "abc1").splitlines()

    assert lines[0] == f"Trace {FIRST:032x} (3 services, 4 spans, 100.0 ms)"
    assert lines[2].endswith("100.00 ms  ━━┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄━━")
    assert lines[3].endswith("80.00 ms    ━━┄┄┄┄┄┄┄┄┄┄┄┄━━")
    assert lines[4].endswith("60.00 ms      ━━━━━━━━━━━━")
    assert lines[5].endswith("5.00 ms        ┄")
    assert lines[7:9] == [
        "The clock of meter differs from that of gate: its times are moved by 600,020.00 ms.",
        "1 span of prices without the parent.",
    ]
    assert lines[10:] == [
        "hop           calls  failed  waited ms  = network  + own work  + waiting",
        "→ gate            1       0     100.00       0.00       20.00      80.00",
        "gate → meter      1       1      80.00      20.00       60.00       0.00",
        "→ prices          1       0       5.00       0.00        5.00       0.00",
    ]


def test_the_hops_of_one_trace_are_shown(shown: Shown) -> None:
    lines = show(shown, "a collector", "hops", "ABD1").splitlines()

    assert lines[0] == "1 trace"
    assert lines[3].split() == ["→", "gate", "1", "7.00", "0.00", "7.00", "0.00"]


@SOURCES
def test_the_hops_of_the_newest_traces_are_summed_up(shown: Shown, source: str) -> None:
    lines = show(shown, source, "hops").splitlines()
    (newest,) = json.loads(show(shown, source, "hops", "--limit", "1", "--json"))["hops"]

    assert lines[0] == "2 traces"
    assert lines[3].split() == ["→", "gate", "2", "0", "107.00", "0.00", "27.00", "80.00"]
    assert newest["waitNano"] == 7 * 10**6


def test_otlp_is_what_can_be_sent_again(shown: Shown) -> None:
    spans = show(shown, "a collector", "trace", "abc1", "--otlp")
    records = json.loads(show(shown, "a collector", "logs", "abc1", "--otlp"))
    with Collector() as other:
        assert other.send(spans.encode(), content_type="application/json").status == 200
        sent = {span["spanId"] for span in other.spans(f"{FIRST:032x}")}

    assert sent == {f"{number:016x}" for number in (1, 2, 3, 4)}
    assert records["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["body"]["stringValue"] == f"hello {STEERS}"


@pytest.mark.parametrize(
    "words",
    [
        ("services",),
        ("traces", "--service", "gate", "--min-duration", "1ms"),
        ("trace", "abc1"),
        ("logs", "abc1"),
        ("hops",),
    ],
)
def test_a_collector_and_its_file_answer_the_same(shown: Shown, words: tuple[str, ...]) -> None:
    answers = [json.loads(show(shown, source, *words, "--json")) for source in ("a collector", "its file")]
    for answer in answers:
        # Until when, unless it is said, is now.
        answer.pop("startTimeUnixNano", None)
        answer.pop("endTimeUnixNano", None)

    assert answers[0] == answers[1]


# --- The terminal -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("traces",), ("trace", "abc1"), ("logs", "abc1"), ("hops",), ("services",)])
def test_what_strangers_wrote_steers_no_terminal(shown: Shown, words: tuple[str, ...]) -> None:
    text = show(shown, "a collector", *words)
    as_json = show(shown, "a collector", *words, "--json")

    assert all(line.isprintable() for line in text.splitlines())
    assert as_json.replace("\n", "").isprintable()


def test_log_records_are_shown_a_line_each(shown: Shown) -> None:
    (line,) = show(shown, "its file", "logs", "abc1").splitlines()

    assert line.endswith("  shop  hello ?[2J??31m?GET b")


def on_a_terminal(shown: Shown, **variables: str) -> str:
    """What a trace looks like to somebody."""
    terminal, its_end = pty.openpty()
    process = subprocess.Popen(
        [LAUNCHER, "show", "trace", "abc1", "--url", shown.url],
        env=environment(**{"TERM": "xterm", **variables}),
        stdout=its_end,
        stderr=its_end,
    )
    os.close(its_end)
    pieces = []
    try:
        while piece := os.read(terminal, 65536):
            pieces.append(piece)
    except OSError:  # what a terminal says at its end
        pass
    finally:
        process.wait(PATIENCE)
        os.close(terminal)
    return b"".join(pieces).decode()


def test_colours_are_for_terminals(shown: Shown) -> None:
    assert "\x1b[36m" in on_a_terminal(shown, NO_COLOR="")
    assert "\x1b" not in show(shown, "a collector", "trace", "abc1")


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_refused(shown: Shown, variables: dict[str, str]) -> None:
    assert "\x1b" not in on_a_terminal(shown, **{"NO_COLOR": "", **variables})


def test_a_name_without_end_is_cut_in_every_list(tmp_path: Path) -> None:
    name = "n" * 100_000
    with Collector(db=tmp_path / "db") as collector:
        collector.send(body(Made(FIRST, 1, service=name, name=name, status=ERROR, attributes={"error.type": name})))
        for words in (("services",), ("traces",), ("trace", "abc1"), ("hops",), ("errors",)):
            outcome = run(LAUNCHER, "show", *words, "--db", tmp_path / "db", PYTHONIOENCODING="ascii")

            assert outcome.returncode == 0
            assert "nnn..." in outcome.stdout or "nnn~" in outcome.stdout
            assert max(map(len, outcome.stdout.splitlines())) <= 302


def test_an_output_that_knows_only_ascii_gets_only_ascii(shown: Shown) -> None:
    outcome = run(LAUNCHER, "show", "trace", "abc1", "--db", shown.db, PYTHONIOENCODING="ascii")

    assert outcome.returncode == 0
    assert outcome.stdout.isascii()
    assert "gate -> meter" in outcome.stdout


# --- What cannot be shown ---------------------------------------------------------------------------------------------


@SOURCES
@pytest.mark.parametrize(
    "words, says",
    [
        (("trace", "77"), "Error: there is no trace 77\nHint: platform-trace show traces lists what is there\n"),
        (("logs", "77"), "Error: there is no trace 77\nHint: platform-trace show traces lists what is there\n"),
        (("hops", "a"), "Error: several traces begin with a\nHint: write more digits of the id\n"),
        (("trace", "abc1/../.."), "Error: that is no trace id\nHint: it is up to 32 hexadecimal digits; "),
        (("traces", "--status", "bad"), "Error: status: one of unset, ok, error is expected\nHint: docs/"),
        (("traces", "--where", "("), "Error: where: at character 2: a field is missing, there is nothing more\nHint: "),
    ],
)
def test_what_cannot_be_answered_is_explained(shown: Shown, source: str, words: tuple[str, ...], says: str) -> None:
    outcome = run(LAUNCHER, "show", *words, *shown.options(source))

    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith(says)


@pytest.mark.parametrize("option", ["--min-duration", "--start"])
def test_a_time_that_is_not_understood_is_explained(option: str) -> None:
    outcome = run(LAUNCHER, "show", "traces", option, "soon")

    assert outcome.returncode == 2
    assert "'soon' is " in outcome.stderr


def test_longer_ago_than_there_is_time_is_from_the_beginning_on(shown: Shown) -> None:
    assert show(shown, "its file", "traces", "--start", "99999d").count("GET /") == 2


def test_where_no_collector_is_it_says_how_to_start_one() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    outcome = run(LAUNCHER, "show", "services", "--url", url)

    assert outcome.returncode == 1
    assert outcome.stderr == (
        f"Error: no collector answers at {url}: Connection refused\n"
        "Hint: start one with: platform-trace collector; or name another with --url, or a file with --db\n"
    )


def test_what_is_no_collector_is_noticed(shown: Shown) -> None:
    with Collector() as other:
        url = f"http://{other.http}"
        outcome = run(LAUNCHER, "show", "services", "--url", url)

    assert outcome.returncode == 1
    assert outcome.stderr == (f"Error: what answers at {url} is no collector\nHint: name its query port with --url\n")


class Stranger:
    """A server that answers every request with these bytes, and whoever it is that asks is told nothing else."""

    def __init__(self, *pieces: bytes) -> None:
        self._answer = b"".join(pieces)

    def __enter__(self) -> str:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, suppress(OSError):
                    connection.recv(65536)
                    connection.sendall(self._answer)


OK = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"<html>",
        OK + b'{"services": ["a"], "traces": [], "hops": [], "groups": []}',
        OK + b"[]",
        OK + b'{"a":' * 100_000,
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
        b'HTTP/1.1 500 Oh\r\n\r\n{"error": {"no": "text"}}',
        b"HTTP/1.1 401 Who\r\n\r\nare you",
        b'HTTP/1.1 404 Nowhere\r\n\r\n{"error": "Not Found"}',
    ],
    ids=["a page", "other JSON", "a list", "deep JSON", "elsewhere", "another failure", "a refusal", "nothing"],
)
@pytest.mark.parametrize("words", [("services",), ("hops",), ("logs", "a" * 32)])
def test_what_strangers_answer_is_not_taken_for_a_collectors_answer(answer: bytes, words: tuple[str, ...]) -> None:
    with Stranger(answer) as address:
        outcome = run(LAUNCHER, "show", *words, "--url", f"http://{address}")

    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert outcome.stderr == (
        f"Error: what answers at http://{address} is no collector\nHint: name its query port with --url\n"
    )


@pytest.mark.parametrize(
    "answer",
    [
        f"\x9b31m{STEERS}{'x' * 100_000}\r\n\r\n".encode("latin-1", "replace"),
        b'HTTP/1.1 400 Bad\r\n\r\n{"error": "\\u001b[2J\\u202e' + b"x" * 100_000 + b'"}',
    ],
    ids=["no HTTP", "a failure"],
)
def test_what_strangers_say_steers_no_terminal_and_does_not_fill_it(answer: bytes) -> None:
    with Stranger(answer) as address:
        outcome = run(LAUNCHER, "show", "services", "--url", f"http://{address}")

    assert outcome.returncode == 1
    assert all(line.isprintable() and len(line) < 700 for line in outcome.stderr.splitlines())


def test_a_port_without_tls_is_said_to_be_one(shown: Shown) -> None:
    outcome = run(LAUNCHER, "show", "services", "--url", shown.url.replace("http:", "https:"))

    assert outcome.returncode == 1
    assert "[SSL" in outcome.stderr.splitlines()[0]


@pytest.mark.parametrize(
    "url", ["nowhere", "ftp://host", "http://", "http://u:p@host", "http://h:x", "http://h\r\nX: 1", "http://h/a b"]
)
def test_an_address_that_is_none_is_explained(url: str) -> None:
    outcome = run(LAUNCHER, "show", "services", "--url", url)

    assert outcome.returncode == 2
    assert outcome.stderr == (
        "Error: --url is not an address of a collector\nHint: write it as http://127.0.0.1:16686\n"
    )


def test_two_places_are_one_too_many(shown: Shown) -> None:
    outcome = run(LAUNCHER, "show", "services", "--url", shown.url, "--db", shown.db)

    assert (outcome.returncode, outcome.stderr) == (2, "Error: --url and --db are two places\nHint: name one of them\n")


def test_a_collector_with_a_token_is_shown_it() -> None:
    with Collector("--token", "secret") as collector:
        url = ("--url", f"http://{collector.query}")
        without = run(LAUNCHER, "show", "services", *url)
        wrong = run(LAUNCHER, "show", "services", *url, "--token", "guess")
        by_option = run(LAUNCHER, "show", "services", *url, "--token", "secret")
        by_variable = run(LAUNCHER, "show", "services", *url, PLATFORM_TRACE_COLLECTOR_TOKEN="secret")

    assert without.returncode == wrong.returncode == 1
    assert (
        without.stderr
        == wrong.stderr
        == ("Error: the collector wants its token\nHint: give it with --token or PLATFORM_TRACE_COLLECTOR_TOKEN\n")
    )
    assert by_option.stdout == by_variable.stdout == "There are no services.\n"


@pytest.mark.parametrize(
    "content, says",
    [
        (None, "there is no file "),
        (b"no database" * 1000, "cannot read "),
        (b"", "was written by an earlier version"),
    ],
)
def test_a_file_that_is_none_of_a_collector_is_explained_and_left_alone(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    outcome = run(LAUNCHER, "show", "services", "--db", file)

    assert outcome.returncode == 1
    assert says in outcome.stderr
    assert "\nHint: " in outcome.stderr
    assert [path.name for path in tmp_path.iterdir()] == ([] if content is None else ["file"])
    assert content is None or file.read_bytes() == content


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    place = tmp_path / kind
    place.mkdir() if kind == "folder" else os.mkfifo(place)
    outcome = run(LAUNCHER, "show", "services", "--db", place)

    assert outcome.stderr == (
        f"Error: {place} is no file\nHint: name a file that platform-trace collector --db wrote\n"
    )


@pytest.mark.parametrize(
    "damage, words",
    [
        ("UPDATE batches SET raw = x'00ff00ff'", ("trace", "abd1")),
        ("UPDATE batches SET raw = substr(raw, 1, length(raw) / 2)", ("hops",)),
        ("UPDATE spans SET position = 1000", ("trace", "abd1")),
        ("UPDATE services SET name = CAST(x'ff' AS TEXT) WHERE id = 1", ("services",)),
    ],
)
def test_a_damaged_file_is_explained(tmp_path: Path, damage: str, words: tuple[str, ...]) -> None:
    with Collector(db=tmp_path / "db") as collector:
        collector.send(body(*SPANS))
    with sqlite3.connect(tmp_path / "db") as connection:
        connection.execute(damage)
    outcome = run(LAUNCHER, "show", *words, "--db", tmp_path / "db")

    assert outcome.returncode == 1
    assert outcome.stderr.startswith(f"Error: cannot read {tmp_path / 'db'}: ")
    assert "Traceback" not in outcome.stderr


def test_a_database_of_something_else_is_not_read(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "file") as connection:
        connection.execute("CREATE TABLE traces (id)")
    outcome = run(LAUNCHER, "show", "services", "--db", tmp_path / "file")

    assert outcome.stderr == (
        f"Error: {tmp_path / 'file'} is a database of something else\nHint: name another file with --db\n"
    )


def test_a_file_is_read_after_its_collector_ended(tmp_path: Path) -> None:
    with Collector(db=tmp_path / "db") as collector:
        collector.send(body(*SPANS))
    outcome = run(LAUNCHER, "show", "trace", "abd1", "--db", tmp_path / "db")

    assert outcome.stdout.startswith(f"Trace {SECOND:032x} (1 service, 1 span, 7.0 ms)\n")
