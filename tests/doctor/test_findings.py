"""Everything that the doctor may say is data, and its reference says of each how it comes about and what to do."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from platform_otel import doctor
from platform_otel.doctor.checks import Finding

DOCTOR = Path(doctor.__file__).parent
REFERENCE = DOCTOR.parents[1] / "docs" / "reference" / "doctor.md"
MODULES = [path for path in sorted(DOCTOR.glob("*.py")) if path.stem != "__init__"]


def findings() -> dict[str, Finding]:
    """Everything that the doctor may say, by module and name."""
    stems = [path.stem for path in sorted((DOCTOR / "findings").glob("*.py"))]
    modules = {stem: importlib.import_module(f"platform_otel.doctor.findings.{stem}") for stem in stems}
    return {
        f"{stem}.{name}": each
        for stem, module in modules.items()
        for name, each in vars(module).items()
        if isinstance(each, Finding)
    }


FINDINGS = findings()


class Saying(NamedTuple):
    """A place in the code that makes a check of one of these findings, and the fields that it gives."""

    place: str
    findings: list[Finding]
    given: set[str]
    may_give_more: bool


def sayings() -> Iterator[Saying]:
    for path in MODULES:
        module = importlib.import_module(f"platform_otel.doctor.{path.stem}")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                found = findings_of(node.func.value, module)
                if found and node.func.attr in {"check", "trouble"}:
                    names = [keyword.arg for keyword in node.keywords]
                    given = {name for name in names if name}
                    yield Saying(f"{path.name}:{node.lineno}", found, given, None in names)


def findings_of(node: ast.expr, module: ModuleType) -> list[Finding]:
    """The findings that an expression such as ``finding.REFUSED`` or ``(one if x else other)`` may stand for."""
    if isinstance(node, ast.IfExp):
        return [*findings_of(node.body, module), *findings_of(node.orelse, module)]
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        found = getattr(getattr(module, node.value.id, None), node.attr, None)
        return [found] if isinstance(found, Finding) else []
    return []


def shown(text: str) -> str:
    """As the page has it: what differs in capitals."""
    return re.sub(r"{(\w+)}", lambda found: found.group(1).upper(), text)


def line_of(finding: Finding) -> str:
    says = f"`{shown(finding.name)}` | {finding.status} | `{shown(finding.detail)}`"
    hint = f"`{shown(finding.hint)}`" if finding.hint else "Nothing."
    return f"| {says} | {finding.cause} | {hint} |"


@pytest.mark.parametrize("finding", FINDINGS.values(), ids=FINDINGS.keys())
def test_every_finding_is_in_the_reference_with_its_cause_and_what_to_do(finding: Finding) -> None:
    assert line_of(finding) in REFERENCE.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("finding", FINDINGS.values(), ids=FINDINGS.keys())
def test_whatever_is_not_as_it_should_be_comes_with_a_next_step(finding: Finding) -> None:
    assert finding.cause.endswith(".")
    assert finding.hint or finding.status in {"ok", "off"}


def test_the_doctor_says_nothing_but_its_findings() -> None:
    made = [
        path.name
        for path in sorted(DOCTOR.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"Check", "Trouble"}
    ]

    # Where a finding becomes a check, and a check a trouble.
    assert made == ["checks.py"] * 2


def test_every_finding_is_said_with_all_that_it_names() -> None:
    said = list(sayings())
    wrong = [
        (saying.place, finding.detail)
        for saying in said
        for finding in saying.findings
        if (finding.fields() - saying.given if not saying.may_give_more else set()) or saying.given - finding.fields()
    ]

    assert len(said) > 50
    assert wrong == []


def test_every_finding_is_said_somewhere() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in MODULES)
    names = {name.partition(".")[2] for name in FINDINGS}

    assert [name for name in sorted(names) if not re.search(rf"\b(?:finding|of_[a-z]+)\.{name}\b", code)] == []
