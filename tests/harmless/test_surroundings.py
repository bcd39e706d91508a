"""Wherever and however a program is started, it runs as it would alone, and is traced or says once that it is not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.receiver import Receiver
from tests.support import LAUNCHER, PATIENCE, SERVICES, environment, exporting_to, launch, received, run

PROGRAM = """
import os, sys
from opentelemetry import trace
trace.get_tracer('t').start_span('work').end()
print(ascii(sys.argv[1:]))
print(ascii(sorted(v for k, v in os.environ.items() if k.startswith('MY_'))), file=sys.stderr)
sys.exit(7)
"""


class Start(NamedTuple):
    """How the program is started: options of Python, words, variables, and what the shell before it does."""

    options: tuple[str, ...] = ()
    words: tuple[bytes, ...] = ()
    variables: dict[str, str | None] = {}  # noqa: RUF012  # nobody changes it
    shell: str = 'exec "$@"'


GONE = "a deleted current directory"
NOTICE = b"platform-trace: could not set up tracing: SystemError: error return without exception set\n"
STARTS = {
    "isolated": Start(("-I",)),
    "ignoring the environment": Start(("-E",)),
    "no user site": Start(("-s",)),
    "optimised": Start(("-OO",)),
    "PYTHONSAFEPATH": Start(variables={"PYTHONSAFEPATH": "1"}),
    "arguments that are no text": Start(words=(b"\xff\xfe", b"", b"a b", b"--service-name")),
    "a variable that is no text": Start(shell="MY_BYTES=$(printf '\\377\\200') exec \"$@\""),
    "LC_ALL=C": Start(variables={"LC_ALL": "C", "MY_TEXT": "käse"}),
    "LC_ALL=POSIX without UTF-8 mode": Start(
        variables={"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ),
    "no HOME": Start(variables={"HOME": None}),
    "HOME that is not there": Start(variables={"HOME": "/nonexistent"}),
    "no TMPDIR": Start(variables={"TMPDIR": "/nonexistent"}),
    GONE: Start(shell='mkdir gone && cd gone && rmdir ../gone && exec "$@"'),
    "closed stdin": Start(shell='exec "$@" <&-'),
    "closed stdout": Start(shell='exec "$@" >&-'),
    "closed stderr": Start(shell='exec "$@" 2>&-'),
    "all closed": Start(shell='exec "$@" <&- >&- 2>&-'),
    "a full disk as stdout": Start(shell='exec "$@" >/dev/full'),
    "a full disk as stderr": Start(shell='exec "$@" 2>/dev/full'),
    "few files": Start(shell='ulimit -n 24; exec "$@"'),
    "little stack": Start(shell='ulimit -s 512; exec "$@"'),
    "no core, low priority": Start(shell='ulimit -c 0; exec nice -n 19 "$@"'),
}
if sys.version_info >= (3, 11):
    STARTS["safe path"] = Start(("-P",))


def outcome_of(
    start: Start, folder: Path, prefix: list[str], variables: dict[str, str]
) -> subprocess.CompletedProcess[bytes]:
    """Start the program this way, in its own folder, and wait for its end."""
    command: list[str | bytes] = [*prefix, sys.executable, *start.options, "-c", PROGRAM, *start.words]
    return subprocess.run(
        ["/bin/sh", "-c", start.shell, "sh", *command],
        cwd=folder,
        env=environment(PLATFORM_TRACE_STRICT=None, **{**variables, **start.variables}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("name", STARTS)
def test_a_program_runs_as_alone_and_its_span_arrives(name: str, tmp_path: Path, receiver: Receiver) -> None:
    start, variables = STARTS[name], dict(exporting_to(receiver))
    alone = outcome_of(start, tmp_path, [], variables)

    traced = outcome_of(start, tmp_path, [LAUNCHER, "--"], variables)

    if name == GONE and sys.version_info[:3] == (3, 13, 0):  # which imports no socket there, whoever asks
        assert (traced.returncode, traced.stdout) == (alone.returncode, alone.stdout)
        assert traced.stderr == NOTICE + alone.stderr
        return
    assert (traced.returncode, traced.stdout, traced.stderr) == (alone.returncode, alone.stdout, alone.stderr)
    assert [span.name for span in received(receiver, 1)] == ["work"]


def test_an_interpreter_that_is_told_to_skip_site_runs_alone_and_one_line_says_so(receiver: Receiver) -> None:
    command = (sys.executable, "-S", "-c", "print(*__import__('sys').flags)")
    variables = exporting_to(receiver)

    alone, traced = run(*command, **variables), launch(*command, **variables)

    assert (traced.returncode, traced.stdout) == (0, alone.stdout)
    assert traced.stderr.count("\n") == 1
    assert "-S" in traced.stderr
    assert not receiver.spans()


def in_a_read_only_root(*command: str) -> list[str]:
    """Run with the root file system read-only, in a mount namespace of its own."""
    remount = "mount --make-rprivate / && mount -o remount,bind,ro / && ! touch here"
    return ["unshare", "--mount", "/bin/sh", "-c", f'cd /tmp && {remount} 2>/dev/null && exec "$@"', "sh", *command]


def test_a_read_only_file_system_is_the_same(receiver: Receiver) -> None:
    if shutil.which("unshare") is None or run(*in_a_read_only_root("true")).returncode:
        pytest.skip("needs the right to mount, and unshare")
    command = (sys.executable, "-c", PROGRAM)
    variables: dict[str, str | None] = {"PLATFORM_TRACE_STRICT": None, **exporting_to(receiver)}

    alone = run(*in_a_read_only_root(*command), cwd=SERVICES, **variables)
    traced = run(*in_a_read_only_root(LAUNCHER, "--", *command), cwd=SERVICES, **variables)

    assert (traced.returncode, traced.stdout, traced.stderr) == (alone.returncode, alone.stdout, alone.stderr)
    assert alone.returncode == 7
    assert [span.name for span in received(receiver, 1)] == ["work"]
