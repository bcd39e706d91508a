"""Where the prefix goes in a command: in front of the Python program, behind what runs it. Pure functions."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import NamedTuple

from platform_otel.doctor.launch_command import launched
from platform_otel.doctor.launched import LaunchedProcess, Untold
from platform_otel.doctor.shell_commands import (
    WITHOUT_EFFECT,
    after_assignments,
    is_change,
    is_redirection,
    name_of,
    understood,
)
from platform_otel.doctor.shell_line import Command
from platform_otel.launcher import is_python
from platform_otel.process.command_line import is_known
from platform_otel.process.service_name import infer

_SHELLS = ("ash", "bash", "dash", "ksh", "sh")
_OURS = ("platform-trace", "platform_otel")
_OTHER_LAUNCHERS = ("ddtrace-run", "newrelic-admin", "opentelemetry-instrument")
# Python programs whose command lines name no service.
_ALSO_PYTHON = frozenset(
    ("airflow", "alembic", "dagster", "huey_consumer", "huey_consumer.py", "mlflow", "prefect", "rq", "scrapy")
)
# Where a distribution keeps its programs: pip puts none of its own there.
_OF_THE_SYSTEM = ("/bin", "/usr/bin")
_ENVIRONMENTS_FOR_ONE = ("pipx", "uvx")
# They run what is installed in the project's environment, where others have names of their own for commands.
_OF_THE_PROJECT = ("poetry run", "uv run")
TAKES_ARGUMENTS = "the image's own entry point takes these arguments"
NOT_PYTHON = "is not known to be a Python program"


class Point(NamedTuple):
    """Where the prefix goes.

    Args:
        word: before which word.
        inside: before which character of that word, if it is a shell's line; else -1.
        launcher: the words of the prefix before its options.
        more: words behind the prefix that the runner would have put there: "python" for ``uv run app.py``.
        service: what the command line calls the service, "" if nothing.
    """

    word: int
    inside: int
    launcher: tuple[str, ...]
    more: tuple[str, ...] = ()
    service: str = ""

    def words(self, options: Sequence[str] = ()) -> tuple[str, ...]:
        """The words to put there."""
        return (*self.launcher, *options, "--", *self.more)


class Adopted(Exception):
    """The command has the prefix."""


def point_in(words: Sequence[str], scripts: Collection[str] = ()) -> Point:
    """Where the prefix goes in a command.

    Args:
        words: its words, without a shell.
        scripts: names of programs that are known to be Python, from the project's own metadata.

    Raises:
        Adopted: it has the prefix.
        Untold: it is not certain that Python runs there, or where; why.
    """
    _refuse_launchers(words)
    shell = _shell_line(words)
    if shell >= 0:
        return _inside(words, shell, scripts)
    process = launched(words, {})
    if process.unclear:
        raise Untold(process.unclear)
    return _before_program(words, process, scripts)


def point_in_line(line: str, scripts: Collection[str] = ()) -> Point:
    """The same for a shell's line: ``word`` is 0, and ``inside`` the place in the line."""
    command, first = _that_stays(understood(line))
    words = [word.text for word in command.words[first:]]
    if not words or not command.words[first].is_literal:
        raise Untold("the environment says what it runs")
    point = point_in(words, scripts)
    start, end = command.places[first + point.word]
    if point.inside < 0:
        return point._replace(word=0, inside=start)
    if line[start + 1 : end - 1] != words[point.word]:
        raise Untold("a shell's line within a shell's line is not edited here")
    return point._replace(word=0, inside=start + 1 + point.inside)


def _refuse_launchers(words: Sequence[str]) -> None:
    for word in words:
        name = os.path.basename(word)
        if name in _OURS or "platform-trace " in word or "platform_otel " in word:
            raise Adopted
        if name in _OTHER_LAUNCHERS:
            raise Untold(f"{name} traces it: put the prefix in its place")


# --- words ------------------------------------------------------------------------------------------------------------


