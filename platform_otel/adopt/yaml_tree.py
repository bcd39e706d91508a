"""A YAML file as a tree of nodes that know where they stand in its text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from platform_otel.adopt.text import Located, Unedited

_MERGE = "<<"
_ESCAPES = {"n": "\n", "t": "\t", "0": "\0", "r": "\r", "e": "\x1b", "a": "\a", "b": "\b", "v": "\v", "f": "\f"}


@dataclass(frozen=True, eq=False)
class Scalar:
    """A value: as it is meant; ``style`` is "", a quotation mark, "|" or ">"."""

    start: int
    end: int
    value: str
    style: str
    anchor: str = ""

    @property
    def is_null(self) -> bool:
        """Whether it is no value at all."""
        return not self.style and self.value in ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, eq=False)
class Items:
    """A list."""

    start: int
    end: int
    items: Sequence[Node]
    is_flow: bool
    anchor: str = ""


@dataclass(frozen=True, eq=False)
class Entries:
    """A mapping: its keys and values in their order, merges among them."""

    start: int
    end: int
    pairs: Sequence[tuple[Node, Node]]
    is_flow: bool
    anchor: str = ""

    def own(self, key: str) -> Node | None:
        """The value of a key that stands here; where it stands twice, the last."""
        return next((value for name, value in reversed(self.pairs) if text_of(name) == key), None)

    def get(self, key: str) -> Scalar | Items | Entries | None:
        """The value of a key, also of one that is merged, with aliases followed."""
        own = self.own(key)
        if own is not None:
            return followed(own)
        for other in self.merged():
            if (found := other.get(key)) is not None:
                return found
        return None

    def names(self) -> list[str]:
        """Every key, also those that are merged."""
        own = [text_of(name) for name, _ in self.pairs if not _is_merge(name)]
        return list(dict.fromkeys([*(key for other in self.merged() for key in other.names()), *own]))

    def entries(self, key: str) -> Entries | None:
        """The mapping of a key, if it is one."""
        found = self.get(key)
        return found if isinstance(found, Entries) else None

    def text(self, key: str) -> str:
        """The scalar of a key, "" if there is none."""
        return text_of(self.get(key))

    def merged(self) -> Iterator[Entries]:
        """The mappings that are merged into it, those that win first."""
        for name, value in self.pairs:
            if _is_merge(name):
                found = followed(value)
                for each in map(followed, found.items) if isinstance(found, Items) else [found]:
                    if isinstance(each, Entries):
                        yield each


@dataclass(frozen=True, eq=False)
class Alias:
    """A place where another node is meant, too."""

    start: int
    end: int
    name: str
    target: Node
    anchor: str = field(default="", init=False)


Node: TypeAlias = "Scalar | Items | Entries | Alias"
# A document as plain data, in which scalars are text.
Plain: TypeAlias = "str | list[Plain] | dict[str, Plain]"


def _is_merge(name: Node) -> bool:
    return isinstance(name, Scalar) and name.value == _MERGE and not name.style


def followed(node: Node) -> Scalar | Items | Entries:
    """The node that is meant."""
    return followed(node.target) if isinstance(node, Alias) else node


def text_of(node: Node | None) -> str:
    """A scalar's value, "" for anything else."""
    meant = followed(node) if node is not None else None
    return meant.value if isinstance(meant, Scalar) else ""


def plain(node: Node) -> Plain:
    """The node as plain data: merges merged and aliases followed."""
    meant = followed(node)
    if isinstance(meant, Scalar):
        return "" if meant.is_null else meant.value
    if isinstance(meant, Items):
        return [plain(item) for item in meant.items]
    return {key: plain(value) for key in meant.names() if (value := meant.get(key)) is not None}


# --- reading ----------------------------------------------------------------------------------------------------------


def documents(text: str) -> list[Node]:
    """The documents of a file.

    Raises:
        Unedited: it is no YAML.
    """
    try:
        return list(_Reader(text).documents())
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise Unedited(f"it is no YAML from line {mark.line + 1} on" if mark else "it is no YAML") from None


def _index(mark: Any) -> int:  # of one of two classes, by how PyYAML was built
    return int(mark.index)


