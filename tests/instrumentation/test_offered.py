"""What a setting names of another package and cannot be had costs one line, which shows no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import launch_code

GROUPS = {
    "OTEL_TRACES_EXPORTER": ("opentelemetry_traces_exporter", "using otlp"),
    "OTEL_METRICS_EXPORTER": ("opentelemetry_metrics_exporter", "metrics are not exported; "),
    "OTEL_LOGS_EXPORTER": ("opentelemetry_logs_exporter", "logs are not exported; "),
    "OTEL_TRACES_SAMPLER": ("opentelemetry_traces_sampler", "using parentbased_always_on"),
    "OTEL_PYTHON_ID_GENERATOR": ("opentelemetry_id_generator", "using random"),
    "OTEL_PYTHON_TRACER_PROVIDER": ("opentelemetry_tracer_provider", "using ours"),
}
CODE = """
    from opentelemetry import _logs, metrics, trace
    _logs.get_logger_provider(), metrics.get_meter_provider()
    trace.get_tracer("t").start_span("one").end()
    print("the service goes on")
"""
# As users run it: the collector is not there, and that is said in lines of its own.
AS_USERS_DO = {"PLATFORM_TRACE_STRICT": "", "PLATFORM_TRACE_SHUTDOWN_TIMEOUT": "500"}


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A folder with a package that offers "marvel" in every group, and cannot make it."""
    metadata = tmp_path / "marvel-1.0.dist-info"
    metadata.mkdir()
    offers = "".join(f"[{group}]\nmarvel = marvel:make\n" for group, _ in GROUPS.values())
    (metadata / "entry_points.txt").write_text(offers)
    (tmp_path / "marvel.py").write_text("def make(*_): raise OSError('out of marvels')\n")
    return tmp_path


@pytest.mark.parametrize("setting", GROUPS)
def test_what_cannot_be_made_is_said_with_what_happens_without_it(broken: Path, setting: str) -> None:
    outcome = launch_code(CODE, PYTHONPATH=str(broken), **AS_USERS_DO, **{setting: "marvel"})

    assert "the service goes on\n" in outcome.stdout
    said = f"platform-trace: could not load 'marvel', which {setting} names; {GROUPS[setting][1]}"
    [line] = [line for line in outcome.stderr.splitlines() if line.startswith(said)]
    assert line.endswith(": OSError: out of marvels")


@pytest.mark.parametrize("setting", GROUPS)
def test_what_nobody_offers_is_said_with_what_happens_without_it(setting: str) -> None:
    outcome = launch_code(CODE, **AS_USERS_DO, **{setting: "token=hunter2"})

    assert "the service goes on\n" in outcome.stdout
    said = f"platform-trace: {setting}: no installed package offers 'token=(hidden)'; {GROUPS[setting][1]}"
    assert len([line for line in outcome.stderr.splitlines() if line.startswith(said)]) == 1
