"""Deployment files of every kind, each with what comes of it beside it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.adopt.support import CASES, COLLECTOR, adopted, cases, name_of, shown, text_of, without_tracing
from tests.support import LAUNCHER, environment

ALL = cases()
YAML = [case for case in ALL if case.suffix == ".yaml" and "template" not in case.name]


def test_there_are_sixty_cases_and_each_has_its_expectation() -> None:
    expected = {path.with_suffix("") for path in CASES.rglob("*.expected")}

    assert len(ALL) >= 60
    assert expected == set(ALL)


@pytest.mark.parametrize("case", ALL, ids=name_of)
def test_a_file_becomes_what_is_expected(case: Path) -> None:
    before = text_of(case)

    assert shown(case, before, adopted(case, before)) == text_of(case.with_name(f"{case.name}.expected"))


@pytest.mark.parametrize("case", ALL, ids=name_of)
def test_adopting_twice_is_adopting_once(case: Path) -> None:
    once = adopted(case, text_of(case))
    twice = adopted(case, once.text)

    assert twice.text == once.text
    assert {note[1:3] for note in twice.notes} == {note[1:3] for note in once.notes}


@pytest.mark.parametrize("case", ALL, ids=name_of)
def test_nothing_is_taken_out_of_a_file(case: Path) -> None:
    before, after = text_of(case), iter(adopted(case, text_of(case)).text)
    # An alias makes room for a mapping that merges what it stands for.
    lost = [character for character in before if character not in after]

    assert lost == []


@pytest.mark.parametrize("case", YAML, ids=name_of)
def test_the_meaning_of_yaml_changes_only_where_tracing_is(case: Path) -> None:
    before = text_of(case)
    after = adopted(case, before).text

    meant = [without_tracing(document) for document in yaml.safe_load_all(before)]
    assert [without_tracing(document) for document in yaml.safe_load_all(after)] == meant


def test_the_command_writes_what_its_diff_says(tmp_path: Path) -> None:
    patched, written = tmp_path / "patched", tmp_path / "written"
    shutil.copytree(CASES, patched)
    shutil.copytree(CASES, written)
    printed = printed_by("adopt", "--collector", COLLECTOR, ".", cwd=patched)
    again = printed_by("adopt", "--collector", COLLECTOR, "--write", ".", cwd=written)
    subprocess.run(["git", "apply", "-"], cwd=patched, input=printed, check=True)

    assert printed == again != b""
    assert contents(patched) == contents(written) != contents(CASES)
    assert printed_by("adopt", "--collector", COLLECTOR, ".", cwd=written) == b""


def printed_by(*words: str, cwd: Path) -> bytes:
    """What a command that succeeds writes to stdout, byte for byte."""
    command = [LAUNCHER, *words]
    return subprocess.run(
        command, cwd=cwd, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    ).stdout


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
