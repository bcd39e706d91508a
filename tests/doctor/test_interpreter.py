"""The interpreter that a command runs is found and asked, or it is said why it cannot be."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from platform_otel import __version__
from platform_otel.doctor.interpreter import first_line, option_letters
from tests.doctor.environments import Venv, script
from tests.doctor.support import doctor, doctor_in
from tests.support import SCRIPTS

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


def test_uv_runs_in_the_projects_environment(tmp_path: Path, bare: Venv) -> None:
    (tmp_path / ".venv").symlink_to(bare.python.parents[1])
    below = tmp_path / "src"
    below.mkdir()
    report = doctor_in(below, "uv", "run", "python", "-m", "identity")

    assert str(tmp_path / ".venv" / "bin" / "python") in report["plan/start file"].hint


def test_uv_without_a_projects_environment(tmp_path: Path) -> None:
    report = doctor_in(tmp_path, "uv", "run", "no-such-command")

    assert report.failed() == ["plan/interpreter"]
    assert report["plan/interpreter"].detail == "command not found: no-such-command"
    assert "uv run platform-trace doctor" in report["plan/interpreter"].hint


@pytest.mark.parametrize(
    "command, cause, next_step",
    [
        (("gunicron", "main:app"), "command not found: gunicron", "did you mean gunicorn?"),
        (("/", "main:app"), "is a directory: /", "name the command to run inside it"),
        (("TOKEN=hunter2", "uvicorn"), "TOKEN=... is no command", "-- env TOKEN=... COMMAND"),
        (("make", "serve"), "make decides what it starts", "name what is launched in the end"),
        (("cat", "main.py"), "cat is no Python script", "name what is launched in the end"),
        (("platform-trace", "--nonsense"), "unknown option --nonsense", "known are --service-name"),
    ],
)
def test_what_cannot_be_launched_or_told(command: tuple[str, ...], cause: str, next_step: str) -> None:
    report = doctor(*command)

    assert (report.exit_code, report.failed()) == (1, ["plan/interpreter"])
    assert cause in report["plan/interpreter"].detail
    assert next_step in report["plan/interpreter"].hint
    assert report["libraries/libraries"].detail == "not looked at, as the interpreter cannot be told"


def test_an_interpreter_that_does_not_work(tmp_path: Path) -> None:
    report = doctor(script(tmp_path / "python3", "#!/bin/sh\nexit 3"), "-m", "identity")

    assert "does not say what it is: it ended with 3" in report["plan/interpreter"].detail
    assert "see what it says" in report["plan/interpreter"].hint


@pytest.mark.parametrize("implementation, version", [("PyPy", "3.10.14"), ("CPython", "3.9.2")])
def test_an_interpreter_that_cannot_be_traced(tmp_path: Path, implementation: str, version: str) -> None:
    answer = (
        f'{{"executable": "/x", "version": "{version}", "implementation": "{implementation}", "prefix": "/", '
        '"base_prefix": "/", "path": [], "site_folders": [], "user_site": ""}'
    )
    report = doctor(script(tmp_path / "python3", f"#!/bin/sh\necho '{answer}'; exit"), "-m", "identity")

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
    "text, words",
    [
        ("#!/venv/bin/python\n", ["/venv/bin/python"]),
        ("#! /usr/bin/env -S python -I\n", ["/usr/bin/env", "-S", "python", "-I"]),
        ("#!/bin/sh\n'''exec' \"/a long/path/python\" \"$0\" \"$@\"\n' '''\n", ["/a long/path/python"]),
        ("#!/bin/sh\necho\n", ["/bin/sh"]),
        ("import os\n", []),
        ("", []),
    ],
)
def test_the_first_line_of_a_script(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "script"
    path.write_text(text)

    assert first_line(os.fspath(path)) == words
