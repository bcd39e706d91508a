"""The words, signs, attributes and values that a TraceQL query is made of."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from platform_otel.collector.outside_values import DURATION, nanoseconds

LONGEST = 10_000
SUPPORTED = (
    "supported are { } joined by && and || and parentheses; within them span., resource., event., link., "
    "instrumentation. and .attributes, status, kind, name and the other fields of spans and traces; compared by =, !=, "
    "<, <=, >, >=, =~ and !~; joined by &&, ||, ! and parentheses"
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}

# Tempo refuses "\d" too: who writes it is told so, and does not look for a d.
_ESCAPE = r"""\\[ntr\\"']"""
_TEXT = rf'"(?:[^"\\]|{_ESCAPE})*"'
_UNREADABLE_TEXT = "text has to end, and a backslash stands before n, r, t, quotes and itself only (not in backticks)"
_TOKEN = re.compile(
    rf"""(?P<space>\s+)
       | (?P<attribute>(?P<scope>span|resource|event|link|instrumentation)?\.
                       (?P<name>(?:{_TEXT}|[^\s{{}}()=~!<>&|,"'`])+))
       | (?P<text>{_TEXT}|'(?:[^'\\]|{_ESCAPE})*'|`[^`]*`)
       | (?P<duration>-?{DURATION}(?![\w.:]))
       | (?P<number>-?\d{{1,18}}(?P<decimals>\.\d{{1,18}})?(?:e[+-]?\d{{1,3}})?(?![\w.:]))
       | (?P<word>[A-Za-z_][\w:]*(?![\w.:]))
       | (?P<sign>&&|\|\||!=|!~|=~|<=|>=|[=<>!(){{}}])""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)


class NotTraceQL(ValueError):
    """A query is not understood; says where.

    Args:
        position: of the character, the first being 0.
    """

    def __init__(self, what: str, position: int) -> None:
        super().__init__(f"at character {position + 1}: {what}")


class Token(NamedTuple):
    """A piece of a query.

    Args:
        kind: attribute, value, word, sign or end.
        value: scope and name of an attribute; text or number of a value.
    """

    kind: str
    text: str
    position: int
    value: Any = None


def tokens(text: str) -> list[Token]:
    """All of them, and the end.

    Raises:
        NotTraceQL
    """
    if len(text) > LONGEST:
        raise NotTraceQL(f"a query has at most {LONGEST} characters", LONGEST)
    found: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            why = _UNREADABLE_TEXT if text[position] in "\"'`" else SUPPORTED
            raise NotTraceQL(f"cannot read {text[position : position + 20]!r}; {why}", position)
        found += _token(match)
        position = match.end()
    return [*found, Token("end", "", len(text))]


def _token(match: re.Match[str]) -> list[Token]:
    kind, text = match.lastgroup or "", match[0]
    if kind == "space":
        return []
    if kind == "attribute":
        return [Token(kind, text, match.start(), (match["scope"] or ".", _name(match["name"])))]
    if kind in ("word", "sign"):
        return [Token(kind, text, match.start())]
    return [Token("value", text, match.start(), _VALUES[kind](match))]


def _name(text: str) -> str:
    """The name of an attribute, of which any part may stand in quotes."""
    return re.sub(_TEXT, lambda quoted: _unquoted(quoted[0]), text, flags=re.DOTALL)


def _unquoted(text: str) -> str:
    if text[0] == "`":
        return text[1:-1]
    return re.sub(r"\\(.)", lambda escaped: _ESCAPES.get(escaped[1], escaped[1]), text[1:-1], flags=re.DOTALL)


def _duration(match: re.Match[str]) -> int:
    text = match["duration"]
    return -nanoseconds(text) if text[0] == "-" else nanoseconds(text)


def _number(match: re.Match[str]) -> int | float:
    text = match["number"]
    return float(text) if match["decimals"] or "e" in text else int(text)


_VALUES = {"text": lambda match: _unquoted(match["text"]), "duration": _duration, "number": _number}
