"""Whatever the collector does, a process ends in time, with its own exit code, and says what was lost in our lines."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests import faults
from tests.support import LAUNCHER, PATIENCE, SERVICES, environment, launch_code, run_code

# All three signals; the service's own provider of none of them.
CODE = """
    import os, sys
    import opentelemetry.metrics, opentelemetry._logs
    from opentelemetry._logs import LogRecord
    import spans
    [spans.work(number) for number in range(5)]
    opentelemetry.metrics.get_meter("t").create_counter("answers").add(3)
    opentelemetry._logs.get_logger("t").emit(LogRecord(body="hello"))
    print("done", flush=True)
    {ending}
"""
ENDINGS = {"sys.exit": "sys.exit(7)", "SIGTERM": "os.kill(os.getpid(), 15)", "an exception": "raise SystemExit('end')"}
# An hour: whoever waited for as long as an export may take would never end.
HOUR = "3600000"


@contextmanager
def served(fault: faults.Fault) -> Iterator[str]:
    with faults.Collector(fault) as collector:
        yield collector.url


@contextmanager
def refused() -> Iterator[str]:
    with faults.refusing() as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def black_hole() -> Iterator[str]:
    with faults.unreachable() as port:
        yield f"http://127.0.0.1:{port}"


FAULTS: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "refuses": refused,
    "is a black hole": black_hole,
    "hangs": lambda: served(faults.hang),
    "hangs after the request": lambda: served(faults.hang_after_request),
    "drips": lambda: served(faults.drip(faults.head(200), 0.5)),
    "answers 503": lambda: served(faults.status(503)),
    "closes at once": lambda: served(faults.close_at_once),
    "resets": lambda: served(faults.reset),
    "answers garbage": lambda: served(faults.garbage),
}
TELLING = {("refuses", "sys.exit"), ("hangs after the request", "sys.exit"), ("is a black hole", "SIGTERM")}
MATRIX = [
    pytest.param(fault, ending, marks=() if (fault, ending) in TELLING else pytest.mark.matrix)
    for fault in FAULTS
    for ending in ENDINGS
]


@pytest.mark.parametrize("fault, ending", MATRIX)
def test_a_process_ends_in_time_with_its_own_exit_code(fault: str, ending: str) -> None:
    code = CODE.format(ending=ENDINGS[ending])
    with FAULTS[fault]() as endpoint:
        traced = launch_code(
            code,
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
            OTEL_METRICS_EXPORTER="otlp",
            OTEL_LOGS_EXPORTER="otlp",
            OTEL_EXPORTER_OTLP_TIMEOUT=HOUR,
            OTEL_BSP_SCHEDULE_DELAY="30000",
            PLATFORM_TRACE_SHUTDOWN_TIMEOUT="500",
        )
    untraced = run_code(code)

    lines = traced.stderr.splitlines()
    theirs = [line for line in lines if not line.startswith("platform-trace: ")]
    assert (traced.returncode, traced.stdout, theirs) == (
        untraced.returncode,
        untraced.stdout,
        untraced.stderr.splitlines(),
    )
    assert any("5 spans" in line for line in lines), lines  # not delivered, or refused


def test_ctrl_c_in_the_wait_for_a_collector_ends_the_wait_and_shows_no_traceback() -> None:
    with faults.Collector(faults.hang_after_request) as collector:
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_TIMEOUT": HOUR,
            "OTEL_BSP_SCHEDULE_DELAY": "30000",
            "PLATFORM_TRACE_SHUTDOWN_TIMEOUT": HOUR,
        }
        with subprocess.Popen(
            [LAUNCHER, "--", sys.executable, "-c", "import spans, sys; spans.work(0); sys.exit(7)"],
            cwd=SERVICES,
            env=environment(**variables),
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert collector.wait_for(lambda collector: len(collector.requests) > 0)
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=PATIENCE)
        line = f"platform-trace: 1 spans were not delivered to {collector.url}/v1/traces: the process ended first\n"

    assert (process.returncode, stderr) == (7, line)
