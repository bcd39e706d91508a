"""What would happen at the launch: who runs, whether it is traced, under which name, and where its spans go."""

import os

from platform_otel import __version__
from platform_otel.config import ENABLED, Config
from platform_otel.doctor.checks import FAILED, OFF, OK, WARNING, Check
from platform_otel.doctor.connection import destination, names_a_user
from platform_otel.doctor.discretion import printable
from platform_otel.doctor.service import START_FILE, Service, Surroundings
from platform_otel.export.choice import choose_exporters
from platform_otel.export.outcome import Refusal
from platform_otel.process.distribution import console_script
from platform_otel.process.service_name import UNKNOWN, service_name, target
from platform_otel.startup import PASSED_THROUGH, UNTRACED

OLDEST = (3, 10)
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def plan(service: Service, config: Config) -> tuple[Check, ...]:
    """The launch, step by step."""
    exporting = [_exporter(service, config)]
    if sends(service, config):
        exporting += [_endpoint(config, protocol(service, config)), _protocol(service, config)]
    return (*_start(service, config), _service_name(service), *exporting, _sampler(config))


def obstacle(service: Service, config: Config) -> str:
    """Why nothing at all would be traced, "" if something would be."""
    failed = [check for check in _start(service, config) if check.status == FAILED]
    return failed[0].name if failed else ""


# --- Who runs, and whether it is traced -------------------------------------------------------------------------------


def _start(service: Service, config: Config) -> tuple[Check, ...]:
    there = service.surroundings
    if there is None:
        return (_unknown(service), *_switches(service, config))
    return (
        _interpreter(service, there),
        _start_file(there),
        *_options(service),
        *_program(service),
        *_switches(service, config),
    )


def _unknown(service: Service) -> Check:
    trouble = service.trouble
    if trouble is None:
        return Check("interpreter", FAILED, "unknown")
    return Check("interpreter", FAILED, trouble.detail, trouble.hint)


def _interpreter(service: Service, there: Surroundings) -> Check:
    interpreter = there.interpreter
    shown = f"{interpreter.executable} ({interpreter.implementation} {interpreter.version}), {service.found_by}"
    if interpreter.implementation != "CPython" or interpreter.release < OLDEST:
        return Check("interpreter", FAILED, f"{shown}: it cannot be traced", "run the service on CPython 3.10 or later")
    return Check("interpreter", OK, shown)


def _start_file(there: Surroundings) -> Check:
    version = there.installed.versions.get("platform-otel", "")
    if not there.start_file or not version:
        found = f"{START_FILE} is in {there.start_file}, but" if there.start_file else f"no {START_FILE}:"
        return Check(
            "start file",
            FAILED,
            f"{found} platform-otel is not installed for this interpreter, so nothing is traced",
            there.install("platform-otel"),
        )
    where = os.path.join(there.start_file, START_FILE)
    if version != __version__:
        return Check(
            "start file",
            WARNING,
            f"{where}, of platform-otel {version}; the doctor is of {__version__}",
            f"so that both agree: {there.install(f'platform-otel=={__version__}')}",
        )
    return Check("start file", OK, f"{where}, of platform-otel {version}")


# What an option of the interpreter keeps from being looked at; none of these keeps the start file away.
_HARMLESS = {"I": "PYTHONPATH and the user's own site-packages", "E": "PYTHON* variables", "s": "user site-packages"}


def _options(service: Service) -> tuple[Check, ...]:
    if "S" in service.letters:
        return (
            Check(
                "interpreter options",
                FAILED,
                "-S: the interpreter reads no start file, so nothing is traced",
                "leave -S out of the command, or of the script's first line",
            ),
        )
    ignored = [f"-{letter} ({_HARMLESS[letter]} not looked at)" for letter in sorted(service.letters & {*_HARMLESS})]
    return (Check("interpreter options", OK, f"{', '.join(ignored)}; traced all the same"),) if ignored else ()


def _program(service: Service) -> tuple[Check, ...]:
    """Programs that startup leaves untraced."""
    name = os.path.basename(target(service.argv).name)
    name = name.rstrip("0123456789.") if name.startswith("pip") else name
    if service.command and name in UNTRACED:
        return (Check("program", FAILED, f"{name} is never traced, nor what it starts", "name the service's command"),)
    if service.command and name in PASSED_THROUGH:
        return (Check("program", WARNING, f"{name} is not traced itself, but the Python programs it starts are"),)
    return ()


def _switches(service: Service, config: Config) -> tuple[Check, ...]:
    if config.get("OTEL_SDK_DISABLED"):
        detail = "OTEL_SDK_DISABLED=true: nothing is traced"
        return (Check("switch", FAILED, detail, "unset OTEL_SDK_DISABLED to trace again"),)
    if service.command and service.surroundings and not config.get(ENABLED):
        detail = f"{ENABLED} does not reach the service, so nothing is traced"
        return (Check("switch", FAILED, detail, "let the command keep its environment: no env -i, no env -u"),)
    return ()


# --- Under which name -------------------------------------------------------------------------------------------------


