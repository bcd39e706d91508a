"""The demo's services as a compose file, a Procfile and units: adopted by the command, then started from the result."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic, sleep

import pytest
import yaml

from platform_otel.demo.fleet import SERVICES, SOURCES, answers, free_ports
from tests.receiver import Receiver
from tests.support import LAUNCHER, PATIENCE, SCRIPTS, environment, run

NAMES = [service.name for service in SERVICES]


class Fleet:
    """The services' commands and variables, by name, as their deployment has them before it is adopted."""

    def __init__(self, folder: Path) -> None:
        self.ports = free_ports(NAMES)
        self.commands = {
            service.name: [word.format(port=self.ports[service.name]) for word in service.command]
            for service in SERVICES
        }
        self.variables = {service.name: self._variables(service.calls) for service in SERVICES}
        self.variables["meter"]["METER_DATABASE"] = str(folder / "meter.sqlite")

    def _variables(self, calls: str) -> dict[str, str]:
        name = calls.upper().replace("-", "_")
        return {f"{name}_URL": f"http://127.0.0.1:{self.ports[calls]}"} if calls else {}


def adopt(receiver: Receiver, *paths: Path) -> None:
    outcome = run(LAUNCHER, "adopt", "--write", "--collector", receiver.url, *paths)

    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stderr.endswith(f" read, {len(paths)} changed\n")


def surroundings(folder: Path, **variables: str) -> dict[str, str]:
    return environment(
        XDG_RUNTIME_DIR=str(folder),
        NO_PROXY="127.0.0.1",
        no_proxy="127.0.0.1",
        OTEL_BSP_SCHEDULE_DELAY="100",
        **variables,
    )


def names_in_one_trace(fleet: Fleet, receiver: Receiver) -> list[str]:
    """Ask the way in, once all answer; the services whose spans are in the trace of that request, when it is whole."""
    deadline = monotonic() + PATIENCE
    while not all(map(answers, fleet.ports.values())):
        assert monotonic() < deadline, "the services do not answer"
        sleep(0.1)
    connection = HTTPConnection("127.0.0.1", fleet.ports["gate"], timeout=PATIENCE)
    connection.request("GET", "/people/ada/answers/haiku")
    assert connection.getresponse().status == 200
    connection.close()

    def found() -> set[str]:
        traces: dict[str, set[str]] = {}
        for span in receiver.spans():
            traces.setdefault(span.trace_id, set()).add(span.service)
        return max(traces.values(), key=len, default=set())

    receiver.wait_for(lambda spans: len(found()) == len(NAMES), PATIENCE)
    return sorted(found())


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def started(stack: ExitStack, folder: Path, words: list[str], variables: Mapping[str, str]) -> None:
    """Start a process as the leader of a group of its own, which ends with the stack."""
    with (folder / "printed").open("ab") as log:
        process = subprocess.Popen(
            words,
            cwd=SOURCES,
            env={**surroundings(folder), **variables},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    stack.callback(process.wait, PATIENCE)
    stack.callback(end, process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, wait, and end what is left of its group."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        pass
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.matrix
def test_all_services_of_an_adopted_compose_file_are_in_one_trace(fleet: Fleet, tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    services = {
        name: {"image": name, "command": shlex.join(words), "environment": fleet.variables[name]}
        for name, words in fleet.commands.items()
    }
    file.write_text(yaml.safe_dump({"services": services}))
    with Receiver() as receiver, ExitStack() as stack:
        adopt(receiver, file)
        for service in yaml.safe_load(file.read_text())["services"].values():
            started(stack, tmp_path, shlex.split(service["command"]), service["environment"])

        assert names_in_one_trace(fleet, receiver) == sorted(NAMES)


def test_all_services_of_an_adopted_procfile_are_in_one_trace(fleet: Fleet, tmp_path: Path) -> None:
    file = tmp_path / "Procfile"
    lines = [
        f"{name}: {' '.join(f'{key}={value}' for key, value in fleet.variables[name].items())} {shlex.join(words)}\n"
        for name, words in fleet.commands.items()
    ]
    file.write_text("".join(lines))
    with Receiver() as receiver, ExitStack() as stack:
        adopt(receiver, file)
        started(stack, tmp_path, [str(SCRIPTS / "honcho"), "--procfile", str(file), "start"], {})

        assert names_in_one_trace(fleet, receiver) == sorted(NAMES)


@pytest.mark.matrix
def test_all_services_of_adopted_units_are_in_one_trace(fleet: Fleet, tmp_path: Path) -> None:
    units = [tmp_path / f"{name}.service" for name in NAMES]
    for unit, (name, words) in zip(units, fleet.commands.items(), strict=True):
        variables = "".join(f"Environment={key}={value}\n" for key, value in fleet.variables[name].items())
        unit.write_text(f"[Service]\nWorkingDirectory={SOURCES}\n{variables}ExecStart={SCRIPTS}/{shlex.join(words)}\n")
    with Receiver() as receiver, ExitStack() as stack:
        adopt(receiver, *units)
        for unit in units:
            settings = [line.partition("=")[::2] for line in unit.read_text().splitlines() if "=" in line]
            said = dict(value.split("=", 1) for key, value in settings if key == "Environment")
            # systemd hands on no PATH of ours: each program is named by its own.
            started(stack, tmp_path, shlex.split(dict(settings)["ExecStart"]), {**said, "PATH": os.defpath})

        assert names_in_one_trace(fleet, receiver) == sorted(NAMES)


def test_adopted_units_are_valid(fleet: Fleet, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    unit = tmp_path / "gate.service"
    unit.write_text(f"[Service]\nExecStart=-{SCRIPTS}/{shlex.join(fleet.commands['gate'])}\n")
    run(LAUNCHER, "adopt", "--write", "--collector", "http://localhost:4318", unit)
    outcome = run("systemd-analyze", "verify", unit)

    assert "platform-trace" in unit.read_text()
    assert (outcome.returncode, outcome.stderr) == (0, "")
