"""What a shell does with its command line: the program that stays, its environment and its folder."""

import os
import re
from collections.abc import Mapping, Sequence

from platform_otel.doctor.launched import Environment, LaunchedProcess, Untold, unknown_option
from platform_otel.doctor.shell_commands import (
    ACTIVATIONS,
    WITHOUT_EFFECT,
    after_assignments,
    is_builtin,
    is_change,
    is_redirection,
    name_of,
    understood,
)
from platform_otel.doctor.shell_line import PROGRAM, Command, Piece, Word

_PARAMETER = re.compile(r"\$(?:(?P<name>\w+)|\{(?P<braced>\w+)(?::-(?P<default>[^}]*))?\})", re.ASCII)
_HARMLESS_SETTINGS = re.compile(r"[-+][euxo]+|pipefail|errexit|nounset|xtrace")
# What a shell sets for itself, and what changes how it reads the rest.
_ITS_OWN = frozenset(
    ("CDPATH", "EUID", "HOSTNAME", "IFS", "LINENO", "OLDPWD", "PPID", "RANDOM", "SECONDS", "SHLVL", "UID")
)


def after_option_c(process: LaunchedProcess, line: str, parameters: Sequence[str]) -> LaunchedProcess:
    """The process of the last program in a line, or of the one that the shell becomes by ``exec``.

    Raises:
        Untold: the line is not surely understood.
    """
    shell = _Shell(process, parameters)
    for command in understood(line):
        if command.before != "|" and shell.run(command):
            break
    return shell.started


class _Shell:
    """What a shell keeps while it goes through a line; ``started`` is the process of its last program."""

    def __init__(self, process: LaunchedProcess, parameters: Sequence[str]) -> None:
        self.started = process._replace(argv=[])
        self._now = self.started
        self._parameters = parameters
        # Those that are not exported.
        self._variables: dict[str, str] = {}

    def run(self, command: Command) -> bool:
        """Do what one command does; whether the shell is gone then."""
        name = name_of(command)
        if name in WITHOUT_EFFECT:
            _refuse_settings([word.text for word in after_assignments(command.words)])
        elif is_redirection(command):
            self._now = self._now._replace(writes_elsewhere=self._now.writes_elsewhere or command.writes_elsewhere)
        elif is_change(command):
            self._change(*self._read(command))
        else:
            self._start(command, *self._read(command))
            # In a pipeline, or in the background, a child of the shell becomes it.
            return name == "exec" and command.after not in ("|", "&")
        return False

    def _start(self, command: Command, assigned: Mapping[str, str], words: list[str]) -> None:
        if name_of(command) == "exec":
            words = _without_options(words)
        elif words and is_builtin(words[0]):  # from a variable
            raise Untold(PROGRAM)
        elsewhere = self._now.writes_elsewhere or command.writes_elsewhere or command.after == "|"
        environ = {**self._now.environ, **assigned}
        self.started = self._now._replace(argv=words, environ=environ, writes_elsewhere=elsewhere)

    # --- changes ---

    def _change(self, assigned: Mapping[str, str], words: Sequence[str]) -> None:
        if words and assigned:
            raise Untold(PROGRAM)
        if tuple(words[:2]) in ACTIVATIONS:
            self._now = self._now._replace(environment=Environment(ACTIVATIONS[words[0], words[1]], is_foretold=False))
        elif not words:
            self._assign(assigned)
        elif words[0] == "export":
            self._export(_without_options(words))
        elif words[0] == "unset":
            self._unset(_without_options(words))
        elif words[0] == "cd":
            self._now = _moved(self._now, _without_options(words, "-L", "-P"))
        else:
            self._now = _activated(self._now, _without_options(words))

    def _assign(self, assigned: Mapping[str, str]) -> None:
        """A variable that was exported before stays so."""
        for name, value in assigned.items():
            if name in self._now.environ:
                self._export([f"{name}={value}"])
            else:
                self._variables[name] = value

    def _export(self, words: Sequence[str]) -> None:
        environ = dict(self._now.environ)
        for word in words:
            name, is_assigned, value = word.partition("=")
            if not name.isidentifier() or name in _ITS_OWN:
                raise Untold(PROGRAM)
            if is_assigned or name in self._variables:
                environ[name] = value if is_assigned else self._variables[name]
            self._variables.pop(name, None)
        self._now = self._now._replace(environ=environ)

    def _unset(self, names: Sequence[str]) -> None:
        self._now = self._now._replace(environ={k: v for k, v in self._now.environ.items() if k not in names})
        self._variables = {name: value for name, value in self._variables.items() if name not in names}

    # --- words ---

    def _read(self, command: Command) -> tuple[dict[str, str], list[str]]:
        """The assignments before a command, and its words."""
        rest = after_assignments(command.words)
        assigned: dict[str, str] = {}
        for word in command.words[: len(command.words) - len(rest)]:
            name, _, value = self._joined(word, assigned, is_split=False).partition("=")
            if name in _ITS_OWN:
                raise Untold(PROGRAM)
            assigned[name] = value
        return assigned, [text for word in rest for text in self._expanded(word)]

    def _expanded(self, word: Word) -> list[str]:
        """The words that one becomes."""
        if [piece.kind for piece in word] == ["parameters"]:
            return list(self._parameters[1:])
        if [piece.kind for piece in word] == ["parameter"]:
            return _split(self._value(word[0].text, {}))
        text = self._joined(word, {}, is_split=True)
        return [text] if text or any(piece.kind.startswith("quoted") for piece in word) else []

    def _joined(self, word: Word, assigned: Mapping[str, str], *, is_split: bool) -> str:
        return "".join(self._text(piece, assigned, is_split=is_split) for piece in word)

    def _text(self, piece: Piece, assigned: Mapping[str, str], *, is_split: bool) -> str:
        if piece.kind in ("plain", "quoted"):
            return piece.text
        if piece.kind == "home":
            return self._value("$HOME", assigned)
        if piece.kind not in ("parameter", "quoted parameter"):
            raise Untold(PROGRAM)
        value = self._value(piece.text, assigned)
        if is_split and piece.kind == "parameter" and value and _split(value) != [value]:
            raise Untold(PROGRAM)
        return value

    def _value(self, parameter: str, assigned: Mapping[str, str]) -> str:
        match = _PARAMETER.fullmatch(parameter)
        name = (match["name"] or match["braced"]) if match else ""
        if match is None or name in _ITS_OWN or (name == "0" and not self._parameters):
            raise Untold(PROGRAM)
        return self._known(name, assigned) or match["default"] or ""

    def _known(self, name: str, assigned: Mapping[str, str]) -> str:
        if name.isdecimal():
            return dict(enumerate(self._parameters)).get(int(name), "")
        if name == "PWD":
            return self._now.folder
        return {**self._now.environ, **self._variables, **assigned}.get(name, "")