def _before_program(words: Sequence[str], process: LaunchedProcess, scripts: Collection[str]) -> Point:
    program, is_script = process.argv[0], bool(process.script)
    written = process.argv[1:] if is_script else process.argv
    inside = process.environment.inside if process.environment else ""
    if inside.startswith(_ENVIRONMENTS_FOR_ONE):
        raise Untold(f"{inside.split()[0]} makes an environment for this tool alone")
    if is_script:
        program = process.script
        if inside not in _OF_THE_PROJECT:
            _refuse_unknown(program, scripts)
    service = _certain(infer(process.argv, {}, "/", lambda _: ""))
    if tuple(words[len(words) - len(written) :]) == tuple(written):
        return Point(len(words) - len(written), -1, launcher_beside(program), service=service)
    # uv runs a script, or a module, with its environment's Python.
    rest = written[1:]
    if program == "python" and rest and tuple(words[len(words) - len(rest) :]) == tuple(rest):
        return Point(len(words) - len(rest), -1, ("platform-trace",), ("python",), service)
    raise Untold("the words of its command are not those that will run")


def _certain(service: str) -> str:
    """A name without what is filled in later: a shell's or Compose's variable, a specifier of systemd."""
    return "" if set(service) & set("$%") else service


def _refuse_unknown(program: str, scripts: Collection[str]) -> None:
    name = os.path.basename(program)
    if program.startswith("-"):
        raise Untold(TAKES_ARGUMENTS)
    if name in scripts or name in _ALSO_PYTHON or is_known(name):
        return
    if not name.endswith(".py"):
        raise Untold(f"{name} {NOT_PYTHON}")
    if name == program:  # a shell would look for it on PATH
        raise Untold(f"what runs {name} is not said here")


def launcher_beside(program: str) -> tuple[str, ...]:
    """The launcher in the environment of a program: beside it, if the program is named by the path of a bin folder."""
    folder = os.path.dirname(program)
    if folder in _OF_THE_SYSTEM:
        python = program if is_python(program) else f"{folder}/python3"
        return (python, "-m", "platform_otel")
    if os.path.basename(folder) != "bin":
        # As in pyenv's shims: this Python has its programs elsewhere.
        return (program, "-m", "platform_otel") if folder and is_python(program) else ("platform-trace",)
    return (f"{folder}/platform-trace",)


# --- shells -----------------------------------------------------------------------------------------------------------


def _shell_line(words: Sequence[str]) -> int:
    """Which word is a shell's line; -1 if none is."""
    for at, word in enumerate(words):
        if os.path.basename(word) in _SHELLS:
            return _line_behind(words, at)
    return -1


def _line_behind(words: Sequence[str], shell: int) -> int:
    has_line = False
    for at in range(shell + 1, len(words)):
        if not words[at].startswith(("-", "+")):
            # As in bash -o pipefail -c LINE.
            if words[at - 1].endswith("o") and words[at - 1][0] in "-+" and not words[at - 1].startswith("--"):
                continue
            return at if has_line else -1
        has_line |= "c" in words[at] and not words[at].startswith("--")
    return -1


def _inside(words: Sequence[str], at: int, scripts: Collection[str]) -> Point:
    # What stands before the shell runs it, and would run Python.
    shell = next(place for place, word in enumerate(words) if os.path.basename(word) in _SHELLS)
    before = launched([*words[:shell], "python"], {})
    if before.unclear:
        raise Untold(before.unclear)
    if "$@" in words[at]:
        raise Untold("the shell's line runs what it is given")
    return point_in_line(words[at], scripts)._replace(word=at)


def _that_stays(several: Sequence[Command]) -> tuple[Command, int]:
    """The command that a shell runs last, or becomes, and its first word behind assignments and ``exec``."""
    last: tuple[Command, int] | None = None
    for command in several:
        if command.before == "|" or not _is_program(command):
            continue
        first = len(command.words) - len(after_assignments(command.words))
        is_replaced = name_of(command) == "exec"
        if is_replaced and command.words[first + 1].text.startswith("-"):
            raise Untold("the options of exec are not understood here")
        last = (command, first + is_replaced)
        if is_replaced and command.after not in ("|", "&"):
            break
    if last is None:
        raise Untold("there is no command")
    return last


def _is_program(command: Command) -> bool:
    return name_of(command) not in WITHOUT_EFFECT and not is_change(command) and not is_redirection(command)


# --- words that stand in a text ---------------------------------------------------------------------------------------


def quoted_words(words: Sequence[str]) -> str:
    """The prefix as one piece of text, with the blank behind it. It needs no quotes, in no syntax.

    Raises:
        Untold: something in it would need them.
    """
    text = " ".join(words)
    if any(" " in word for word in words):
        raise Untold("the prefix would need quotes here")
    if not text.isascii() or set(text) & set("\"'\\`$;&|<>()*?[]{}~#!%\t\r\n"):
        raise Untold("the prefix would need quotes here")
    return text + " "
