"""Every setting: its value without secrets, where it came from, and what is used in place of a bad one."""

import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from platform_otel import config
from platform_otel.config import ENABLED, SETTINGS, STDOUT_FILE, Config, discreet
from platform_otel.doctor.checks import Check
from platform_otel.doctor.discretion import printable
from platform_otel.doctor.findings import settings as finding
from platform_otel.doctor.installation import beside
from platform_otel.doctor.service import Service, Surroundings
from platform_otel.export.otlp import headers
from platform_otel.export.otlp_http import legal_headers
from platform_otel.process.resource_variable import pairs
from platform_otel.tracing.sampling import parse_ratio

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
_INSTEAD = {
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_PYTHON_TRACER_PROVIDER": "ours",
}


def settings(service: Service) -> tuple[Check, ...]:
    """What was set first, then what has its default, then variables that look like misspelt settings."""
    rows = [_setting(row, service) for row in SETTINGS]
    is_set = Config(service.environ).is_set
    return (
        *(row for row in rows if is_set(row.name)),
        *(row for row in rows if not is_set(row.name)),
        *_misspelt(service.environ),
    )


def _setting(row: tuple[str, str, str, str], service: Service) -> Check:
    name, kind, default, _ = row
    if not Config(service.environ).is_set(name):
        return _unset(name, default, service.environ)
    text = service.environ[name].strip()
    shown = {
        "name": name,
        "value": printable(config.without_secrets(kind, text)),
        "origin": _origin(name, service),
    }
    return _problem(shown, kind, text, default, service) or finding.VALUE.check(**shown)


def _unset(name: str, default: str, environ: Mapping[str, str]) -> Check:
    _, general = Config(environ).find(*_with_general(name))
    if general:
        return finding.AS_GENERAL.check(name=name, general=general)
    return finding.DEFAULT.check(name=name, default=default) if default else finding.NOT_SET.check(name=name)


def _with_general(name: str) -> list[str]:
    """This setting, and the one that stands in for it, such as OTEL_EXPORTER_OTLP_TIMEOUT for that of one signal."""
    parts = ("_TRACES_", "_METRICS_", "_LOGS_", "_SPAN_", "_EVENT_", "_LINK_")
    generals = [name.replace(part, "_", 1) for part in parts]
    generals += ["OTEL_PYTHON_EXCLUDED_URLS"] if name.endswith("_EXCLUDED_URLS") else []
    return [name, *(general for general in generals if general != name and general in _NAMES)]


def _origin(name: str, service: Service) -> str:
    if service.given.get(name) == service.environ[name]:
        return "environment"
    return "the launcher" if name in (ENABLED, STDOUT_FILE) else "the command"


# --- Bad values -------------------------------------------------------------------------------------------------------


# A value fit to be printed, its name and its origin: what every finding about it shows.
Shown = Mapping[str, str]


def _problem(shown: Shown, kind: str, text: str, default: str, service: Service) -> Check | None:
    """What is wrong with a value, if anything is."""
    name = shown["name"]
    try:
        value = config.parse(kind, text)
    except ValueError as expected:
        used = Config(service.environ).used(*_with_general(name))
        return finding.BAD_VALUE.check(**shown, expected=expected, used=used)
    if name == "OTEL_TRACES_SAMPLER_ARG":
        return _ratio_problem(shown, text, service.environ)
    if name == "OTEL_CONFIG_FILE":
        return finding.NO_FILES.check(**shown)
    if name in _OFFERED and service.surroundings:
        values = (value,) if isinstance(value, str) else value
        return _offer_problem(shown, values, default, service.surroundings)
    by_kind = {"path": _file_problem, "pairs": _pairs_problem, "secret": _headers_problem}
    return by_kind[kind](shown, text) if kind in by_kind else None


def _ratio_problem(shown: Shown, text: str, environ: Mapping[str, str]) -> Check | None:
    if Config(environ).get("OTEL_TRACES_SAMPLER").lower().removeprefix("parentbased_") != "traceidratio":
        return None  # a sampler of another package may take anything
    try:
        parse_ratio(text)
    except ValueError as expected:
        return finding.BAD_RATIO.check(**shown, expected=expected)
    return None


def _file_problem(shown: Shown, path: str) -> Check | None:
    if "-----BEGIN" in path:
        return finding.NO_PATH.check(**shown)
    if os.access(path, os.R_OK) and os.path.isfile(path):
        return None
    return (finding.UNREADABLE_FILE if os.path.exists(path) else finding.NO_FILE).check(**shown)


def _pairs_problem(shown: Shown, text: str) -> Check | None:
    try:
        pairs(text)
    except ValueError as expected:
        return finding.BAD_PAIRS.check(**shown, expected=expected)
    return None


def _headers_problem(shown: Shown, text: str) -> Check | None:
    given = headers(text)
    left_out = len(given) - len(dict(legal_headers(given)))
    if not given:
        return finding.NO_HEADER.check(**shown)
    return finding.ILLEGAL_HEADERS.check(**shown, count=left_out, all=len(given)) if left_out else None


def _offer_problem(shown: Shown, values: Sequence[str], default: str, there: Surroundings) -> Check | None:
    name = shown["name"]
    group, built_in = _OFFERED[name]
    offered = there.installed.group(group)
    unknown = [value for value in values if not is_offered(name, value, there)]
    if not unknown:
        return None
    instead = _INSTEAD.get(name) or ",".join(value for value in values if value not in unknown) or default
    said = {"words": ", ".join(printable(value) for value in unknown), "used": config.instead(instead)}
    if "otlp" in (value.lower() for value in unknown):  # only of metrics and logs: for spans it is built in
        return finding.NO_SIGNALS.check(**shown, **said, install=beside(there, "platform-otel[signals]"))
    known = ", ".join(dict.fromkeys([*built_in, *offered])) or "none"
    return finding.NOT_OFFERED.check(**shown, **said, known=known)


def is_offered(name: str, value: str, there: Surroundings) -> bool:
    """Whether this setting's value is the name of something built in or installed."""
    group, built_in = _OFFERED[name]
    offered = there.installed.group(group)
    # The SDK's exporters for metrics and logs call themselves otlp_proto_http and otlp_proto_grpc.
    by_protocol = value.lower() == "otlp" and any(each.startswith("otlp_") for each in offered)
    return value.lower() in built_in or value in offered or by_protocol


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
        return [finding.MISSPELT.check(name=discreet(name), meant=close[0])]
    return [finding.NO_SETTING.check(name=discreet(name))] if name.startswith("PLATFORM_TRACE_") else []
