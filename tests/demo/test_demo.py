"""The demo: five real services, one trace for each request through them, and no process left behind."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import pytest

from platform_otel.analysis.tree import TraceSpan, TreeNode, build_tree, status_code, walk
from platform_otel.demo.feed import Feed
from platform_otel.demo.fleet import (
    SERVICES,
    SOURCES,
    Fleet,
    Launch,
    Launcher,
    by_platform_trace,
    free_ports,
    plan,
    untraced,
)
from platform_otel.demo.interruption import Interrupted, Interruption
from platform_otel.demo.traces import is_complete, request, title
from platform_otel.errors import PlatformTraceError
from platform_otel.show.source import Collector as Source
from tests.collector.running import Collector, Made, body
from tests.receiver import ReceivedSpan, Receiver
from tests.support import run

PLATFORM_TRACE = str(Path(sys.executable).parent / "platform-trace")
GOOD = "/people/ada/answers/haiku"
FAILING = "/people/ada/answers/elegy"
PATIENCE = 60.0


def trace_of(spans: Iterable[TraceSpan], path: str) -> list[TraceSpan]:
    """The trace whose first request asked for this path, or nothing."""
    traces: dict[str, list[TraceSpan]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    for trace in traces.values():
        if any(not span.parent_id and request(span).endswith(f" {path}") for span in trace):
            return trace
    return []


class Journey(NamedTuple):
    """What was seen of a good and a failing request through the five services."""

    good: list[ReceivedSpan]
    failing: list[ReceivedSpan]
    answers: list[tuple[int, object]]
    console_of_gate: list[dict[str, object]]


def travel(folder: Path, launcher: Launcher, *, traced: bool) -> Journey:
    with Receiver() as receiver:
        ports = free_ports(service.name for service in SERVICES)
        launches = plan(os.environ, str(folder), ports, receiver.url, launcher)
        fleet = Fleet([strict(launch) for launch in launches], str(folder))
        try:
            fleet.start()
            fleet.wait_until_up()
            answers = [get(ports["gate"], path) for path in (GOOD, FAILING)]
            if traced:
                receiver.wait_for(
                    lambda spans: all(
                        is_complete(trace_of([span.trace_span for span in spans], p)) for p in (GOOD, FAILING)
                    ),
                    PATIENCE,
                )
        finally:
            fleet.stop()
        good, failing = (whole_trace(receiver, path) for path in (GOOD, FAILING))
        return Journey(good, failing, answers, printed_spans(fleet.log("gate").read_text(), ports))


def strict(launch: Launch) -> Launch:
    """The launch with our own failures made visible, and exports soon."""
    soon = {"PLATFORM_TRACE_STRICT": "true", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    return launch._replace(environment={**launch.environment, **soon})


def get(port: int, path: str) -> tuple[int, object]:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def whole_trace(receiver: Receiver, path: str) -> list[ReceivedSpan]:
    trace_ids = {span.trace_id for span in trace_of([span.trace_span for span in receiver.spans()], path)}
    return [span for span in receiver.spans() if span.trace_id in trace_ids]


def printed_spans(log: str, ports: dict[str, int]) -> list[dict[str, object]]:
    """What ConsoleSpanExporter printed, each port replaced by the name of the service that has it."""
    for name, port in ports.items():
        log = log.replace(str(port), f"<{name}>")
    starts_and_ends = log.replace("\n{\n", "\n\0{\n").replace("\n}\n", "\n}\n\0").split("\0")
    return [json.loads(unnumbered(part)) for part in starts_and_ends if part.startswith("{\n")]


def unnumbered(text: str) -> str:
    """The text with the replaced ports, which JSON has as numbers, in quotes."""
    for service in SERVICES:
        text = text.replace(f": <{service.name}>", f': "<{service.name}>"')
    return text


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    return travel(tmp_path_factory.mktemp("traced"), by_platform_trace, traced=True)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    return travel(tmp_path_factory.mktemp("bare"), untraced, traced=False)


# --- one trace with every hop -----------------------------------------------------------------------------------------


def hops(spans: Sequence[ReceivedSpan]) -> list[tuple[int, str, str, object, object]]:
    """Depth, service, kind, status code and route of each span, in the order of the tree."""
    roots = build_tree([span.trace_span for span in spans])
    depths: dict[str, int] = {}
    for node in walk(roots):
        depths.update((child.span.span_id, depths.get(node.span.span_id, 0) + 1) for child in node.children)
    return [(depths.get(node.span.span_id, 0), *hop(node)) for node in walk(roots)]


def hop(node: TreeNode) -> tuple[str, str, object, object]:
    return node.span.service, node.span.kind, status_code(node.span), node.span.attributes.get("http.route")


def test_a_good_request_is_one_trace_with_every_hop_below_its_caller(traced: Journey) -> None:
    assert hops(traced.good) == [
        (0, "gate", "server", 200, "/people/{person}/answers/{topic}"),
        (1, "gate", "client", 200, None),
        (2, "identity", "server", 200, "/people/<person>/completions/<topic>"),
        (3, "identity", "client", 200, None),
        (4, "llm-gateway", "server", 200, "/completions/{topic}"),
        (5, "llm-gateway", "client", 200, None),
        (6, "prompts", "server", 200, "/prompts/{topic}"),
        (7, "prompts", "client", 201, None),
        (8, "meter", "server", 201, "/accounts/<account>/uses/<topic>"),
        (9, "meter", "client", None, None),
        (9, "meter", "client", None, None),
    ]


def test_a_failing_request_is_one_trace_in_which_the_failure_travels_back(traced: Journey) -> None:
    assert hops(traced.failing) == [
        (0, "gate", "server", 502, "/people/{person}/answers/{topic}"),
        (1, "gate", "client", 502, None),
        (2, "identity", "server", 502, "/people/<person>/completions/<topic>"),
        (3, "identity", "client", 502, None),
        (4, "llm-gateway", "server", 502, "/completions/{topic}"),
        (5, "llm-gateway", "client", 500, None),
        (6, "prompts", "server", 500, "/prompts/{topic}"),
        (7, "prompts", "client", 201, None),
        (8, "meter", "server", 201, "/accounts/<account>/uses/<topic>"),
        (9, "meter", "client", None, None),
        (9, "meter", "client", None, None),
    ]


def test_the_two_requests_are_two_traces(traced: Journey) -> None:
    assert len({span.trace_id for span in traced.good + traced.failing}) == 2


def test_no_span_of_a_good_request_failed(traced: Journey) -> None:
    assert {span.status for span in traced.good} == {"unset"}


def test_only_the_failing_hop_says_what_was_raised(traced: Journey) -> None:
    raised = [(span.service, span.kind, span.message) for span in traced.failing if span.message]

    assert raised == [("prompts", "server", "KeyError: 'season'")]


def test_every_hop_above_the_failing_one_failed_and_none_below(traced: Journey) -> None:
    failed = {(span.service, span.kind) for span in traced.failing if span.status == "error"}

    above = {(service, kind) for service in ("gate", "identity", "llm-gateway") for kind in ("server", "client")}
    assert failed == above | {("prompts", "server")}


def test_each_span_takes_time_and_starts_after_its_parent(traced: Journey) -> None:
    spans = {span.span_id: span for span in traced.good + traced.failing}

    assert all(span.start < span.end for span in spans.values())
    assert all(spans[span.parent_id].start <= span.start for span in spans.values() if span.parent_id)


def test_the_services_answer_as_they_do_without_us(traced: Journey, bare: Journey) -> None:
    assert traced.answers == bare.answers
    assert bare.answers == [
        (200, {"completion": "A fine task: write a haiku for Ada Lovelace."}),
        (502, {"detail": "identity answered 502"}),
    ]


# --- gate, which traces itself ----------------------------------------------------------------------------------------


def without_ids_and_times(printed: dict[str, object]) -> object:
    """The printed span without what differs from run to run."""
    passing = ("trace_id", "span_id", "start_time", "end_time", "timestamp", "service.instance.id", "net.peer.port")

    def kept(value: object) -> object:
        if isinstance(value, dict):
            return {key: kept(item) for key, item in value.items() if key not in passing}
        return [kept(item) for item in value] if isinstance(value, list) else value

    return {**dict(kept(printed).items()), "parent_id": printed["parent_id"] is not None}  # type: ignore[attr-defined]


def test_what_gate_prints_of_itself_is_what_it_prints_without_us(traced: Journey, bare: Journey) -> None:
    printed_with_us = [without_ids_and_times(printed) for printed in traced.console_of_gate]

    assert len(printed_with_us) == 4
    assert printed_with_us == [without_ids_and_times(printed) for printed in bare.console_of_gate]


def test_the_spans_that_gate_prints_are_the_ones_in_the_trace(traced: Journey) -> None:
    printed = [str(span["context"]["span_id"]) for span in traced.console_of_gate]  # type: ignore[index]

    assert sorted(printed) == sorted(
        f"0x{span.span_id}" for span in traced.good + traced.failing if span.service == "gate"
    )


def test_no_service_has_tracing_code_of_ours_and_only_gate_has_any() -> None:
    sources = {str(path.relative_to(SOURCES)): path.read_text() for path in SOURCES.rglob("*.py")}

    assert {name.partition("/")[0] for name in sources} == {"gate", "identity", "llm_gateway", "prompts", "meter"}
    assert not any("platform_otel" in source for source in sources.values())
    assert [name for name, source in sources.items() if "opentelemetry" in source] == ["gate/main.py"]


# --- the plan ---------------------------------------------------------------------------------------------------------

PORTS = {"gate": 1, "identity": 2, "llm-gateway": 3, "prompts": 4, "meter": 5}


def planned(environment: Mapping[str, str] = {}, launcher: Launcher = by_platform_trace) -> dict[str, Launch]:
    return {launch.service: launch for launch in plan(environment, "/folder", PORTS, "http://127.0.0.1:6", launcher)}


def test_each_service_is_started_by_its_ordinary_command() -> None:
    assert [launch.shown() for launch in planned().values()] == [
        "platform-trace -- uvicorn gate.main:app --port 1",
        "platform-trace -- gunicorn identity.wsgi:app --bind 127.0.0.1:2",
        "platform-trace --service-name llm-gateway -- uvicorn llm_gateway.main:app --port 3",
        "platform-trace -- uvicorn prompts.main:app --port 4",
        "platform-trace -- flask --app meter run --port 5",
    ]


def test_without_the_launcher_the_command_is_all() -> None:
    assert planned(launcher=untraced)["meter"].argv == ("flask", "--app", "meter", "run", "--port", "5")


def test_each_service_knows_the_one_that_it_calls() -> None:
    launches = planned()

    assert launches["gate"].environment["IDENTITY_URL"] == "http://127.0.0.1:2"
    assert launches["identity"].environment["LLM_GATEWAY_URL"] == "http://127.0.0.1:3"
    assert launches["llm-gateway"].environment["PROMPTS_URL"] == "http://127.0.0.1:4"
    assert launches["prompts"].environment["METER_URL"] == "http://127.0.0.1:5"


@pytest.mark.parametrize(
    "variable",
    ["OTEL_SDK_DISABLED", "OTEL_SERVICE_NAME", "PLATFORM_TRACE_UPSTREAM", "K_SERVICE", "PORT", "GUNICORN_CMD_ARGS"],
)
def test_what_somebody_set_for_other_services_does_not_disturb_these(variable: str) -> None:
    assert not any(variable in launch.environment for launch in planned({variable: "true"}).values())


def test_spans_go_to_the_receiver_and_other_variables_are_left_alone() -> None:
    environment = planned({"LANG": "C.UTF-8", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://elsewhere"})["meter"].environment

    assert environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:6"
    assert environment["LANG"] == "C.UTF-8"


def test_free_ports_are_all_different() -> None:
    ports = free_ports("abcde")

    assert len(set(ports.values())) == 5


# --- the processes ----------------------------------------------------------------------------------------------------

IGNORES_SIGTERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True);"
READS_FOREVER = "import os; os.read(os.pipe()[0], 1)"
HAS_A_WORKER = "import os; os.fork();"


def fleet_of(folder: Path, code: str, mark: str = "") -> Fleet:
    (port,) = free_ports(["service"]).values()
    environment = {**os.environ, "DEMO_TEST_MARK": mark}
    return Fleet([Launch("service", port, (sys.executable, "-c", code), environment)], str(folder))


def test_a_service_that_ends_before_it_answers_is_an_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, "print('first\\n' * 50 + 'last words'); raise SystemExit(3)")
    fleet.start()

    with pytest.raises(PlatformTraceError) as raised:
        fleet.wait_until_up()

    assert raised.value.message.startswith("service ended with exit code 3 before it answered; the end")
    assert raised.value.message.endswith("last words")
    assert raised.value.message.count("first") < 15
    assert raised.value.hint.startswith("start it by itself and look: cd ")


def test_a_service_that_does_not_answer_in_time_is_an_error(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, READS_FOREVER)
    fleet.start()

    try:
        with pytest.raises(PlatformTraceError, match="service did not answer within 0 s"):
            fleet.wait_until_up(seconds=0)
    finally:
        fleet.stop()


@pytest.mark.parametrize("code", [IGNORES_SIGTERM + READS_FOREVER, HAS_A_WORKER + IGNORES_SIGTERM + READS_FOREVER])
def test_a_service_that_does_not_listen_to_reason_ends_all_the_same(tmp_path: Path, code: str) -> None:
    mark = str(uuid.uuid4())
    fleet = fleet_of(tmp_path, code, mark)
    fleet.start()
    await_processes(mark, at_least=1 + code.count("os.fork()"))

    fleet.stop(seconds=0.1)

    assert await_end_of_processes(mark) == []


def test_stopping_what_never_started_is_harmless(tmp_path: Path) -> None:
    fleet_of(tmp_path, "").stop()


# --- signals ----------------------------------------------------------------------------------------------------------


def test_a_signal_becomes_an_exception() -> None:
    with Interruption(), pytest.raises(Interrupted, match="SIGTERM"):
        signal.raise_signal(signal.SIGTERM)


def test_a_held_signal_waits_for_the_end_of_the_block() -> None:
    seen = []

    def work(interruption: Interruption) -> None:
        with interruption.held():
            signal.raise_signal(signal.SIGINT)
            seen.append("the block")
        seen.append("what follows")

    with Interruption() as interruption, pytest.raises(Interrupted):
        work(interruption)
    assert seen == ["the block"]


def test_only_the_first_signal_counts() -> None:
    with Interruption():
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)


def test_a_signal_after_the_end_has_begun_does_nothing() -> None:
    with Interruption() as interruption:
        interruption.ignore()

        signal.raise_signal(signal.SIGTERM)


def test_handlers_are_as_they_were_and_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interruption():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


# --- the command ------------------------------------------------------------------------------------------------------


def processes(mark: str) -> list[str]:
    """The live processes that carry the mark in their environment, as "pid command line"."""
    if os.path.isdir("/proc/self"):
        found = [Path("/proc", name) for name in os.listdir("/proc") if name.isdigit()]
        return [str(process) for process in found if mark.encode() in content(process / "environ")]
    listing = subprocess.run(["ps", "-axEww", "-o", "pid=,command="], capture_output=True, text=True, check=True)
    return [line for line in listing.stdout.splitlines() if mark in line]


def content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended, or belongs to somebody else
        return b""


def await_processes(mark: str, at_least: int) -> None:
    deadline = monotonic() + PATIENCE
    while len(found := processes(mark)) < at_least:
        assert monotonic() < deadline, f"only {found} of {at_least} processes"
        os.sched_yield()


def await_end_of_processes(mark: str) -> list[str]:
    """What remains when killed processes have had the time to be gone: their death is not ours to wait for."""
    deadline = monotonic() + 5
    while (found := processes(mark)) and monotonic() < deadline:
        os.sched_yield()
    return found


class Demo:
    """`platform-trace demo` as a process whose output is read while it runs."""

    def __init__(self, process: subprocess.Popen[bytes], output: int, mark: str) -> None:
        self.process = process
        self.text = ""
        self._output = output
        self.mark = mark

    def read_until(self, text: str) -> str:
        """What was printed so far, as soon as the text is in it."""
        while text not in self.text:
            assert select.select([self._output], [], [], PATIENCE)[0], f"no {text!r} in {self.text}"
            assert self._read(), f"no {text!r} in {self.text}"
        return self.text

    def read_to_the_end(self) -> str:
        while self._read():
            pass
        return self.text

    def _read(self) -> bool:
        try:
            piece = os.read(self._output, 65536)
        except OSError:  # what a terminal says at its end
            return False
        self.text += piece.decode().replace("\r\n", "\n")
        return bool(piece)


@contextmanager
def demo(folder: Path, *options: str, terminal: bool = False) -> Iterator[Demo]:
    """The demo in a process group of its own, as a shell starts it, with its temporary files in the folder."""
    mark = str(uuid.uuid4())
    output, its_output = os.openpty() if terminal else os.pipe()
    process = subprocess.Popen(
        [PLATFORM_TRACE, "demo", *options],
        env={**os.environ, "DEMO_TEST_MARK": mark, "TMPDIR": str(folder), "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=its_output,
        stderr=its_output,
        start_new_session=True,
    )
    os.close(its_output)
    try:
        yield Demo(process, output, mark)
    finally:
        process.kill()
        process.wait()
        os.close(output)


HOPS = [
    ["gate", "→", "identity"],
    ["identity", "→", "llm-gateway"],
    ["llm-gateway", "→", "prompts"],
    ["prompts", "→", "meter"],
    ["meter", "→", "sqlite"],
]


def test_without_a_terminal_it_shows_two_traces_and_ends_by_itself(tmp_path: Path) -> None:
    with demo(tmp_path) as running:
        text = running.read_to_the_end()

        assert running.process.wait(PATIENCE) == 0
        assert await_end_of_processes(running.mark) == []
    assert "  identity     platform-trace -- gunicorn identity.wsgi:app --bind 127.0.0.1:" in text
    assert f"Trace of GET {GOOD} (5 services, 11 spans, " in text
    assert f"Trace of GET {FAILING} (5 services, 11 spans, " in text
    assert text.count("✗ KeyError: 'season'") == 1
    assert [line.split()[:3] for line in text.splitlines() if " → " in line and line[0].isalpha()] == HOPS
    assert "answers on http://127.0.0.1:" in text
    assert "Error" not in text.replace("KeyError", "")
    assert list(tmp_path.iterdir()) == []


def test_on_a_terminal_it_shows_further_requests_until_ctrl_c(tmp_path: Path) -> None:
    with demo(tmp_path, terminal=True) as running:
        url = running.read_until("/people/grace/answers/limerick\n").rpartition("curl ")[2].strip()
        status, _ = get(int(url.split(":")[2].partition("/")[0]), "/people/grace/answers/limerick")
        running.read_until("Trace of GET /people/grace/answers/limerick (5 services, 11 spans, ")
        running.read_until("SELECT")
        query = re.findall(r"--url (http://\S+)", running.text)[0]
        shown = run(PLATFORM_TRACE, "show", "traces", "--url", query).stdout

        os.killpg(running.process.pid, signal.SIGINT)  # what the terminal does at Ctrl-C
        running.read_to_the_end()

        assert status == 200
        assert len(shown.splitlines()) == 1 + 3
        assert running.process.wait(PATIENCE) == 0
        assert await_end_of_processes(running.mark) == []
    assert list(tmp_path.iterdir()) == []


def test_with_once_it_ends_by_itself_on_a_terminal_too(tmp_path: Path) -> None:
    with demo(tmp_path, "--once", terminal=True) as running:
        text = running.read_to_the_end()

        assert running.process.wait(PATIENCE) == 0
        assert await_end_of_processes(running.mark) == []
    assert "curl" not in text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_while_it_starts_leaves_no_process_behind(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as running:
        running.read_until("flask --app meter run")
        await_processes(running.mark, at_least=3)

        os.killpg(running.process.pid, number)
        running.read_to_the_end()

        assert running.process.wait(PATIENCE) == 128 + number
        assert await_end_of_processes(running.mark) == []
    assert list(tmp_path.iterdir()) == []


def test_without_its_extra_it_says_how_to_install_it() -> None:
    code = "import sys; sys.modules['flask'] = None; from platform_otel.launcher import main; main()"

    ended = subprocess.run(
        [sys.executable, "-c", code, "demo", "--once"], capture_output=True, text=True, timeout=PATIENCE, check=False
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == 'Error: the demo needs flask\nHint: pip install "platform-otel[demo]"\n'


# --- the feed ---------------------------------------------------------------------------------------------------------


def test_a_trace_that_stays_incomplete_is_handed_out_after_a_silence(collector: Collector) -> None:
    feed = Feed(Source(f"http://{collector.query}"))
    collector.send(body(Made(1, 1, parent=2, attributes=REQUEST)))
    (trace,) = feed.next(quiet=0.3) or feed.next(quiet=PATIENCE)

    assert trace.analysis["traceId"] == f"{1:032x}"
    assert feed.next(quiet=0.3) == []


def test_a_trace_that_was_there_before_the_feed_is_not_handed_out(collector: Collector) -> None:
    collector.send(body(Made(1, 1, attributes=REQUEST)))
    feed = Feed(Source(f"http://{collector.query}"))
    collector.send(body(Made(2, 1, attributes=REQUEST)))

    assert [trace.analysis["traceId"] for trace in feed.next(quiet=PATIENCE)] == [f"{2:032x}"]


def test_a_path_that_steers_the_terminal_is_shown_without_its_powers() -> None:
    attributes = {"http.request.method": "GET", "url.path": "/\x1b[2J"}
    span = TraceSpan("a" * 32, "c" * 16, "", "gate", "GET /", "server", 1, 2, "unset", "", attributes)

    assert title([span]) == "GET /?[2J"


REQUEST = {"http.request.method": "GET", "url.path": "/"}


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector of its own."""
    with Collector() as running:
        yield running
