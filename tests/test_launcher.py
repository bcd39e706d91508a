"""The launcher becomes the command: exit code, pid and signals are the command's own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from platform_otel.launcher import find, is_launch, plan
from tests.support import LAUNCHER, environment, launch, run

EXITS = {
    "success": ("import sys; sys.exit(0)", 0),
    "a code of one's own": ("import sys; sys.exit(37)", 37),
    "os._exit": ("import os; os._exit(5)", 5),
    "an unhandled exception": ("raise RuntimeError('x')", 1),
    "a message": ("import sys; sys.exit('message')", 1),
    "SIGTERM": ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    "SIGKILL": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    "SIGINT": ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", -signal.SIGINT),
    "SIGHUP": ("import os, signal; os.kill(os.getpid(), signal.SIGHUP)", -signal.SIGHUP),
    "abort": ("import os; os.abort()", -signal.SIGABRT),
}


@pytest.mark.parametrize("code, expected", EXITS.values(), ids=EXITS.keys())
def test_the_exit_code_is_the_commands_own(code: str, expected: int) -> None:
    without = run(sys.executable, "-c", code)
    traced = launch(sys.executable, "-c", code)

    assert traced.returncode == without.returncode == expected
    assert (traced.stdout, traced.stderr) == (without.stdout, without.stderr)


def test_the_command_keeps_the_launchers_pid() -> None:
    process = subprocess.Popen(
        [LAUNCHER, "--", sys.executable, "-c", "import os; print(os.getpid())"],
        stdout=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    printed, _ = process.communicate(timeout=60)

    assert int(printed) == process.pid


def test_a_signal_reaches_the_commands_own_handler() -> None:
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\n"
        "print('ready', flush=True)\n"
        "signal.pause()"
    )
    process = subprocess.Popen(
        [LAUNCHER, "--", sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment(), text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    process.communicate(timeout=60)

    assert process.returncode == 9


def test_a_missing_command_is_127_with_a_hint() -> None:
    outcome = run(LAUNCHER, "pythom")

    assert outcome.returncode == 127
    assert outcome.stderr == "Error: command not found: pythom\nHint: did you mean python?\n"


def test_a_missing_command_without_a_likely_name_says_where_to_look() -> None:
    outcome = run(LAUNCHER, "./no/such/command")

    assert outcome.returncode == 127
    assert outcome.stderr.splitlines()[1].startswith("Hint: check its spelling")


def test_a_directory_is_126(tmp_path: Path) -> None:
    outcome = run(LAUNCHER, "--", tmp_path)

    assert outcome.returncode == 126
    assert outcome.stderr.startswith(f"Error: is a directory: {tmp_path}\nHint: ")


def test_a_script_that_is_not_executable_is_126_and_says_how_to_run_it(tmp_path: Path) -> None:
    script = tmp_path / "app.py"
    script.write_text("")
    outcome = run(LAUNCHER, "--", script)

    assert outcome.returncode == 126
    assert f"Hint: run it with Python: platform-trace -- python {script}" in outcome.stderr


def test_a_file_that_the_kernel_refuses_is_126(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    outcome = run(LAUNCHER, "--", broken)

    assert outcome.returncode == 126
    assert outcome.stderr.startswith(f"Error: cannot execute {broken}: No such file or directory\nHint: check the #!")


@pytest.mark.parametrize("words", [(), ("run",), ("--",), ("--service-name", "identity")])
def test_no_command_is_a_usage_error(words: tuple[str, ...]) -> None:
    outcome = run(LAUNCHER, *words)

    assert outcome.returncode == 2
    assert "no command given" in outcome.stderr or "Missing argument" in outcome.stderr
    assert outcome.stdout == ""


@pytest.mark.parametrize(
    "words, message",
    [
        (("--no-such-option", "true"), "Error: unknown option --no-such-option"),
        (("--exporter", "zipkin", "true"), "Error: --exporter cannot be zipkin"),
        (("--endpoint", "", "true"), "Error: --endpoint needs a value"),
    ],
)
def test_a_bad_option_is_a_usage_error_with_a_hint(words: tuple[str, ...], message: str) -> None:
    outcome = run(LAUNCHER, *words)

    assert outcome.returncode == 2
    assert outcome.stderr.startswith(message)
    assert "Hint: " in outcome.stderr


def test_options_become_variables_of_the_command() -> None:
    code = "import os; print(*(os.environ[n] for n in ('OTEL_SERVICE_NAME', 'OTEL_EXPORTER_OTLP_ENDPOINT')))"
    outcome = run(
        LAUNCHER, "run", "--service-name=identity", "--endpoint", "http://c:4318", "--", sys.executable, "-c", code
    )

    assert outcome.stdout == "identity http://c:4318\n"


def test_what_looks_like_our_option_after_the_command_is_the_commands() -> None:
    outcome = launch(sys.executable, "-c", "import sys; print(sys.argv[1:])", "--service-name", "x", "--", "--help")

    assert outcome.stdout == "['--service-name', 'x', '--', '--help']\n"


def test_a_known_subcommand_wins_over_a_command_of_that_name_and_two_dashes_decide() -> None:
    assert not is_launch(["demo"])
    assert is_launch(["--", "demo"])
    assert is_launch(["run", "demo"])


def test_only_what_the_user_wrote_is_exported() -> None:
    planned = plan(["--", "true"], {"PATH": os.environ["PATH"]})

    assert sorted(planned.environ) == ["PATH", "PLATFORM_TRACE_ENABLED", "PLATFORM_TRACE_STDOUT_FILE"]


def test_a_command_that_is_not_python_runs_untouched() -> None:
    outcome = launch("sh", "-c", "echo $0; exit 3")

    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (3, "sh\n", "")


def test_a_folder_on_the_path_is_searched_in_order(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tool").write_text("")
    (tmp_path / "b" / "tool").chmod(0o755)

    assert find("tool", {"PATH": f"{tmp_path}/a:{tmp_path}/b"}) == f"{tmp_path}/b/tool"


def test_an_interpreter_without_our_package_is_named_beforehand_and_runs_untouched(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "other"], check=True)
    python = tmp_path / "other" / "bin" / "python"
    outcome = launch(python, "-c", "print('ran')")

    assert outcome.stdout == "ran\n"
    assert outcome.stderr == (
        f"platform-trace: {python} has no platform-otel, so nothing will be traced there; "
        f"install it with: {python} -m pip install platform-otel\n"
    )


def test_python_m_platform_otel_is_the_same_command() -> None:
    outcome = run(sys.executable, "-m", "platform_otel", "--version")

    assert outcome.stdout == run(LAUNCHER, "--version").stdout
    assert outcome.stdout.startswith("platform-trace ")


def test_the_options_of_the_table_are_those_that_help_shows() -> None:
    from platform_otel.config import COMMANDS, OPTIONS

    shown = run(LAUNCHER, "--help").stdout

    assert all(option in shown for option, *_ in OPTIONS)
    assert all(command in shown for command, _ in COMMANDS)
