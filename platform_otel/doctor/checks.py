"""One thing that was looked at, and what came of it. Pure data."""

from collections.abc import Iterable
from typing import NamedTuple

# As it should be.
OK = "ok"
# Not there or not in force, by choice or because nothing asks for it.
OFF = "off"
# Something is traced less, or otherwise, than one would think.
WARNING = "warning"
# Nothing is traced, nothing arrives, or a setting does not do what it says.
FAILED = "failed"


class Check(NamedTuple):
    """What was looked at, how it is, what was seen, and what to do about it ("" if nothing)."""

    name: str
    status: str
    detail: str
    hint: str = ""


class Section(NamedTuple):
    """Checks that belong together."""

    title: str
    checks: tuple[Check, ...]


class Trouble(Exception):
    """A check cannot go on: what was seen, and what to do about it."""

    def __init__(self, detail: str, hint: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint


def with_status(sections: Iterable[Section], status: str) -> list[tuple[str, Check]]:
    """The checks of this status, each with its section's title."""
    return [(section.title, check) for section in sections for check in section.checks if check.status == status]
