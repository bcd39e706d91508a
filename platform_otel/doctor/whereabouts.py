"""Where the interpreter of a launched process is."""

import os
from collections.abc import Mapping

from platform_otel import launcher
from platform_otel.doctor.checks import Trouble
from platform_otel.doctor.discretion import printable
from platform_otel.doctor.findings import plan as finding
from platform_otel.doctor.interpreter import first_line
from platform_otel.doctor.launch_command import in_the_end
from platform_otel.doctor.launched import Environment, LaunchedProcess
from platform_otel.errors import PlatformTraceError
from platform_otel.process.distribution import read_text


def interpreted(process: LaunchedProcess) -> tuple[LaunchedProcess, str]:
    """The process with the file of its interpreter first on its command line, and how the interpreter was found.

    Raises:
        Trouble: it is not a Python program, or cannot be told.
    """
    if process.unclear:
        raise finding.UNCLEAR.trouble(why=printable(process.unclear))
    if not process.script:
        return _with_interpreter(process), _found_by(process)
    script = _find(process.script, process)
    return _with_interpreter(_named_by(script, process)), f"named in the first line of {script}"


def _named_by(script: str, process: LaunchedProcess) -> LaunchedProcess:
    """What the first line of a script makes of the process."""
    words = first_line(script)
    if any("\r" in word for word in words):
        raise finding.CARRIAGE_RETURN.trouble(script=printable(script))
    arguments = process.running(script).argv[1:]
    named = in_the_end(process._replace(argv=[*words, *arguments], script="")) if words else None
    if named is None or named.script:
        raise finding.UNCLEAR.trouble(why=f"{printable(script)} is no Python script")
    if named.unclear:
        raise finding.UNCLEAR.trouble(why=printable(named.unclear))
    return named


def _with_interpreter(process: LaunchedProcess) -> LaunchedProcess:
    return process._replace(argv=[_find(process.argv[0], process), *process.argv[1:]])


def _found_by(process: LaunchedProcess) -> str:
    if "/" in process.argv[0]:
        return "named by the command"
    return f"where {process.environment.inside} looks" if process.environment else "found on PATH"


def no_launch(error: PlatformTraceError) -> Trouble:
    """What the launcher says of a command that it cannot execute."""
    return finding.NO_LAUNCH.trouble(message=printable(error.message), advice=printable(error.hint))


def _find(name: str, process: LaunchedProcess) -> str:
    """The file that a command's name stands for."""
    environ = _environ(process, name)
    try:
        return launcher.find(os.path.join(process.folder, name) if "/" in name else name, environ)
    except PlatformTraceError as error:
        if process.environment and "/" not in name:  # it may have names of its own
            raise _other(process.environment, f"{printable(name)} is not where it is looked for") from None
        raise no_launch(error) from None


# --- The environment that a tool runs it in ---------------------------------------------------------------------------


def _environ(process: LaunchedProcess, name: str) -> Mapping[str, str]:
    """The environment in which a command of this name is looked up: with the ``PATH`` that the tool before it sets."""
    environment = process.environment
    if environment is None or (environment.changes_path and "/" in name):
        return process.environ
    path = [os.path.join(_folder(environment, process), "bin"), process.environ.get("PATH", os.defpath)]
    return {**process.environ, "PATH": os.pathsep.join(path)}


def _folder(environment: Environment, process: LaunchedProcess) -> str:
    """The folder of the virtual environment.

    Raises:
        Trouble: only the tool can tell.
    """
    inside = environment.inside
    if environment.changes_path:
        raise _other(environment, environment.changes_path)
    if not environment.is_foretold or _is_chosen_otherwise(environment, process):
        raise _other(environment, f"{inside} runs it in an environment of its own")
    project = _upwards(environment.project, "pyproject.toml")
    active = process.environ.get("VIRTUAL_ENV", "")
    if active and (environment.prefers_active or not project):
        found = os.path.join(process.folder, active)
    elif project and inside == "uv run" and process.environ.get("UV_PROJECT_ENVIRONMENT"):
        found = os.path.join(project, process.environ["UV_PROJECT_ENVIRONMENT"])
    else:
        found = _beside(environment, project)
    if found and os.path.isfile(os.path.join(found, "pyvenv.cfg")):
        return found
    raise _other(environment, f"there is no .venv beside or above for {inside}")


def _beside(environment: Environment, project: str) -> str:
    """The project's own .venv, or that of the uv workspace above it; "" if there is none."""
    above = _upwards(environment.project, ".venv/pyvenv.cfg")
    is_its_own = project in ("", above) or "tool.uv.workspace" in read_text(os.path.join(above, "pyproject.toml"))
    return os.path.join(above, ".venv") if above and is_its_own else ""


# Variables of uv by which it takes another environment, or sets variables.
_OF_UV = (
    "UV_ENV_FILE", "UV_ISOLATED", "UV_NO_PROJECT", "UV_PROJECT", "UV_PYTHON", "UV_WORKING_DIR", "UV_WORKING_DIRECTORY",
)  # fmt: skip


def _is_chosen_otherwise(environment: Environment, process: LaunchedProcess) -> bool:
    """Whether a variable or the script itself asks for another environment than the project's."""
    if environment.inside == "uv run" and any(process.environ.get(name) for name in _OF_UV):
        return True
    if process.environ.get("CONDA_PREFIX") and not process.environ.get("VIRTUAL_ENV"):
        return True
    return environment.inside == "uv run" and _has_requirements(process)


def _other(environment: Environment, why: str) -> Trouble:
    return finding.OTHER_ENVIRONMENT.trouble(why=why, inside=environment.inside)


def _has_requirements(process: LaunchedProcess) -> bool:
    """Whether this is a script that says what it needs; uv makes an environment for each (PEP 723)."""
    script = os.path.join(process.folder, process.argv[1]) if len(process.argv) > 1 else ""
    if not script.endswith((".py", ".pyw")):
        return False
    try:
        with open(script, encoding="utf-8", errors="replace") as file:
            return any(line.rstrip() == "# /// script" for line in file)
    except OSError:
        return False


def _upwards(folder: str, file: str) -> str:
    """The nearest folder, from this one upwards, that holds the file; "" if none does."""
    below = ""
    while folder != below:
        if os.path.isfile(os.path.join(folder, file)):
            return folder
        folder, below = os.path.dirname(folder), folder
    return ""
