"""systemd's units: the prefix in ExecStart=, and variables before it.

Source: https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#Command%20lines
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from platform_otel.adopt.commands import Adopted, Point, launcher_beside, point_in, quoted_words
from platform_otel.adopt.plan import Note, Plan, Wanted, name_for, together
from platform_otel.adopt.text import Edit, Located, Unedited, after_line, before_line, line_number, line_start, lines_of
from platform_otel.doctor.launched import Untold

_WORD = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|([^\s\"']+)")
_PREFIXES = "-@:+!|"


class Setting(NamedTuple):
    """A line of a unit, with those that continue it.

    Args:
        section: "Service".
        name: "ExecStart".
        value: what follows the =.
        start: where its first line begins.
        end: where its last line ends.
    """

    section: str
    name: str
    value: Located
    start: int
    end: int


def plan(path: str, text: str, wanted: Wanted) -> Plan:
    """What is to be done in a unit or in a drop-in of one."""
    settings = [each for each in _settings(text) if each.section == "Service"]
    starts = [each for each in settings if each.name == "ExecStart" and each.value.text.strip()]
    return together(_started(path, text, each, starts, settings, wanted) for each in starts)


def _started(
    path: str, text: str, setting: Setting, starts: Sequence[Setting], settings: Sequence[Setting], wanted: Wanted
) -> Plan:
    try:
        words = _words(setting.value)
        point = _point(words, wanted)
        prefix = _prefix(text, words[point.word], point)
        # A oneshot may start several, with the same variables.
        added = _variables(path, text, setting, settings, point, wanted) if setting is starts[0] else []
        return Plan((*added, prefix))
    except Adopted:
        return Plan()
    except (Untold, Unedited) as why:
        paste = (f"ExecStart={'/'.join(launcher_beside('/path/to/venv/bin/python'))} -- COMMAND",)
        return Plan(notes=(Note(line_number(text, setting.start), "ExecStart", str(why), paste),))


def _point(words: Sequence[Located], wanted: Wanted) -> Point:
    point = point_in([word.text for word in words], wanted.scripts)
    program = words[point.word].text
    # systemd does not know the environment's PATH.
    if point.inside < 0 and os.path.isabs(program) and not os.path.isabs(point.launcher[0]):
        raise Untold(f"the first line of {os.path.basename(program)} says which Python runs it")
    return point


def _prefix(text: str, word: Located, point: Point) -> Edit:
    if point.inside >= 0:
        return word.insert(point.inside, quoted_words(point.words()))
    place = word.places[0]
    place -= text[place - 1] in "\"'"  # in front of its quotation mark
    return Edit(place, place, quoted_words(point.words()))


def _words(value: Located) -> list[Located]:
    words = [_word(value, match) for match in _WORD.finditer(value.text)]
    if not words:
        raise Untold("there is no command")
    first = words[0]
    prefixes = len(first.text) - len(first.text.lstrip(_PREFIXES))
    if "@" in first.text[:prefixes]:
        raise Untold("@ gives the program another name than its own")
    words[0] = first.part(prefixes, len(first.text))
    if any(word.text == ";" for word in words):
        raise Untold("it starts several programs, one after the other")
    return words


def _word(value: Located, match: re.Match[str]) -> Located:
    group = match.lastindex or 0
    start, end = match.span(group)
    if group != 3 and start - 1 > 0 and not value.text[start - 2].isspace():
        raise Untold("its words are quoted in a way that is not edited here")
    piece = value.part(start, end)
    if "\\" in piece.text:
        raise Untold("it has escapes, which are not followed here")
    return piece.replaced("$$", "$").replaced("%%", "%")


def _variables(
    path: str, text: str, setting: Setting, settings: Sequence[Setting], point: Point, wanted: Wanted
) -> list[Edit]:
    name = name_for(unit_name(path), point.service)
    variables = {"OTEL_SERVICE_NAME": name, "OTEL_EXPORTER_OTLP_ENDPOINT": wanted.collector.replace("%", "%%")}
    said = " ".join(each.value.text for each in settings if each.name == "Environment")
    lines = [f"Environment={key}={value}" for key, value in variables.items() if value and f"{key}=" not in said]
    variables_before = [each for each in settings if each.name in ("Environment", "EnvironmentFile")]
    if not lines:
        return []
    if variables_before:
        return [after_line(text, variables_before[-1].end, lines)]
    return [before_line(text, _above_comments(text, setting.start), lines)]


def _above_comments(text: str, place: int) -> int:
    """The line of a place, or that of the first comment above it."""
    while place and text[line_start(text, place - 1) : place].lstrip()[:1] in ("#", ";"):
        place = line_start(text, place - 1)
    return place


def unit_name(path: str) -> str:
    """A unit's name: identity of identity.service, identity@.service and identity.service.d/tracing.conf."""
    folder, name = os.path.split(path)
    if name.endswith(".conf"):
        name = os.path.basename(folder).removesuffix(".d")
    return name.removesuffix(".service").partition("@")[0]


def _settings(text: str) -> Iterator[Setting]:
    section, at = "", 0
    lines = lines_of(text)
    number = 0
    while number < len(lines):
        line = lines[number].strip()
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif line and line[0] not in "#;" and "=" in line:
            joined, taken = _joined(lines[number:], at)
            name = joined.text.partition("=")[0]
            behind = len(name) + 1
            yield Setting(section, name.strip(), joined.part(behind, len(joined.text)), at, joined.places[-1])
            at += sum(map(len, lines[number : number + taken]))
            number += taken
            continue
        at += len(lines[number])
        number += 1


def _joined(lines: Sequence[str], at: int) -> tuple[Located, int]:
    """A line and those that continue it, and how many they are; comments between them do not count."""
    text, places = "", list[int]()
    end = at
    for number, line in enumerate(lines):
        kept = line.rstrip("\r\n")
        if text and kept.lstrip()[:1] in ("#", ";"):
            at += len(line)
            continue
        goes_on = kept.endswith("\\")
        kept = kept[:-1] if goes_on else kept
        text += kept + (" " if goes_on else "")
        places += range(at, at + len(kept) + goes_on)
        end = at + len(kept)
        at += len(line)
        if not goes_on:
            return Located(text, (*places, end)), number + 1
    return Located(text, (*places, end)), len(lines)
