"""Text that fits the columns of a terminal and does not steer it."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text on one line, without characters that steer a terminal: names and messages come from anywhere."""
    one_line = " ".join(text.split())
    return one_line if one_line.isprintable() else "".join(c if c.isprintable() else "?" for c in one_line)


def fit(text: str, room: int, ellipsis: str) -> str:
    """As much of the text as fits, its end replaced by an ellipsis of one column."""
    if columns(text) <= room:
        return text
    while text and columns(text) > room - 1:
        text = text[: min(len(text) - 1, max(0, room - 1))]
    return text + ellipsis if room > 0 else ""


def pad(painted: str, text: str, room: int) -> str:
    """The painted text, made as wide as there is room; the text is the same without paint."""
    return painted + " " * (room - columns(text))


def columns(text: str) -> int:
    """How many columns of a terminal the text takes: the letters of some scripts take two, accents none."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)
