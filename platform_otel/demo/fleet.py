"""The five services as processes: what starts them, when they are up, and how all of them end."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from platform_otel.errors import PlatformTraceError

SOURCES = Path(__file__).with_name("services")
# Five interpreters that import at the same time on a small machine take their time.
SECONDS_TO_ANSWER = 60
SECONDS_TO_END = 5
LINES_OF_LOG = 12


class Service(NamedTuple):
    """A service and how one starts it by hand: `{port}` stands for its port."""

    name: str
    command: tuple[str, ...]
    calls: str = ""
    """The service that it calls, whose address it reads from a variable such as METER_URL."""
    options: tuple[str, ...] = ()
    """What platform-trace needs to be told."""
    environment: tuple[tuple[str, str], ...] = ()
    """What its deployment sets, with or without platform-trace; `{folder}` stands for a folder to write to."""


SERVICES = (
    Service(
        "gate",
        ("uvicorn", "gate.main:app", "--port", "{port}"),
        calls="identity",
    ),
    Service("identity", ("gunicorn", "identity.wsgi:app", "--bind", "127.0.0.1:{port}"), calls="llm-gateway"),
    Service(
        "llm-gateway",
        ("uvicorn", "llm_gateway.main:app", "--port", "{port}"),
        calls="prompts",
        # A module cannot have the hyphen, so the command line does not say the name.
        options=("--service-name", "llm-gateway"),
    ),
    Service("prompts", ("uvicorn", "prompts.main:app", "--port", "{port}"), calls="meter"),
    Service(
        "meter",
        ("flask", "--app", "meter", "run", "--port", "{port}"),
        environment=(("METER_DATABASE", "{folder}/meter.sqlite"),),
    ),
)


# OTLP over gRPC is not needed here.
_COLLECTOR = ("collector", "--db", ":memory:", "--grpc-port", "0", "--http-port", "{otlp}", "--query-port", "{port}")


class Launch(NamedTuple):
    """One process to start."""

    service: str
    port: int
    argv: tuple[str, ...]
    environment: Mapping[str, str]

    def shown(self) -> str:
        """The command line as one would type it."""
        words = list(self.argv)
        if words[:3] == [sys.executable, "-m", "platform_otel"]:
            words[:3] = ["platform-trace"]
        return shlex.join([os.path.basename(words[0]), *words[1:]])


Launcher = Callable[[Service], Sequence[str]]


def by_platform_trace(service: Service) -> Sequence[str]:
    """What goes in front of a service's command."""
    beside_us = os.path.join(os.path.dirname(sys.executable), "platform-trace")
    ours = (beside_us,) if os.access(beside_us, os.X_OK) else (sys.executable, "-m", "platform_otel")
    return (*ours, *service.options, "--")


def untraced(_: Service) -> Sequence[str]:
    """Nothing goes in front: the service as it is without us."""
    return ()


# --- the plan ---------------------------------------------------------------------------------------------------------

# What would make these services listen, trace or be called otherwise than the demo says.
_DISTURBING = ("OTEL_", "PLATFORM_TRACE_", "FASTAPI_", "FLASK_", "GUNICORN_", "UVICORN_", "WERKZEUG_")
_DISTURBING_NAMES = (
    "FORWARDED_ALLOW_IPS", "PORT", "WEB_CONCURRENCY",
    # The names of platforms win over the command line's.
    "AWS_LAMBDA_FUNCTION_NAME", "FLY_APP_NAME", "HEROKU_APP_NAME", "K_SERVICE", "RAILWAY_SERVICE_NAME",
    "RENDER_SERVICE_NAME", "WEBSITE_SITE_NAME",
)  # fmt: skip


