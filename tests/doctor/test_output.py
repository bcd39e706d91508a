"""What the command prints: readable text, colours on a terminal only, or one JSON object; and how it ends."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from platform_otel import __version__
from platform_otel.cli.doctor import _as_text
from platform_otel.doctor.checks import FAILED, OK, WARNING, Check, Section
from tests.doctor.support import NO_OTHER_WAY, SERVICE, doctor, doctor_in_words
from tests.support import LAUNCHER, PATIENCE, SERVICES, environment, run

SECTIONS = (
    Section("plan", (Check("a", OK, "as it should be"), Check("longer name", WARNING, "less than one would think"))),
    Section("connection", (Check("TCP", FAILED, "connection refused", "start the collector"),)),
)


def test_text_is_aligned_and_a_hint_stands_below_its_check() -> None:
    assert re.sub("→|->", "=>", _as_text(SECTIONS)) == (
        "Plan\n"
        "  ok       a            as it should be\n"
        "  warning  longer name  less than one would think\n"
        "\n"
        "Connection\n"
        "  failed   TCP  connection refused\n"
        "                => start the collector\n"
        "\n"
        "Failed: TCP (connection). Warnings: longer name (plan)."
    )


def test_the_sections_come_in_the_order_of_a_launch() -> None:
    printed = doctor_in_words(*SERVICE).stdout
    headings = re.findall(r"^[A-Z][a-z]+$", printed, re.MULTILINE)

    assert headings == ["Plan", "Settings", "Libraries", "Conflicts", "Connection"]
    assert printed.splitlines()[-1].startswith("Nothing failed.")


def test_json_is_one_object() -> None:
    report = doctor(*SERVICE)
    printed = json.loads(report.stdout)

    assert (printed["version"], printed["ok"]) == (__version__, True)
    assert list(printed["sections"]) == ["plan", "settings", "libraries", "conflicts", "connection"]
    for checks in printed["sections"].values():
        assert {tuple(check) for check in checks} == {("name", "status", "detail", "hint")}
        assert {check["status"] for check in checks} <= {"ok", "off", "warning", "failed"}


def test_both_end_with_1_if_a_check_failed() -> None:
    assert doctor_in_words(*SERVICE, OTEL_SDK_DISABLED="true").exit_code == 1
    assert doctor(*SERVICE, OTEL_SDK_DISABLED="true").exit_code == 1
    assert doctor_in_words(*SERVICE).exit_code == 0


def on_a_terminal(**variables: str) -> str:
    """What is shown on a terminal."""
    screen, terminal = pty.openpty()
    with subprocess.Popen(
        [LAUNCHER, "doctor", "--", *SERVICE],
        cwd=SERVICES,
        env=environment(**{**NO_OTHER_WAY, "TERM": "xterm", **variables}),
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        shown = b""
        try:
            while chunk := os.read(screen, 65536):
                shown += chunk
        except OSError:  # Linux says EIO when the other side has closed
            pass
        process.wait(PATIENCE)
    os.close(screen)
    return shown.decode()


def test_colours_on_a_terminal_only() -> None:
    assert "\x1b[32mok" in on_a_terminal()
    assert "\x1b" not in on_a_terminal(NO_COLOR="1")
    assert "\x1b" not in on_a_terminal(TERM="dumb")
    assert "\x1b" not in doctor_in_words(*SERVICE).stdout


def test_where_an_arrow_cannot_be_printed() -> None:
    printed = doctor_in_words(*SERVICE, PYTHONIOENCODING="ascii", OTEL_SERVICE_NAME="zürich").stdout

    assert "-> to send spans to a collector" in printed
    assert "z\\xfcrich, from OTEL_SERVICE_NAME" in printed


@pytest.mark.parametrize("command", [("--json",), ("--help",), ("doctor",)])
def test_what_follows_the_command_is_the_commands(tmp_path: Path, command: tuple[str, ...]) -> None:
    outcome = run(LAUNCHER, "doctor", "--json", *SERVICE, *command)

    assert json.loads(outcome.stdout)["ok"]


def test_help_and_a_mistake() -> None:
    shown, mistaken = run(LAUNCHER, "doctor", "--help"), run(LAUNCHER, "doctor", "--nonsense")

    assert "[-- COMMAND...]" in shown.stdout
    assert (mistaken.returncode, "No such option" in mistaken.stderr) == (2, True)
