"""Where standard output takes nothing: a line and an exit code, and nothing at all for a reader that has gone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.collector.running import Collector, Made, body
from tests.support import LAUNCHER, PATIENCE, SERVICES, environment

FULL = "Error: standard output cannot be written: No space left on device\nHint: give it another one, such as a file\n"
COMMANDS = (
    "show services",
    "show traces",
    "show traces --json",
    "show trace abc1 --otlp",
    "deploy docker",
    "doctor",
    "--help",
)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a collector that has a trace."""
    file = tmp_path_factory.mktemp("output") / "db"
    with Collector(db=file) as collector:
        assert collector.send(body(Made(0xABC1 << 112, 1, service="gate", name="GET /a"))).status == 200
    return file


def printing_to(output: int, command: str, db: Path) -> tuple[int, str]:
    """Exit code and standard error of a command."""
    options = ["--db", str(db)] if command.startswith("show") else []
    process = subprocess.run(
        [LAUNCHER, *command.split(), *options],
        cwd=SERVICES,
        env=environment(),
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return process.returncode, process.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_one_line_and_a_hint(db: Path, command: str) -> None:
    with open("/dev/full", "wb") as full:
        assert printing_to(full.fileno(), command, db) == (1, FULL)


@pytest.mark.parametrize("command", COMMANDS)
def test_to_a_reader_that_has_gone_nothing_is_said(db: Path, command: str) -> None:
    reader, output = os.pipe()
    os.close(reader)
    try:
        assert printing_to(output, command, db) == (1, "")
    finally:
        os.close(output)


def test_a_diff_that_nobody_can_have_changes_no_file(db: Path, tmp_path: Path) -> None:
    procfile = tmp_path / "Procfile"
    procfile.write_text("web: gunicorn identity.wsgi\n")

    with open("/dev/full", "wb") as full:
        assert printing_to(full.fileno(), f"adopt --write {procfile}", db) == (1, FULL)
    assert procfile.read_text() == "web: gunicorn identity.wsgi\n"
