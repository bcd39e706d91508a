"""The interpreter that a command runs is found and asked, or it is said why it cannot be."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from platform_otel import __version__
from platform_otel.doctor.interpreter import first_line
from platform_otel.launcher import is_python, option_letters
from tests.doctor.environments import Venv, script
from tests.doctor.support import doctor, doctor_in
from tests.support import SCRIPTS, launch

PYTHON = sys.executable


@pytest.mark.parametrize(
    "command, found_by",
    [
        (("python", "-m", "identity"), "found on PATH"),
        ((PYTHON, "-m", "identity"), "named by the command"),
        (("uvicorn", "identity.main:app"), "named in the first line of"),
        (("sh", "-c", "cd . && exec uvicorn identity.main:app"), "named in the first line of"),
        (("env", "A=1", "python", "-m", "identity"), "found on PATH"),
        (("platform-trace", "--service-name", "identity", "--", "uvicorn", "main:app"), "named in the first line of"),
    ],
)
def test_the_interpreter_is_found(command: tuple[str, ...], found_by: str) -> None:
    report = doctor(*command)

    assert report["plan/interpreter"].status == "ok"
    assert str(SCRIPTS / "python") in report["plan/interpreter"].detail
    assert found_by in report["plan/interpreter"].detail
    assert report["plan/start file"].detail.endswith(f"platform_otel.pth, of platform-otel {__version__}")
    assert report["plan/service name"].detail.startswith("identity, from ")


def test_without_a_command_it_looks_at_its_own_interpreter() -> None:
    report = doctor()

    assert report.exit_code == 0
    assert "the one of platform-trace itself" in report["plan/interpreter"].detail
    assert report["plan/service name"].status == "off"


def test_a_script_whose_first_line_asks_env_for_python(tmp_path: Path) -> None:
    report = doctor(script(tmp_path / "identity", "#!/usr/bin/env python"))

    assert report["plan/interpreter"].status == "ok"
    assert str(SCRIPTS / "python") in report["plan/interpreter"].detail


@pytest.fixture
def project(tmp_path: Path, bare: Venv) -> Path:
    """A project's folder of sources, with an environment above it."""
    (tmp_path / ".venv").symlink_to(bare.python.parents[1])
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "src").mkdir()
    return tmp_path / "src"


@pytest.mark.parametrize(
    "command",
    [
        "uv run python -m identity",
        "sh -c 'exec uv run python -m identity'",
        "sh -c 'nice uv --directory .. run --no-dev python -m identity'",
        "sh -c 'poetry run python -m identity'",
        "sh -c 'pdm run python -m identity'",
        "sh -c '. ../.venv/bin/activate; exec python -m identity'",
        "bash -lc 'cd .. && source .venv/bin/activate && python -m identity'",
        "bash -c 'source ../.venv/bin/activate || exit 1; python -m identity'",
    ],
)
def test_the_projects_environment_is_where_the_command_looks(project: Path, command: str) -> None:
    report = doctor_in(project, *shlex.split(command), VIRTUAL_ENV=None)

    assert report.failed() == ["plan/start file"]
    assert "/.venv/bin/python " in report["plan/interpreter"].detail
    assert report["plan/service name"].detail == "identity, from the command line"


def test_an_environment_of_another_place_is_used_where_the_tool_says_so(tmp_path: Path, bare: Venv) -> None:
    (tmp_path / "pyproject.toml").touch()
    elsewhere = str(bare.python.parents[1])
    commands: dict[str, dict[str, str | None]] = {
        "uv run python -m identity": {"UV_PROJECT_ENVIRONMENT": elsewhere, "VIRTUAL_ENV": None},
        "sh -c 'poetry run python -m identity'": {"VIRTUAL_ENV": elsewhere},
    }
    reports = [doctor_in(tmp_path, *shlex.split(command), **given) for command, given in commands.items()]

    assert [str(bare.python) in report["plan/interpreter"].detail for report in reports] == [True, True]


