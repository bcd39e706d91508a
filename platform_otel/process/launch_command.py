"""What Python will see of a command that is not started yet: past shells, env, uv and others that run a command.

The traced process never imports this module: it has its own command line. The doctor asks for one that is to come.
"""

import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from platform_otel.config import OPTIONS


class LaunchedProcess(NamedTuple):
    """The process that a command will become, as far as can be told without running it.

    Args:
        argv: its command line as ``sys.orig_argv`` will have it; empty if that is unclear.
        environ: its environment.
        folder: its current folder; "" is the one that the command is started in, unknown here.
        unclear: why it cannot be told what Python will run, such as "make decides what it starts"; else "".
    """

    argv: list[str]
    environ: dict[str, str]
    folder: str
    unclear: str = ""

    def because(self, unclear: str) -> "LaunchedProcess":
        """The same, of which it cannot be told what Python will run."""
        return self._replace(argv=[], unclear=unclear)


class _Tool(NamedTuple):
    """A program that runs the command that follows: ``TOOL [options] [subcommand] [options] [words] COMMAND``."""

    valued: str = ""  # its options that take a value
    subcommand: str = ""
    words: int = 0  # how many words of its own stand before the command
    folder: str = ""  # its option that changes the current folder


_UV = _Tool(
    "--extra --group --no-group --only-group --no-extra --env-file --with --with-editable --with-requirements --index "
    "--default-index -i --index-url --extra-index-url -f --find-links -p --python --project --directory --package "
    "--cache-dir --config-file -C --config-setting --link-mode --resolution --prerelease --python-platform --color "
    "--from -w --allow-insecure-host --no-build-package --no-binary-package --refresh-package -P --upgrade-package",
    "run",
    folder="--directory",
)
_HATCH = _Tool("-e --env -p --project --data-dir --cache-dir --config", "run")
_OURS = _Tool(" ".join(row[0] for row in OPTIONS), "run")
_SUDO = _Tool("-u --user -g --group -h --host -p --prompt -C -D --chdir -T", folder="--chdir")
_CONDA = _Tool("-n --name -p --prefix --cwd", "run", folder="--cwd")
_TOOLS = {
    "chroot": _Tool(words=1),
    "chrt": _Tool(words=1),
    "command": _Tool(),
    "conda": _CONDA,
    "ddtrace-run": _Tool(),
    "dotenv": _Tool("-f --file -q --quote", "run"),
    "dumb-init": _Tool("-r --rewrite"),
    "exec": _Tool("-a"),
    "gosu": _Tool(words=1),
    "hatch": _HATCH,
    "ionice": _Tool("-c --class -n --classdata"),
    "mamba": _CONDA,
    "micromamba": _CONDA,
    "newrelic-admin": _Tool("", "run-program"),
    "nice": _Tool("-n --adjustment"),
    "nohup": _Tool(),
    "opentelemetry-instrument": _Tool(
        "--exporter_otlp_endpoint --traces_exporter --metrics_exporter --logs_exporter --service_name "
        "--resource_attributes --id_generator --propagators --traces_sampler --distro --configurator"
    ),
    "pdm": _Tool("-p --project --venv", "run"),
    "pipenv": _Tool("--python", "run"),
    "pixi": _Tool("-e --environment --manifest-path -p --platform", "run"),
    "platform-trace": _OURS,
    "poetry": _Tool("-C --directory -P --project", "run", folder="--directory"),
    "rye": _Tool("--pyproject", "run"),
    "setpriv": _Tool("--reuid --regid --groups --inh-caps --ambient-caps --bounding-set"),
    "setsid": _Tool(),
    "stdbuf": _Tool("-i --input -o --output -e --error"),
    "su-exec": _Tool(words=1),
    "sudo": _SUDO,
    "taskset": _Tool(words=1),
    "time": _Tool("-f --format -o --output"),
    "timeout": _Tool("-k --kill-after -s --signal", words=1),
    "tini": _Tool("-p -e"),
    "uv": _UV,
    "uvx": _UV._replace(subcommand=""),
}


class _Command(NamedTuple):
    """One simple command of a shell's line."""

    words: list[str]
    separator: str  # what follows it
    is_filter: bool  # whether it reads the output of the one before


_SHELLS = ("ash", "bash", "busybox", "dash", "ksh", "sh", "zsh")
# Programs that start what they are told elsewhere: in a Makefile, a Procfile, an image, ...
_STARTERS = frozenset(
    (
        "circusd", "docker", "docker-compose", "foreman", "goreman", "hivemind", "honcho", "inv", "invoke", "just",
        "kubectl", "make", "nox", "npm", "npx", "overmind", "pnpm", "podman", "runsvdir", "s6-svscan", "supervisord",
        "systemctl", "task", "tox", "yarn",
    )
)  # fmt: skip
# Commands of a shell line that prepare the one that stays.
_PREPARATIONS = frozenset((".", ":", "[", "echo", "mkdir", "printf", "set", "sleep", "source", "test", "trap", "true",
                           "ulimit", "umask", "unset", "wait"))  # fmt: skip
