"""Dockerfiles: the prefix in CMD or ENTRYPOINT, and the package in the install step."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from platform_otel.adopt.commands import Adopted, Point, point_in, point_in_line, quoted_words
from platform_otel.adopt.dockerfile_install import Step, edit_of, has_package, last_step
from platform_otel.adopt.dockerfile_syntax import Instruction, Stage, stages
from platform_otel.adopt.plan import PACKAGE, Note, Plan, Wanted, together
from platform_otel.adopt.text import Edit, Unedited, line_number
from platform_otel.doctor.launched import Untold

# Debian's and others' way of an entry point that ends as what it is given.
_HANDS_ON = re.compile(r'^\s*exec\s+(?:\S+\s+)?"?\$@"?', re.MULTILINE)
# What decides by the words that it is given, as in: if [ "$1" = gunicorn ].
_LOOKS_AT_WORDS = re.compile(r"\$\{?[1-9*#]|\bshift\b|\bset\s+--|\bgetopts\b")

_SCRIPTS = (".sh", "entrypoint")


class _Command(NamedTuple):
    """What a stage runs: its entry point and its command, the instructions that say them."""

    entry: Instruction | None
    command: Instruction | None

    def instructions(self) -> list[Instruction]:
        """Those that are there."""
        return [each for each in self if each is not None]


def plan(text: str, wanted: Wanted) -> Plan:
    """What is to be done in a Dockerfile."""
    several = stages(text)
    last = several[-1:] if several else []
    # A stage with a command of its own is one that somebody builds: --target.
    own = [stage for stage in several[:-1] if stage.last("CMD") or stage.last("ENTRYPOINT")]
    return together(_stage(text, stage, several, wanted) for stage in [*own, *last])


def runs_python(path: str, target: str, wanted: Wanted) -> str | None:
    """What the Dockerfile at this path calls the service that it runs, "" for nothing; None if it runs no Python."""
    try:
        return _point(_command_at(path, target, wanted), _beside(path, wanted))[1].service
    except Adopted:
        return ""
    except (Untold, Unedited):
        return None


def entry_point(path: str, target: str, wanted: Wanted) -> list[str]:
    """The words that the Dockerfile at this path puts before a command; none where a script becomes the command.

    Raises:
        Adopted: it puts the prefix there.
        Untold: what it does with a command is not certain.
    """
    entry = _command_at(path, target, wanted).entry
    words = entry.words() if entry is not None else []
    if words is None:
        raise Untold("the image's own entry point is a shell's line, which is given no command")
    texts = [word.text for word in words]
    if script := _script(texts):
        _refuse_script(script, _beside(path, wanted))
        return []
    return texts


def _command_at(path: str, target: str, wanted: Wanted) -> _Command:
    text = wanted.read(path)
    several = stages(text) if text is not None else []
    chosen = [stage for stage in several if stage.name == target.lower()] if target else several
    return _command(chosen[-1], several) if chosen else _Command(None, None)


def _beside(path: str, wanted: Wanted) -> Wanted:
    """The same, reading from the folder of this Dockerfile."""
    folder = os.path.dirname(path)
    return wanted._replace(read=lambda other: wanted.read(os.path.join(folder, other)))


def _chain(stage: Stage, several: Sequence[Stage]) -> list[Stage]:
    """The stage, what it is from, and so on."""
    chain = [stage]
    while found := [each for each in several if each.name == chain[-1].base and each not in chain]:
        chain.append(found[0])
    return chain


def _command(stage: Stage, several: Sequence[Stage]) -> _Command:
    entry = command = None
    for each in _chain(stage, several):
        command = command or (each.last("CMD") if entry is None else None)
        entry = entry or each.last("ENTRYPOINT")
    return _Command(entry, command)


def _stage(text: str, stage: Stage, several: Sequence[Stage], wanted: Wanted) -> Plan:
    command = _command(stage, several)
    said = command.instructions()
    place = said[-1].start if said else len(text)
    try:
        instruction, point = _point(command, wanted)
        package = _package(text, stage, several)
        return Plan((*package, _edit(instruction, point)))
    except Adopted:
        return Plan()
    except (Untold, Unedited) as why:
        name = said[-1].name if said else "CMD"
        paste = (f'RUN pip install "{PACKAGE}"', "ENV PLATFORM_TRACE_ENABLED=true")
        return Plan(notes=(Note(line_number(text, place), name, str(why), paste),))


# --- the command ------------------------------------------------------------------------------------------------------


def _point(command: _Command, wanted: Wanted) -> tuple[Instruction, Point]:
    """The instruction that the prefix goes into, and where in it."""
    if not command.instructions():
        raise Untold("the image that it is made from says what it runs")
    if command.entry is None:
        return _alone(command.command, wanted)
    entry = command.entry.words()
    if entry is None or command.command is None:
        return _alone(command.entry, wanted)
    before = [word.text for word in entry]
    if script := _script(before):
        _refuse_script(script, wanted)
        return _alone(command.command, wanted)
    arguments = command.command.words()
    if arguments is None:
        point_in([*before, "/bin/sh", "-c", command.command.past_flags().text], wanted.scripts)
        return _alone(command.command, wanted)
    point = point_in([*before, *(word.text for word in arguments)], wanted.scripts)
    if point.word < len(entry):
        return command.entry, point
    return command.command, point._replace(word=point.word - len(entry))


def _alone(instruction: Instruction | None, wanted: Wanted) -> tuple[Instruction, Point]:
    if instruction is None:
        raise Untold("there is no command")
    words = instruction.words()
    if words is None:
        return instruction, point_in_line(instruction.past_flags().text, wanted.scripts)
    return instruction, point_in([word.text for word in words], wanted.scripts)


def _script(entry: Sequence[str]) -> str:
    """The script that an entry point runs with the command as its words, alone or behind ``sh`` or ``tini --``."""
    return entry[-1] if entry and entry[-1].endswith(_SCRIPTS) and "-c" not in entry else ""


def _refuse_script(entry: str, wanted: Wanted) -> None:
    """Refuse commands behind a script that does more with them than to become them."""
    name = os.path.basename(entry)
    script = wanted.read(name) or wanted.read(entry.lstrip("/")) or ""
    if "platform-trace" in script:
        raise Adopted
    if not _HANDS_ON.search(script):
        raise Untold(f"{name} is a shell script: put the prefix in front of the command in it")
    if _LOOKS_AT_WORDS.search(script):
        raise Untold(f"{name} looks at the command that it is given, and would not know the prefix")


def _edit(instruction: Instruction, point: Point) -> Edit:
    words = instruction.words()
    if words is None:
        return instruction.past_flags().insert(point.inside, quoted_words(point.words()))
    if point.inside >= 0:
        return words[point.word].insert(point.inside, quoted_words(point.words()))
    place = words[point.word].places[0] - 1  # its quotation mark
    return Edit(place, place, "".join(f'"{word}", ' for word in point.words()))


# --- the package ------------------------------------------------------------------------------------------------------


def _package(text: str, stage: Stage, several: Sequence[Stage]) -> list[Edit]:
    chain = _chain(stage, several)
    reached = [*chain, *_copied_from(chain, several)]
    if any(map(has_package, reached)):
        return []
    step = _install_step(reached)
    if step is None:
        raise Untold("no step of it is seen to install Python packages")
    return [edit_of(text, step)]


def _install_step(reached: Sequence[Stage]) -> Step | None:
    steps = [step for step in map(last_step, reached) if step is not None]
    return steps[0] if steps else None


def _copied_from(chain: Sequence[Stage], several: Sequence[Stage]) -> list[Stage]:
    """The stages out of which COPY --from takes something."""
    names = [
        found[1].lower()
        for stage in chain
        for each in stage.instructions
        if each.name == "COPY" and (found := re.search(r"--from=(\S+)", each.argument.text))
    ]
    copied = [stage for name in names for stage in several if name in (stage.name, str(several.index(stage)))]
    return [further for stage in dict.fromkeys(copied) for further in _chain(stage, several)]