@pytest.mark.parametrize(
    "command",
    [("uvicorn", "identity.main:app", "--app-dir", "/srv/poetry"), ("python", "-m", "identity", "uv", "pdm")],
)
def test_a_word_called_like_a_tool_leads_nowhere_else(project: Path, command: tuple[str, ...]) -> None:
    report = doctor_in(project, *command, VIRTUAL_ENV=None)

    assert report["plan/interpreter"].status == "ok"
    assert str(SCRIPTS / "python") in report["plan/interpreter"].detail


@pytest.mark.parametrize(
    "command, inside",
    [
        ("sh -c 'conda run -n identity python -m identity'", "conda run"),
        ("bash -lc 'conda activate identity && exec python -m identity'", "conda run"),
        ("sh -c 'pipenv run python -m identity'", "pipenv run"),
        ("sh -c 'hatch run production:python -m identity'", "hatch run"),
        ("uvx --from acme identity", "uvx --from platform-otel --with PACKAGE"),
        ("uv tool run identity", "uvx --from platform-otel --with PACKAGE"),
        ("uv run --python 3.12 python -m identity", "uv run"),
        ("uv run --with rich python -m identity", "uv run"),
        ("uv run identity.py", "uv run"),
        ("uv run --no-project --isolated --offline python -m identity", "uv run"),
        ("uv run --active python -m identity", "uv run"),
        ("uv run -p /opt/python3.12 python -m identity", "uv run"),
        ("sh -c 'UV_PYTHON=3.12 exec uv run python -m identity'", "uv run"),
        ("sh -c 'CONDA_PREFIX=/opt/conda exec uv run python -m identity'", "uv run"),
        ("dotenv -f .env run python -m identity", "dotenv run"),
    ],
)
def test_an_environment_that_only_the_tool_knows_is_not_told(project: Path, command: str, inside: str) -> None:
    (project / "identity.py").write_text("# /// script\n# dependencies = []\n# ///\n")
    report = doctor_in(project, *shlex.split(command), VIRTUAL_ENV=None)
    row = report["plan/interpreter"]

    assert (report.exit_code, report.failed(), row.status) == (0, [], "warning")
    assert row.detail == f"which interpreter runs cannot be told: {inside} runs it in an environment of its own"
    assert row.hint == f"run the doctor inside, with the same options: {inside} platform-trace doctor -- ..."
    assert report["plan/service name"].detail == "identity, from the command line"


def test_uv_without_a_projects_environment(tmp_path: Path) -> None:
    report = doctor_in(tmp_path, "uv", "run", "uvicorn", "identity.main:app", VIRTUAL_ENV=str(tmp_path / "gone"))

    assert (report.exit_code, report["plan/interpreter"].status) == (0, "warning")
    assert "there is no .venv beside or above for uv run" in report["plan/interpreter"].detail
    assert "uv run platform-trace doctor" in report["plan/interpreter"].hint


@pytest.mark.parametrize(
    "command, cause, next_step",
    [
        (("gunicron", "main:app"), "command not found: gunicron", "did you mean gunicorn?"),
        (("/", "main:app"), "is a directory: /", "name the command to run inside it"),
        (("TOKEN=hunter2", "uvicorn"), "TOKEN=... is no command", "-- env TOKEN=... COMMAND"),
        (("platform-trace", "--nonsense"), "unknown option --nonsense", "known are --service-name"),
    ],
)
def test_what_cannot_be_launched(command: tuple[str, ...], cause: str, next_step: str) -> None:
    report = doctor(*command)

    assert (report.exit_code, report.failed()) == (1, ["plan/interpreter"])
    assert cause in report["plan/interpreter"].detail
    assert next_step in report["plan/interpreter"].hint
    assert report["libraries/libraries"].detail == "not looked at, as the interpreter cannot be told"


