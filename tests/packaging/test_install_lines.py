"""The lines that the doctor prints: they install what is missing, and leave OpenTelemetry in one release."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.doctor.support import Report, doctor
from tests.packaging.environments import UV, Environment, must_run, run, with_newest_pip, with_uv

pytestmark = pytest.mark.timeout(900)

# Half a year older than what an installer takes by itself.
OLDER = ("opentelemetry-instrumentation==0.58b0", "opentelemetry-distro==0.58b0", "opentelemetry-sdk==1.37.0")


@pytest.fixture(scope="module", params=[with_uv, with_newest_pip], ids=["uv", "pip"])
def older(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with an older release of OpenTelemetry's packages, and libraries that they could instrument."""
    make: Callable[[Path], Environment] = request.param
    environment = make(tmp_path_factory.mktemp("older") / "environment")
    environment.install(*OLDER, "redis", "jinja2")
    return environment


def line_of(report: Report, place: str) -> list[str]:
    """The words of the line that a check's hint ends with."""
    return shlex.split(report[place].hint.rpartition(": ")[2])


def would_change(line: list[str], **variables: str) -> dict[str, str]:
    """The versions, by name, that this line would install."""
    if line[0] == "uv":
        done = run(UV, *line[1:], "--dry-run", **variables)
        assert done.returncode == 0, done.stderr
        return dict(re.findall(r"^ \+ (\S+)==(\S+)$", done.stderr, re.MULTILINE))
    done = run(*line, "--quiet", "--dry-run", "--report", "-", **variables)
    assert done.returncode == 0, done.stderr
    chosen = [item["metadata"] for item in json.loads(done.stdout)["install"]]
    return {metadata["name"]: metadata["version"] for metadata in chosen}


def of_opentelemetry(changes: dict[str, str]) -> dict[str, str]:
    return {name: version for name, version in changes.items() if name.startswith("opentelemetry-")}


def test_a_missing_instrumentation_is_installed_in_the_release_that_is_there(older: Environment) -> None:
    line = line_of(doctor(older.python, "-c", "pass"), "libraries/redis")

    assert would_change(line) == {"opentelemetry-instrumentation-redis": "0.58b0"}


def test_so_are_the_exporters_of_metrics(older: Environment, wheel: Path) -> None:
    report = doctor(older.python, "-c", "pass", OTEL_METRICS_EXPORTER="otlp")
    line = line_of(report, "settings/OTEL_METRICS_EXPORTER")
    changed = of_opentelemetry(would_change(line, UV_FIND_LINKS=str(wheel.parent), PIP_FIND_LINKS=str(wheel.parent)))

    assert changed["opentelemetry-exporter-otlp-proto-http"] == "1.37.0"
    assert {*changed.values()} == {"1.37.0", "0.58b0"}


def test_so_is_platform_otel_itself(older: Environment, wheel: Path) -> None:
    line = line_of(doctor(older.python, "-c", "pass"), "plan/start file")
    changed = would_change(line, UV_FIND_LINKS=str(wheel.parent), PIP_FIND_LINKS=str(wheel.parent))

    assert "platform-otel" in changed
    assert {*of_opentelemetry(changed).values()} == {"0.58b0"}


def test_where_the_api_is_too_old_for_us_all_of_opentelemetry_goes_to_another_release(
    tmp_path: Path, wheel: Path
) -> None:
    environment = with_uv(tmp_path / "environment")
    environment.install("opentelemetry-sdk==1.30.0", "opentelemetry-exporter-otlp-proto-http==1.30.0")
    line = line_of(doctor(environment.python, "-c", "pass"), "plan/start file")
    changed = would_change(line, UV_FIND_LINKS=str(wheel.parent))

    assert changed["opentelemetry-exporter-otlp-proto-http"] == changed["opentelemetry-api"] != "1.30.0"


def test_packages_that_do_not_fit_do_so_after_the_line_and_no_others_are_touched(tmp_path: Path) -> None:
    environment = with_uv(tmp_path / "environment")
    environment.install(*OLDER, "opentelemetry-exporter-otlp-proto-http==1.37.0")
    environment.install("--no-deps", "opentelemetry-api==1.38.0")
    report = doctor(environment.python, "-c", "pass")
    line = line_of(report, "conflicts/OpenTelemetry packages")
    changed = would_change(line)
    must_run(UV, *line[1:])

    assert report["conflicts/OpenTelemetry packages"].detail.startswith("1 do not fit: opentelemetry-api 1.38.0")
    assert [name for name in changed if not name.startswith("opentelemetry-")] == []
    assert run(UV, "pip", "check", "--python", environment.python).returncode == 0
    assert "fit together" in doctor(environment.python, "-c", "pass")["conflicts/OpenTelemetry packages"].detail
