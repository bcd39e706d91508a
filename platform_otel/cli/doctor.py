"""`platform-trace doctor`: prints what the doctor found."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

import click

from platform_otel import __version__
from platform_otel.cli.terminal import colour, echo, prints
from platform_otel.doctor.checks import FAILED, OFF, OK, WARNING, Check, Section, with_status

_COLOURS = {OK: "green", OFF: "bright_black", WARNING: "yellow", FAILED: "red"}
_WIDEST_NAME = 44


@click.command("doctor", context_settings={"allow_interspersed_args": False})
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.argument("command_line", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
def command(as_json: bool, command_line: tuple[str, ...]) -> None:
    """Say what would be traced, what not and why, and whether the collector answers.

    COMMAND is the service's, as platform-trace would launch it; it is not started. Without it, the doctor looks at the
    environment that platform-trace itself is installed in. Where spans would be sent, one test span is.

    The exit code is 0, or 1 if a check failed.
    """
    from platform_otel.doctor.examination import examine

    sections = examine(command_line, os.environ)
    echo(_as_json(sections) if as_json else _as_text(sections))
    sys.exit(1 if with_status(sections, FAILED) else 0)


def _as_json(sections: Sequence[Section]) -> str:
    return json.dumps(
        {
            "version": __version__,
            "ok": not with_status(sections, FAILED),
            "sections": {section.title: [check._asdict() for check in section.checks] for section in sections},
        },
        indent=2,
    )


# --- Text -------------------------------------------------------------------------------------------------------------


def _as_text(sections: Sequence[Section]) -> str:
    return "\n\n".join([*map(_section, sections), _summary(sections)])


def _section(section: Section) -> str:
    width = min(_WIDEST_NAME, max(len(check.name) for check in section.checks))
    return "\n".join(
        [_styled(section.title.capitalize(), bold=True), *(_row(check, width) for check in section.checks)]
    )


def _row(check: Check, width: int) -> str:
    # Not wrapped: a hint may be a command to copy.
    status = _styled(check.status.ljust(len(WARNING)), fg=_COLOURS[check.status])
    line = f"  {status}  {check.name.ljust(width)}  {check.detail}"
    indent = " " * (len(WARNING) + width + 6)
    return f"{line}\n{indent}{_arrow()} {check.hint}" if check.hint else line


def _summary(sections: Sequence[Section]) -> str:
    failed, warnings = with_status(sections, FAILED), with_status(sections, WARNING)
    if not failed:
        return _styled("Nothing failed.", fg="green") + (f" Warnings: {_names(warnings)}." if warnings else "")
    return (
        _styled("Failed:", fg="red") + f" {_names(failed)}." + (f" Warnings: {_names(warnings)}." if warnings else "")
    )


def _names(checks: Sequence[tuple[str, Check]]) -> str:
    return ", ".join(f"{check.name} ({title})" for title, check in checks)


def _styled(text: str, fg: str | None = None, bold: bool | None = None) -> str:
    return click.style(text, fg=fg, bold=bold) if colour() else text


def _arrow() -> str:
    return "→" if prints("→") else "->"
