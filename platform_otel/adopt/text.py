"""Pieces of a file's text that know where they stand in it, edits at such places, and the diff of two texts."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple


class Edit(NamedTuple):
    """New text in place of what stands from ``start`` to ``end``."""

    start: int
    end: int
    new: str


class Unedited(Exception):
    """This cannot be edited here: why, such as "its words come from a template"."""


def applied(text: str, edits: Iterable[Edit]) -> str:
    """The text after these edits; the same edit twice is one, and those at one place stay in their order."""
    parts: list[str] = []
    at = 0
    for edit in sorted(dict.fromkeys(edits), key=lambda edit: (edit.start, edit.end)):
        if edit.start < at:
            raise Unedited("two changes meet at one place")
        parts += [text[at : edit.start], edit.new]
        at = edit.end
    return "".join([*parts, text[at:]])


class Located(NamedTuple):
    """Text as it is meant, and where each of its characters stands in the file.

    Args:
        text: as it is meant: without quotes, escapes and line ends that do not count.
        places: for each character its place in the file, and one more for the end.
    """

    text: str
    places: tuple[int, ...]

    @classmethod
    def at(cls, text: str, start: int) -> Located:
        """Text that stands in the file as it is meant."""
        return cls(text, tuple(range(start, start + len(text) + 1)))

    def part(self, start: int, end: int) -> Located:
        """A piece of it."""
        return Located(self.text[start:end], self.places[start : end + 1])

    def replaced(self, old: str, new: str) -> Located:
        """The same with something shorter for every ``old``, such as one $ for two."""
        rest, parts, at = self.text, Located("", self.places[:0]), 0
        while (found := rest.find(old, at)) >= 0:
            parts = parts.joined(Located(rest[at:found] + new, self.places[at : found + len(new)]))
            at = found + len(old)
        return Located(parts.text + rest[at:], (*parts.places, *self.places[at:]))

    def joined(self, other: Located) -> Located:
        """Both, where neither has a place for its end."""
        return Located(self.text + other.text, self.places + other.places)

    def insert(self, at: int, new: str) -> Edit:
        """New text before the character at this index."""
        return Edit(self.places[at], self.places[at], new)


# --- lines ------------------------------------------------------------------------------------------------------------


def lines_of(text: str) -> list[str]:
    """The lines with their ends. Only line feeds end one: str.splitlines knows a dozen other ends."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def line_number(text: str, place: int) -> int:
    """The line of a place, from one."""
    return text.count("\n", 0, place) + 1


def line_start(text: str, place: int) -> int:
    """Where the line of a place begins."""
    return text.rfind("\n", 0, place) + 1


def line_end(text: str, place: int) -> str:
    """What ends the line of a place: a line feed, alone or behind a carriage return."""
    end = text.find("\n", place)
    if end < 0:
        end = text.rfind("\n", 0, place)
    return "\r\n" if end > 0 and text[end - 1] == "\r" else "\n"


def after_line(text: str, place: int, lines: Sequence[str]) -> Edit:
    """New lines after the line of a place."""
    ends = line_end(text, place)
    end = text.find("\n", place)
    if end < 0:  # the file's last line, which does not end
        return Edit(len(text), len(text), "".join(ends + line for line in lines))
    return Edit(end + 1, end + 1, "".join(line + ends for line in lines))


def before_line(text: str, place: int, lines: Sequence[str]) -> Edit:
    """New lines before the line of a place."""
    start, ends = line_start(text, place), line_end(text, place)
    return Edit(start, start, "".join(line + ends for line in lines))


# --- diff -------------------------------------------------------------------------------------------------------------


def diff(path: str, before: str, after: str) -> str:
    """The unified diff of a file, as git and patch read it; "" if there is none."""
    found = difflib.unified_diff(lines_of(before), lines_of(after), f"a/{path}", f"b/{path}")
    return "".join(_marked(found))


def _marked(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