_KEYWORDS = frozenset(("if", "for", "while", "until", "case", "function", "select", "{", "(", "((", "[["))
_INTERPRETER = re.compile(r"(python|pypy)[0-9.]*[a-z]*")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_PARAMETER = re.compile(r"\$(?:(?P<name>\w+)|\{(?P<braced>\w+)(?::?-(?P<default>[^}]*))?\})")
_MODULE_OPTIONS = ("-m", "--module")


def launched(
    command: Sequence[str],
    environ: Mapping[str, str],
    folder: str = "",
    find: Callable[[str], str] = lambda name: name,
) -> LaunchedProcess:
    """The process that a launch command, such as ``["sh", "-c", "exec uvicorn identity.main:app"]``, becomes.

    Args:
        command: the words of the command.
        environ: the environment that it will be started in.
        folder: the folder that it will be started in.
        find: the file that a command's name stands for, as ``launcher.find`` says; by default the name itself.
    """
    process = LaunchedProcess(list(command), dict(environ), folder)
    # Each step takes at least one word away, or is the last.
    while process.argv:
        program = os.path.basename(process.argv[0])
        if program == "env":
            process = _past_env(process)
        elif program in _SHELLS:
            process = _past_shell(process)
        elif _is_tool(program, process.argv):
            process = _past_tool(process, _TOOLS[program])
        else:
            return _python(process, program, find)
    return process if process.unclear else process.because("there is no command")


def _python(process: LaunchedProcess, program: str, find: Callable[[str], str]) -> LaunchedProcess:
    """The interpreter itself, or a script that names it in its first line."""
    if _INTERPRETER.fullmatch(program):
        return process
    if program in _STARTERS:
        return process.because(f"{program} decides what it starts")
    if program.endswith(".sh"):
        return process.because(f"{program} is a shell script")
    return process._replace(argv=["python", find(process.argv[0]), *process.argv[1:]])


# --- env --------------------------------------------------------------------------------------------------------------


def _past_env(process: LaunchedProcess) -> LaunchedProcess:
    """Read ``env [-i] [-u NAME] [-C FOLDER] [-S WORDS] [NAME=VALUE ...] COMMAND ...``."""
    words = process.argv[1:]
    environ, folder = dict(process.environ), process.folder
    while words and (words[0].startswith("-") or _ASSIGNMENT.match(words[0])):
        word = words.pop(0)
        option, _, value = word.partition("=")
        if not word.startswith("-"):
            environ[option] = value
        elif option in ("-i", "-", "--ignore-environment"):
            environ = {}
        elif option in ("-u", "--unset"):
            environ.pop(value or _next(words), None)
        elif option in ("-C", "--chdir"):
            folder = os.path.join(folder, value or _next(words))
        elif option in ("-S", "--split-string"):
            words = [*_split(value or _next(words)), *words]
    return LaunchedProcess(words, environ, folder)


def _next(words: list[str]) -> str:
    return words.pop(0) if words else ""


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quotation that does not end
        return text.split()


# --- programs that run another ----------------------------------------------------------------------------------------


def _is_tool(program: str, argv: Sequence[str]) -> bool:
    tool = _TOOLS.get(program)
    if tool is None:
        return False
    # Without its subcommand it does something else: `poetry install`. Ours may be left out.
    return not tool.subcommand or tool is _OURS or tool.subcommand in argv


def _past_tool(process: LaunchedProcess, tool: _Tool) -> LaunchedProcess:
    words, environ, folder = process.argv[1:], dict(process.environ), process.folder
    own, subcommand = tool.words, tool.subcommand
    while words:
        word = words.pop(0)
        option, glued, value = word.partition("=")
        if word == subcommand:
            subcommand = ""
        elif word in _MODULE_OPTIONS and tool is _UV:
            return LaunchedProcess(["python", "-m", *words], environ, folder)
        elif word.startswith("-"):
            value = value if glued else _next(words) if word in tool.valued.split() else ""
            folder = os.path.join(folder, value) if option == tool.folder else folder
            environ |= _set_by_option(option, value) if tool is _OURS else {}
        elif own:
            own -= 1
        elif glued and tool is _SUDO and _ASSIGNMENT.match(word):
            environ[option] = value
        elif not subcommand or tool is _OURS:  # uv tool run: two words
            return LaunchedProcess(_command(tool, [word, *words]), environ, folder)
    return LaunchedProcess([], environ, folder)


