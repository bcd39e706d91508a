"""Spans on standard output: where the launcher's output goes, and nowhere else."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from platform_otel.analysis.tree import TraceSpan
from platform_otel.export.stdout import StdoutCodec, json_line
from platform_otel.process.identity import Identity
from tests.support import LAUNCHER, environment, launch_code, run

ONE_SPAN = "from opentelemetry import trace; trace.get_tracer('t').start_span('one', attributes={'n': 1}).end()"
NESTED = """
from opentelemetry import trace
tracer = trace.get_tracer('t')
with tracer.start_as_current_span('outer'):
    with tracer.start_as_current_span('inner'):
        pass
"""


def test_without_an_endpoint_a_span_is_one_json_line() -> None:
    outcome = launch_code(ONE_SPAN, OTEL_SERVICE_NAME="identity")

    [line] = outcome.stdout.splitlines()
    span = json.loads(line)
    assert (span["name"], span["service"], span["kind"], span["attributes"]) == (
        "one",
        "identity",
        "internal",
        {"n": 1},
    )
    assert (len(span["trace_id"]), len(span["span_id"]), span["parent_span_id"]) == (32, 16, "")
    assert outcome.stderr == ""


@pytest.mark.parametrize("exporter", ["stdout", "console", "STDOUT"])
def test_stdout_can_be_asked_for_beside_an_endpoint(exporter: str) -> None:
    outcome = launch_code(ONE_SPAN, OTEL_TRACES_EXPORTER=exporter, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")

    assert json.loads(outcome.stdout)["name"] == "one"


def test_a_child_whose_output_is_captured_prints_nothing_of_ours() -> None:
    code = f"""
import subprocess, sys
print('captured', subprocess.run([sys.executable, '-c', {ONE_SPAN!r}], capture_output=True), flush=True)
{ONE_SPAN}
"""
    outcome = launch_code(code)

    first, second = outcome.stdout.splitlines()
    assert first.startswith("captured")
    assert first.endswith("returncode=0, stdout=b'', stderr=b'')")
    assert json.loads(second)["name"] == "one"


def test_a_child_that_prints_where_its_parent_prints_shows_its_spans() -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {ONE_SPAN!r}])"

    assert json.loads(launch_code(code).stdout)["name"] == "one"


def test_a_child_of_a_process_that_was_not_launched_by_us_is_left_alone_too() -> None:
    code = f"import subprocess, sys; print(subprocess.check_output([sys.executable, '-c', {ONE_SPAN!r}]))"
    outcome = run(sys.executable, "-c", code, PLATFORM_TRACE_ENABLED="true")

    assert outcome.stdout == "b''\n"


def test_an_explicit_console_prints_also_into_a_pipe_that_somebody_reads() -> None:
    code = f"import subprocess, sys; print(len(subprocess.check_output([sys.executable, '-c', {ONE_SPAN!r}])) > 0)"

    assert launch_code(code, OTEL_TRACES_EXPORTER="console").stdout == "True\n"


@pytest.mark.parametrize(
    "preparation",
    ["os.close(1)", "os.close(1); kept = os.open('/dev/null', os.O_RDWR)", "os.dup2(2, 1)"],
)
def test_the_exporter_survives_a_standard_output_that_the_service_closed_or_replaced(preparation: str) -> None:
    outcome = launch_code(f"import os, sys\n{preparation}\n{ONE_SPAN}")

    assert (outcome.stdout, outcome.stderr) == ("", "")
    assert outcome.returncode == launch_code(f"import os, sys\n{preparation}").returncode


def test_a_number_that_was_closed_at_the_start_and_is_the_services_socket_now_gets_no_span() -> None:
    code = f"""
import socket, sys
ours, other = socket.socketpair()
{ONE_SPAN}; trace.get_tracer_provider().force_flush()
other.setblocking(False)
try:
    sys.exit(f'got {{other.recv(9)}}')
except BlockingIOError:
    sys.exit(f'{{ours.fileno()}} nothing')
