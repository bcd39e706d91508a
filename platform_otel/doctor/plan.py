"""What would happen at the launch: who runs, whether it is traced, under which name, and where its spans go."""

import os

from platform_otel import __version__
from platform_otel.config import ENABLED, Config
from platform_otel.doctor.checks import FAILED, Check
from platform_otel.doctor.connection import destination, names_a_user
from platform_otel.doctor.discretion import printable
from platform_otel.doctor.findings import plan as finding
from platform_otel.doctor.installation import beside
from platform_otel.doctor.service import START_FILE, Service, Surroundings
from platform_otel.doctor.settings import is_offered
from platform_otel.export.choice import ENDPOINTS, PROTOCOLS, choose_exporters
from platform_otel.export.outcome import Refusal
from platform_otel.process.command_line import target
from platform_otel.process.service_name import UNKNOWN, service_name
from platform_otel.startup import PASSED_THROUGH, UNTRACED
from platform_otel.tracing.sampling import parse_ratio

OLDEST = (3, 10)
_SAMPLER = "OTEL_TRACES_SAMPLER"


def plan(service: Service, config: Config) -> tuple[Check, ...]:
    """The launch, step by step."""
    exporting = [_exporter(service, config)]
    if sends(service, config):
        exporting += [_endpoint(config, protocol(service, config)), _protocol(service, config)]
    return (*_start(service, config), _service_name(service), *exporting, _sampler(service, config))


def obstacle(service: Service, config: Config) -> str:
    """Why nothing at all would be traced, "" if something would be."""
    failed = [check for check in _start(service, config) if check.status == FAILED]
    return failed[0].name if failed else ""


# --- Who runs, and whether it is traced -------------------------------------------------------------------------------


def _start(service: Service, config: Config) -> tuple[Check, ...]:
    there = service.surroundings
    if there is None:
        return (*_trouble(service), *_switches(service, config))
    return (
        _interpreter(service, there),
        _start_file(there),
        *_options(service),
        *_program(service),
        *_switches(service, config),
    )


def _trouble(service: Service) -> tuple[Check, ...]:
    return (service.trouble.check,) if service.trouble else ()


def _interpreter(service: Service, there: Surroundings) -> Check:
    interpreter = there.interpreter
    fits = interpreter.implementation == "CPython" and interpreter.release >= OLDEST
    return (finding.INTERPRETER if fits else finding.UNFIT_INTERPRETER).check(
        executable=interpreter.executable,
        implementation=interpreter.implementation,
        version=interpreter.version,
        found_by=service.found_by,
    )


def _start_file(there: Surroundings) -> Check:
    version = there.installed.versions.get("platform-otel", "")
    path = os.path.join(there.start_file, START_FILE)
    if not there.start_file:
        return _no_start_file(there, version)
    if not version:
        return finding.NO_DISTRIBUTION.check(path=path, install=beside(there, "platform-otel"))
    if version != __version__:
        install = beside(there, f"platform-otel=={__version__}")
        return finding.OTHER_RELEASE.check(path=path, version=version, ours=__version__, install=install)
    return finding.START_FILE.check(path=path, version=version)


def _no_start_file(there: Surroundings, version: str) -> Check:
    install = beside(there, "platform-otel")
    unread = there.distributions.get("platform-otel")
    if unread is None:
        return finding.NO_START_FILE.check(install=install)
    folder = os.path.dirname(unread.metadata)
    return finding.UNREAD_START_FILE.check(version=version, folder=printable(folder), install=install)


# What an option of the interpreter keeps from being looked at; none of these keeps the start file away.
_HARMLESS = {"I": "PYTHONPATH and the user's own site-packages", "E": "PYTHON* variables", "s": "user site-packages"}


def _options(service: Service) -> tuple[Check, ...]:
    if "S" in service.letters:
        return (finding.WITHOUT_SITE.check(),)
    ignored = [f"-{letter} ({_HARMLESS[letter]} not looked at)" for letter in sorted(service.letters & {*_HARMLESS})]
    return (finding.OPTIONS.check(options=", ".join(ignored)),) if ignored else ()


def _program(service: Service) -> tuple[Check, ...]:
    """Programs that startup leaves untraced."""
    name = target(service.argv).called()
    if service.command and name in UNTRACED:
        return (finding.NEVER_TRACED.check(program=name),)
    if service.command and name in PASSED_THROUGH:
        return (finding.PASSED_THROUGH.check(program=name),)
    return ()


