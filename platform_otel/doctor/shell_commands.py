"""Which commands of a shell's line prepare, filter or stay. Where that is doubtful, the line is refused."""

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile

from platform_otel.doctor.launched import Untold
from platform_otel.doctor.shell_line import PROGRAM, Command, Word, commands

# Commands that neither stay nor change what the one that stays is given.
WITHOUT_EFFECT = frozenset(
    (":", "[", "echo", "exit", "false", "mkdir", "printf", "set", "sleep", "test", "trap", "true", "ulimit", "umask",
     "wait")
)  # fmt: skip
_CHANGES = ("", ".", "cd", "export", "source", "unset")
# Keywords, and builtin commands whose effect is not followed here.
_NOT_FOLLOWED = frozenset(
    (
        "!", "[[", "alias", "bg", "break", "builtin", "case", "continue", "coproc", "declare", "dirs", "disown", "do",
        "done", "elif", "else", "enable", "esac", "eval", "fg", "fi", "for", "function", "getopts", "hash", "if", "in",
        "jobs", "let", "local", "mapfile", "popd", "pushd", "read", "readarray", "readonly", "return", "select",
        "shift", "shopt", "suspend", "then", "times", "type", "typeset", "unalias", "until", "while",
    )
)  # fmt: skip
# Programs that read the output of the one that stays.
_FILTERS = frozenset(("awk", "cat", "cronolog", "cut", "grep", "head", "jq", "logger", "multilog", "rotatelogs", "sed",
                      "tail", "tee", "tr", "ts"))  # fmt: skip
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=", re.ASCII)
_APPENDING = re.compile(r"[A-Za-z_]\w*\+=", re.ASCII)
# What makes another environment the active one -> what runs a command there.
ACTIVATIONS = {
    (".", "activate"): "conda run",  # as conda before 4.4 has it
    ("source", "activate"): "conda run",
    ("conda", "activate"): "conda run",
    ("mamba", "activate"): "mamba run",
    ("micromamba", "activate"): "micromamba run",
    ("pyenv", "activate"): "pyenv exec",
    ("pyenv", "shell"): "pyenv exec",
}


def understood(line: str) -> list[Command]:
    """The commands of a line.

    Raises:
        Untold: it is not certain which of them run, or what they do.
    """
    several = commands(line)
    _refuse_doubts(several)
    return several


def _refuse_doubts(several: Sequence[Command]) -> None:
    if any(map(_is_doubtful, several)):
        raise Untold(PROGRAM)
    if len([command for command in several if _is_program(command)]) > 1 and "&" in [each.after for each in several]:
        raise Untold("the shell starts several programs")
    lists = list(_lists(several))
    if any(is_change(command) for each in lists if each[-1].after == "&" for command in each):
        raise Untold(PROGRAM)
    while lists and all(name_of(command) in WITHOUT_EFFECT for command in lists[-1]):
        lists.pop()
    if any(_may_be_skipped(command) for each in lists[:-1] for command in each):
        raise Untold(PROGRAM)


def _may_be_skipped(command: Command) -> bool:
    """Whether what comes in later lists is otherwise if this one is not run, or is."""
    name = name_of(command)
    if name == "exit":
        return command.before != "||"  # as in: cd identity || exit 1
    return command.before == "&&" and (name == "exec" or is_change(command))


def _is_doubtful(command: Command) -> bool:
    """Whether what it does is not followed, or depends on how others end; or it runs where it changes nothing."""
    name = name_of(command)
    if name in _NOT_FOLLOWED or _APPENDING.match(name):
        return True
    if command.before == "|":
        return name not in _FILTERS
    if command.before == "||" and name not in WITHOUT_EFFECT:
        return True
    return (is_change(command) and command.after == "|") or (name == "exit" and command.after == "&&")


def _lists(several: Sequence[Command]) -> Iterator[list[Command]]:
    """Commands between which there are only && and ||."""
    together: list[Command] = []
    for command in several:
        if together and command.before not in ("&&", "||", "|"):
            yield together
            together = []
        together.append(command)
    if together:
        yield together


def name_of(command: Command) -> str:
    """The word that says what it does; "" for an assignment alone, "$" for what only the environment says."""
    words = after_assignments(command.words)
    if not words:
        return ""
    return words[0].text if words[0].is_literal else "$"


def after_assignments(words: Sequence[Word]) -> Sequence[Word]:
    """The command itself in ``A=1 B=2 command ...``."""
    return words[len(list(takewhile(_is_assignment, words))) :]


def _is_assignment(word: Word) -> bool:
    return word[0].kind == "plain" and bool(_ASSIGNMENT.match(word[0].text))


def is_change(command: Command) -> bool:
    """Whether it changes what later commands are given."""
    return name_of(command) in _CHANGES or _activated_by(command) or is_redirection(command)


def _activated_by(command: Command) -> bool:
    return tuple(word.text for word in after_assignments(command.words)[:2]) in ACTIVATIONS


def is_redirection(command: Command) -> bool:
    """``exec > log``, which stays with the shell."""
    return name_of(command) == "exec" and len(after_assignments(command.words)) == 1


def _is_program(command: Command) -> bool:
    return command.before != "|" and name_of(command) not in WITHOUT_EFFECT and not is_change(command)


def is_builtin(word: str) -> bool:
    """Whether this word, which a variable holds, is no program."""
    return word == "exec" or word in WITHOUT_EFFECT or word in _CHANGES or word in _NOT_FOLLOWED
