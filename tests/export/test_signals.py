"""Metrics and logs are exported when their own variable asks, and cost nothing otherwise."""

import json
import socket

import pytest

from tests.support import launch_code

METRIC = """
from opentelemetry import metrics
metrics.get_meter("t").create_counter("answers").add(3)
"""
LOG = """
from opentelemetry._logs import get_logger, LogRecord
get_logger("t").emit(LogRecord(body="hello"))
"""
SDK_FIRST = {
    "metrics": "import opentelemetry.sdk.metrics\n" + METRIC,
    "logs": "import opentelemetry.sdk._logs\n" + LOG,
}
API_FIRST = {"metrics": METRIC, "logs": LOG}


@pytest.mark.parametrize("code", [API_FIRST, SDK_FIRST], ids=["API first", "SDK first"])
@pytest.mark.parametrize("signal", ["metrics", "logs"])
def test_a_signal_is_exported_when_asked_for_whatever_is_imported_first(signal: str, code: dict[str, str]) -> None:
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    outcome = launch_code(code[signal], **{variable: "console", "OTEL_SERVICE_NAME": "identity"})

    assert outcome.stderr == ""
    assert ("answers" if signal == "metrics" else "hello") in outcome.stdout
    assert '"service.name": "identity"' in json.dumps(outcome.stdout).replace("\\", "")


@pytest.mark.parametrize("value", ["none", "", "NONE"])
def test_a_signal_that_nobody_asks_for_loads_no_sdk(value: str) -> None:
    code = METRIC + "import sys; print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"

    assert launch_code(code, OTEL_METRICS_EXPORTER=value).stdout == "[]\n"


def test_an_exporter_that_is_not_installed_is_said_with_what_to_install() -> None:
    outcome = launch_code(METRIC, OTEL_METRICS_EXPORTER="abacus")

    assert outcome.returncode == 0
    assert outcome.stderr.startswith("platform-trace: OTEL_METRICS_EXPORTER: no installed package offers 'abacus'; ")
    assert 'pip install "platform-otel[signals]"' in outcome.stderr


def test_a_signal_is_exported_also_where_a_library_that_its_exporter_needs_is_half_imported() -> None:
    """The instrumentor of requests imports the API while requests is being imported; so does the exporter requests."""
    code = """
        import requests
        from opentelemetry._logs import get_logger_provider
        print(type(get_logger_provider()).__module__)
    """
    outcome = launch_code(code, OTEL_LOGS_EXPORTER="otlp", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")

    assert (outcome.stdout, outcome.stderr) == ("opentelemetry.sdk._logs._internal\n", "")


@pytest.mark.parametrize("code, signal", [(METRIC, "metrics"), (LOG, "logs")], ids=["metrics", "logs"])
def test_what_was_still_being_sent_when_the_process_ended_is_said(code: str, signal: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        outcome = launch_code(
            code,
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}",
            PLATFORM_TRACE_SHUTDOWN_TIMEOUT="500",
            **{f"OTEL_{signal.upper()}_EXPORTER": "otlp"},
        )

    assert outcome.returncode == 0
    line = f"platform-trace: {signal} do not all reach the collector; OTEL_LOG_LEVEL=debug says more\n"
    assert outcome.stderr == line


def test_a_child_says_nothing_of_what_its_parent_is_just_sending() -> None:
    code = """
        import os, time
        from opentelemetry import metrics
        metrics.get_meter("t").create_counter("answers").add(3)
        from platform_otel.logs.ours import exporting
        while not exporting: time.sleep(0.01)
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            os._exit(0)
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        variables = {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_METRIC_EXPORT_INTERVAL": "50"}
        outcome = launch_code(code, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, **variables)

    assert outcome.returncode == 0
    assert "platform-trace" not in outcome.stderr
