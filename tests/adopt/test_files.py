"""Files as they are on disks: modes, links, encodings, line ends, folders; and what the command says of them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from platform_otel.adopt.files import scripts_in
from tests.support import LAUNCHER, run

PROCFILE = "web: python -m identity\n"
ADOPTED = "web: platform-trace --service-name identity -- python -m identity\n"


def write(path: Path) -> str:
    """Adopt what is at this path; what the command says."""
    outcome = run(LAUNCHER, "adopt", "--write", path)

    assert outcome.returncode == 0, outcome.stderr
    return outcome.stderr


def test_a_files_mode_stays_and_nothing_else_appears(tmp_path: Path) -> None:
    file = tmp_path / "Procfile"
    file.write_text(PROCFILE)
    file.chmod(0o2751)
    write(file)

    assert file.read_text() == ADOPTED
    assert stat.S_IMODE(file.stat().st_mode) == 0o2751
    assert os.listdir(tmp_path) == ["Procfile"]


def test_a_link_stays_a_link_and_its_file_is_changed_once(tmp_path: Path) -> None:
    target = tmp_path / "kept" / "Procfile"
    target.parent.mkdir()
    target.write_text(PROCFILE)
    link = tmp_path / "Procfile"
    link.symlink_to(target)
    said = write(tmp_path)

    assert link.is_symlink()
    assert target.read_text() == ADOPTED
    assert "1 file read, 1 changed" in said


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["without a mark", "with a byte order mark"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["line feeds", "carriage returns"])
def test_marks_and_line_ends_stay(tmp_path: Path, mark: str, ends: str) -> None:
    file = tmp_path / "compose.yaml"
    lines = ["services:", "  a:", "    image: a", "    command: python -m a", ""]
    file.write_bytes((mark + ends.join(lines)).encode())
    write(file)

    added = ["    command: platform-trace -- python -m a", "    environment:", "      OTEL_SERVICE_NAME: a", ""]
    assert file.read_bytes() == (mark + ends.join([*lines[:3], *added])).encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"web: python -m caf\xe9\n", "it is not in UTF-8"),
        (b"web: python -m a\0\n", "it is no text"),
        (b"# much\n" * 700_000 + b"web: python -m a\n", "it is larger than 4 MiB"),
    ],
    ids=["Latin-1", "binary", "huge"],
)
def test_what_cannot_be_read_as_text_is_listed_and_left(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "Procfile"
    file.write_bytes(content)

    assert f"{file}:1: Procfile: {reason}" in write(file)
    assert file.read_bytes() == content


def test_a_file_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text('services:\n  "\\e[2J":\n    command: ["\\eno\\nnews"]\n')
    said = write(file)

    assert f"{file}:2: ?[2J: ?no news is not known to be a Python program\n" in said
    assert "\x1b" not in said


def test_folders_of_others_are_skipped(tmp_path: Path) -> None:
    for folder in (".git", "node_modules/x", "env", "deploy/site-packages", "deploy/identity"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "Procfile").write_text(PROCFILE)
    (tmp_path / "env" / "pyvenv.cfg").touch()
    (tmp_path / "broken").symlink_to("nowhere")

    assert "1 file read, 1 changed" in write(tmp_path)
    assert (tmp_path / "deploy/identity/Procfile").read_text() == ADOPTED


def test_without_write_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text(PROCFILE)
    outcome = run(LAUNCHER, "adopt", "Procfile", cwd=tmp_path)

    assert outcome.stdout == f"--- a/Procfile\n+++ b/Procfile\n@@ -1 +1 @@\n-{PROCFILE}+{ADOPTED}"
    assert outcome.stderr == "1 file read, 1 to change; --write does it\n"
    assert (tmp_path / "Procfile").read_text() == PROCFILE


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ["nowhere.yaml"],
            1,
            "Error: there is no file nowhere.yaml\nHint: check its spelling; a folder may be named, too\n",
        ),
        (
            ["--collector", "collector:4318", "."],
            2,
            "Error: collector:4318 is no endpoint\nHint: write --collector http",
        ),
        (["--collector", "http://a b", "."], 2, "Error: the endpoint has blanks or quotes in it\nHint: "),
        ([], 2, "Usage: platform-trace adopt"),
        (["README"], 0, "README:1: README: its name is none of a YAML file, a Procfile, a unit or a Dockerfile\n"),
    ],
)
def test_what_cannot_be_done_ends_with_what_to_do(tmp_path: Path, words: list[str], code: int, said: str) -> None:
    (tmp_path / "README").touch()
    outcome = run(LAUNCHER, "adopt", *words, cwd=tmp_path)

    assert (outcome.returncode, outcome.stderr[: len(said)]) == (code, said)


def test_without_its_extra_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").touch()
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['yaml'] = None\n")
    outcome = run(LAUNCHER, "adopt", "compose.yaml", cwd=tmp_path, PYTHONPATH=str(tmp_path))

    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert outcome.stderr == 'Error: YAML files need PyYAML\nHint: pip install "platform-otel[adopt]"\n'


def test_a_program_that_the_project_installs_is_known_to_be_python() -> None:
    project = (
        '[project]\nname = "shop"\n[project.scripts]\nshop-server = "shop:main"\n"b.c" = "d:e"\n\n[tool.x]\ny = 1\n'
    )
    setup = "[options.entry_points]\nconsole_scripts =\n    one = a:b\n    two=c:d\n[other]\nthree = 3\n"

    assert scripts_in(project) == ["shop-server", "b.c"]
    assert scripts_in(setup) == ["one", "two"]