def plan(
    environment: Mapping[str, str],
    folder: str,
    ports: Mapping[str, int],
    endpoint: str,
    launcher: Launcher = by_platform_trace,
) -> list[Launch]:
    """What to start, given the environment to start from, a port for each service, and where spans go."""
    common = {**_undisturbed(environment), **_surroundings(environment, folder)}
    common["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
    return [_launch(service, common, folder, ports, launcher) for service in SERVICES]


def collector(environment: Mapping[str, str], folder: str, ports: Mapping[str, int]) -> Launch:
    """What to start for their spans: a collector that keeps them in memory, given its ports "query" and "otlp"."""
    command = [word.format(port=ports["query"], otlp=ports["otlp"]) for word in _COLLECTOR]
    argv = (sys.executable, "-m", "platform_otel", *command)
    return Launch(
        "collector", ports["query"], argv, {**_undisturbed(environment), **_surroundings(environment, folder)}
    )


def _launch(
    service: Service, common: Mapping[str, str], folder: str, ports: Mapping[str, int], launcher: Launcher
) -> Launch:
    environment = dict(common)
    if service.calls:
        environment[_url_variable(service.calls)] = f"http://127.0.0.1:{ports[service.calls]}"
    environment.update((name, value.format(folder=folder)) for name, value in service.environment)
    command = [word.format(port=ports[service.name]) for word in service.command]
    return Launch(service.name, ports[service.name], (*launcher(service), *command), environment)


def _url_variable(service: str) -> str:
    return service.upper().replace("-", "_") + "_URL"


def _undisturbed(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(_DISTURBING) and name not in _DISTURBING_NAMES
    }


def _surroundings(environment: Mapping[str, str], folder: str) -> dict[str, str]:
    programs = os.path.dirname(sys.executable)
    return {
        "PATH": os.pathsep.join([programs, environment.get("PATH", os.defpath)]),
        # The services call each other here and nowhere else, whatever proxy the machine has.
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        # gunicorn keeps a control socket there, or in the home directory.
        "XDG_RUNTIME_DIR": folder,
    }


def free_ports(names: Iterable[str]) -> dict[str, int]:
    """A port of the loopback for each name, free at this moment and all different."""
    with ExitStack() as stack:
        sockets = {name: stack.enter_context(socket.socket()) for name in names}
        for listener in sockets.values():
            listener.bind(("127.0.0.1", 0))
        return {name: listener.getsockname()[1] for name, listener in sockets.items()}


# --- the processes ----------------------------------------------------------------------------------------------------


class Fleet:
    """Processes that start together, each as the leader of a group of its own, and end together.

    A group of its own keeps the terminal's Ctrl-C for us alone, and lets us reach the workers of those that have any.
    """

    def __init__(self, launches: Sequence[Launch], folder: str) -> None:
        self.launches = launches
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, held: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        """Start them; `held` keeps a signal away while a process exists that we do not know yet."""
        for launch in self.launches:
            with held(), self.log(launch.service).open("wb") as log:
                self._processes[launch.service] = subprocess.Popen(
                    launch.argv,
                    env=launch.environment,
                    cwd=SOURCES,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )

    def wait_until_up(self, seconds: float = SECONDS_TO_ANSWER) -> None:
        """Return when every service answers.

        Raises:
            PlatformTraceError: one of them ended, or did not answer in time; with the end of its log.
        """
        deadline = monotonic() + seconds
        for launch in self.launches:
            while not answers(launch.port):
                if self._ended_within(launch, 0.05):
                    code = self._processes[launch.service].returncode
                    raise self._failure(launch, f"{launch.service} ended with exit code {code} before it answered")
                if monotonic() > deadline:
                    raise self._failure(launch, f"{launch.service} did not answer within {seconds:.0f} s")

    def stop(self, seconds: float = SECONDS_TO_END) -> None:
        """Ask every process to end, as a supervisor would; after the seconds, end what is left of their groups."""
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        deadline = monotonic() + seconds
        for process in self._processes.values():
            _wait(process, deadline - monotonic())
        for process in self._processes.values():
            _kill_group(process)

    def log(self, service: str) -> Path:
        """What the service printed."""
        return Path(self._folder, f"{service}.log")

    def _ended_within(self, launch: Launch, seconds: float) -> bool:
        return _wait(self._processes[launch.service], seconds)

    def _failure(self, launch: Launch, message: str) -> PlatformTraceError:
        end = _last_lines(self.log(launch.service))
        return PlatformTraceError(
            "\n    ".join([f"{message}; the end of what it printed:", *(end or ["(nothing)"])]),
            f"start it by itself and look: cd {shlex.quote(str(SOURCES))} && {launch.shown()}",
        )


def answers(port: int) -> bool:
    """Whether a web server on this port of the loopback answers anything at all.

    The question carries a trace context that is not sampled, so that nobody's traces show it.
    """
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/", headers={"traceparent": f"00-{1:032x}-{1:016x}-00"})
        connection.getresponse().read()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return True


def _wait(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the process has ended by then."""
    try:
        process.wait(max(0, seconds))
    except subprocess.TimeoutExpired:
        return False
    return True


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):  # nobody is left; macOS says it the second way
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_lines(log: Path) -> list[str]:
    lines = [line.rstrip() for line in log.read_text(errors="replace").splitlines()]
    return [line for line in lines if line][-LINES_OF_LOG:]
