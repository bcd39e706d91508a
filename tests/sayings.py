"""What the product says, as its code has it: texts with gaps for what differs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from itertools import product
from pathlib import Path
from typing import NamedTuple

import platform_otel
from platform_otel.export import otlp_grpc, otlp_http, tls

PACKAGE = Path(platform_otel.__file__).parent

# Where in a call the text is: lines, what could not be done, errors and reasons. The latter two go on with advice.
LINES = {"say": 0, "say_again": 0, "info": 0, "debug": 0, "_say": 0, "_warn": 0, "guarded": 0, "_run": 1, "_failure": 1}
ERRORS = {"PlatformTraceError", "UsageError", "CommandNotFound", "CommandNotExecutable", "_usage"}
ERRORS |= {"NewerSchema", "OlderSchema", "ForeignDatabase", "NoSuchTrace"}
ERRORS |= {"Reason", "Refusal", "ConnectionError", "_UnknownName"}
# Functions that return what is said, and the attribute that keeps what guarded says.
RETURNING = {"_fault", "_why", "_notice"}
KEPT = "doing"

# What is not the same each time. In the reference it is in capitals.
GAP = "\0"
_CAPITALS = r"[^a-z]+"


class Saying(NamedTuple):
    """A text, the advice that comes with it ("" for none), and the place where it is said."""

    place: str
    text: str
    advice: str = ""

    def is_in(self, texts: Sequence[str]) -> bool:
        """Whether the whole of it is one of these."""
        return matches(self.text, texts)


def matches(text: str, texts: Sequence[str]) -> bool:
    """Whether one of these is the whole text, with capitals in its gaps."""
    pattern = _pattern(text)
    return any(pattern.fullmatch(each) for each in texts)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(_CAPITALS.join(map(re.escape, text.split(GAP))))


def sayings() -> list[Saying]:
    """Everything that the code says in words of its own."""
    files = [path for path in sorted(PACKAGE.rglob("*.py")) if "services" not in path.parts]
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in files if path.parent.name != "findings"}
    constants = {name: node for tree in trees.values() for name, node in _named(tree.body).items()}
    found = [
        saying
        for path, tree in trees.items()
        for saying in _Scope(path.name, {**constants, **_named(tree.body)}).sayings(tree)
    ]
    # What has no letters of its own, or few, is somebody else's.
    return [*(saying for saying in found if len(re.sub(r"[^a-z]", "", saying.text)) > 2), *_answers()]


def _answers() -> Iterator[Saying]:
    """What the exporters say of a collector's answers and of failures of TLS, by their tables."""
    for status in (*otlp_http._RETRYABLE, *otlp_http.ADVICE, 307, 410):
        # The phrase of Python 3.13 is another.
        phrase = HTTPStatus(status).phrase.replace("Content Too Large", "Request Entity Too Large")
        advice = "" if status in otlp_http._RETRYABLE else otlp_http._advice(status)
        yield Saying("otlp_http", f"{status} {phrase}", advice)
    for code in (*otlp_grpc._RETRYABLE, *otlp_grpc.ADVICE):
        yield Saying("otlp_grpc", code.name, otlp_grpc.ADVICE.get(code, ""))
    for advice in (*tls.CHECKS.values(), "replace it"):
        yield Saying("tls", f"the collector's certificate failed a check ({GAP})", advice)
    for advice in (*tls.REASONS.values(), "check its TLS settings and ours"):
        yield Saying("tls", f"TLS failed ({GAP})", advice)


def _named(body: Sequence[ast.stmt]) -> dict[str, ast.expr]:
    """The names to which these statements give a value once."""
    found: dict[str, list[ast.expr]] = {}
    for statement in body:
        for node in ast.walk(statement) if not isinstance(statement, _SCOPES) else ():
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                found.setdefault(node.targets[0].id, []).append(node.value)
    return {name: values[0] for name, values in found.items() if len(values) == 1}


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class _Scope:
    """A module or a function, and what the names in it stand for."""

    def __init__(self, file: str, names: Mapping[str, ast.expr]) -> None:
        self._file = file
        self._names = names

    def sayings(self, node: ast.AST) -> Iterator[Saying]:
        """What is said in this node and below."""
        scope = self
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            scope = _Scope(self._file, {**self._names, **_named(node.body)})
            yield from scope._of_function(node)
        elif isinstance(node, ast.Call):
            yield from self._of_call(node, getattr(node.func, "id", getattr(node.func, "attr", "")))
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "attr", "") == KEPT:
            yield from self._said(node, node.value)
        for inner in ast.iter_child_nodes(node):
            yield from scope.sayings(inner)

    def _of_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Saying]:
        returns = [inner for inner in ast.walk(node) if isinstance(inner, ast.Return)] if node.name in RETURNING else ()
        for inner in returns:
            if inner.value is not None:
                yield from self._said(inner, inner.value)

    def _of_call(self, node: ast.Call, called: str) -> Iterator[Saying]:
        arguments = [each for argument in node.args for each in self._spread(argument)]
        if called in LINES:
            yield from self._said(node, *arguments[LINES[called] :][:1])
        elif called in ERRORS:
            yield from self._said(node, *arguments[:2])
        elif called == "exit" and arguments and isinstance(arguments[0], ast.Constant):
            message, _, hint = str(arguments[0].value).removeprefix("Error: ").partition("\nHint: ")
            yield Saying(f"{self._file}:{node.lineno}", message, hint)

    def _said(self, node: ast.stmt | ast.expr, *texts: ast.expr) -> Iterator[Saying]:
        for words in product(*map(self._texts, texts)) if texts else ():
            yield Saying(f"{self._file}:{node.lineno}", *words)

    def _spread(self, node: ast.expr) -> list[ast.expr]:
        """The arguments that ``*NAME`` stands for."""
        if not isinstance(node, ast.Starred):
            return [node]
        value = self._names.get(getattr(node.value, "id", ""))
        return value.elts if isinstance(value, ast.Tuple) else []

    def _texts(self, node: ast.expr) -> list[str]:
        """What an expression may be as a text: a choice is each of its branches."""
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else [GAP]
        if isinstance(node, (ast.JoinedStr, ast.BinOp)):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node.left, node.right]
            return ["".join(texts) for texts in product(*map(self._texts, parts))]
        if isinstance(node, (ast.FormattedValue, ast.Lambda)):
            return self._texts(node.value if isinstance(node, ast.FormattedValue) else node.body)
        if isinstance(node, ast.IfExp):
            return [*self._texts(node.body), *self._texts(node.orelse)]
        return self._texts_of_name(node.id) if isinstance(node, ast.Name) else [GAP]

    def _texts_of_name(self, name: str) -> list[str]:
        value = self._names.get(name)
        if not isinstance(value, (ast.Constant, ast.JoinedStr, ast.IfExp)):
            return [GAP]
        # Without the name: its value may be made of what it was before.
        others = {other: node for other, node in self._names.items() if other != name}
        return _Scope(self._file, others)._texts(value)