def _set_by_option(option: str, value: str) -> dict[str, str]:
    """What our own options set: ``platform-trace --service-name identity``."""
    return {variable: value for name, variable, *_ in OPTIONS if name == option}


def _command(tool: _Tool, words: Sequence[str]) -> list[str]:
    """The command as the tool understands it: uv runs .py files with Python, hatch takes ENVIRONMENT:COMMAND."""
    if tool is _UV and words[0].endswith((".py", ".pyw")):
        return ["python", *words]
    if tool is _HATCH:
        return [words[0].rpartition(":")[2], *words[1:]]
    return list(words)


# --- shells -----------------------------------------------------------------------------------------------------------


def _past_shell(process: LaunchedProcess) -> LaunchedProcess:
    """Read ``sh -c LINE [NAME ARGUMENTS ...]``."""
    words = process.argv[1:]
    if words and words[0] in _SHELLS:  # busybox sh
        words.pop(0)
    while words and words[0].startswith(("-", "+")):
        option = words.pop(0)
        if "c" in option and not option.startswith("--"):
            return _of_line(process, words[0], words[1:]) if words else process._replace(argv=[])
        if option in ("-o", "+o"):
            words[:1] = []
    return process.because(f"{words[0]} is a shell script" if words else "the shell reads its standard input")


def _of_line(process: LaunchedProcess, line: str, parameters: Sequence[str]) -> LaunchedProcess:
    """The process of the last command in a line, or of the one that the shell becomes by ``exec``."""
    try:
        commands = [command for command in _commands(line) if not command.is_filter]
    except ValueError:
        return process.because("the shell's command line has a quotation that does not end")
    if "$(" in line or "`" in line or any(command.words[0] in _KEYWORDS for command in commands):
        return process.because("the shell's command line is a program of its own")
    if _starts_several(commands):
        return process.because("the shell starts several programs")
    shell = _Shell(process, parameters)
    for command in commands:
        shell.run(command.words)
        if command.words[0] == "exec":
            break
    return shell.started


def _starts_several(commands: Sequence[_Command]) -> bool:
    """Whether one program stays in the background while another one runs."""
    programs = [command.separator for command in commands if command.words[0] not in _PREPARATIONS]
    return len(programs) > 1 and "&" in programs


class _Shell:
    """What a shell keeps while it goes through a line; ``started`` is the process of its last program."""

    def __init__(self, process: LaunchedProcess, parameters: Sequence[str]) -> None:
        self.started = process._replace(argv=[])
        self._environ = dict(process.environ)
        self._folder = process.folder
        self._parameters = parameters

    def run(self, words: Sequence[str]) -> None:
        """Do what one simple command does."""
        assigned, command = _assignments(_expanded(words, self._environ, self._parameters))
        if not command or command[0] == "export":
            self._environ |= assigned | _assignments(command[1:])[0]
        elif command[0] == "cd":
            self._folder = os.path.join(self._folder, *command[1:2])
        elif command[0] not in _PREPARATIONS:
            self.started = LaunchedProcess(command, self._environ | assigned, self._folder)


def _commands(line: str) -> Iterator[_Command]:
    """The simple commands of a line, without their redirections.

    Raises:
        ValueError: a quotation does not end.
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>()\n")
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    words: list[str] = []
    is_filter = False
    tokens = iter([*lexer, ";"])
    for token in tokens:
        if token[0] in "<>":
            next(tokens)
            if words and words[-1] in ("1", "2"):  # 2>&1
                words.pop()
        elif token[0] in ";&|\n":
            if words:
                yield _Command(words, token, is_filter)
            words, is_filter = [], token == "|"
        else:
            words.append(token)


def _assignments(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Split ``A=1 B=2 command ...``."""
    count = next((at for at, word in enumerate(words) if not _ASSIGNMENT.match(word)), len(words))
    pairs = (word.partition("=") for word in words[:count])
    return {name: value for name, _, value in pairs}, list(words[count:])


def _expanded(words: Sequence[str], environ: Mapping[str, str], parameters: Sequence[str]) -> list[str]:
    """Replace ``$NAME``, ``${NAME:-default}``, ``$0`` and ``"$@"``. Quotes are gone by now, so '$NAME' is, too."""
    known = {**environ, **{str(number): word for number, word in enumerate(parameters)}}

    def value(match: re.Match[str]) -> str:
        return known.get(match["name"] or match["braced"], "") or match["default"] or ""

    expanded: list[str] = []
    for word in words:
        expanded += parameters[1:] if word in ("$@", "$*") else [_PARAMETER.sub(value, word)]
    return [word for word in expanded if word]
