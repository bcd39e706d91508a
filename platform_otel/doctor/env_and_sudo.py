"""Commands that change the environment of the command that follows: env, and sudo."""

import os
import shlex
from collections.abc import Mapping

from platform_otel.doctor.launched import Environment, LaunchedProcess, Untold, unknown_option

# The letters of their options that take a value; those of their switches; the letters of long names.
_ENV_VALUED, _ENV_SWITCHES = "CSu", "iv"
_ENV_NAMES = {"--chdir": "C", "--debug": "v", "--ignore-environment": "i", "--split-string": "S", "--unset": "u"}
_SUDO_VALUED, _SUDO_SWITCHES = "CDRTUghprtu", "ABEHNPSbkn"
_SUDO_NAMES = {
    "--chdir": "D", "--chroot": "R", "--close-from": "C", "--command-timeout": "T", "--group": "g", "--host": "h",
    "--non-interactive": "n", "--preserve-env": "E", "--preserve-groups": "P", "--prompt": "p", "--role": "r",
    "--set-home": "H", "--type": "t", "--user": "u",
}  # fmt: skip


def past_env(process: LaunchedProcess) -> LaunchedProcess:
    """Read ``env [-i] [-u NAME] [-C FOLDER] [-S WORDS] [NAME=VALUE ...] COMMAND ...``.

    Raises:
        Untold: there is something else in it.
    """
    words = process.argv[1:]
    environ, folder = dict(process.environ), process.folder
    while words and words[0].startswith("-"):
        letter, value = _option(words, _ENV_NAMES, _ENV_VALUED)
        if letter == "--":
            break
        if letter in ("i", "-"):
            environ = {}
        elif letter == "u":
            environ.pop(value, None)
        elif letter == "C":
            folder = os.path.join(folder, value)
        elif letter == "S":
            words = [*_split(value), *words]
        elif letter not in _ENV_SWITCHES:
            raise unknown_option("env", _as_written(letter))
    environ |= _assigned(words)
    return process._replace(argv=words, environ=environ, folder=folder)


def _split(text: str) -> list[str]:
    """The words that ``env -S`` makes of one."""
    try:
        if not set(text) & set("\\$#"):  # escapes of its own, variables, comments
            return shlex.split(text)
    except ValueError:  # a quotation does not end
        pass
    raise Untold("the words after env -S are not understood here")


def past_sudo(process: LaunchedProcess) -> LaunchedProcess:
    """Read ``sudo [-E] [-u USER] [-D FOLDER] [NAME=VALUE ...] COMMAND ...``.

    sudo empties the environment, but for PATH and who the user is, unless it is told to preserve it:
    https://www.sudo.ws/docs/man/sudoers.man/#Command_environment

    Raises:
        Untold: there is something else in it.
    """
    words = process.argv[1:]
    kept, folder = {"PATH"}, process.folder
    while words and words[0].startswith("-"):
        letter, value = _option(words, _SUDO_NAMES, _SUDO_VALUED)
        if letter == "--":
            break
        if letter == "E":
            kept |= set(value.split(",") if value else process.environ)
        elif letter == "D":
            folder = os.path.join(folder, value)
        elif letter == "R":
            raise Untold("sudo --chroot runs it in another root folder")
        elif letter not in _SUDO_VALUED + _SUDO_SWITCHES:
            raise unknown_option("sudo", _as_written(letter))
    environ = {name: value for name, value in process.environ.items() if name in kept} | _assigned(words)
    # Its secure_path, which most systems set.
    environment = Environment("sudo", is_foretold=False, changes_path="sudo may look for it in folders of its own")
    return process._replace(argv=words, environ=environ, folder=folder, environment=environment)


def _assigned(words: list[str]) -> dict[str, str]:
    """Take ``NAME=VALUE ...`` off."""
    assigned: dict[str, str] = {}
    while words and "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        assigned[name] = value
    return assigned


def _option(words: list[str], names: Mapping[str, str], valued: str) -> tuple[str, str]:
    """Take the next option off: its letter and its value; of "-nE" one letter after the other.

    A single "-", "--" and long options that are not among these names count as letters.
    """
    word = words.pop(0)
    if word in ("-", "--"):
        return word, ""
    if word.startswith("--"):
        name, glued, value = word.partition("=")
        letter = names.get(name, name)
        return letter, value if glued or letter not in valued else _next(words)
    letter, rest = word[1], word[2:]
    if letter in valued:
        return letter, rest or _next(words)
    if rest:
        words.insert(0, f"-{rest}")
    return letter, ""


def _as_written(letter: str) -> str:
    return letter if letter.startswith("-") else f"-{letter}"


def _next(words: list[str]) -> str:
    return words.pop(0) if words else ""
