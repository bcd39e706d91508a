"""Edits that add entries to a YAML file's mappings and items to its lists, in the style that they are written in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from platform_otel.adopt.text import Edit, Unedited, after_line, line_start
from platform_otel.adopt.yaml_tree import Entries, Items, Node, Scalar

# A text in quotes, or a word that is to get some.
_IN_BRACES = re.compile(r'("[^"]*")|[A-Za-z][\w.]*')
# Words that are read as text, wherever they stand, and are no booleans.
_PLAIN = re.compile(r"[A-Za-z/$][\w./:@$={}+-]*", re.ASCII)
_NO_TEXT = ("false", "n", "no", "null", "off", "on", "true", "y", "yes")


TEMPLATE = ("{{", "{%")


def scalar(text: str, *, is_flow: bool = False) -> str:
    """Text as YAML writes it; within braces as JSON does, since the file may be one for JSON's readers."""
    if not is_flow and _PLAIN.fullmatch(text) and text.lower() not in _NO_TEXT and not text.endswith(":"):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def column(text: str, place: int) -> int:
    """How far a place is from the beginning of its line."""
    return place - line_start(text, place)


def words_before(text: str, items: Items, at: int, words: Sequence[str]) -> Edit:
    """New items before the one at this index, each a word of a command."""
    node = items.items[at]
    if items.is_flow:
        quote = node.style if isinstance(node, Scalar) and node.style in ("'", '"') else '"'
        return Edit(node.start, node.start, "".join(f"{quote}{word}{quote}, " for word in words))
    dash = text.rindex("-", line_start(text, node.start), node.start)
    if text[dash + 1 : node.start].strip():
        raise Unedited("its command is written in a way that is not edited here")
    indent, ends = " " * column(text, dash), "\r\n" if "\r\n" in text else "\n"
    written = [f"- {_word(word, node)}{ends}{indent}" for word in words]
    return Edit(dash, dash, "".join(written))


def _word(word: str, beside: Node) -> str:
    style = beside.style if isinstance(beside, Scalar) else ""
    return f"{style}{word}{style}" if style in ("'", '"') and style else scalar(word)


def last_place(node: Node) -> int:
    """Where a node's last character stands, without the comments that PyYAML counts to a block."""
    if isinstance(node, Items) and not node.is_flow and node.items:
        return last_place(node.items[-1])
    if isinstance(node, Entries) and not node.is_flow and node.pairs:
        return last_place(node.pairs[-1][1])
    return node.end


def end_of(text: str, node: Node) -> int:
    """Where new lines go behind a node: the same, before a block scalar's last line ends."""
    place = last_place(node)
    while place > node.start and text[place - 1 : place] in ("\n", "\r", " ", "\t"):
        place -= 1
    return place


def add_entries(text: str, entries: Entries, new: Mapping[str, str]) -> list[Edit]:
    """New entries at the end of a mapping."""
    if not new:
        return []
    if entries.is_flow:
        written = [f'"{key}": {scalar(value, is_flow=True)}' for key, value in new.items()]
        return [_in_flow(text, entries, [value for _, value in entries.pairs], written)]
    indent = " " * column(text, entries.pairs[0][0].start)
    return [after_line(text, end_of(text, entries), [f"{indent}{key}: {scalar(new[key])}" for key in new])]


def add_items(text: str, items: Items, new: Sequence[Sequence[str]]) -> list[Edit]:
    """New items at the end of a list, each the lines of one: the first behind the dash, the others below it."""
    if not new:
        return []
    if items.is_flow:
        return [_in_flow(text, items, items.items, [flow_item(lines) for lines in new])]
    dash = text.rindex("-", line_start(text, items.items[0].start), items.items[0].start)
    indent = " " * column(text, dash)
    lines = dashed(new, indent)
    return [after_line(text, end_of(text, items), lines)]


def dashed(new: Sequence[Sequence[str]], indent: str) -> list[str]:
    """The lines of a list's items."""
    return [f"{indent}{'  ' if at else '- '}{line}" for lines in new for at, line in enumerate(lines)]


def flow_item(lines: Sequence[str]) -> str:
    """The lines of an item on one: ``name: A`` and ``value: B`` become ``{name: A, value: B}``."""
    if ": " not in lines[0]:
        return scalar(lines[0].strip('"'), is_flow=True)
    pairs = [line.partition(": ") for line in lines]
    return "{" + ", ".join(f'"{key}": {_in_flow_style(value)}' for key, _, value in pairs) + "}"


def _in_flow_style(value: str) -> str:
    if value.startswith("{"):
        return _IN_BRACES.sub(lambda found: found[1] or f'"{found[0]}"', value)
    return value if value.startswith('"') else scalar(value, is_flow=True)


def _in_flow(text: str, node: Items | Entries, children: Sequence[Node], written: Sequence[str]) -> Edit:
    joined = ", ".join(written)
    if children:
        place = children[-1].end
        return Edit(place, place, f", {joined}")
    opening = text.index("[" if isinstance(node, Items) else "{", node.start) + 1
    return Edit(opening, opening, joined)


def add_key(text: str, entries: Entries, key: str, lines: Sequence[str], flow: str, behind: str = "") -> Edit:
    """A new key with a block below it, or with ``flow`` where the mapping is written in braces.

    Args:
        text: the file's.
        entries: the mapping.
        key: the new key.
        lines: the block's lines, indented from the key on.
        flow: the value as flow.
        behind: the key behind which it goes, if it stands in this mapping; else at the end.
    """
    if entries.is_flow:
        return _in_flow(text, entries, [value for _, value in entries.pairs], [f'"{key}": {flow}'])
    indent = " " * column(text, entries.pairs[0][0].start)
    own = entries.own(behind) if behind else None
    place = end_of(text, own if own is not None else entries)
    return after_line(text, place, [f"{indent}{key}:", *(indent + line for line in lines)])


def refuse_template(text: str, entries: Entries) -> None:
    """Refuse what another tool fills in before anybody reads it: Helm, Jinja.

    Raises:
        Unedited
    """
    written = text[entries.start : end_of(text, entries)]
    if any(mark in written for mark in TEMPLATE):
        raise Unedited("it is a template: adopt what it is rendered to, or write the lines into it")
