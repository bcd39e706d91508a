"""What Python will see of a command that is not started yet: past shells, env, uv and others that run a command."""

import os
from collections.abc import Mapping, Sequence

from platform_otel.doctor.env_and_sudo import past_env, past_sudo
from platform_otel.doctor.launched import Environment, LaunchedProcess, Untold, unknown_option
from platform_otel.doctor.runners import is_runner, past_runner
from platform_otel.doctor.shell import after_option_c
from platform_otel.launcher import is_python

# zsh is not here: it reads files of its own before every line, and splits words otherwise.
_SHELLS = ("ash", "bash", "busybox", "dash", "ksh", "sh")
_SHELL_SWITCHES = frozenset("abcefhilmopuvxBCEHPT")
_SHELL_LONG_SWITCHES = ("--login", "--noprofile", "--norc", "--posix")
# Programs that start what they are told elsewhere: in a Makefile, a Procfile, an image, a root folder, ...
_STARTERS = frozenset(
    (
        "circusd", "docker", "docker-compose", "foreman", "goreman", "hivemind", "honcho", "inv", "invoke", "just",
        "kubectl", "make", "nox", "npm", "npx", "overmind", "pnpm", "podman", "runsvdir", "s6-svscan", "supervisord",
        "chroot", "systemctl", "task", "tox", "yarn",
    )
)  # fmt: skip


def launched(command: Sequence[str], environ: Mapping[str, str], folder: str = "") -> LaunchedProcess:
    """The process that a launch command, such as ``["sh", "-c", "exec uvicorn identity.main:app"]``, becomes.

    Args:
        command: the words of the command.
        environ: the environment that it will be started in.
        folder: the folder that it will be started in.
    """
    return in_the_end(LaunchedProcess(list(command), dict(environ), folder))


def in_the_end(process: LaunchedProcess) -> LaunchedProcess:
    """What a process becomes that runs a shell, env, uv, ..."""
    try:
        # Each step takes at least one word away, or is the last.
        while process.argv and not process.script and not is_python(process.argv[0]):
            process = _step(process, os.path.basename(process.argv[0]))
    except Untold as why:
        return process.because(str(why))
    return process if process.argv else process.because("there is no command")


def _step(process: LaunchedProcess, program: str) -> LaunchedProcess:
    if program == "env":
        return past_env(process)
    if program == "sudo":
        return past_sudo(process)
    if program in _SHELLS:
        return _past_shell(process, program)
    if is_runner(program):
        return past_runner(process, program)
    return _script(process, program)


def _script(process: LaunchedProcess, program: str) -> LaunchedProcess:
    """A script that names its interpreter in its first line."""
    if not process.argv[0]:
        raise Untold("there is no command")
    if program in _STARTERS:
        raise Untold(f"{program} decides what it starts")
    if program.endswith(".sh"):
        raise Untold(f"{program} is a shell script")
    return process._replace(argv=["python", *process.argv], script=process.argv[0])


# --- shells -----------------------------------------------------------------------------------------------------------


def _past_shell(process: LaunchedProcess, program: str) -> LaunchedProcess:
    """Read ``sh [options] -c [options] LINE [NAME ARGUMENTS ...]``."""
    words = process.argv[1:]
    if program == "busybox":
        program = words.pop(0) if words else ""
        if program not in _SHELLS:
            raise Untold("busybox runs a program of its own")
    letters = _options(words, program)
    if "c" not in letters:
        raise Untold(f"{words[0]} is a shell script" if words else "the shell reads its standard input")
    if not words:
        return process._replace(argv=[])
    if letters & {"i", "l"} or (program == "bash" and process.environ.get("BASH_ENV")):
        process = process._replace(environment=_after_files(program))
    return after_option_c(process, words[0], words[1:])


def _options(words: list[str], program: str) -> set[str]:
    """Take a shell's options off: their letters."""
    letters: set[str] = set()
    while words and words[0].startswith(("-", "+")):
        option = words.pop(0)
        if option in ("-", "--"):
            break
        if option in _SHELL_LONG_SWITCHES:
            letters |= {"l"} if option == "--login" else set()
            continue
        unknown = set(option[1:]) - _SHELL_SWITCHES
        if option.startswith("--") or unknown:
            raise unknown_option(program, option if option.startswith("--") else f"-{min(unknown)}")
        letters |= set(option[1:])
        if "o" in option:  # pipefail
            words[:1] = []
    return letters


def _after_files(shell: str) -> Environment:
    """What is looked up on ``PATH`` after a shell has read its files: Debian's /etc/profile sets it anew."""
    why = f"{shell} first reads files that may change PATH"
    return Environment(f"""{shell} -lc 'exec "$@"' {shell}""", is_foretold=False, changes_path=why)