def _split(value: str) -> list[str]:
    """The words of an unquoted variable; file names with wildcards are not looked for."""
    if set(value) & set("*?[\\"):
        raise Untold(PROGRAM)
    return re.findall(r"[^ \t\n]+", value)


def _refuse_settings(words: Sequence[str]) -> None:
    """``set -e`` changes nothing that matters here; ``set -a`` and ``set -- python app.py`` do."""
    if words[0] == "set" and not all(map(_HARMLESS_SETTINGS.fullmatch, words[1:])):
        raise Untold(PROGRAM)


def _without_options(words: Sequence[str], *harmless: str) -> list[str]:
    """What follows a builtin command and its options."""
    rest = list(words[1:])
    while rest and rest[0] in harmless:
        rest.pop(0)
    if rest[:1] == ["--"]:
        return rest[1:]
    if rest and rest[0].startswith("-"):
        raise unknown_option(words[0], rest[0])
    return rest


def _moved(process: LaunchedProcess, words: Sequence[str]) -> LaunchedProcess:
    folder = words[0] if words else process.environ.get("HOME", "")
    if len(words) > 1 or not folder or ("CDPATH" in process.environ and not os.path.isabs(folder)):
        raise Untold(PROGRAM)
    return process._replace(folder=os.path.join(process.folder, folder))


def _activated(process: LaunchedProcess, words: Sequence[str]) -> LaunchedProcess:
    """Do what the script does that a virtual environment keeps as bin/activate."""
    if len(words) != 1 or not words[0].endswith("bin/activate"):
        # What is given to it may be a secret.
        raise Untold(f"the shell reads {''.join(words[:1])}, which may change anything")
    environment = os.path.join(process.folder, os.path.dirname(os.path.dirname(words[0])))
    environ = {name: value for name, value in process.environ.items() if name != "PYTHONHOME"}
    environ["VIRTUAL_ENV"] = environment
    environ["PATH"] = os.pathsep.join([os.path.join(environment, "bin"), environ.get("PATH", os.defpath)])
    return process._replace(environ=environ, environment=None)
