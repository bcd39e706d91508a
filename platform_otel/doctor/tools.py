"""Other tracing tools: which are installed for the service, and which would start with it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from platform_otel.doctor.checks import Check
from platform_otel.doctor.discretion import printable
from platform_otel.doctor.findings import conflicts as finding
from platform_otel.doctor.service import Service, Surroundings, python_path


@dataclass(frozen=True)
class Tool:
    """Another tracing tool.

    Args:
        distribution: its name, normalised.
        package: its folder, where its own start-up code is.
        commands: those that start a service under it.
        variables: how the variables begin that configure it.
        call: how a service starts it without such a command.
    """

    distribution: str
    package: str
    commands: tuple[str, ...]
    variables: tuple[str, ...]
    call: str


TOOLS = (
    Tool("ddtrace", "ddtrace", ("ddtrace-run",), ("DD_TRACE_", "DD_SERVICE", "DD_AGENT_HOST"), "import ddtrace.auto"),
    Tool("newrelic", "newrelic", ("newrelic-admin",), ("NEW_RELIC_",), "newrelic.agent.initialize()"),
    Tool("sentry-sdk", "sentry_sdk", (), ("SENTRY_DSN",), "sentry_sdk.init(traces_sample_rate=...)"),
    Tool("elastic-apm", "elasticapm", ("elasticapm-run",), ("ELASTIC_APM_",), "elasticapm.Client()"),
    Tool("logfire", "logfire", ("logfire",), ("LOGFIRE_TOKEN",), "logfire.configure()"),
    Tool("scout-apm", "scout_apm", (), ("SCOUT_",), "scout_apm.api.Config.set()"),
    Tool("appsignal", "appsignal", ("appsignal-wrap",), ("APPSIGNAL_",), "appsignal.start()"),
    Tool("instana", "instana", (), ("INSTANA_", "AUTOWRAPT_BOOTSTRAP"), "import instana"),
)

_UPSTREAM = "opentelemetry-instrument"
_UPSTREAM_FOLDER = os.path.join("opentelemetry", "instrumentation", "auto_instrumentation")
_OURS = "platform_otel"
_START_UP = ("sitecustomize.py", "usercustomize.py")


def other_tools(service: Service, there: Surroundings) -> tuple[Check, ...]:
    """A row per other tool that is installed or started, and one for upstream's own start."""
    words = _words(service.command)
    folders = [folder for folder in python_path(service.letters, service.environ) if _starts_something(folder)]
    rows = [row for tool in TOOLS for row in _tool(tool, service.environ, there, words, folders)]
    rows += _upstream(service.environ, there, words, folders)
    return tuple(rows) or (finding.NO_TOOL.check(),)


def _words(command: Sequence[str]) -> set[str]:
    """The names of programs in a command line, also of those inside ``sh -c "..."``."""
    return {os.path.basename(word) for words in command for word in words.split()}


def _starts_something(folder: str) -> bool:
    return any(os.path.isfile(os.path.join(folder, name)) for name in _START_UP)


def _tool(
    tool: Tool, environ: Mapping[str, str], there: Surroundings, words: set[str], folders: Sequence[str]
) -> list[Check]:
    version = there.installed.versions.get(tool.distribution)
    started = _started(tool, words, folders)
    if started:
        seen = version or "of unknown version"
        return [finding.STARTED_TOOL.check(tool=tool.distribution, version=seen, started=started)]
    if version is None:
        return []
    configured = [name for name in sorted(environ) if name.startswith(tool.variables) and environ[name]]
    if configured:
        variables = printable(", ".join(configured))
        return [
            finding.CONFIGURED_TOOL.check(tool=tool.distribution, version=version, variables=variables, call=tool.call)
        ]
    return [finding.TOOL.check(tool=tool.distribution, version=version, call=tool.call)]


def _started(tool: Tool, words: set[str], folders: Sequence[str]) -> str:
    command = next((command for command in tool.commands if command in words), "")
    if command:
        return f"the command names {command}"
    folder = next((folder for folder in folders if tool.package in folder.split(os.sep)), "")
    return f"PYTHONPATH names {folder}" if folder else ""


def _upstream(environ: Mapping[str, str], there: Surroundings, words: set[str], folders: Sequence[str]) -> list[Check]:
    """opentelemetry-instrument and the operator: harmless where our distro is chosen."""
    folder = next((folder for folder in folders if folder.rstrip(os.sep).endswith(_UPSTREAM_FOLDER)), "")
    started = f"the command names {_UPSTREAM}" if _UPSTREAM in words else f"PYTHONPATH names {folder}" if folder else ""
    chosen = environ.get("OTEL_PYTHON_DISTRO", "").strip()
    if not started or chosen == _OURS:
        return []
    distro = printable(chosen) if chosen else _default_distro(there)
    return [finding.UPSTREAM.check(started=started, distro=f"the distro {distro}")]


def _default_distro(there: Surroundings) -> str:
    """Upstream takes the first one that it finds."""
    others = [name for name in there.installed.group("opentelemetry_distro") if name != _OURS]
    return " or ".join([*others, _OURS])
