"""The console script: plans the launch of a command and executes it; anything but a launch goes on to cli/."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

from platform_otel.config import COMMANDS, ENABLED, OPTIONS, STDOUT_FILE


class Launch:
    """What to execute: the file, its arguments and its environment."""

    __slots__ = ("argv", "environ", "notice", "path")

    def __init__(self, path: str, argv: "Sequence[str]", environ: "Mapping[str, str]", notice: str) -> None:
        self.path = path
        self.argv = list(argv)
        self.environ = dict(environ)
        self.notice = notice


def main() -> "NoReturn":
    """Entry point of ``platform-trace``: does not return."""
    words = sys.argv[1:]
    if os.name == "nt":
        sys.exit("Error: platform-trace does not run on Windows\nHint: run the service on Linux or macOS, or in WSL")
    if not is_launch(words):
        from platform_otel import cli

        cli.main(words)
    try:
        execute(plan(words, os.environ))
    except Exception as error:
        sys.exit(_said(error))


def is_launch(words: "Sequence[str]") -> bool:
    """Whether these arguments launch a command: subcommands, help and version are click's."""
    options, command = _split(words)
    return bool(command or options or words == ["run"]) and not any(word in ("--help", "--version") for word in options)


def plan(words: "Sequence[str]", environ: "Mapping[str, str]") -> Launch:
    """What the arguments ask for, as a value.

    Raises:
        UsageError: an option is unknown or lacks its value, or there is no command.
        CommandNotFound, CommandNotExecutable: the command cannot be executed.
    """
    options, command = _split(words)
    variables = _variables(options)
    if not command:
        raise _usage("no command given", "write the service's command after --, as in: platform-trace -- python app.py")
    path = find(command[0], environ)
    traced = {**environ, **variables, ENABLED: "true", STDOUT_FILE: _stdout()}
    return Launch(path, command, traced, _notice(path, command))


def _split(words: "Sequence[str]") -> "tuple[list[str], list[str]]":
    """Our options, and the service's command; neither if a known subcommand is meant."""
    rest = list(words)
    if rest and rest[0] == "run":
        rest.pop(0)
    elif rest and rest[0] in [name for name, _ in COMMANDS]:
        return [], []
    takes_value = [row[0] for row in OPTIONS]
    options: list[str] = []
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        options.append(word)
        if word == "--":
            break
        if word in takes_value and rest:
            options.append(rest.pop(0))
    return options, rest


def _variables(options: "Sequence[str]") -> "dict[str, str]":
    rows = {row[0]: row for row in OPTIONS}
    variables: dict[str, str] = {}
    words = iter([word for word in options if word != "--"])
    for word in words:
        name, glued, value = word.partition("=")
        if name not in rows:
            raise _usage(f"unknown option {name}", f"known are {', '.join(rows)}; a command goes after --")
        _, variable, allowed, _ = rows[name]
        value = value if glued else next(words, "")
        if not value:
            raise _usage(f"{name} needs a value", f"write {name} {allowed or 'VALUE'}")
        if allowed and value not in allowed.split("|"):
            raise _usage(f"{name} cannot be {value}", f"it is one of {', '.join(allowed.split('|'))}")
        variables[variable] = value
    return variables


def find(command: str, environ: "Mapping[str, str]") -> str:
    """The file that ``command`` names, by the rules of a shell.

    Raises:
        CommandNotFound, CommandNotExecutable
    """
    if "/" in command:
        candidates = [command]
    else:
        candidates = [os.path.join(folder, command) for folder in _search_path(environ)]
    for candidate in candidates:
        if os.access(candidate, os.X_OK) and os.path.isfile(candidate):
            return candidate
    present = [candidate for candidate in candidates if os.path.exists(candidate)]
    raise _not_executable(present[0]) if present else _not_found(command, environ)


def _search_path(environ: "Mapping[str, str]") -> "list[str]":
    # os.get_exec_path says the same and imports warnings.
    return environ.get("PATH", os.defpath).split(os.pathsep)


def execute(launch: Launch) -> "NoReturn":
    """Become the command. Same pid, same signals, same exit code.

    Raises:
        CommandNotExecutable: the kernel refuses to execute the file.
    """
    if launch.notice:
        _print(f"platform-trace: {launch.notice}")
    _unignore()
    try:
        os.execve(launch.path, launch.argv, launch.environ)
    except OSError as error:
        raise _refused(launch.path, error) from None


def _unignore() -> None:
    """Undo what the interpreter did for itself: an ignored signal stays ignored across an execution."""
    # Built in, where signal is a module with an enumeration. typeshed does not know it.
    import _signal  # type: ignore[import-not-found]

    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)


def _stdout() -> str:
    from platform_otel.process.standard_output import file_identity

    return file_identity(1)


