"""The service as it would be launched: its environment, its interpreter, and what is installed there."""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from platform_otel import launcher
from platform_otel.doctor.checks import Trouble
from platform_otel.doctor.distributions import Distributions
from platform_otel.doctor.findings import plan as finding
from platform_otel.doctor.interpreter import Interpreter, ask
from platform_otel.doctor.launch_command import launched
from platform_otel.doctor.launched import LaunchedProcess
from platform_otel.doctor.whereabouts import interpreted, no_launch
from platform_otel.errors import PlatformTraceError
from platform_otel.instrumentation.discovery import Installed, installed
from platform_otel.launcher import option_letters
from platform_otel.process.command_line import target

START_FILE = "platform_otel.pth"


@dataclass(frozen=True)
class Surroundings:
    """What an interpreter would find when it runs the service.

    Args:
        path: the ``sys.path`` of the service's start.
        start_file: the folder where our start file is; "" if nothing starts tracing there.
        installed: what the traced process itself would see installed.
    """

    interpreter: Interpreter
    path: tuple[str, ...]
    start_file: str
    installed: Installed
    distributions: Distributions

    def install(self, *names: str) -> str:
        """The line that installs distributions there."""
        words = " ".join(shlex.quote(name) for name in names)
        python = shlex.quote(self.interpreter.executable)
        # uv makes environments without pip.
        if not self.distributions.has_module("pip"):
            return f"uv pip install --python {python} {words}"
        return f"{python} -m pip install {words}"


@dataclass(frozen=True)
class Service:
    """One command, looked at from outside.

    Args:
        command: as it was given; empty if none was.
        given: the environment as it is.
        environ: the environment that the service's process would have.
        folder: its current folder.
        argv: what would be its ``sys.orig_argv``; empty if that cannot be told.
        found_by: how its interpreter was found.
        letters: the interpreter's single-letter options, such as {"S"}.
        surroundings: None if the interpreter cannot be told.
        trouble: why it cannot be.
        writes_elsewhere: whether a shell gives it another standard output than the command's.
    """

    command: tuple[str, ...]
    given: Mapping[str, str]
    environ: Mapping[str, str]
    folder: str
    argv: tuple[str, ...] = ()
    found_by: str = ""
    letters: frozenset[str] = frozenset()
    surroundings: Surroundings | None = None
    trouble: Trouble | None = None
    writes_elsewhere: bool = False


def look_at(command: Sequence[str], environ: Mapping[str, str]) -> Service:
    """What would run if ``platform-trace`` were asked to launch this command. Without one: this interpreter."""
    service = Service(tuple(command), environ, environ, _current_folder())
    try:
        if not command:
            return _surrounded(service, [sys.executable], "the one of platform-trace itself")
        launch = _launch(command, environ)
        service = replace(service, environ=launch.environ)
        process = launched(launch.argv, launch.environ, service.folder)
        # A script is only known to be one of Python once it is found, but for where a tool keeps it.
        service = _started(service, process if process.environment or not process.script else process._replace(argv=[]))
        process, found_by = interpreted(process)
        return _surrounded(_started(service, process), process.argv, found_by)
    except Trouble as trouble:
        return replace(service, trouble=trouble)


def _started(service: Service, process: LaunchedProcess) -> Service:
    """The service as far as this process says."""
    return replace(
        service,
        argv=tuple(process.argv),
        environ=process.environ,
        folder=process.folder,
        writes_elsewhere=process.writes_elsewhere,
    )


def _current_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it has been deleted
        return ""


def _launch(command: Sequence[str], environ: Mapping[str, str]) -> launcher.Launch:
    ours = os.path.basename(command[0]) == "platform-trace"  # the whole line of a deployment, pasted
    try:
        return launcher.plan(command[1:] if ours else ["--", *command], environ)
    except PlatformTraceError as error:
        raise _assignment(command[0]) or no_launch(error) from None


def _assignment(word: str) -> Trouble | None:
    """What people type before a command in a shell is no command."""
    name, equals, _ = word.partition("=")
    return finding.ASSIGNMENT.trouble(variable=name) if equals and name.isidentifier() else None


def _surrounded(service: Service, argv: Sequence[str], found_by: str) -> Service:
    letters = option_letters(argv[1:])
    interpreter = ask(argv[0], service.environ)
    path = _path(interpreter, argv, letters, service)
    return replace(
        service,
        argv=tuple(argv),
        found_by=found_by,
        letters=letters,
        surroundings=Surroundings(
            interpreter=interpreter,
            path=path,
            start_file=_start_file(interpreter, letters, service.environ),
            installed=installed(path),
            distributions=Distributions(path, interpreter.version),
        ),
    )


# --- What it would see ------------------------------------------------------------------------------------------------


def _path(interpreter: Interpreter, argv: Sequence[str], letters: frozenset[str], service: Service) -> tuple[str, ...]:
    """``sys.path`` as it will be when the service starts."""
    return (
        *_service_folder(argv, letters, service),
        *python_path(letters, service.environ),
        *interpreter.path,
        *_user_site(interpreter, letters, service.environ),
    )


def _service_folder(argv: Sequence[str], letters: frozenset[str], service: Service) -> list[str]:
    if letters & {"I", "P"} or (service.environ.get("PYTHONSAFEPATH") and "E" not in letters):
        return []
    what = target(argv)
    script = os.path.join(service.folder, what.name)
    return [os.path.dirname(os.path.realpath(script)) if what.kind == "script" else service.folder]


def python_path(letters: frozenset[str], environ: Mapping[str, str]) -> list[str]:
    """The folders of PYTHONPATH, if the interpreter looks at it."""
    folders = environ.get("PYTHONPATH", "").split(os.pathsep)
    return [] if letters & {"I", "E"} else [folder for folder in folders if folder]


def _user_site(interpreter: Interpreter, letters: frozenset[str], environ: Mapping[str, str]) -> list[str]:
    switched_off = letters & {"I", "s"} or (environ.get("PYTHONNOUSERSITE") and "E" not in letters)
    return [interpreter.user_site] if interpreter.user_site and not switched_off else []


def _start_file(interpreter: Interpreter, letters: frozenset[str], environ: Mapping[str, str]) -> str:
    folders = [*_user_site(interpreter, letters, environ), *interpreter.site_folders]
    return next((folder for folder in folders if os.path.isfile(os.path.join(folder, START_FILE))), "")