@pytest.mark.parametrize(
    "command, cause",
    [
        ("sh -c 'make serve'", "make decides what it starts"),
        ("cat main.py", "cat is no Python script"),
        ("sh -c 'eval exec python -m identity'", "the shell's command line is a program of its own"),
        ("sh -c 'exec python -m identity | tee log |& cat'", "the shell's command line is a program of its own"),
        ("sh -c '. ./env.sh; exec python -m identity'", "the shell reads ./env.sh, which may change anything"),
        ("bash --rcfile file -c 'python -m identity'", "--rcfile of bash is not understood here"),
        ("nice --nonsense 3 python -m identity", "--nonsense of nice is not understood here"),
        ("bash -lc 'exec python -m identity'", "bash first reads files that may change PATH"),
        ("sh -c 'sudo -E python -m identity'", "sudo may look for it in folders of its own"),
        ("sh -c 'uv run identity-server'", "identity-server is not where it is looked for"),
    ],
)
def test_what_cannot_be_told_is_no_failure(project: Path, command: str, cause: str) -> None:
    report = doctor_in(project, *shlex.split(command), VIRTUAL_ENV=None)
    row = report["plan/interpreter"]

    assert (report.exit_code, report.failed(), row.status) == (0, [], "warning")
    assert row.detail == f"which interpreter runs cannot be told: {row.detail.partition(': ')[2]}"
    assert cause in row.detail
    assert "platform-trace doctor -- " in row.hint
    assert report["libraries/libraries"].detail == "not looked at, as the interpreter cannot be told"


def test_what_is_no_python_script_has_no_service_name() -> None:
    assert doctor("cat", "main.py")["plan/service name"].status == "off"


@pytest.mark.parametrize("first", ["#!{python}\r", "#!/usr/bin/env python\r", "#!{python} -u\r"])
def test_a_script_with_the_line_ends_of_windows(tmp_path: Path, first: str) -> None:
    path = script(tmp_path / "identity", first.format(python=PYTHON))
    report = doctor(path)

    assert launch(path).returncode in (2, 126, 127)
    assert report.failed() == ["plan/interpreter"]
    assert "its first line ends with a carriage return" in report["plan/interpreter"].detail
    assert report["plan/interpreter"].hint == f"end its lines with a newline alone: sed -i 's/\\r$//' {path}"


@pytest.mark.parametrize(
    "first, failed, name",
    [
        ("#!/usr/bin/env -S python -S", ["plan/interpreter options"], "gate, from OTEL_SERVICE_NAME"),
        (f"#!/usr/bin/env -S -i {PYTHON}", ["plan/switch"], "identity, from the command line"),
        (f"#!/usr/bin/env -iS {PYTHON}", ["plan/switch"], "identity, from the command line"),
        ("#!/usr/bin/env -S OTEL_SERVICE_NAME=other python", [], "other, from OTEL_SERVICE_NAME"),
        ("#!/usr/bin/env -S -u OTEL_SERVICE_NAME python -X dev", [], "identity, from the command line"),
        ("#!/usr/bin/env -S python -X foo=bar", [], "gate, from OTEL_SERVICE_NAME"),
        ("#!/usr/bin/env -S nice python", [], "gate, from OTEL_SERVICE_NAME"),
    ],
)
def test_what_env_does_in_the_first_line_of_a_script(tmp_path: Path, first: str, failed: list[str], name: str) -> None:
    report = doctor(script(tmp_path / "identity", first), OTEL_SERVICE_NAME="gate")

    assert report.failed() == failed
    assert str(SCRIPTS / "python") in report["plan/interpreter"].detail
    assert report["plan/service name"].detail == name


def test_a_first_line_that_holds_a_zero_byte(tmp_path: Path) -> None:
    report = doctor(script(tmp_path / "identity", "#!/usr/bin/python\0x"))

    assert (report.exit_code, report["plan/interpreter"].status) == (0, "warning")


