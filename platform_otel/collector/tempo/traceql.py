"""TraceQL as query builders write it, parsed.

    query := set { "&&" set | "||" set }
    set := "{" [ condition ] "}" | "(" query ")"
    condition := term { "&&" term | "||" term }
    term := "!" term | "(" condition ")" | "true" | "false" | field [ comparison value ]
    comparison := "=" | "!=" | "<" | "<=" | ">" | ">=" | "=~" | "!~"

As in Tempo's own grammar, && and || bind equally and from left to right:
https://github.com/grafana/tempo/blob/main/pkg/traceql/expr.y
"""

from __future__ import annotations

from collections.abc import Callable

from platform_otel.collector.expression import Both, Either, Expression, Not
from platform_otel.collector.outside import MOST_CONDITIONS
from platform_otel.collector.tempo.conditions import (
    AllOf,
    Always,
    AnyOf,
    Comparison,
    Filter,
    Matching,
    SpanSet,
    Static,
    Truth,
)
from platform_otel.collector.tempo.fields import WORDS, Field, own
from platform_otel.collector.tempo.regular import NotRegular, Regular
from platform_otel.collector.tempo.traceql_tokens import SUPPORTED, NotTraceQL, Token, tokens

_DEEPEST = 50
_SIGNS = ("=", "!=", "<", "<=", ">", ">=", "=~", "!~")


def parse(text: str, check: Callable[[], object] = bool) -> SpanSet:
    """The set of spans that a query asks for.

    ``check`` is called before each text that is compared with a regular expression; its exception ends the work.

    Raises:
        NotTraceQL: it is not in the language, or beyond what is supported; says where.
    """
    parser = _Parser(tokens(text), check)
    query = parser.query(0)
    parser.expect("end", "&&, || or the end")
    return query


class _Parser:
    """Takes one token after the other."""

    def __init__(self, tokens: list[Token], check: Callable[[], object]) -> None:
        self._tokens = tokens
        self._check = check
        self._next = 0
        self._conditions = 0

    def query(self, depth: int) -> SpanSet:
        left = self._set(depth)
        while joined := self._takes("&&", "||"):
            right = self._set(depth)
            left = AllOf(left, right) if joined == "&&" else AnyOf(left, right)
        return left

    def expect(self, wanted: str, shown: str = "") -> None:
        if not self._takes(wanted):
            raise self._unexpected(shown or wanted)

    def _set(self, depth: int) -> SpanSet:
        self._check_size(depth)
        if self._takes("("):
            inner = self.query(depth + 1)
            self.expect(")")
            return inner
        self.expect("{", "{")
        if self._takes("}"):
            return Filter(Always(True))
        condition = self._condition(depth + 1)
        self.expect("}", "&&, || or }")
        return Filter(condition)

    def _condition(self, depth: int) -> Expression:
        left = self._term(depth)
        while joined := self._takes("&&", "||"):
            right = self._term(depth)
            left = Both(left, right) if joined == "&&" else Either(left, right)
        return left

    def _term(self, depth: int) -> Expression:
        self._check_size(depth)
        if self._takes("!"):
            return Not(self._negated(depth + 1))
        if self._takes("("):
            inner = self._condition(depth + 1)
            self.expect(")", "&&, || or )")
            return inner
        if word := self._takes("true", "false"):
            return Always(word == "true")
        return self._comparison()

    def _negated(self, depth: int) -> Expression:
        """Tempo takes ! for the field alone, not for the comparison: !.a = 1 is left to those who mean that."""
        place = self._token
        inner = self._term(depth)
        if isinstance(inner, (Comparison, Matching)) and place.text != "(":
            raise NotTraceQL("after ! a comparison stands in parentheses", place.position)
        return inner

    def _comparison(self) -> Expression:
        field = self._field()
        sign = self._takes(*_SIGNS)
        if not sign:
            return Truth(field)
        place = self._token
        value = self._value(WORDS.get(field.key, ()))
        if sign in ("=~", "!~"):
            return Matching(field, sign, self._regular(place, value))
        if value is None and sign not in ("=", "!="):
            raise NotTraceQL("nil is compared by = and != only", place.position)
        return Comparison(field, sign, value)

    def _field(self) -> Field:
        token = self._token
        if token.kind == "attribute":
            self._next += 1
            return Field(*token.value)
        field = own(token.text) if token.kind == "word" else None
        if field is None:
            raise self._unexpected("a field")
        self._next += 1
        return field

    def _value(self, words: tuple[str, ...]) -> Static:
        token = self._token
        if token.kind == "value":
            value: Static = token.value
        elif token.text in ("true", "false", "nil"):
            value = {"true": True, "false": False}.get(token.text)
        elif token.kind == "word" and token.text in words:
            value = token.text
        else:
            raise self._unexpected(f"one of {', '.join(words)}" if words else "a value")
        self._next += 1
        return value

    def _regular(self, place: Token, value: Static) -> Regular:
        if not isinstance(value, str):
            raise NotTraceQL("a regular expression is text", place.position)
        try:
            return Regular(value, self._check)
        except NotRegular as error:
            raise NotTraceQL(str(error), place.position) from None

    def _takes(self, *texts: str) -> str:
        """The token if it is one of these, and "" otherwise; "end" is the end."""
        token = self._token
        found = token.text if token.kind in ("word", "sign") else token.kind
        if found not in texts:
            return ""
        self._next += token.kind != "end"
        return found

    def _check_size(self, depth: int) -> None:
        self._conditions += 1
        if depth > _DEEPEST:
            raise NotTraceQL(f"parentheses may be nested {_DEEPEST} deep", self._token.position)
        if self._conditions > MOST_CONDITIONS:
            raise NotTraceQL(f"a query has at most {MOST_CONDITIONS} sets and conditions", self._token.position)

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _unexpected(self, wanted: str) -> NotTraceQL:
        token = self._token
        found = repr(token.text[:50]) if token.text else "nothing more"
        return NotTraceQL(f"{wanted} is missing, there is {found}; {SUPPORTED}", token.position)
