"""A Dockerfile's instructions, and where each of their characters stands.

Source: https://docs.docker.com/reference/dockerfile/
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from platform_otel.adopt.text import Located, lines_of

_HEREDOC = re.compile(r"<<-?([\"']?)([A-Za-z_]\w*)\1")
_DIRECTIVE = re.compile(r"#\s*(\w+)\s*=\s*(\S+)\s*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_FLAG = re.compile(r"--[a-z][\w-]*(?:=\S*)?\s+")


class Instruction(NamedTuple):
    """One instruction.

    Args:
        name: in capitals: "RUN".
        argument: what follows its name, its lines joined, comments left out.
        start: where its first line begins.
        end: where its last line ends, its heredocs included; before the line end.
        heredocs: the text of each heredoc.
    """

    name: str
    argument: Located
    start: int
    end: int
    heredocs: tuple[Located, ...]

    def past_flags(self) -> Located:
        """The argument without --mount=... and others."""
        at = 0
        while found := _FLAG.match(self.argument.text, at):
            at = found.end()
        return self.argument.part(at, len(self.argument.text))

    def words(self) -> list[Located] | None:
        """The words of the exec form, ["python", "app.py"]; None for the shell form."""
        argument = self.past_flags()
        if not _is_list(argument.text):
            return None
        found = _STRING.finditer(argument.text)
        return [argument.part(match.start() + 1, match.end() - 1) for match in found]


def _is_list(text: str) -> bool:
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


class Stage(NamedTuple):
    """A FROM and what follows it."""

    name: str
    base: str
    instructions: tuple[Instruction, ...]

    def last(self, name: str) -> Instruction | None:
        """The last instruction of this name."""
        return next((each for each in reversed(self.instructions) if each.name == name), None)


def stages(text: str) -> list[Stage]:
    """The stages of a Dockerfile."""
    found: list[list[Instruction]] = []
    for instruction in _instructions(text):
        if instruction.name == "FROM":
            found.append([])
        if found:
            found[-1].append(instruction)
    return [_stage(number, instructions) for number, instructions in enumerate(found)]


def _stage(number: int, instructions: Sequence[Instruction]) -> Stage:
    words = instructions[0].past_flags().text.split()
    name = words[2] if len(words) > 2 and words[1].lower() == "as" else str(number)
    return Stage(name.lower(), words[0].lower() if words else "", tuple(instructions[1:]))


def _instructions(text: str) -> Iterator[Instruction]:
    escape = _escape(text)
    lines, starts = lines_of(text), [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    at = 0
    while at < len(lines):
        if not lines[at].strip() or lines[at].lstrip().startswith("#"):
            at += 1
            continue
        first = at
        joined, at = _joined(lines, starts, at, escape)
        if not joined.text.strip():
            continue  # a line that continues, and nothing that it continues with
        heredocs = []
        for match in _HEREDOC.finditer(joined.text) if _takes_heredoc(joined.text) else ():
            body, at = _heredoc(lines, starts, at, match[2])
            heredocs.append(body)
        end = starts[at] - (len(lines[at - 1]) - len(lines[at - 1].rstrip("\r\n")))
        yield _instruction(joined, starts[first], end, tuple(heredocs))


def _takes_heredoc(line: str) -> bool:
    return line.lstrip()[:4].upper() in ("RUN ", "COPY", "ADD ")


def _instruction(joined: Located, start: int, end: int, heredocs: tuple[Located, ...]) -> Instruction:
    text = joined.text
    name = text.split(maxsplit=1)[0]
    behind = text.index(name) + len(name)
    behind += len(text[behind:]) - len(text[behind:].lstrip())
    argument = joined.part(behind, len(text.rstrip()))
    return Instruction(name.upper(), argument, start, end, heredocs)


def _escape(text: str) -> str:
    """The character that continues a line: the directives stand before everything else."""
    for line in lines_of(text):
        found = _DIRECTIVE.fullmatch(line.strip())
        if found is None:
            return "\\"
        if found[1].lower() == "escape":
            return found[2]
    return "\\"


def _joined(lines: Sequence[str], starts: Sequence[int], at: int, escape: str) -> tuple[Located, int]:
    text, places = "", list[int]()
    while at < len(lines):
        line = lines[at].rstrip("\r\n")
        at += 1
        if text and (not line.strip() or line.lstrip().startswith("#")):
            continue  # between lines that continue, comments and empty lines do not count
        kept = line.rstrip()
        goes_on = kept.endswith(escape)
        kept = kept[:-1] if goes_on else line
        text += kept
        places += range(starts[at - 1], starts[at - 1] + len(kept))
        end = starts[at - 1] + len(kept)
        if not goes_on:
            break
    return Located(text, (*places, end)), at


def _heredoc(lines: Sequence[str], starts: Sequence[int], at: int, name: str) -> tuple[Located, int]:
    first = at
    while at < len(lines) and lines[at].strip() != name:
        at += 1
    return Located.at("".join(lines[first:at]), starts[first]), min(at + 1, len(lines))
