"""A command in a YAML file, as a list or as a string, and the edits that put the prefix into it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from platform_otel.adopt.commands import TAKES_ARGUMENTS, Point, point_in, quoted_words
from platform_otel.adopt.text import Edit, Located, Unedited
from platform_otel.adopt.yaml_edits import words_before
from platform_otel.adopt.yaml_tree import Entries, Items, Node, Scalar, followed, located
from platform_otel.doctor.launched import Untold
from platform_otel.doctor.shell_line import commands

# What Kubernetes replaces before a shell sees the line: https://kubernetes.io/docs/tasks/inject-data-application/
_REPLACED = re.compile(r"\$\((\w+)\)")


class _Word(NamedTuple):
    """A word: an item of a list, or a piece of a string."""

    text: str
    items: Items | None
    at: int
    scalar: Scalar
    span: tuple[int, int] = (0, 0)


class Command(NamedTuple):
    """The words of a command, in the file's text."""

    text: str
    words: tuple[_Word, ...]
    doubled: bool

    def point(self, scripts: Collection[str], before: Sequence[str] = ()) -> Point:
        """Where the prefix goes, behind the words of an entry point that stands elsewhere.

        Raises:
            Adopted, Untold
        """
        point = point_in([*before, *(word.text for word in self.words)], scripts)
        if point.word < len(before):
            raise Untold(TAKES_ARGUMENTS)
        return point._replace(word=point.word - len(before))

    def edit(self, point: Point, options: Sequence[str]) -> Edit:
        """The prefix at its place."""
        word, prefix = self.words[point.word], point.words(options)
        if point.inside >= 0:
            piece = self._located(word)
            return piece.insert(point.inside, quoted_words(prefix))
        if word.items is not None:
            return words_before(self.text, word.items, word.at, prefix)
        return self._string(word.scalar).insert(word.span[0], quoted_words(prefix))

    def _located(self, word: _Word) -> Located:
        if word.items is not None:
            return self._string(word.scalar)
        start, end = word.span
        piece = self._string(word.scalar).part(start + 1, end - 1)
        if piece.text != word.text:
            raise Unedited("its text is written in a way that is not edited here")
        return piece

    def _string(self, scalar: Scalar) -> Located:
        string = located(self.text, scalar)
        return string.replaced("$$", "$") if self.doubled else string


def command_of(text: str, nodes: Sequence[Node | None], *, doubled: bool) -> Command:
    """The command that these nodes make together.

    Args:
        text: the file's.
        nodes: an entry point and its arguments; None for one that is not there.
        doubled: whether a $ is written twice, as Compose wants it.

    Raises:
        Untold: its words are not certain.
    """
    words = tuple(word for node in nodes if node is not None for word in _words(followed(node), doubled))
    return Command(text, words, doubled)


def _words(node: Scalar | Items | Entries, doubled: bool) -> list[_Word]:
    if isinstance(node, Items):
        items = [followed(item) for item in node.items]
        if not all(isinstance(item, Scalar) for item in items):
            raise Untold("its command is no list of words")
        return [
            _Word(_meant(item.value, doubled), node, at, item)
            for at, item in enumerate(items)
            if isinstance(item, Scalar)
        ]
    if isinstance(node, Scalar) and node.value and not node.is_null:
        return _split(node, doubled)
    return []


def _meant(value: str, doubled: bool) -> str:
    return value.replace("$$", "$") if doubled else _REPLACED.sub(r"${\1}", value)


def _split(node: Scalar, doubled: bool) -> list[_Word]:
    line = _meant(node.value, doubled)
    several = commands(line.strip("\n"))
    if len(several) != 1 or several[0].before or several[0].after:
        raise Untold("no shell reads this string, so what is between its commands is handed on as a word")
    return [
        _Word(word.text, None, at, node, span)
        for at, (word, span) in enumerate(zip(several[0].words, several[0].places, strict=True))
    ]
