"""Procfiles: the prefix in front of each process type's command, but for the release phase."""

from __future__ import annotations

import re
from collections.abc import Iterator

from platform_otel.adopt.commands import Adopted, point_in_line, quoted_words
from platform_otel.adopt.plan import Note, Plan, Wanted, launcher_options, name_for, together
from platform_otel.adopt.text import Located, Unedited, lines_of
from platform_otel.doctor.launched import Untold

_ENTRY = re.compile(r"([A-Za-z0-9_-]+):[ \t]*(\S.*?)?[ \t\r]*\n?")
# It runs once, before the others: https://devcenter.heroku.com/articles/release-phase
_ONCE = "release"


def plan(text: str, wanted: Wanted) -> Plan:
    """What is to be done in a Procfile."""
    return together(_entry(number, kind, command, wanted) for number, kind, command in _entries(text))


def _entries(text: str) -> Iterator[tuple[int, str, Located]]:
    at = 0
    for number, line in enumerate(lines_of(text), 1):
        found = _ENTRY.fullmatch(line)
        if found is not None and found[2] and found[1] != _ONCE:
            yield number, found[1], Located.at(found[2], at + found.start(2))
        at += len(line)


def _entry(number: int, kind: str, command: Located, wanted: Wanted) -> Plan:
    try:
        point = point_in_line(command.text, wanted.scripts)
        options = launcher_options(name_for(kind, point.service), wanted.collector)
        return Plan((command.insert(point.inside, quoted_words(point.words(options))),))
    except Adopted:
        return Plan()
    except (Untold, Unedited) as why:
        return Plan(
            notes=(Note(number, kind, str(why), (f"{kind}: platform-trace --service-name {kind} -- COMMAND",)),)
        )
