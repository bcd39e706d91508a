"""The rows of libraries are true: what the doctor says is traced is traced, and what it says is not is not."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from platform_otel.instrumentation.catalog import CATALOG, HANDLER
from tests.doctor.environments import Venv
from tests.doctor.support import Report, doctor, doctor_in
from tests.instrumentation.test_arming import instrumentor
from tests.receiver import Receiver
from tests.support import LAUNCHER, PATIENCE, SERVICES, environment, exporting_to, launch, received

# Imports whatever the catalog waits for, as a service would that uses it all. Django's comes into force with its first
# handler, since there are settings then.
TRIGGERS = sorted({trigger for row in CATALOG for trigger in row.triggers if trigger != HANDLER})
IMPORT_ALL = f"""
for name in {TRIGGERS} + ["marvel", "novel"]:
    try:
        __import__(name)
    except ImportError:
        pass
try:
    from django.conf import settings
    from django.core.handlers.base import BaseHandler
except ImportError:
    pass
else:
    settings.configure()
    BaseHandler().load_middleware()
"""


def in_force(python: str | Path, **variables: str) -> set[str]:
    """The libraries that are really instrumented in a process that imports them all, by its own debug lines."""
    outcome = subprocess.run(
        [LAUNCHER, "--", str(python), "-c", IMPORT_ALL],
        cwd=SERVICES,
        env=environment(OTEL_LOG_LEVEL="debug", PLATFORM_TRACE_STRICT=None, **variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    return set(re.findall(r"^platform-trace: (\S+) is instrumented: ", outcome.stderr, re.MULTILINE))


def said_to_be(report: Report) -> set[str]:
    """The libraries that are instrumented by the doctor's word."""
    return {row.name for row in report.section("libraries").values() if row.status == "ok"}


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """A real environment that lacks four packages.

    That of SQLAlchemy; what that of tornado needs; that of httpx is there without httpx; and sqlite3's is half
    uninstalled.
    """
    made = Venv(tmp_path_factory.mktemp("libraries") / "venv")
    names = [f"opentelemetry-instrumentation-{name}" for name in ("fastapi", "tornado", "httpx", "sqlite3")]
    made.take(
        "platform-otel",
        "flask",
        "requests",
        "sqlalchemy",
        "tornado",
        *names,
        without=["opentelemetry-util-http", "httpx"],
    )
    for path in (made.site_packages / "opentelemetry" / "instrumentation" / "sqlite3").glob("*.py"):
        path.unlink()
    return made


def test_with_missing_packages_the_rows_are_true(venv: Venv) -> None:
    report = doctor(venv.python, "-c", "pass")
    rows = report.section("libraries")

    assert said_to_be(report) == in_force(venv.python)
    assert rows["sqlalchemy"].detail.endswith(": opentelemetry-instrumentation-sqlalchemy is not installed")
    api = f"opentelemetry-api=={version('opentelemetry-api')}"
    assert rows["sqlalchemy"].hint.endswith(f"{venv.python} opentelemetry-instrumentation-sqlalchemy {api}")
    assert "needs opentelemetry-util-http, not installed" in rows["tornado"].detail
    needed = f"opentelemetry-util-http=={version('opentelemetry-instrumentation')}"
    assert rows["tornado"].hint.endswith(f"{venv.python} {needed} {api}")
    assert "httpx" not in rows
    assert "lacks its module opentelemetry.instrumentation.sqlite3" in rows["sqlite3"].detail
    again = f"opentelemetry-instrumentation-sqlite3=={version('opentelemetry-instrumentation-sqlite3')}"
    assert rows["sqlite3"].hint.endswith(f"--force-reinstall --no-deps {again}")
    assert rows["others"].detail.endswith(" more that can be traced are not installed")


def test_what_is_said_to_be_missing_is_traced_once_it_is_installed(venv: Venv) -> None:
    venv.take("opentelemetry-util-http", "opentelemetry-instrumentation-sqlalchemy")
    report = doctor(venv.python, "-c", "pass")

    assert {"sqlalchemy", "tornado"} <= said_to_be(report)
    assert said_to_be(report) == in_force(venv.python)


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "flask,redis", "OTEL_PYTHON_LOG_CORRELATION": "true"},
        {"PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS": "flask,click,requests"},
    ],
    ids=",".join,
)
def test_whatever_the_settings_say_the_rows_are_true(variables: dict[str, str]) -> None:
    report = doctor(sys.executable, "-c", "pass", **variables)

    assert said_to_be(report) == in_force(sys.executable, **variables)


def test_with_extra_packages_the_rows_are_true(tmp_path: Path) -> None:
    instrumentor(tmp_path, "marvel", "import marvel; marvel.traced = True")
    instrumentor(tmp_path, "novel", "import novel", requires=("novel >= 2.0",))
    metadata = tmp_path / "instrumentation_novel-1.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("Dist: novel;", "Dist: novel >= 2.0;"))
    report = doctor(sys.executable, "-c", "pass", PYTHONPATH=str(tmp_path))
    rows = report.section("libraries")

    assert said_to_be(report) == in_force(sys.executable, PYTHONPATH=str(tmp_path))
    assert rows["marvel"].detail == "of unknown version, by instrumentation-marvel 1.0"
    assert "instrumentation-novel needs novel >=2.0, and 1.0 is installed" in rows["novel"].detail
    assert "install another version of one of them" in rows["novel"].hint


def test_a_row_says_why_a_library_is_left_alone() -> None:
    rows = doctor(sys.executable, "-c", "pass", OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="flask").section("libraries")

    assert rows["flask"].status == "off"
    assert rows["flask"].detail.endswith(": OTEL_PYTHON_DISABLED_INSTRUMENTATIONS names it")
    assert "to have it, " in rows["click"].detail


def test_while_nothing_is_traced_no_row_says_otherwise() -> None:
    report = doctor(sys.executable, "-S", "-c", "pass")

    assert said_to_be(report) == set()
    assert report["libraries/flask"].detail.startswith("not traced, as nothing is (see interpreter options); then ")


def test_a_folder_of_data_that_is_called_like_a_library_is_none(venv: Venv, tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()

    assert "redis" not in doctor_in(tmp_path, venv.python, "-m", "identity").section("libraries")


def test_the_spans_arrive_that_the_rows_and_the_plan_announce(receiver: Receiver) -> None:
    code = "import requests\ntry: requests.get('http://127.0.0.1:9')\nexcept requests.ConnectionError: pass"
    command = ("sh", "-c", 'exec "$0" -c "$1"', sys.executable, code)
    variables = exporting_to(receiver, OTEL_SERVICE_NAME="gate")
    report = doctor(*command, **variables)
    launch(*command, **variables)
    spans = received(receiver, 2)

    assert report["libraries/requests"].status == "ok"
    assert report["plan/service name"].detail == "gate, from OTEL_SERVICE_NAME"
    assert [(span.service, span.name) for span in spans] == [
        ("platform-trace-doctor", "platform-trace doctor"),
        ("gate", "GET"),
    ]
