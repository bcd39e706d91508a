"""Real child processes for the tests: commands that end, and services that answer."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic

from tests.receiver import ReceivedSpan, Receiver

SERVICES = Path(__file__).with_name("services")
SCRIPTS = Path(sys.executable).parent
LAUNCHER = str(SCRIPTS / "platform-trace")
# A child that has not ended or answered by then hangs.
PATIENCE = 60.0


def environment(**variables: str | None) -> dict[str, str]:
    """The environment of a child: ours without what would trace it otherwise; None removes a variable.

    PLATFORM_TRACE_STRICT makes what would be swallowed end the child, so that no failure of ours stays unseen.
    """
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "PLATFORM_TRACE_", "PYTEST", "PYTHON", "COV_"))
    }
    clean["PATH"] = f"{SCRIPTS}{os.pathsep}{clean['PATH']}"
    clean["PLATFORM_TRACE_STRICT"] = "true"
    changed = {**clean, **variables}
    return {name: value for name, value in changed.items() if value is not None}


def run(
    *command: str | Path, cwd: str | Path = SERVICES, stdin: str | None = None, **variables: str | None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, its output captured."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment(**variables),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def launch(
    *command: str | Path, cwd: str | Path = SERVICES, **variables: str | None
) -> subprocess.CompletedProcess[str]:
    """Run ``platform-trace -- COMMAND`` to its end."""
    return run(LAUNCHER, "--", *command, cwd=cwd, **variables)


def launch_code(code: str, **variables: str | None) -> subprocess.CompletedProcess[str]:
    """Run Python code under the launcher to its end."""
    return _run_code([LAUNCHER, "--", sys.executable], code, variables)


def run_code(code: str, **variables: str | None) -> subprocess.CompletedProcess[str]:
    """Run Python code without us to its end."""
    return _run_code([sys.executable], code, variables)


def _run_code(python: list[str], code: str, variables: Mapping[str, str | None]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*python, "-c", textwrap.dedent(code)],
        cwd=SERVICES,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


class Service:
    """A process that listens on ``port``, started by any command, ended with the block.

    Args:
        command: each ``{port}`` in it becomes the port.
    """

    def __init__(self, *command: str, cwd: str | Path = SERVICES, **variables: str | None) -> None:
        self.port = free_port()
        self._command = [word.replace("{port}", str(self.port)) for word in command]
        self._cwd = cwd
        self._environment = environment(**variables)

    def __enter__(self) -> Service:
        # A file, not a pipe: a child that outlives its parent would hold the pipe's other end.
        self._output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            self._command,
            cwd=self._cwd,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._wait_until_it_answers()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Status and body of a GET on a connection of its own."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def stop(self, number: int = signal.SIGTERM) -> str:
        """Signal the process, wait for its end, end what is left of its group; what it printed."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(PATIENCE)
        finally:
            self._kill_group()
        return self.output()

    def output(self) -> str:
        """What it printed so far."""
        self._output.seek(0)
        return self._output.read().decode(errors="replace")

    def _kill_group(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self.process.wait()

    def _wait_until_it_answers(self) -> None:
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline:
            try:
                self.get("/__is_it_up__", traceparent=NOT_SAMPLED)
            except (OSError, HTTPException):
                if not _goes_on(self.process):
                    break
            else:
                return
        output = self.stop(signal.SIGKILL)
        raise AssertionError(f"{self._command} did not answer; it printed:\n{output}")


NOT_SAMPLED = f"00-{1:032x}-{1:016x}-00"


def _goes_on(process: subprocess.Popen[bytes]) -> bool:
    """Whether the process is still there a moment later."""
    try:
        process.wait(0.02)
    except subprocess.TimeoutExpired:
        return True
    return False


def free_port() -> int:
    """A port of the loopback that is free at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def received(
    receiver: Receiver, at_least: int, which: Callable[[ReceivedSpan], bool] = lambda span: True
) -> list[ReceivedSpan]:
    """The spans that arrived, once there are enough of those asked for."""

    def matching(spans: Sequence[ReceivedSpan]) -> list[ReceivedSpan]:
        return [span for span in spans if which(span)]

    receiver.wait_for(lambda spans: len(matching(spans)) >= at_least, PATIENCE)
    spans = matching(receiver.spans())
    assert len(spans) >= at_least, f"only {len(spans)} of {at_least} spans arrived: {spans}"
    return spans


def exporting_to(receiver: Receiver, **more: str) -> Mapping[str, str]:
    """The variables that make a child send its spans to this receiver soon."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "100", **more}