def test_an_interpreter_that_does_not_work(tmp_path: Path) -> None:
    report = doctor(script(tmp_path / "python3", "#!/bin/sh\nexit 3"), "-m", "identity")

    assert "does not say what it is: it ended with 3" in report["plan/interpreter"].detail
    assert "see what it says" in report["plan/interpreter"].hint


def answering(path: Path, implementation: str, version: str) -> Path:
    """An interpreter that says this of itself."""
    answer = (
        f'{{"executable": "/x", "version": "{version}", "implementation": "{implementation}", "prefix": "/", '
        '"base_prefix": "/", "path": [], "site_folders": [], "user_site": ""}'
    )
    return script(path, f"#!/bin/sh\necho '{answer}'; exit")


def test_an_interpreter_whose_version_is_none(tmp_path: Path) -> None:
    report = doctor(answering(tmp_path / "python3", "CPython", "3.x"), "-m", "identity")

    assert report.failed() == ["plan/interpreter"]
    assert "does not say what it is" in report["plan/interpreter"].detail


@pytest.mark.parametrize("implementation, version", [("PyPy", "3.10.14"), ("CPython", "3.9.2")])
def test_an_interpreter_that_cannot_be_traced(tmp_path: Path, implementation: str, version: str) -> None:
    report = doctor(answering(tmp_path / "python3", implementation, version), "-m", "identity")

    assert f"({implementation} {version})" in report["plan/interpreter"].detail
    assert report["plan/interpreter"].hint == "run the service on CPython 3.10 or later"


# --- Command lines and first lines ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words, letters",
    [
        ("-S app.py", "S"),
        ("-SI -m identity", "SI"),
        ("-Im json -S", "I"),
        ("-m json -S", ""),
        ("-c pass -S", ""),
        ("-X dev -S app.py", "S"),
        ("-Xdev -S app.py", "S"),
        ("-W ignore -s -E app.py", "sE"),
        ("app.py -S", ""),
        ("- -S", ""),
        ("--check-hash-based-pycs always -S app.py", "S"),
    ],
)
def test_the_interpreters_own_options(words: str, letters: str) -> None:
    assert option_letters(words.split()) == frozenset(letters)


@pytest.mark.parametrize(
    "name, is_one",
    [
        *((name, True) for name in ("python", "/venv/bin/python3", "python3.13t", "pypy3", "pypy3.10")),
        *((name, False) for name in ("python-config", "/opt/python-wrapper", "python3-config", "pythonista", "py", "")),
    ],
)
def test_what_is_called_like_an_interpreter_is_one(name: str, is_one: bool) -> None:
    assert is_python(name) == is_one


@pytest.mark.parametrize(
    "text, words",
    [
        ("#!/venv/bin/python\n", ["/venv/bin/python"]),
        ("#! /usr/bin/env\t-S  python -I \n", ["/usr/bin/env", "-S  python -I"]),
        ("#!/venv/bin/python -u\r\n", ["/venv/bin/python", "-u\r"]),
        ("#!/venv/bin/pyth\0on\n", []),
        ("#!\n", []),
        ("#!/bin/sh\n'''exec' \"/a long/path/python\" \"$0\" \"$@\"\n' '''\n", ["/a long/path/python"]),
        ("#!/bin/sh\necho\n", ["/bin/sh"]),
        ("import os\n", []),
        ("", []),
    ],
)
def test_the_first_line_of_a_script_as_linux_reads_it(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "script"
    path.write_text(text, newline="")

    assert first_line(os.fspath(path)) == words


def test_a_script_of_an_environment_that_can_be_moved(tmp_path: Path) -> None:
    """As ``uv venv --relocatable`` and ``uvx`` have them."""
    (tmp_path / "python").symlink_to(PYTHON)
    (tmp_path / "identity").write_text(
        "#!/bin/sh\n'''exec' \"$(dirname -- \"$(realpath -- \"$0\")\")\"/'python' \"$0\" \"$@\"\n' '''\n"
    )

    assert first_line(os.fspath(tmp_path / "identity")) == [os.fspath(tmp_path / "python")]
