"""Text that fits the columns of a terminal and does not steer it."""

from __future__ import annotations

from unicodedata import category, east_asian_width

# Characters for each column: letters with accents take several, but a heap of accents would cover the lines around it.
_MOST_FOR_A_COLUMN = 4
_ACCENTS = ("Mn", "Me")


def printable(text: str) -> str:
    """The text on one line, without characters that steer a terminal: names and messages come from anywhere."""
    one_line = " ".join(text.split())
    return one_line if one_line.isprintable() else "".join(c if c.isprintable() else "?" for c in one_line)


def fit(text: str, room: int, ellipsis: str) -> str:
    """As much of the text as fits, its end replaced by an ellipsis."""
    if len(_beginning(text, room)) == len(text):
        return text
    return _beginning(text, room - len(ellipsis)) + ellipsis if room >= len(ellipsis) else ""


def pad(painted: str, text: str, room: int) -> str:
    """The painted text, made as wide as there is room; the text is the same without paint."""
    return painted + " " * (room - columns(text))


def columns(text: str) -> int:
    """How many columns of a terminal the text takes: the letters of some scripts take two, accents none."""
    return len(text) if text.isascii() else sum(map(_columns_of, text))


def _columns_of(letter: str) -> int:
    if category(letter) in _ACCENTS:
        return 0
    return 2 if east_asian_width(letter) in "WF" else 1


def _beginning(text: str, room: int) -> str:
    """What of it takes no more than these columns."""
    if text.isascii():
        return text[: max(0, room)]
    taken = 0
    for place, letter in enumerate(text):
        taken += _columns_of(letter)
        if taken > room or place >= room * _MOST_FOR_A_COLUMN:
            return text[:place]
    return text
