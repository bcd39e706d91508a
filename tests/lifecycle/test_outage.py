"""While the collector is away nothing is lost, and little is said."""

import re
import subprocess
import sys
import textwrap
from threading import Event

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from platform_otel.export import reports
from platform_otel.export.outcome import Outcome
from platform_otel.export.queue import Counts
from platform_otel.export.reports import Reports
from tests import faults
from tests.support import LAUNCHER, PATIENCE, SERVICES, environment, launch_code

# What a minute brings of 500 a second.
SPANS = 30_000


class Outage:
    """A fault that lasts until it is over."""

    def __init__(self) -> None:
        self.over = Event()
        self.taken_all = Event()
        self.names: list[str] = []

    def __call__(self, exchange: faults.Exchange) -> None:
        while request := exchange.receive():
            if self.over.is_set():
                self._take(request)
            exchange.answer(200 if self.over.is_set() else 503)

    def _take(self, request: faults.Request) -> None:
        for resource_spans in ExportTraceServiceRequest.FromString(request.body).resource_spans:
            for scope_spans in resource_spans.scope_spans:
                self.names += [span.name for span in scope_spans.spans]
        if len(self.names) >= SPANS:
            self.taken_all.set()


def test_an_outage_loses_nothing_and_costs_two_lines() -> None:
    code = f"""
        import sys, spans
        [spans.work(number) for number in range({SPANS})]
        print("ready", flush=True)
        sys.stdin.read()
    """
    outage = Outage()
    with faults.Collector(outage) as collector:
        process = subprocess.Popen(
            [LAUNCHER, "--", sys.executable, "-c", textwrap.dedent(code)],
            cwd=SERVICES,
            env=environment(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_BSP_SCHEDULE_DELAY="100"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert collector.wait_for(lambda collector: len(collector.requests) > 1)
        outage.over.set()
        assert outage.taken_all.wait(PATIENCE)
        _, errors = process.communicate(timeout=PATIENCE)

    assert sorted(outage.names) == sorted(f"work {number}" for number in range(SPANS))
    endpoint = re.escape(f"{collector.url}/v1/traces")
    first, last = errors.splitlines()
    assert re.fullmatch(rf"platform-trace: {endpoint} takes no spans: .*503.*; \d+ wait", first)
    assert re.fullmatch(rf"platform-trace: {endpoint} takes spans again", last)
    assert process.returncode == 0


def test_a_long_outage_is_said_once_a_minute_with_endpoint_count_and_reason(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(reports, "monotonic", lambda: now)
    said = Reports("http://collector:4318")
    for second in range(150):
        now = float(second)
        said.waiting(Outcome("retry", message="connection refused"), Counts(queued=500 * second))
    said.taken(Outcome("taken"), Counts(dropped=7))

    assert capfd.readouterr().err.splitlines() == [
        "platform-trace: http://collector:4318 takes no spans: connection refused; 0 wait",
        "platform-trace: http://collector:4318 takes no spans: connection refused; 30000 wait",
        "platform-trace: http://collector:4318 takes no spans: connection refused; 60000 wait",
        "platform-trace: http://collector:4318 takes spans again; 7 were dropped meanwhile",
    ]


def test_a_collector_that_fails_now_and_then_is_not_said_to_be_well_each_time(
    capfd: pytest.CaptureFixture[str],
) -> None:
    said = Reports("http://collector:4318")
    for _ in range(20):
        said.waiting(Outcome("retry", message="503"), Counts(queued=1))
        said.taken(Outcome("taken"), Counts())

    assert capfd.readouterr().err.splitlines() == [
        "platform-trace: http://collector:4318 takes no spans: 503; 1 wait",
        "platform-trace: http://collector:4318 takes spans again",
    ]


def test_what_a_collector_leaves_out_of_every_batch_is_summed_up(capfd: pytest.CaptureFixture[str]) -> None:
    said = Reports("http://collector:4318")
    for _ in range(20):
        said.taken(Outcome("taken", rejected=2, message="too old"), Counts())
    said.ended(Counts())

    assert capfd.readouterr().err.splitlines() == [
        "platform-trace: http://collector:4318 rejected 2 spans: too old",
        "platform-trace: http://collector:4318 rejected 38 spans: too old",
    ]


@pytest.mark.parametrize(
    "fault, words",
    [
        (faults.status(200, b"<html>", Content_Type="text/html"), "what answers is a web page, perhaps no collector"),
        (faults.partial_success(0, "be quick"), "be quick"),
    ],
)
def test_what_is_said_of_spans_that_were_taken_is_passed_on_once(fault: faults.Fault, words: str) -> None:
    code = """
        import spans
        from opentelemetry import trace
        for number in range(3):
            spans.work(number)
            trace.get_tracer_provider().force_flush()
    """
    with faults.Collector(fault) as collector:
        outcome = launch_code(code, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)

    [line] = outcome.stderr.splitlines()
    assert line.startswith(f"platform-trace: {collector.url}/v1/traces answers with a warning: {words}")


def test_what_was_refused_is_said_also_where_a_signal_ends_the_process() -> None:
    code = """
        import os, spans
        from opentelemetry import trace
        for number in range(3):
            spans.work(number)
            trace.get_tracer_provider().force_flush()
        os.kill(os.getpid(), 15)
    """
    with faults.Collector(faults.status(400)) as collector:
        outcome = launch_code(code, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)

    first, last = outcome.stderr.splitlines()
    assert "refused 1 spans: 400" in first
    assert last.startswith("platform-trace: 2 spans were not delivered to ")
