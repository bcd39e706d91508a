"""Every setting: its value without secrets, where it came from, and what is used in place of a bad one."""

import os
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from platform_otel import config
from platform_otel.config import ENABLED, SETTINGS, STDOUT_FILE, Config
from platform_otel.doctor.checks import FAILED, OK, WARNING, Check
from platform_otel.doctor.discretion import discreet, printable, shown
from platform_otel.doctor.service import Service
from platform_otel.export.otlp import headers
from platform_otel.export.otlp_http import legal_headers
from platform_otel.instrumentation.discovery import Installed
from platform_otel.process.resource_variable import pairs

_NAMES = tuple(name for name, *_ in SETTINGS)

# Settings that name what installed packages offer: the entry point group, the names that need none.
_OFFERED = {
    "OTEL_TRACES_EXPORTER": ("opentelemetry_traces_exporter", ("otlp", "stdout", "console", "none")),
    "OTEL_METRICS_EXPORTER": ("opentelemetry_metrics_exporter", ("none",)),
    "OTEL_LOGS_EXPORTER": ("opentelemetry_logs_exporter", ("none",)),
    "OTEL_PROPAGATORS": ("opentelemetry_propagator", ("none", "tracecontext", "baggage")),
    "OTEL_PYTHON_ID_GENERATOR": ("opentelemetry_id_generator", ("random",)),
    "OTEL_PYTHON_TRACER_PROVIDER": ("opentelemetry_tracer_provider", ()),
    "OTEL_TRACES_SAMPLER": (
        "opentelemetry_traces_sampler",
        (
            *("always_on", "always_off", "parentbased_always_on", "parentbased_always_off"),
            *("traceidratio", "parentbased_traceidratio"),
        ),
    ),
}
# What stands in for a name that nobody offers, where it is not the default.
_INSTEAD = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}


def settings(service: Service) -> tuple[Check, ...]:
    """What was set first, then what has its default, then variables that look like misspelt settings."""
    found = service.surroundings.installed if service.surroundings else None
    rows = [_setting(row, service, found) for row in SETTINGS]
    is_set = Config(service.environ).is_set
    return (
        *(row for row in rows if is_set(row.name)),
        *(row for row in rows if not is_set(row.name)),
        *_misspelt(service.environ),
    )


def _setting(row: tuple[str, str, str, str], service: Service, found: Installed | None) -> Check:
    name, kind, default, _ = row
    if not Config(service.environ).is_set(name):
        return Check(name, OK, _default(name, default, service.environ))
    value = shown(kind, service.environ[name].strip())
    problem, hint = _problem(name, kind, default, service.environ, found)
    if problem:
        return Check(name, FAILED, f"{value} (from {_origin(name, service)}): {problem}", hint)
    return Check(name, OK, f"{value} (from {_origin(name, service)})")


def _default(name: str, default: str, environ: Mapping[str, str]) -> str:
    general = _general(name)
    if general and Config(environ).is_set(general):
        return f"as {general}"
    return f"{default} (default)" if default else "not set"


def _general(name: str) -> str:
    """The setting that stands in for one signal's own, such as OTEL_EXPORTER_OTLP_TIMEOUT, or ""."""
    for part in ("_TRACES_", "_METRICS_", "_LOGS_", "_SPAN_", "_EVENT_", "_LINK_"):
        general = name.replace(part, "_", 1)
        if general != name and general in _NAMES:
            return general
    return ""


def _origin(name: str, service: Service) -> str:
    if service.given.get(name) == service.environ[name]:
        return "environment"
    return "the launcher" if name in (ENABLED, STDOUT_FILE) else "the command"


# --- Bad values -------------------------------------------------------------------------------------------------------


