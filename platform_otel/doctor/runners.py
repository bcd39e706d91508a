"""Programs that run the command that follows: which words and options are theirs, and in which environment it runs."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from platform_otel.config import COMMANDS, OPTIONS
from platform_otel.doctor.launched import Environment, LaunchedProcess, Untold, unknown_option


class _Runner(NamedTuple):
    """``PROGRAM [options] [subcommand] [options] [words] COMMAND``. With another option it is not understood.

    Args:
        valued: its options that take a value.
        switches: those that take none.
        subcommand: the word that makes it run something.
        words: how many words of its own stand before the command.
        folder: its option that changes the current folder.
        project: its options that name the project's folder.
        environment: where it looks for what it runs; None is ``PATH``.
        chosen_by: its options that make this another environment.
        module: its options before a module to run.
    """

    valued: str = ""
    switches: str = ""
    subcommand: str = ""
    words: int = 0
    folder: str = ""
    project: str = ""
    environment: Environment | None = None
    chosen_by: str = ""
    module: str = ""


def _in_its_own(inside: str) -> Environment:
    return Environment(inside, is_foretold=False)


_UV = _Runner(
    "--extra --group --no-group --only-group --no-extra --env-file --with --with-editable --with-requirements --index "
    "--default-index -i --index-url --extra-index-url -f --find-links -p --python --project --directory --package "
    "--cache-dir --config-file -C --config-setting --link-mode --resolution --prerelease --python-platform --color "
    "--from -w --allow-insecure-host --no-build-package --no-binary-package --refresh-package -P --upgrade-package",
    "--active --all-extras --all-groups --all-packages --compile-bytecode --dev --exact --frozen --isolated --locked "
    "--managed-python -n --native-tls --no-active --no-binary --no-build --no-build-isolation --no-cache --no-config "
    "--no-default-groups --no-dev --no-editable --no-env-file --no-index --no-managed-python --no-progress "
    "--no-project --no-python-downloads --no-sources --no-sync -q --quiet --offline --only-dev --refresh --reinstall "
    "-U --upgrade -v --verbose",
    "run",
    folder="--directory",
    project="--project",
    environment=Environment("uv run"),
    chosen_by=(
        "--active --env-file --from --isolated --no-project --python -p --with --with-editable --with-requirements -w"
    ),
    module="-m --module",
)
# An environment for the tool alone, in which platform-otel is not.
_UVX = _in_its_own("uvx --from platform-otel --with PACKAGE")
_CONDA = _Runner(
    "-n --name -p --prefix --cwd",
    "--no-capture-output --live-stream -v --verbose",
    "run",
    folder="--cwd",
    environment=_in_its_own("conda run"),
)
_OURS = _Runner(" ".join(row[0] for row in OPTIONS), subcommand="run")
_HATCH = _Runner(
    "-e --env -p --project --data-dir --cache-dir --config",
    "-q --quiet -v --verbose",
    "run",
    environment=_in_its_own("hatch run"),
)
_RUNNERS = {
    "chrt": _Runner(switches="-b --batch -f --fifo -i --idle -o --other -r --rr", words=1),
    "command": _Runner(),
    "conda": _CONDA,
    "ddtrace-run": _Runner(switches="-d --debug -i --info -p --profiling"),
    "dotenv": _Runner("-f --file -q --quote", "--override --no-override", "run", environment=_in_its_own("dotenv run")),
    "dumb-init": _Runner("-r --rewrite", "-c --single-child -v --verbose"),
    "gosu": _Runner(words=1),
    "hatch": _HATCH,
    "ionice": _Runner("-c --class -n --classdata", "-t --ignore"),
    "mamba": _CONDA._replace(environment=_in_its_own("mamba run")),
    "micromamba": _CONDA._replace(environment=_in_its_own("micromamba run")),
    "newrelic-admin": _Runner(subcommand="run-program"),
    "nice": _Runner("-n --adjustment"),
    "nohup": _Runner(),
    "opentelemetry-instrument": _Runner(
        "--exporter_otlp_endpoint --traces_exporter --metrics_exporter --logs_exporter --service_name "
        "--resource_attributes --id_generator --propagators --traces_sampler --distro --configurator"
    ),
    "pdm": _Runner(
        "-p --project --venv",
        "-q --quiet -v --verbose -s --site-packages",
        "run",
        project="-p --project",
        environment=Environment("pdm run", prefers_active=True),
        chosen_by="--venv",
    ),
    "pipenv": _Runner("--python", "-q --quiet -v --verbose", "run", environment=_in_its_own("pipenv run")),
    "pipx": _Runner(
        "--spec --python --index-url -i --pip-args",
        "--no-cache -q --quiet --verbose",
        "run",
        environment=_in_its_own("pipx run --spec platform-otel"),
    ),
    "pixi": _Runner(
        "-e --environment --manifest-path -p --platform",
        "--frozen --locked -q --quiet -v --verbose",
        "run",
        environment=_in_its_own("pixi run"),
    ),
    "platform-trace": _OURS,
    "poetry": _Runner(
        "-C --directory -P --project",
        "-n --no-interaction -q --quiet -v --verbose --no-ansi --no-plugins",
        "run",
        folder="--directory -C",
        project="-P --project",
        environment=Environment("poetry run", prefers_active=True),
    ),
    "rye": _Runner(
        "--pyproject", "-q --quiet -v --verbose", "run", environment=Environment("rye run"), chosen_by="--pyproject"
    ),
    # Without --reset-env, which empties the environment.
    "setpriv": _Runner(
        "--reuid --regid --groups --inh-caps --ambient-caps --bounding-set",
        "--clear-groups --init-groups --keep-groups --no-new-privs --nnp",
    ),
    "setsid": _Runner(switches="-c --ctty -f --fork -w --wait"),
    "stdbuf": _Runner("-i --input -o --output -e --error"),
    "su-exec": _Runner(words=1),
    "taskset": _Runner(switches="-c --cpu-list", words=1),
    "time": _Runner("-f --format -o --output", "-a --append -p --portability -q --quiet -v --verbose"),
    "timeout": _Runner("-k --kill-after -s --signal", "--foreground --preserve-status -v --verbose", words=1),
    "tini": _Runner("-p -e", "-g -s -v -w"),
    "uv": _UV,
    "uvx": _UV._replace(subcommand="", environment=_UVX, module=""),
}


def is_runner(program: str) -> bool:
    """Whether this program runs another command."""
    return program in _RUNNERS


def past_runner(process: LaunchedProcess, program: str) -> LaunchedProcess:
    """The process that runs the command that follows.

    Raises:
        Untold: an option or a subcommand is not known.
    """
    if program == "uv" and process.argv[1:3] == ["tool", "run"]:
        return process._replace(argv=["uvx", *process.argv[3:]])
    runner = _RUNNERS[program]
    options, command = _split(program, process.argv[1:], runner)
    folder = os.path.join(process.folder, *_values(options, runner.folder))
    return process._replace(
        argv=command,
        environ=process.environ | (_set_by(options) if runner is _OURS else {}),
        folder=folder,
        environment=_environment(runner, options, folder) or process.environment,
    )


def _split(program: str, words: Sequence[str], runner: _Runner) -> tuple[list[tuple[str, str]], list[str]]:
    """The runner's own options with their values, and the command."""
    options: list[tuple[str, str]] = []
    rest, own, subcommand = list(words), runner.words, runner.subcommand
    while rest:
        word = rest.pop(0)
        if word == "--" and not subcommand:
            return options, _command(runner, rest[own:])
        if word in runner.module.split():
            return options, ["python", "-m", *rest]
        if word.startswith("-"):
            options.append(_option(program, word, rest, runner))
        elif subcommand:
            rest, subcommand = _past_subcommand(program, word, rest, subcommand), ""
        elif own:
            own -= 1
        else:
            return options, _command(runner, [word, *rest])
    return options, []


