"""docs/reference/doctor.md."""

from collections.abc import Iterator
from types import ModuleType

from pages.markdown import header, table
from platform_otel.doctor.checks import Finding
from platform_otel.doctor.findings import conflicts, connection, libraries, plan, settings

_DOCTOR = """\
Everything that `platform-trace doctor` says, section by section: the row, how it is, what was seen, how that comes
about, and the hint behind the arrow. CAPITALS stand for what differs; INSTALL is a command to copy, which installs what
is missing into the service's environment.

A row is `ok`; `off`, by choice or because nothing asks for it; `warning`, if something is traced less or otherwise than
one would think, or cannot be told; or `failed`, if nothing is traced, nothing arrives, or a setting does not do what
it says. Only the last makes the exit code 1. [How to use it](../how-to/why-is-nothing-shown.md).
"""

_SECTIONS = (
    ("Plan", plan, "Who runs, whether it is traced, under which name, and where its spans go."),
    ("Settings", settings, "Every [setting](settings.md): first those that are set, then the others."),
    ("Libraries", libraries, "What of the [catalog](supported-libraries.md) is installed for the service."),
    ("Conflicts", conflicts, "Other tracing tools, and packages that do not fit together."),
    ("Connection", connection, "The way to the collector, step by step, until one of them fails."),
)
_HEADS = ("Row", "Is", "Says", "How it comes about", "What to do")


def page() -> str:
    """Every finding of the doctor."""
    parts = [header("What the doctor says", "platform_otel/doctor/findings/"), _DOCTOR]
    for title, module, text in _SECTIONS:
        parts.append(f"## {title}\n\n{text}\n\n{table(_HEADS, map(_row, _findings(module)))}")
    return "\n".join(parts)


def _findings(module: ModuleType) -> Iterator[Finding]:
    return (value for value in vars(module).values() if isinstance(value, Finding))


def _row(finding: Finding) -> tuple[str, ...]:
    hint = f"`{_shown(finding.hint, finding)}`" if finding.hint else "Nothing."
    says = _shown(finding.detail, finding)
    return f"`{_shown(finding.name, finding)}`", finding.status, f"`{says}`", finding.cause, hint


def _shown(text: str, finding: Finding) -> str:
    return text.format(**{field: field.upper() for field in finding.fields()})