class _Reader:
    def __init__(self, text: str) -> None:
        self._events = iter(yaml.parse(text, Loader=yaml.SafeLoader))
        self._anchors: dict[str, Node] = {}

    def documents(self) -> Iterator[Node]:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                yield self._node(next(self._events))

    def _node(self, event: yaml.Event) -> Node:
        start, end = _index(event.start_mark), _index(event.end_mark)
        if isinstance(event, yaml.AliasEvent):
            return Alias(start, end, event.anchor or "", self._target(event.anchor or ""))
        if isinstance(event, yaml.ScalarEvent):
            return self._kept(Scalar(start, end, event.value, event.style or "", event.anchor or ""))
        if isinstance(event, yaml.SequenceStartEvent):
            items = list(self._until(yaml.SequenceEndEvent))
            return self._kept(Items(start, self._end, items, bool(event.flow_style), event.anchor or ""))
        values = list(self._until(yaml.MappingEndEvent))
        pairs = list(zip(values[::2], values[1::2], strict=True))
        anchor = event.anchor if isinstance(event, yaml.MappingStartEvent) else None
        is_flow = isinstance(event, yaml.MappingStartEvent) and bool(event.flow_style)
        return self._kept(Entries(start, self._end, pairs, is_flow, anchor or ""))

    def _until(self, last: type[yaml.Event]) -> Iterator[Node]:
        for event in self._events:
            if isinstance(event, last):
                self._end = _index(event.end_mark)
                return
            yield self._node(event)

    def _kept(self, node: Node) -> Node:
        if node.anchor:
            self._anchors[node.anchor] = node
        return node

    def _target(self, anchor: str) -> Node:
        target = self._anchors.get(anchor)
        if target is None:
            raise yaml.YAMLError("an alias without its anchor")
        return target


# --- scalars ----------------------------------------------------------------------------------------------------------


def located(text: str, scalar: Scalar) -> Located:
    """A scalar's value, and where each of its characters stands.

    Raises:
        Unedited: it is written in a way that is not followed here.
    """
    at = _first_character(text, scalar)
    places: list[int] = []
    for character in scalar.value:
        at, width = _next(text, at, character, scalar)
        places.append(at)
        at += width
    return Located(scalar.value, (*places, at))


def _first_character(text: str, scalar: Scalar) -> int:
    if not scalar.style:
        return _past_anchor(text, scalar)
    if scalar.style in "\"'":
        return text.index(scalar.style, scalar.start) + 1
    # Behind the header's line, such as "|-".
    return text.index("\n", text.index(scalar.style, scalar.start)) + 1


def _past_anchor(text: str, scalar: Scalar) -> int:
    at = scalar.start
    while text[at : at + 1] in ("&", "!"):
        at += len(text[at:].split(maxsplit=1)[0])
        while text[at : at + 1].isspace():
            at += 1
    return at


def _next(text: str, at: int, character: str, scalar: Scalar) -> tuple[int, int]:
    """Where the next character stands, and how wide it is there."""
    if scalar.style in ("|", ">") and character not in " \n" and text[at : at + 1] == " ":
        at += len(text[at:]) - len(text[at:].lstrip(" "))  # the indentation
    if scalar.style == "'" and character == "'":
        return at, len("''")
    if scalar.style == '"' and text[at : at + 1] == "\\":
        return _escaped(text, at, character)
    if text[at : at + 1] == character:
        return at, _width(text, at, character, scalar)
    if character == " " and text[at : at + 1] in ("\r", "\n"):
        return at, _folded(text, at)
    if character == "\n" and text.startswith("\r\n", at):
        return at, len("\r\n")
    raise Unedited("its text is written in a way that is not edited here")


def _width(text: str, at: int, character: str, scalar: Scalar) -> int:
    if character == " " and scalar.style in ("", "'", '"'):
        rest = text[at:]
        blank = len(rest) - len(rest.lstrip(" \t"))
        if rest[blank : blank + 1] in ("\r", "\n"):
            return blank + _folded(text, at + blank)
    return 1


def _folded(text: str, at: int) -> int:
    """How wide a line's end and the next line's indentation are."""
    rest = text[at:]
    return len(rest) - len(rest.lstrip("\r\n \t"))


def _escaped(text: str, at: int, character: str) -> tuple[int, int]:
    escape = text[at + 1 : at + 2]
    if escape in ("\n", "\r"):  # a line that goes on
        width = 1 + _folded(text, at + 1)
        return at + width, 1
    if _ESCAPES.get(escape, escape) == character:
        return at, 2
    raise Unedited("its text is written in a way that is not edited here")


def differences(before: Plain, after: Plain, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where two documents differ: the paths of what was changed, added or removed."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            if key not in before or key not in after:
                yield (*path, key)
            else:
                yield from differences(before[key], after[key], (*path, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for at, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, (*path, str(at)))
    elif before != after:
        yield path
