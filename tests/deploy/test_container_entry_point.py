"""The container's entry point as process 1 of a process id namespace of its own: as without it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import PATIENCE, environment

ENTRYPOINT = Path(__file__).parents[2] / "entrypoints" / "container" / "entrypoint.sh"
UNSHARE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
WAYS = {"without it": [], "by it": ["sh", str(ENTRYPOINT)]}


def is_allowed() -> bool:
    return shutil.which("unshare") is not None and (
        subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    )


pytestmark = pytest.mark.skipif(not is_allowed(), reason="a process id namespace of one's own is not allowed here")


def run_contained(way: str, code: str) -> tuple[int, str]:
    """Exit code and standard output of Python code as the first process of a namespace."""
    outcome = subprocess.run(
        [*UNSHARE, *WAYS[way], sys.executable, "-c", code],
        env=environment(OTEL_TRACES_EXPORTER="none"),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return outcome.returncode, outcome.stdout


SIGNALS = "[signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE)]"
# To process 1 the kernel delivers no signal that it has no handler for, not even its own.
TO_ITSELF = "import os, signal; os.kill(1, signal.SIGTERM); os.kill(1, signal.SIGKILL); print('alive')"
# Process 1 is the parent of orphans.
ORPHAN = """import os, time
if not (child := os.fork()):
    os.fork() or (time.sleep(0.1), os._exit(3))
    os._exit(0)
os.waitpid(child, 0); print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
CODE = {
    "pid": "import os; print(os.getpid(), os.getppid())",
    "exit code": "raise SystemExit(37)",
    "at once": "import os; os._exit(0)",
    "arguments": "import sys; print(sys.argv)",
    "signals to itself": TO_ITSELF,
    "handlers": f"import signal; print({SIGNALS})",
    "orphans": ORPHAN,
    "descriptors": "import os; print(sorted(os.listdir('/proc/self/fd')), os.getsid(0), os.getpgid(0) == os.getpgrp())",
}


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_the_first_process_is_as_without_it(code: str) -> None:
    assert run_contained("by it", code) == run_contained("without it", code)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("handler", ["", "signal.signal(number, lambda *_: exit(5))"], ids=["default", "handled"])
def test_a_signal_from_outside_ends_it_as_without_it(number: signal.Signals, handler: str) -> None:
    assert ended_by("by it", number, handler) == ended_by("without it", number, handler)


def ended_by(way: str, number: signal.Signals, handler: str) -> str:
    """How the first process of a namespace ends by a signal: what it says, or that it goes on."""
    code = f"import signal, sys, time\nnumber = {int(number)}\n{handler}\nprint('up', flush=True)\n"
    waiting = "sys.stdin.readline()\nprint('goes on')\n"
    process = subprocess.Popen(
        [*UNSHARE, *WAYS[way], sys.executable, "-c", code + waiting],
        env=environment(OTEL_TRACES_EXPORTER="none"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        [inside] = children(process.pid)
        subprocess.run(["kill", f"-{int(number)}", str(inside)], check=True)
        said, _ = process.communicate("\n", timeout=PATIENCE)
        return f"{process.returncode} {said}"


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