"""
    outcome = run("sh", "-c", 'exec "$0" -- "$1" -c "$2" >&-', LAUNCHER, sys.executable, code)

    assert outcome.stderr == "1 nothing\n"


def test_hostile_spans_cost_at_most_themselves() -> None:
    code = """
        import math
        from opentelemetry import trace
        class Hostile:
            def __str__(self): raise ValueError("no text")
            __repr__ = __len__ = __hash__ = __str__
        class Shouting(str):
            def __len__(self): raise ValueError("no length")
        loop = []
        loop.extend([loop] * 10)
        values = [Hostile(), [Hostile()], {"k": Hostile()}, Shouting("x"), loop, {(1, 2): 3}, math.nan, 2 ** 70, b"x"]
        tracer = trace.get_tracer("t")
        for value in values:
            span = tracer.start_span("strange", attributes={"before": 1, "value": value, "after": 2})
            span.record_exception(ValueError(), {"exception.message": value})
            span.end()
        tracer.start_span(5, kind="server").end()
        tracer.start_span("far", start_time=2 ** 70).end(-(2 ** 70))
        tracer.start_span("good").end()
    """
    outcome = launch_code(code, PLATFORM_TRACE_STRICT=None)

    assert outcome.stderr == ""
    spans = [json.loads(line, parse_constant=pytest.fail) for line in outcome.stdout.splitlines()]
    assert [span["name"] for span in spans] == ["strange"] * 9 + ["5", "far", "good"]
    assert all(span["attributes"]["before"] + span["attributes"]["after"] == 3 for span in spans[:9])


def test_a_reader_that_goes_away_costs_one_line() -> None:
    code = f"import time, os\n{ONE_SPAN}\ntrace.get_tracer_provider().force_flush()"
    process = subprocess.Popen(
        [LAUNCHER, "--", sys.executable, "-c", code],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 0
    assert errors == "platform-trace: spans are no longer printed: standard output: Broken pipe\n"


def shown_on_a_terminal(code: str) -> str:
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [LAUNCHER, "--", sys.executable, "-c", code], env=environment(NO_COLOR="1"), stdout=terminal
    )
    os.close(terminal)
    shown = b""
    try:
        while chunk := os.read(screen, 65536):
            shown += chunk
    except OSError:  # Linux says EIO when the other side has closed
        pass
    os.close(screen)
    process.wait(60)
    return shown.decode()


def test_on_a_terminal_a_request_is_a_tree() -> None:
    shown = shown_on_a_terminal(NESTED)

    outer, inner = [line for line in shown.splitlines() if "outer" in line or "inner" in line]
    assert inner.index("inner") > outer.index("outer")
    assert "\x1b[" not in shown


def test_on_a_terminal_spans_that_there_is_no_room_for_are_shown_before_their_request_ends() -> None:
    code = """
from opentelemetry import trace
tracer = trace.get_tracer('t')
with tracer.start_as_current_span('outer'):
    for _ in range(50):
        tracer.start_span('first', attributes={'value': ['x' * 8000] * 60}).end()
    trace.get_tracer_provider().force_flush()
    print('still there', flush=True)
"""
    shown = shown_on_a_terminal(code)

    assert 0 < shown.index("first") < shown.index("still there") < shown.index("outer")


@pytest.mark.parametrize(
    "value", ["x" * 8000, b"x" * 8000, ("x" * 4000,) * 2, {"k": ["x" * 8000]}, [({"y" * 8000: 1},)]]
)
def test_what_a_span_holds_is_counted_however_deep(value: object) -> None:
    context = SpanContext(1, 2, is_remote=False)
    holding: dict[str, Any] = {"value": value}  # Any: as an application may give it
    _, size = StdoutCodec(Identity(dict)).encode(ReadableSpan("one", context, attributes=holding))

    assert 8000 < size < 10_000


def test_a_full_disk_or_any_refusal_leaves_the_service_alone() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    code = f"""
import sys
{ONE_SPAN}
trace.get_tracer_provider().force_flush()
print(trace.get_tracer_provider().pipeline.exports[0].queue.counts(), file=sys.stderr)
"""
    with open("/dev/full", "w") as full:
        outcome = subprocess.run(
            [LAUNCHER, "--", sys.executable, "-c", code],
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )

    assert outcome.returncode == 0
    assert outcome.stderr.splitlines() == [
        "platform-trace: spans are no longer printed: standard output: No space left on device",
        "Counts(exported=0, rejected=1, dropped=0, queued=0)",
    ]


VALUES = st.one_of(
    st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.text(max_size=2000), max_size=5).map(tuple)
)


@settings(max_examples=200, deadline=None)
@given(name=st.text(max_size=9000), attributes=st.dictionaries(st.text(min_size=1, max_size=300), VALUES, max_size=60))
def test_a_line_is_at_most_4_kib_and_always_json(name: str, attributes: dict[str, object]) -> None:
    span = TraceSpan(
        trace_id="0" * 31 + "1",
        span_id="0" * 15 + "2",
        parent_id="",
        service=name,
        name=name,
        kind="internal",
        start=1_700_000_000_123_456_789,
        end=1_700_000_000_123_999_789,
        status="unset",
        message=name,
        attributes=attributes,
    )
    line = json_line(span)

    assert len(line) <= 4096
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line)["duration_ms"] == 0.543
