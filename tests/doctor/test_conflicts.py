"""What works against tracing is named: another tool, packages that do not fit together."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.doctor.environments import Venv
from tests.doctor.support import SERVICE, Report, doctor
from tests.instrumentation.test_arming import install


@pytest.mark.parametrize(
    "variables, status, causes",
    [
        (
            {},
            "off",
            {
                "ddtrace": "1.0 is installed; it traces only if the service calls import ddtrace.auto",
                "newrelic": "it traces only if the service calls newrelic.agent.initialize()",
                "sentry-sdk": "it traces only if the service calls sentry_sdk.init(traces_sample_rate=...)",
                "elastic-apm": "it traces only if the service calls elasticapm.Client()",
            },
        ),
        (
            {"DD_SERVICE": "x", "NEW_RELIC_LICENSE_KEY": "x", "SENTRY_DSN": "x", "ELASTIC_APM_SERVER_URL": "x"},
            "warning",
            {
                "ddtrace": "1.0 is installed and configured (DD_SERVICE set)",
                "newrelic": "1.0 is installed and configured (NEW_RELIC_LICENSE_KEY set)",
                "sentry-sdk": "1.0 is installed and configured (SENTRY_DSN set)",
                "elastic-apm": "1.0 is installed and configured (ELASTIC_APM_SERVER_URL set)",
            },
        ),
    ],
    ids=["installed", "configured"],
)
def test_other_tools(tmp_path: Path, variables: dict[str, str], status: str, causes: dict[str, str]) -> None:
    for distribution in causes:
        install(tmp_path, distribution)
    rows = doctor(*SERVICE, PYTHONPATH=str(tmp_path), **variables).section("conflicts")

    assert {name: rows[name].status for name in causes} == dict.fromkeys(causes, status)
    assert [name for name, cause in causes.items() if cause not in rows[name].detail] == []


FOLDERS = {
    "ddtrace": "ddtrace/bootstrap",
    "newrelic": "newrelic/bootstrap",
    "elastic-apm": "elasticapm/instrumentation/wrapper",
    "opentelemetry-instrument": "opentelemetry/instrumentation/auto_instrumentation",
}


def test_other_tools_that_start_by_python_path(tmp_path: Path) -> None:
    for folder in FOLDERS.values():
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "sitecustomize.py").touch()
    path = os.pathsep.join(str(tmp_path / folder) for folder in FOLDERS.values())
    rows = doctor(*SERVICE, PYTHONPATH=path).section("conflicts")

    for tool, folder in FOLDERS.items():
        assert rows[tool].status == "warning"
        assert f"starts with the service (PYTHONPATH names {tmp_path / folder})" in rows[tool].detail
        assert "leave " in rows[tool].hint


@pytest.mark.parametrize(
    "command, tool",
    [
        (("ddtrace-run", *SERVICE), "ddtrace"),
        (("newrelic-admin", "run-program", *SERVICE), "newrelic"),
        (("opentelemetry-instrument", *SERVICE), "opentelemetry-instrument"),
    ],
)
def test_another_tool_that_the_command_names(command: tuple[str, ...], tool: str) -> None:
    report = doctor("sh", "-c", f"exec {' '.join(command[:-3])} {sys.executable} -m identity")

    assert f"starts with the service (the command names {command[0]})" in report[f"conflicts/{tool}"].detail


def test_upstreams_own_start_is_none_where_our_distro_is_chosen() -> None:
    report = doctor("opentelemetry-instrument", *SERVICE, OTEL_PYTHON_DISTRO="platform_otel")

    assert "opentelemetry-instrument" not in report.section("conflicts")


def test_no_other_tool(tmp_path: Path) -> None:
    assert doctor(*SERVICE)["conflicts/other tracing tools"].status == "ok"


# --- OpenTelemetry's packages -----------------------------------------------------------------------------------------

OURS = ("opentelemetry-api", "opentelemetry-sdk", "opentelemetry-instrumentation")


def made_up(folder: Path, **requirements: str) -> None:
    """OpenTelemetry's packages at 1.0, each with what it requires."""
    for name in OURS:
        install(folder, name)
        requirement = requirements.get(name.rpartition("-")[2], "")
        metadata = folder / f"{name.replace('-', '_')}-1.0.dist-info" / "METADATA"
        text = f"Requires-Dist: {requirement}\n" if requirement else ""
        metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{text}\n")


def packages(venv: Venv, folder: Path) -> Report:
    return doctor(venv.python, "-c", "pass", PYTHONPATH=str(folder))


def test_packages_that_fit_together(bare: Venv, tmp_path: Path) -> None:
    made_up(tmp_path, sdk="opentelemetry-api==1.0", instrumentation="opentelemetry-api~=1.0")
    row = packages(bare, tmp_path)["conflicts/OpenTelemetry packages"]

    assert (row.status, row.detail) == ("ok", "3 installed, and they fit together")


def test_packages_of_different_releases(bare: Venv, tmp_path: Path) -> None:
    made_up(tmp_path, sdk="opentelemetry-api==1.1", instrumentation="opentelemetry-semantic-conventions==0.5b0")
    row = packages(bare, tmp_path)["conflicts/OpenTelemetry packages"]

    assert row.status == "warning"
    assert row.detail == (
        "2 do not fit: opentelemetry-api 1.0 is installed, opentelemetry-sdk 1.0 needs ==1.1; "
        "opentelemetry-semantic-conventions is not installed, opentelemetry-instrumentation 1.0 needs ==0.5b0"
    )
    assert row.hint.startswith("install releases that fit, in one go: ")
    assert row.hint.endswith(
        f"{bare.python} "
        "opentelemetry-api opentelemetry-instrumentation opentelemetry-sdk opentelemetry-semantic-conventions"
    )


def test_an_extra_that_is_not_asked_for_and_a_marker_that_is_not_true_ask_for_nothing(
    bare: Venv, tmp_path: Path
) -> None:
    made_up(tmp_path, sdk="nothing; extra == 'more'", instrumentation="nothing; python_version < '3'")

    assert packages(bare, tmp_path)["conflicts/OpenTelemetry packages"].status == "ok"


def test_the_packages_of_an_environment_without_us(bare: Venv, tmp_path: Path) -> None:
    row = packages(bare, tmp_path)["conflicts/OpenTelemetry packages"]

    assert (row.status, row.detail) == ("off", "0 installed; they come with platform-otel")