def _service_name(service: Service) -> Check:
    path = service.surroundings.path if service.surroundings else ()
    name, source = service_name(
        service.environ, service.argv, service.folder, lambda script: console_script(script, path)[0]
    )
    if name != UNKNOWN:
        return Check("service name", OK, f"{printable(name)}, from {_source(source)}")
    if not service.command:
        return Check("service name", OFF, "no command was given whose line could say it", "give it after --")
    return Check(
        "service name",
        WARNING,
        f"{UNKNOWN}: neither a setting nor the command line says it",
        "name it: --service-name NAME, or OTEL_SERVICE_NAME=NAME",
    )


def _source(source: str) -> str:
    return source if source.isupper() else f"the {source}"


# --- Where spans go ---------------------------------------------------------------------------------------------------


def sends(service: Service, config: Config) -> bool:
    """Whether spans are sent by OTLP; so are those for an exporter that nobody offers."""
    return any(_is_otlp(service, name) for name in choose_exporters(config))


def _is_otlp(service: Service, name: str) -> bool:
    there = service.surroundings
    offered = there.installed.group("opentelemetry_traces_exporter") if there else {}
    return name.lower() == "otlp" or (name.lower() not in ("stdout", "console") and name not in offered)


def protocol(service: Service, config: Config) -> str:
    """The protocol in force: gRPC only where its extra is installed."""
    asked: str = config.get(*_PROTOCOLS)
    return "http/protobuf" if asked == "grpc" and not _has_grpc(service) else asked


def _has_grpc(service: Service) -> bool:
    there = service.surroundings
    return there is None or there.distributions.has_module("grpc")


def _in_force(service: Service, name: str) -> str:
    stands_in = name.lower() != "otlp" and _is_otlp(service, name)
    return f"otlp (no package offers {printable(name)})" if stands_in else printable(name)


def _exporter(service: Service, config: Config) -> Check:
    names = choose_exporters(config)
    if not names:
        return Check(
            "exporter",
            WARNING,
            "none, by OTEL_TRACES_EXPORTER: context is passed on, no span is exported",
            "unset OTEL_TRACES_EXPORTER to export spans",
        )
    if config.is_set("OTEL_TRACES_EXPORTER"):
        shown = ", ".join(_in_force(service, name) for name in names)
        return Check("exporter", OK, f"{shown}, by OTEL_TRACES_EXPORTER")
    if names == ("otlp",):
        return Check("exporter", OK, f"otlp, since {_set_one(config, _ENDPOINTS)} is set")
    return Check(
        "exporter",
        OK,
        "stdout, since there is no endpoint: one JSON line per span, a tree on a terminal",
        "to send spans to a collector: --endpoint URL, or OTEL_EXPORTER_OTLP_ENDPOINT=URL",
    )


def _set_one(config: Config, names: tuple[str, ...]) -> str:
    return next((name for name in names if config.is_set(name)), "")


def _endpoint(config: Config, in_force: str) -> Check:
    variable = _set_one(config, _ENDPOINTS)
    exactly = ", used exactly as given" if variable == _ENDPOINTS[0] and in_force != "grpc" else ""
    origin = f"from {variable}{exactly}" if variable else "default"
    try:
        endpoint, _ = destination(config, in_force)
    except Refusal:
        return Check("endpoint", FAILED, f"{variable} is no address that can be used", "see connection")
    if endpoint is None:
        return Check("endpoint", OK, f"what only gRPC understands, {origin}")
    shown = f"{endpoint.scheme}://{endpoint.authority}" if in_force == "grpc" else endpoint.shown
    if names_a_user(config):
        detail = f"{shown}, {origin}; its user name and password are not sent"
        return Check("endpoint", WARNING, detail, "send them as a header: OTEL_EXPORTER_OTLP_HEADERS")
    return Check("endpoint", OK, f"{shown}, {origin}")


def _protocol(service: Service, config: Config) -> Check:
    in_force = protocol(service, config)
    variable = _set_one(config, _PROTOCOLS)
    if in_force != config.get(*_PROTOCOLS):
        there = service.surroundings
        return Check(
            "protocol",
            WARNING,
            f"{in_force}: {variable} asks for grpc, and grpcio is not installed",
            there.install("platform-otel[grpc]") if there else "",
        )
    return Check("protocol", OK, f"{in_force}, {f'from {variable}' if variable else 'default'}")


# --- Which traces -----------------------------------------------------------------------------------------------------


def _sampler(config: Config) -> Check:
    name = str(config.get("OTEL_TRACES_SAMPLER"))
    kind = name.lower()
    shown = f"{printable(name)}, {'from OTEL_TRACES_SAMPLER' if config.is_set('OTEL_TRACES_SAMPLER') else 'default'}"
    by_parent = "; a caller's decision counts" if kind.startswith("parentbased") else ""
    hint = "unset OTEL_TRACES_SAMPLER to record every trace"
    if kind.endswith("always_off") or (kind.endswith("traceidratio") and _ratio(config) == 0):
        return Check("sampler", WARNING, f"{shown}: no trace that begins here is recorded{by_parent}", hint)
    if kind.endswith("traceidratio"):
        return Check("sampler", OK, f"{shown}: a share of {_ratio(config):g} of traces is recorded{by_parent}")
    return Check("sampler", OK, f"{shown}{by_parent}")


def _ratio(config: Config) -> float:
    """The ratio in force: what is no number from 0 to 1 counts as 1."""
    try:
        ratio = float(config.get("OTEL_TRACES_SAMPLER_ARG") or "1")
    except ValueError:
        return 1.0
    return ratio if 0 <= ratio <= 1 else 1.0
