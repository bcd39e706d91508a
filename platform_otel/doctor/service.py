"""The service as it would be launched: its environment, its interpreter, and what is installed there."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from platform_otel import launcher
from platform_otel.doctor.checks import Trouble
from platform_otel.doctor.discretion import printable
from platform_otel.doctor.distributions import Distributions
from platform_otel.doctor.interpreter import Interpreter, ask, first_line, is_python, option_letters
from platform_otel.errors import PlatformTraceError
from platform_otel.instrumentation.discovery import Installed, installed
from platform_otel.process.launch_command import launched
from platform_otel.process.service_name import target

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
        if self.distributions.get("pip") is None and not self.distributions.has_module("pip") and shutil.which("uv"):
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


def look_at(command: Sequence[str], environ: Mapping[str, str]) -> Service:
    """What would run if ``platform-trace`` were asked to launch this command. Without one: this interpreter."""
    service = Service(tuple(command), environ, environ, _current_folder())
    try:
        if not command:
            return _surrounded(service, [sys.executable], "the one of platform-trace itself")
        launch = _launch(command, environ)
        service = replace(service, environ=launch.environ)
        process = launched(launch.argv, launch.environ, service.folder)
        service = replace(service, environ=process.environ, folder=process.folder, argv=tuple(process.argv))
        return _surrounded(service, *_python_argv(launch, service))
    except Trouble as trouble:
        return replace(service, trouble=trouble)


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
        raise _assignment(command[0]) or Trouble(printable(error.message), printable(error.hint)) from None


def _assignment(word: str) -> Trouble | None:
    """What people type before a command in a shell is no command."""
    name, equals, _ = word.partition("=")
    if not (equals and name.isidentifier()):
        return None
    return Trouble(f"{name}=... is no command", f"write it before platform-trace, or as: -- env {name}=... COMMAND")


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


# --- The interpreter --------------------------------------------------------------------------------------------------


def _python_argv(launch: launcher.Launch, service: Service) -> tuple[list[str], str]:
    """The command line as its interpreter will see it, and how the interpreter was found.

    Raises:
        Trouble: it is not a Python program, or cannot be told.
    """
    scripts: list[str] = []

    def find(name: str) -> str:
        scripts.append(_find(name, launch.argv, service))
        return scripts[-1]

    process = launched(launch.argv, launch.environ, _current_folder(), find)
    if process.unclear:
        raise Trouble(f"which interpreter runs cannot be told: {printable(process.unclear)}", _TELL)
    if not scripts:
        path = _find(process.argv[0], launch.argv, service)
        return [path, *process.argv[1:]], "named by the command" if "/" in process.argv[0] else "found on PATH"
    named = first_line(scripts[0])
    if named and os.path.basename(named[0]) == "env":
        named = _after_env(named[1:], launch.argv, service)
    if not (named and is_python(named[0])):
        raise Trouble(f"which interpreter runs cannot be told: {scripts[0]} is no Python script", _TELL)
    return [*named, *process.argv[1:]], f"named in the first line of {scripts[0]}"


_TELL = "name what is launched in the end: platform-trace doctor -- python -m ..., run where the service runs"


def _find(name: str, words: Sequence[str], service: Service) -> str:
    """The file that a command's name stands for, in the project's own environment where uv or poetry runs it."""
    if "/" in name:
        name = os.path.join(service.folder, name)
    tool = next((word for word in words if os.path.basename(word) in ("uv", "poetry", "pdm")), "")
    environ = service.environ
    if tool and (environment := _project_environment(service)):
        environ = {**environ, "PATH": os.pathsep.join([os.path.join(environment, "bin"), environ.get("PATH", "")])}
    try:
        return launcher.find(name, environ)
    except PlatformTraceError as error:
        hint = (
            f"run the doctor inside: {os.path.basename(tool)} run platform-trace doctor -- ..." if tool else error.hint
        )
        raise Trouble(printable(error.message), printable(hint)) from None


def _project_environment(service: Service) -> str:
    """The virtual environment beside the project's files, upwards from the current folder."""
    named = service.environ.get("UV_PROJECT_ENVIRONMENT", "")
    if named:
        return os.path.join(service.folder, named)
    folder = service.folder
    while not os.path.isfile(os.path.join(folder, ".venv", "pyvenv.cfg")):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return ""
    return os.path.join(folder, ".venv")


def _after_env(words: Sequence[str], command: Sequence[str], service: Service) -> list[str]:
    """What ``env`` in a script's first line executes."""
    rest = [word for word in words if word not in ("-S", "-i") and "=" not in word]
    return [_find(rest[0], command, service), *rest[1:]] if rest else []


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
