"""Every message has its row in the reference: the whole of it, how it comes about, and what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.sayings import Saying, matches, sayings

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "messages.md"
SAYINGS = sayings()


class Row(NamedTuple):
    """A message of the page: the texts in its first cell, how it comes about, and what to do."""

    says: tuple[str, ...]
    cause: str
    advice: str


def rows(lines: Sequence[str]) -> list[Row]:
    found = [row_of(line) for line in lines if line.startswith("| ")]
    return [row for row in found if row is not None]


@cache
def row_of(line: str) -> Row | None:
    cells = line.removeprefix("| ").removesuffix(" |").split(" | ")
    return Row(spans(cells[0]), *cells[1:]) if len(cells) == 3 and cells[1].endswith(".") else None


def spans(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", cell))


def undocumented(lines: Sequence[str]) -> list[Saying]:
    """What the code says and no row of these lines says."""
    page = rows(lines)
    return [saying for saying in SAYINGS if not any(is_said(saying, row, page) for row in page)]


def is_said(saying: Saying, row: Row, page: Sequence[Row]) -> bool:
    """Whether this row has the message and its advice.

    A message with many pieces of advice has a row for each: the first has its text, and the others follow.
    """
    if not saying.is_in(row.says):
        return False
    following = page[page.index(row) + 1 :]
    count = next((at for at, each in enumerate(following) if each.says), len(following))
    advised = [row, *following[:count]]
    return not saying.advice.strip("\0") or any(matches(saying.advice, spans(each.advice)) for each in advised)


def lines_of_the_page() -> list[str]:
    return PAGE.read_text(encoding="utf-8").splitlines()


def test_every_message_is_in_the_reference_with_its_cause_and_what_to_do() -> None:
    assert len(SAYINGS) > 150
    assert undocumented(lines_of_the_page()) == []


def test_every_row_of_the_reference_has_a_cause_and_a_next_step() -> None:
    written = [line for line in lines_of_the_page() if line.startswith("| ")]
    heads = [line for line in written if line.endswith("| What to do |")]

    assert len(rows(written)) == len(written) - len(heads)
    assert [row for row in rows(written) if not row.advice.strip()] == []


def test_a_row_that_is_missing_from_the_reference_is_noticed() -> None:
    lines = lines_of_the_page()
    written = [number for number, line in enumerate(lines) if line in ROWS]
    unnoticed = [lines[number] for number in written if not undocumented(lines[:number] + lines[number + 1 :])]

    assert len(written) > 140
    assert unnoticed == []


ROWS = {line for line in lines_of_the_page() if line.startswith("| ") and not line.endswith("| What to do |")}


def test_a_message_of_which_only_the_beginning_is_in_the_reference_is_noticed() -> None:
    lines = [line.replace("`is a directory: PATH`", "`is a directory`") for line in lines_of_the_page()]

    assert [saying.text for saying in undocumented(lines)] == ["is a directory: \0"]