def _notice(path: str, command: "Sequence[str]") -> str:
    """Why nothing will be traced, if that can be told beforehand, else ""."""
    interpreter = _interpreter(path)
    if interpreter is None:
        return ""
    if interpreter == path and "S" in option_letters(command[1:]):
        return f"{interpreter} -S reads no start file, so nothing will be traced there; leave -S out"
    if _has_our_package(interpreter):
        return ""
    return (
        f"{interpreter} has no platform-otel, so nothing will be traced there; "
        f"install it with: {interpreter} -m pip install platform-otel"
    )


def _interpreter(path: str) -> "str | None":
    """The Python interpreter that ``path`` is or names in its first line, else None."""
    if is_python(path):
        return path
    try:
        with open(path, "rb") as file:
            first = file.readline(256)
    except OSError:
        return None
    words = first[2:].decode("utf-8", "replace").split() if first.startswith(b"#!") else []
    return words[0] if words and is_python(words[0]) else None


def is_python(path: str) -> bool:
    """Whether a file's name says that it is a Python interpreter: python, python3.13t, pypy3; not python-config."""
    name = os.path.basename(path)
    version = name.removeprefix("python").removeprefix("pypy")
    return version != name and not version.lstrip("0123456789.").strip("dmtuw")


def option_letters(words: "Sequence[str]") -> "frozenset[str]":
    """The single-letter options among an interpreter's own, such as {"S", "I"} for ``-SI`` or ``-S -I``.

    Args:
        words: what follows the interpreter on its command line.
    """
    letters: set[str] = set()
    rest = iter(words)
    for word in rest:
        if word == "--check-hash-based-pycs":
            next(rest, None)
            continue
        if not word.startswith("-") or word in ("-", "--"):
            break
        for letter in word[1:]:
            if letter in "mc":
                return frozenset(letters)
            if letter in "XW":
                break
            letters.add(letter)
        if word in ("-X", "-W"):
            next(rest, None)
    return frozenset(letters)


def _has_our_package(interpreter: str) -> bool:
    """Whether our start file is in one of its site-packages; True also where that cannot be told."""
    prefix = os.path.dirname(os.path.dirname(os.path.abspath(interpreter)))
    # Only a virtual environment says by its own folder what its interpreter sees.
    if prefix == sys.prefix or not _is_isolated(os.path.join(prefix, "pyvenv.cfg")):
        return True
    library = os.path.join(prefix, "lib")
    try:
        versions = os.listdir(library)
    except OSError:
        return True
    return any(
        os.path.exists(os.path.join(library, version, "site-packages", "platform_otel.pth")) for version in versions
    )


def _is_isolated(pyvenv_cfg: str) -> bool:
    try:
        with open(pyvenv_cfg, encoding="utf-8", errors="replace") as file:
            text = file.read().lower().replace(" ", "")
    except OSError:
        return False
    return "include-system-site-packages=true" not in text


def _usage(message: str, hint: str) -> Exception:
    from platform_otel.errors import UsageError

    return UsageError(message, hint)


def _not_found(command: str, environ: "Mapping[str, str]") -> Exception:
    from difflib import get_close_matches

    from platform_otel.errors import CommandNotFound

    close = [] if "/" in command else get_close_matches(command, sorted(_commands_on_path(environ)), 1)
    hint = f"did you mean {close[0]}?" if close else "check its spelling, and that it is installed in this environment"
    return CommandNotFound(f"command not found: {command}", hint)


def _commands_on_path(environ: "Mapping[str, str]") -> "set[str]":
    names: set[str] = set()
    for folder in _search_path(environ):
        try:
            names.update(os.listdir(folder))
        except OSError:
            continue
    return names


def _not_executable(path: str) -> Exception:
    from platform_otel.errors import CommandNotExecutable

    if os.path.isdir(path):
        return CommandNotExecutable(f"is a directory: {path}", "name the command to run inside it")
    if path.endswith(".py"):
        return CommandNotExecutable(f"not executable: {path}", f"run it with Python: platform-trace -- python {path}")
    return CommandNotExecutable(f"not executable: {path}", f"allow it with: chmod +x {path}")


def _refused(path: str, error: OSError) -> Exception:
    from platform_otel.errors import CommandNotExecutable

    return CommandNotExecutable(
        f"cannot execute {path}: {error.strerror}",
        "check the #! line at its beginning, and that the interpreter named there is installed",
    )


def _said(error: Exception) -> int:
    """Print what went wrong and what to do; the exit code of it."""
    from platform_otel.errors import PlatformTraceError

    if not isinstance(error, PlatformTraceError):
        raise error
    _print(str(error))
    return error.exit_code


def _print(text: str) -> None:
    if sys.stderr is not None:  # it is None where it was closed at the start
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