def _past_subcommand(program: str, word: str, rest: list[str], subcommand: str) -> list[str]:
    if word == subcommand:
        return rest
    # Our own may be left out.
    if _RUNNERS[program] is not _OURS or word in dict(COMMANDS):
        raise Untold(f"what {program} {word} starts is not known here")
    return [word, *rest]


def _option(program: str, word: str, rest: list[str], runner: _Runner) -> tuple[str, str]:
    """An option and its value: ``--python 3.12``, ``--python=3.12``, ``-p 3.12`` or ``-p3.12``."""
    valued, switches = runner.valued.split(), runner.switches.split()
    option, glued, value = word.partition("=")
    if word in valued:
        return word, rest.pop(0) if rest else ""
    if (glued and option in valued) or word in (*switches, "--"):
        return option, value
    if word[:2] in valued:
        return word[:2], word[2:]
    if word.startswith("--") or not all(f"-{letter}" in switches for letter in word[1:]):  # -vq
        raise unknown_option(program, option)
    return word, ""


def _values(options: Sequence[tuple[str, str]], names: str) -> list[str]:
    return [value for name, value in options if name in names.split()]


def _set_by(options: Sequence[tuple[str, str]]) -> dict[str, str]:
    """What our own options set: ``platform-trace --service-name identity``."""
    variables = {name: variable for name, variable, *_ in OPTIONS}
    return {variables[name]: value for name, value in options if name in variables}


def _is_given(options: Sequence[tuple[str, str]], names: str) -> bool:
    return any(name in names.split() for name, _ in options)


def _environment(runner: _Runner, options: Sequence[tuple[str, str]], folder: str) -> Environment | None:
    if runner.environment is None:
        return None
    project = os.path.join(folder, *_values(options, runner.project))
    is_foretold = runner.environment.is_foretold and not _is_given(options, runner.chosen_by)
    return runner.environment._replace(project=project, is_foretold=is_foretold)


def _command(runner: _Runner, words: Sequence[str]) -> list[str]:
    """The command as the runner understands it: uv runs .py files with Python, hatch takes ENVIRONMENT:COMMAND."""
    if words and runner is _UV and words[0].endswith((".py", ".pyw")):
        return ["python", *words]
    if words and runner is _HATCH:
        return [words[0].rpartition(":")[2], *words[1:]]
    return list(words)
