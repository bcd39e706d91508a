"""One thing that was looked at, and what came of it. Pure data."""

from collections.abc import Iterable
from string import Formatter
from typing import NamedTuple

# As it should be.
OK = "ok"
# Not there or not in force, by choice or because nothing asks for it.
OFF = "off"
# Something is traced less, or otherwise, than one would think; or it cannot be told.
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
    """A check failed, and those that build on it cannot go on."""

    def __init__(self, check: Check) -> None:
        super().__init__(check.detail)
        self.check = check


class Finding(NamedTuple):
    """What a check may say, with ``{fields}`` for what differs. The reference is written from these.

    Args:
        name: of the check.
        status: OK, OFF, WARNING or FAILED.
        detail: what was seen.
        cause: how it comes about, or what it means; for the reference only.
        hint: what to do about it, "" if nothing.
    """

    name: str
    status: str
    detail: str
    cause: str
    hint: str = ""

    def check(self, **values: object) -> Check:
        """The check that says so of these values."""
        return Check(self.name.format(**values), self.status, self.detail.format(**values), self.hint.format(**values))

    def trouble(self, **values: object) -> Trouble:
        """The same, raised."""
        return Trouble(self.check(**values))

    def fields(self) -> set[str]:
        """The names of what differs."""
        parsed = Formatter().parse(f"{self.name} {self.detail} {self.hint}")
        return {field for _, field, _, _ in parsed if field}


def with_status(sections: Iterable[Section], status: str) -> list[tuple[str, Check]]:
    """The checks of this status, each with its section's title."""
    return [(section.title, check) for section in sections for check in section.checks if check.status == status]