def _problem(
    name: str, kind: str, default: str, environ: Mapping[str, str], found: Installed | None
) -> tuple[str, str]:
    """What is wrong with a value and what is used instead, and what to do; both "" if nothing is wrong."""
    said: list[str] = []
    value = Config(environ, warn=said.append).get(name)
    if said:
        # The line that the service itself would print, without its beginning: the row shows the value.
        problem = said[0].removeprefix(f"{name}={config.shown(kind, environ[name])} is ")
        return problem, f"set {name} to {problem.removeprefix('not ').partition(';')[0]}, or unset it"
    if name == "OTEL_TRACES_SAMPLER_ARG":
        return _ratio_problem(str(value), environ)
    if kind == "path":
        return _file_problem(name, str(value))
    if kind == "pairs":
        return _pairs_problem(name, str(value))
    if kind == "secret":
        return _headers_problem(name, str(value))
    names = (value,) if isinstance(value, str) else value
    return _offer_problem(name, names, default, found) if name in _OFFERED and found else ("", "")


def _ratio_problem(text: str, environ: Mapping[str, str]) -> tuple[str, str]:
    if not Config(environ).get("OTEL_TRACES_SAMPLER").lower().endswith("traceidratio"):
        return "", ""
    try:
        good = 0 <= float(text) <= 1
    except ValueError:
        good = False
    return ("", "") if good else ("not a number from 0 to 1; using 1", "give it a share, such as 0.1, or unset it")


def _file_problem(name: str, path: str) -> tuple[str, str]:
    if name == "OTEL_CONFIG_FILE":
        return "not supported, and ignored", "set the same by OTEL_* variables, and unset it"
    if os.access(path, os.R_OK) and os.path.isfile(path):
        return "", ""
    problem = "it cannot be read" if os.path.exists(path) else "no such file"
    return f"{problem}, so nothing is sent", f"correct {name}; in a container, see that the file is mounted"


def _pairs_problem(name: str, text: str) -> tuple[str, str]:
    try:
        pairs(text)
    except ValueError as expected:
        return f"not {expected}; ignoring all of it", f"correct {name}: key=value,key=value, percent-encoded"
    return "", ""


def _headers_problem(name: str, text: str) -> tuple[str, str]:
    given = headers(text)
    sent = dict(legal_headers(given))
    if given and len(sent) == len(given):
        return "", ""
    detail = f"{len(given) - len(sent)} of {len(given)} headers are not legal and not sent" if given else "no header"
    return detail, f"correct {name}: name=value,name=value, values percent-encoded"


def _offer_problem(name: str, values: Sequence[str], default: str, found: Installed) -> tuple[str, str]:
    group, built_in = _OFFERED[name]
    offered = found.group(group)
    unknown = [value for value in values if value not in offered and not _is_known(value, built_in, offered)]
    if not unknown:
        return "", ""
    words = ", ".join(printable(value) for value in unknown)
    used = _INSTEAD.get(name) or ",".join(value for value in values if value not in unknown) or default
    known = ", ".join(dict.fromkeys([*built_in, *offered]))
    return f"no installed package offers {words}; {f'using {used}' if used else 'ignoring it'}", f"known are {known}"


def _is_known(value: str, built_in: Iterable[str], offered: Mapping[str, object]) -> bool:
    # The SDK's exporters for metrics and logs call themselves otlp_proto_http and otlp_proto_grpc.
    return value.lower() in built_in or (value.lower() == "otlp" and any(key.startswith("otlp_") for key in offered))


# --- Misspelt names ---------------------------------------------------------------------------------------------------

# Of two names as long as ours, this much alike means one letter more, less or two exchanged.
_ALIKE = 0.94


def _misspelt(environ: Mapping[str, str]) -> list[Check]:
    unknown = [name for name in sorted(environ) if name not in _NAMES and _could_be_ours(name)]
    return [check for name in unknown for check in _close(name)]


def _could_be_ours(name: str) -> bool:
    # Metrics and logs have settings of their own, which the SDK reads.
    signals = {"METRICS", "METRIC", "LOGS", "LOG", "BLRP"} & set(name.split("_"))
    return name.upper().startswith(("OTEL", "PLATFORM_TRACE")) and not signals


def _close(name: str) -> list[Check]:
    close = get_close_matches(name.upper(), _NAMES, 1, _ALIKE)
    if close:
        return [Check(discreet(name), WARNING, "no setting has this name", f"did you mean {close[0]}?")]
    if name.startswith("PLATFORM_TRACE_"):
        return [Check(discreet(name), WARNING, "no setting has this name", "see platform-trace's list of settings")]
    return []
