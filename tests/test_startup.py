"""The start of a traced process: cheap, once only, and nothing of the service's is touched."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.receiver import Receiver
from tests.support import SERVICES, environment, exporting_to, launch, launch_code, received, run

MODULES = "import sys, json; print(json.dumps(sorted(sys.modules)))"

# What our start loads into a process that imports nothing we would trace.
OURS_AT_START = [
    "atexit",
    "platform_otel",
    "platform_otel.config",
    "platform_otel.instrumentation",
    "platform_otel.instrumentation.arming",
    "platform_otel.instrumentation.catalog",
    "platform_otel.instrumentation.discovery",
    "platform_otel.process",
    "platform_otel.process.command_line",
    "platform_otel.process.guard",
    "platform_otel.process.import_hooks",
    "platform_otel.process.lifecycle",
    "platform_otel.process.service_name",
    "platform_otel.process.standard_output",
    "platform_otel.process.threads",
    "platform_otel.startup",
]


def modules_of(outcome: subprocess.CompletedProcess[str]) -> set[str]:
    assert outcome.returncode == 0, outcome.stderr
    return set(json.loads(outcome.stdout.splitlines()[-1]))


def test_an_empty_script_loads_only_our_start() -> None:
    untraced = modules_of(run(sys.executable, "-c", MODULES))
    traced = modules_of(launch(sys.executable, "-c", MODULES))

    assert sorted(traced - untraced) == OURS_AT_START


@pytest.mark.parametrize("library", ["requests", "flask"])
def test_a_script_that_imports_what_we_instrument_loads_nothing_of_upstreams_but_its_api(library: str) -> None:
    traced = modules_of(launch(sys.executable, "-c", f"import {library}; {MODULES}"))
    others = ("opentelemetry.instrumentation.", "opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.metrics")

    assert not any(name.startswith((*others, "wrapt", "packaging")) for name in traced)


def test_the_launcher_loads_nothing_but_os_and_sys_before_it_executes() -> None:
    code = (
        "import json, os, sys\n"
        "before = set(sys.modules)\n"
        "os.execve = lambda path, argv, environ: print(json.dumps(sorted(set(sys.modules) - before)))\n"
        "sys.argv = ['platform-trace', '--service-name', 'x', 'uvicorn', 'identity.main:app']\n"
        "from platform_otel.launcher import main\n"
        "main()\n"
    )
    loaded = modules_of(run(sys.executable, "-c", code))

    assert sorted(loaded) == [
        "platform_otel",
        "platform_otel.config",
        "platform_otel.launcher",
        "platform_otel.process",
        "platform_otel.process.standard_output",
    ]


@pytest.mark.parametrize("flag", ["-E", "-I", "-s", "-P", "-B", "-u", "-O"])
def test_interpreter_flags_do_not_switch_tracing_off(flag: str) -> None:
    if flag == "-P" and sys.version_info < (3, 11):
        pytest.skip("-P came with Python 3.11")

    assert "platform_otel.startup" in modules_of(launch(sys.executable, flag, "-c", MODULES))


def test_the_variable_alone_traces_without_the_launcher(receiver: Receiver) -> None:
    code = "import requests\ntry: requests.get('http://127.0.0.1:9')\nexcept requests.ConnectionError: pass"
    outcome = run(sys.executable, "-c", code, PLATFORM_TRACE_ENABLED="true", **exporting_to(receiver))

    assert outcome.returncode == 0, outcome.stderr
    assert [span.name for span in received(receiver, 1)] == ["GET"]


@pytest.mark.parametrize("value", ["", "false", "1", "yes"])
def test_only_true_asks_for_tracing(value: str) -> None:
    assert "platform_otel" not in modules_of(run(sys.executable, "-c", MODULES, PLATFORM_TRACE_ENABLED=value))


def test_a_disabled_sdk_means_that_nothing_is_watched() -> None:
    code = f"import requests; {MODULES}"
    loaded = modules_of(launch(sys.executable, "-c", code, OTEL_SDK_DISABLED="True"))

    assert not any(name.startswith("opentelemetry") for name in loaded)


def test_sys_path_and_environment_stay_as_they_are() -> None:
    code = "import os, sys, json; print(json.dumps([sys.path, dict(os.environ)]))"
    path, variables = json.loads(run(sys.executable, "-c", code).stdout)
    traced_path, traced_variables = json.loads(launch(sys.executable, "-c", code).stdout)

    assert traced_path == path
    assert {name for name in traced_variables if name not in variables} == {
        "PLATFORM_TRACE_ENABLED",
        "PLATFORM_TRACE_STDOUT_FILE",
    }
    assert {name: traced_variables[name] for name in variables} == variables


def test_the_users_sitecustomize_and_usercustomize_run_as_they_are(tmp_path: Path) -> None:
    for name in ("sitecustomize", "usercustomize"):
        (tmp_path / f"{name}.py").write_text(f"print('{name} ran')\n")
    outcome = launch(sys.executable, "-c", "print('main')", PYTHONPATH=str(tmp_path))

    assert outcome.stdout.splitlines()[0] == "sitecustomize ran"
    assert outcome.stdout.splitlines()[-1] == "main"
    assert outcome.stderr == ""


@pytest.mark.parametrize(
    "command",
    [("-m", "pip", "--version"), ("-m", "compileall", "-q", str(SERVICES / "none")), ("-m", "ensurepip", "--version")],
    ids=lambda words: words[1],
)
def test_programs_that_install_or_compile_run_untraced(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, sys, os\n"
        "watching = 'platform_otel.process.import_hooks'\n"
        "atexit.register(lambda: print('spied', watching in sys.modules, 'PLATFORM_TRACE_ENABLED' in os.environ))\n"
    )
    outcome = launch(sys.executable, *command, PYTHONPATH=str(tmp_path))

    assert outcome.stdout.splitlines()[-1] == "spied False False"


def test_our_start_runs_once_where_site_runs_start_files_twice() -> None:
    code = (
        "import sys, site\n"
        "[site.addsitedir(p) for p in sys.path if p.endswith('site-packages')]\n"
        "print(sum('import_hooks' in type(f).__module__ for f in sys.meta_path))\n"
    )

    assert launch(sys.executable, "-c", code).stdout == "1\n"


def test_a_failing_start_costs_one_line_and_the_command_runs() -> None:
    """A start that fails: here the environment holds a setting that our code cannot even be given."""
    outcome = launch_code("print('ran')", PLATFORM_TRACE_STRICT=None, OTEL_LOG_LEVEL="no such level")

    assert outcome.stdout == "ran\n"
    assert outcome.stderr == (
        "platform-trace: OTEL_LOG_LEVEL='no such level' is not one of none, error, warn, warning, info, debug; "
        "using warn\n"
    )


def test_an_unsupported_configuration_file_is_said_once() -> None:
    outcome = launch_code("print('ran')", OTEL_CONFIG_FILE="/etc/otel.yaml")

    assert outcome.stdout == "ran\n"
    assert outcome.stderr.splitlines() == [
        "platform-trace: OTEL_CONFIG_FILE is not supported and is ignored; use the OTEL_* variables"
    ]


def test_an_unknown_propagator_does_not_end_the_service() -> None:
    code = "from opentelemetry import propagate; print(type(propagate.get_global_textmap()).__name__)"
    outcome = launch_code(code, OTEL_PROPAGATORS="tracecontext,carrier-pigeon")

    assert outcome.stdout == "CompositePropagator\n"
    assert outcome.stderr == (
        "platform-trace: OTEL_PROPAGATORS: no installed package offers 'carrier-pigeon'; using tracecontext\n"
    )


def test_debug_says_every_hook_that_is_armed_and_fired() -> None:
    outcome = launch_code("import sqlite3", OTEL_LOG_LEVEL="debug", OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="sqlite3")

    assert "platform-trace: sqlite3 was imported" in outcome.stderr.splitlines()
    assert (
        "platform-trace: sqlite3 is not instrumented: OTEL_PYTHON_DISABLED_INSTRUMENTATIONS names it"
        in outcome.stderr.splitlines()
    )


@pytest.mark.parametrize(
    "level, lines",
    [("none", 0), ("error", 0), ("warn", 1), ("WARNING", 1), ("info", 2)],
)
def test_the_log_level_says_how_much_is_said(level: str, lines: int) -> None:
    code = "from opentelemetry import trace; trace.get_tracer('t').start_span('one').end()"
    outcome = launch_code(code, OTEL_LOG_LEVEL=level, OTEL_TRACES_SAMPLER="sometimes", OTEL_TRACES_EXPORTER="none")

    assert len(outcome.stderr.splitlines()) == lines


def test_info_says_once_where_spans_go() -> None:
    code = "from opentelemetry import trace; [trace.get_tracer('t').start_span('one').end() for _ in range(3)]"
    outcome = launch_code(code, OTEL_LOG_LEVEL="info", OTEL_SERVICE_NAME="identity")

    assert outcome.stderr == ("platform-trace: service identity, from OTEL_SERVICE_NAME: spans go to standard output\n")


def test_a_launcher_inside_a_traced_process_is_not_traced_itself() -> None:
    outcome = launch("platform-trace", "--", sys.executable, "-c", "print('ran')")

    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "ran\n", "")
    assert environment()["PLATFORM_TRACE_STRICT"] == "true"
