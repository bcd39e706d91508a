"""The package in an image's install step: pip, uv, poetry, pipenv, pdm; at the end of a step or in one behind it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from platform_otel.adopt.dockerfile_syntax import Instruction, Stage
from platform_otel.adopt.plan import PACKAGE
from platform_otel.adopt.text import Edit, Located, after_line
from platform_otel.doctor.launched import Untold
from platform_otel.doctor.shell_commands import after_assignments
from platform_otel.doctor.shell_line import Command, commands
from platform_otel.launcher import is_python

_QUOTED = f'"{PACKAGE}"'
# With these, what pip installs beside is not what one would get.
_NOT_BESIDE = ("--no-deps", "--require-hashes", "--hash")
# Python is pointed to such a folder by PYTHONPATH; no .pth file of it is read, either.
_INTO_A_FOLDER = "it installs into a folder whose programs are not on PATH"
_REFUSED = {
    "--no-index": "it installs from a folder of its own: put a wheel of platform-otel there",
    "--target": _INTO_A_FOLDER,
    "-t": _INTO_A_FOLDER,
}
_UV_ENVIRONMENT = "UV_PROJECT_ENVIRONMENT"
# Tools that an image installs to install with.
_TOOLS = frozenset(("pip", "setuptools", "wheel", "uv", "poetry", "pipenv", "pdm", "pip-tools", "virtualenv", "build"))


class Step(NamedTuple):
    """A command that installs what the service needs.

    Args:
        instruction: the RUN that it stands in.
        end: where the command ends, in the file.
        own: the command that installs our package in a step behind it; "" if our package goes into the same command.
        refused: why neither will do; else "".
    """

    instruction: Instruction
    end: int
    own: str = ""
    refused: str = ""


def has_package(stage: Stage) -> bool:
    """Whether a step of this stage names our package."""
    texts = [text.text for each in stage.instructions if each.name == "RUN" for text in (each.argument, *each.heredocs)]
    return any("platform-otel" in text or "platform_otel" in text for text in texts)


def last_step(stage: Stage) -> Step | None:
    """The last step of a stage that installs what the service needs."""
    steps = [step for each in stage.instructions if each.name == "RUN" for step in _steps(each)]
    if not steps:
        return None
    is_elsewhere = any(_UV_ENVIRONMENT in each.argument.text for each in stage.instructions if each.name == "ENV")
    # uv sync goes by this variable, uv pip does not.
    named = f'uv pip install --python "${_UV_ENVIRONMENT}"'
    return steps[-1]._replace(own=steps[-1].own.replace("uv pip install", named)) if is_elsewhere else steps[-1]


def edit_of(text: str, step: Step) -> Edit:
    """Our package in, or behind, this step.

    Raises:
        Untold: it installs from a place where our package may not be.
    """
    if step.refused:
        raise Untold(step.refused)
    if not step.own:
        return Edit(step.end, step.end, f" {_QUOTED}")
    return after_line(text, step.instruction.end, [f"RUN {step.own}"])


def _steps(instruction: Instruction) -> Iterator[Step]:
    words = instruction.words()
    if words is not None:
        step = _step([word.text for word in words])
        if step is not None:
            # The exec form has no place for a word without its quotes.
            yield Step(instruction, 0, step[0] or f"pip install {_QUOTED}", step[1])
        return
    for line in _lines(instruction):
        for command in _commands(line):
            first = len(command.words) - len(after_assignments(command.words))
            found = _step([word.text for word in command.words[first:]])
            if found is not None:
                yield Step(instruction, line.places[command.places[-1][1]], *found)


def _lines(instruction: Instruction) -> list[Located]:
    if not instruction.heredocs:
        return [instruction.past_flags()]
    lines: list[Located] = []
    for heredoc in instruction.heredocs:
        at = 0
        for line in heredoc.text.split("\n"):
            lines.append(heredoc.part(at, at + len(line.rstrip("\r"))))
            at += len(line) + 1
    return lines


def _commands(line: Located) -> Sequence[Command]:
    """The commands of a line, as far as it is understood."""
    try:
        # In pip install .[all] no file is meant.
        return commands(re.sub(r"(?<=[\w.])\[[\w,-]+\]", lambda found: "_" * len(found[0]), line.text))
    except Untold:
        return ()


def _step(words: Sequence[str]) -> tuple[str, str] | None:
    """What installs our package beside what this command installs, and why not; None if it installs nothing."""
    names = [os.path.basename(word) for word in words]
    if not words:
        return None
    if pip := _pip_of_project(names[0], words[1:]):
        return f"{pip} install {_QUOTED}", ""
    rest = _pip_arguments(words, names)
    if rest is None or not _installs_service(rest):
        return None
    options = [word.partition("=")[0] for word in rest]
    if refused := [_REFUSED[option] for option in options if option in _REFUSED]:
        return "", refused[0]
    if set(options) & set(_NOT_BESIDE):
        return f"{' '.join(words[: len(words) - len(rest)])} {_kept(rest)}{_QUOTED}", ""
    return "", ""


def _pip_of_project(tool: str, words: Sequence[str]) -> str:
    """The pip of the environment that a tool fills from its lock file, "" if this does not fill it."""
    verb = next((word for word in words if not word.startswith("-")), "")
    if verb not in ("install", "sync"):
        return ""
    if tool == "pipenv" and "--system" in words:
        return "pip"
    pips = {"pdm": "pdm run python -m pip", "pipenv": "pipenv run pip", "poetry": "poetry run pip"}
    return "uv pip" if tool == "uv" and verb == "sync" else pips.get(tool, "")


def _pip_arguments(words: Sequence[str], names: Sequence[str]) -> Sequence[str] | None:
    """What follows ``pip install``, ``uv pip install`` or ``python -m pip install``."""
    at = 1 if names[0] == "uv" else 0
    if is_python(words[0]) and tuple(words[1:3]) == ("-m", "pip"):
        at = 2
    is_pip = at < len(names) and names[at].rstrip("0123456789.") == "pip"
    rest = words[at + 1 :]
    verb = next((word for word in rest if not word.startswith("-")), "")
    return rest[rest.index(verb) + 1 :] if is_pip and verb in ("install", "sync") else None


def _installs_service(rest: Sequence[str]) -> bool:
    """Whether it installs more than the tools to install with."""
    packages = [word for word in rest if not word.startswith("-")]
    names = {word.partition("=")[0].partition("<")[0].partition(">")[0].partition("[")[0] for word in packages}
    return not names <= _TOOLS


def _kept(rest: Sequence[str]) -> str:
    """The options that say where to: --prefix, --root, --system."""
    kept = []
    for at, word in enumerate(rest):
        if word.partition("=")[0] in ("--prefix", "--root", "--system", "--user", "--no-cache-dir"):
            kept.append(word)
            if word in ("--prefix", "--root"):
                kept.append(rest[at + 1] if at + 1 < len(rest) else "")
    return "".join(f"{word} " for word in kept)
