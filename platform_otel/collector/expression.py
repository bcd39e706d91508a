"""The language of searches: `http.route = "/v1/*" and (duration > 100ms or not status = ok)`, parsed and evaluated.

    expression := and-expression { "or" and-expression }
    and-expression := term { "and" term }
    term := "not" term | "(" expression ")" | field [ comparison value ]
    comparison := "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~"

A field alone asks whether it is there. `~` compares with a pattern, in which * stands for any text.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

LONGEST = 2000
_DEEPEST = 50

_TOKEN = re.compile(
    r"""\s*(?: (?P<text>"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*')
             | (?P<sign>!=|<=|>=|!~|[=<>~()])
             | (?P<word>[^\s()=<>~!"']+) )""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"(-?\d{1,18}(?:\.\d{1,18})?)(ns|us|ms|s|m|h)?")
_UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_Order = Callable[[Any, Any], bool]  # Any: both numbers or both text
_ORDERS: dict[str, _Order] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

# Gives the value of a field: text, a number, a boolean, a list of them, or None for one that is not there.
Lookup = Callable[[str], object]


class NotUnderstood(ValueError):
    """The expression is not in the language; says where."""


class Value(NamedTuple):
    """What a field is compared with; a number, if it can be read as one, durations in nanoseconds."""

    text: str
    number: float | None


class Expression(Protocol):
    """What holds for a span, or does not."""

    def holds(self, lookup: Lookup) -> bool:
        """Whether it is so for what the lookup knows."""


class Comparison(NamedTuple):
    """A field and what it is compared with."""

    field: str
    sign: str
    value: Value

    def holds(self, lookup: Lookup) -> bool:
        """Whether it is so for what the lookup knows."""
        found = lookup(self.field)
        if found is None:
            return False
        compare = _compare(self.sign.removeprefix("!") if self.sign == "!~" else self.sign.replace("!=", "="))
        matched = any(compare(each, self.value) for each in (found if isinstance(found, list) else [found]))
        return matched != self.sign.startswith("!")


class Presence(NamedTuple):
    """A field that is there."""

    field: str

    def holds(self, lookup: Lookup) -> bool:
        """Whether it is so for what the lookup knows."""
        return lookup(self.field) is not None


class Both(NamedTuple):
    """Two conditions joined by and."""

    left: Expression
    right: Expression

    def holds(self, lookup: Lookup) -> bool:
        """Whether it is so for what the lookup knows."""
        return self.left.holds(lookup) and self.right.holds(lookup)


class Either(NamedTuple):
    """Two conditions joined by or."""

    left: Expression
    right: Expression

    def holds(self, lookup: Lookup) -> bool:
        """Whether it is so for what the lookup knows."""
        return self.left.holds(lookup) or self.right.holds(lookup)


class Not(NamedTuple):
    """What must not hold."""

    inner: Expression

    def holds(self, lookup: Lookup) -> bool:
        """Whether it is so for what the lookup knows."""
        return not self.inner.holds(lookup)


def parse(text: str) -> Expression:
    """The expression that a text is.

    Raises:
        NotUnderstood
    """
    if len(text) > LONGEST:
        raise NotUnderstood(f"an expression has at most {LONGEST} characters")
    parser = _Parser(text)
    expression = parser.expression(0)
    parser.expect_end()
    return expression


def matches_pattern(text: str, pattern: str) -> bool:
    """Whether a text is what a pattern says; in time that grows with the text only, unlike regular expressions."""
    first, *others = pattern.split("*")
    if not others:
        return text == pattern
    *middle, last = others
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    position, end = len(first), len(text) - len(last)
    for part in middle:
        position = text.find(part, position, end)
        if position < 0:
            return False
        position += len(part)
    return True


# --- Comparing --------------------------------------------------------------------------------------------------------


def _compare(sign: str) -> Callable[[object, Value], bool]:
    if sign == "=":
        return _equal
    if sign == "~":
        return lambda found, value: matches_pattern(_text(found), value.text)
    return lambda found, value: _ordered(_ORDERS[sign], found, value)


def _equal(found: object, value: Value) -> bool:
    if _is_number(found) and value.number is not None:
        return found == value.number
    return _text(found) == value.text


def _ordered(order: _Order, found: object, value: Value) -> bool:
    if _is_number(found):
        return value.number is not None and order(found, value.number)
    return isinstance(found, str) and order(found, value.text)


def _is_number(found: object) -> bool:
    return isinstance(found, (int, float)) and not isinstance(found, bool)


def _text(found: object) -> str:
    return str(found).lower() if isinstance(found, bool) else str(found)


# --- Parsing ----------------------------------------------------------------------------------------------------------


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


class _Parser:
    """Takes one token after the other."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0

    def expression(self, depth: int) -> Expression:
        if depth > _DEEPEST:
            raise NotUnderstood(f"conditions may be nested {_DEEPEST} deep")
        left = self._conjunction(depth)
        while self._takes("or"):
            left = Either(left, self._conjunction(depth))
        return left

    def expect_end(self) -> None:
        if self._token.kind != "end":
            raise self._unexpected("and, or, or the end")

    def _conjunction(self, depth: int) -> Expression:
        left = self._term(depth)
        while self._takes("and"):
            left = Both(left, self._term(depth))
        return left

    def _term(self, depth: int) -> Expression:
        if self._takes("not"):
            return Not(self.expression_term(depth + 1))
        if self._takes("("):
            inner = self.expression(depth + 1)
            if not self._takes(")"):
                raise self._unexpected(")")
            return inner
        return self._condition()

    def expression_term(self, depth: int) -> Expression:
        if depth > _DEEPEST:
            raise NotUnderstood(f"conditions may be nested {_DEEPEST} deep")
        return self._term(depth)

    def _condition(self) -> Expression:
        field = self._name("a field")
        sign = self._token
        if sign.kind != "sign" or sign.text in "()":
            return Presence(field)
        self._next += 1
        quoted = self._token.kind == "text"
        return Comparison(field, sign.text, _value(self._name("a value"), quoted))

    def _name(self, wanted: str) -> str:
        token = self._token
        if token.kind not in ("word", "text"):
            raise self._unexpected(wanted)
        self._next += 1
        return token.text

    def _takes(self, text: str) -> bool:
        token = self._token
        found = token.kind in ("word", "sign") and token.text.lower() == text
        self._next += found
        return found

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _unexpected(self, wanted: str) -> NotUnderstood:
        found = self._token
        shown = repr(found.text) if found.text else "nothing more"
        return NotUnderstood(f"at character {found.position + 1}: {wanted} is missing, there is {shown}")


def _tokens(text: str) -> list[_Token]:
    tokens, position = [], 0
    while position < len(text.rstrip()):
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            raise NotUnderstood(f"at character {position + 1}: cannot read {text[position : position + 20]!r}")
        word = found[found.lastgroup]
        if found.lastgroup == "text":
            word = re.sub(r"\\(.)", r"\1", word[1:-1], flags=re.DOTALL)
        tokens.append(_Token(found.lastgroup, word, found.start(found.lastgroup)))
        position = found.end()
    return [*tokens, _Token("end", "", len(text))]


def _value(text: str, quoted: bool) -> Value:
    found = None if quoted else _NUMBER.fullmatch(text)
    if found is None:
        return Value(text, None)
    number = float(found[1]) if "." in found[1] else int(found[1])
    return Value(text, number * _UNITS[found[2]] if found[2] else number)