def _switches(service: Service, config: Config) -> tuple[Check, ...]:
    if config.get("OTEL_SDK_DISABLED"):
        return (finding.DISABLED.check(),)
    if service.command and service.surroundings and not config.get(ENABLED):
        return (finding.NOT_ENABLED.check(),)
    return ()


# --- Under which name -------------------------------------------------------------------------------------------------


def _service_name(service: Service) -> Check:
    name, source = service_name(service.environ, service.argv, service.folder)
    if name != UNKNOWN:
        return finding.SERVICE_NAME.check(service=printable(name), source=_source(source))
    if not service.command:
        return finding.NO_COMMAND.check()
    return finding.NO_NAME.check(unknown=UNKNOWN) if service.surroundings else finding.UNSEEN_NAME.check()


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
    asked: str = config.get(*PROTOCOLS)
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
        return finding.NO_EXPORTER.check()
    exporters = ", ".join(_in_force(service, name) for name in names)
    if "stdout" in names and service.writes_elsewhere:
        return finding.STDOUT_ELSEWHERE.check(exporters=exporters)
    if config.get("OTEL_TRACES_EXPORTER"):
        return finding.EXPORTERS.check(exporters=exporters)
    if names == ("otlp",):
        return finding.OTLP.check(variable=config.find(*ENDPOINTS)[1])
    return finding.STDOUT.check()


def _endpoint(config: Config, in_force: str) -> Check:
    _, variable = config.find(*ENDPOINTS)
    exactly = ", used exactly as given" if variable == ENDPOINTS[0] and in_force != "grpc" else ""
    origin = f"{_origin(variable)}{exactly}"
    try:
        endpoint = destination(config, in_force).endpoint
    except Refusal:
        return finding.NO_ENDPOINT.check(variable=variable)
    if endpoint is None:
        return finding.ONLY_GRPC.check(origin=origin)
    shown = f"{endpoint.scheme}://{endpoint.authority}" if in_force == "grpc" else endpoint.shown
    return (finding.USER_NOT_SENT if names_a_user(config) else finding.ENDPOINT).check(endpoint=shown, origin=origin)


def _protocol(service: Service, config: Config) -> Check:
    in_force = protocol(service, config)
    asked, variable = config.find(*PROTOCOLS)
    there = service.surroundings
    if there and in_force != asked:
        return finding.NO_GRPC.check(protocol=in_force, variable=variable, install=there.install("platform-otel[grpc]"))
    return finding.PROTOCOL.check(protocol=in_force, origin=_origin(variable))


def _origin(variable: str) -> str:
    """Where a value in force is from: one that cannot be used is the origin of nothing."""
    return f"from {variable}" if variable else "default"


# --- Which traces -----------------------------------------------------------------------------------------------------


def _sampler(service: Service, config: Config) -> Check:
    name, origin = _sampler_in_force(service, config)
    sampler = f"{printable(name)}, {origin}"
    root = name.lower().removeprefix("parentbased_")
    by_parent = "; a caller's decision counts" if root != name.lower() else ""
    ratio = {"always_off": 0.0, "traceidratio": _ratio(config)}.get(root, 1.0)
    if ratio == 0:
        return finding.NOT_SAMPLED.check(sampler=sampler, by_parent=by_parent)
    if ratio < 1:
        return finding.SAMPLED_SHARE.check(sampler=sampler, ratio=f"{ratio:g}", by_parent=by_parent)
    return finding.SAMPLER.check(sampler=sampler, by_parent=by_parent)


def _sampler_in_force(service: Service, config: Config) -> tuple[str, str]:
    """Its name, and why it is this one."""
    there, asked = service.surroundings, str(config.get(_SAMPLER))
    if there and not is_offered(_SAMPLER, asked, there):
        return Config({}).get(_SAMPLER), f"as no package offers {printable(asked)}"
    return asked, f"from {_SAMPLER}" if config.is_set(_SAMPLER) else "default"


def _ratio(config: Config) -> float:
    """The ratio in force: what is no number from 0 to 1 counts as 1."""
    try:
        return parse_ratio(config.get("OTEL_TRACES_SAMPLER_ARG") or "1")
    except ValueError:
        return 1.0
