"""What a process says of itself, once, beside all its spans."""

import os
import sys
from collections.abc import Mapping, Sequence

from platform_otel import __version__, config
from platform_otel.process.cloud import cloud_attributes
from platform_otel.process.command_line import application
from platform_otel.process.container import read_container_id
from platform_otel.process.guard import guarded, say
from platform_otel.process.kubernetes import kubernetes_attributes
from platform_otel.process.resource_variable import pairs
from platform_otel.process.service_name import is_installed_script, name_of_this_process, printable, script_stem

_VARIABLE = "OTEL_RESOURCE_ATTRIBUTES"

# Process id -> the id of this instance of the service: all signals of a process share it, a child has its own.
_instance_ids: dict[int, str] = {}


def resource_of_this_process() -> dict[str, str | int]:
    """The resource of this process, whole."""
    return resource_attributes(os.environ, sys.orig_argv, name_of_this_process()[0])


def resource_attributes(environ: Mapping[str, str], argv: Sequence[str], service: str) -> dict[str, str | int]:
    """The resource of a process, whole.

    Args:
        environ: its environment.
        argv: its command line as in ``sys.orig_argv``.
        service: its name, which has an order of its own, see ``service_name``.

    Source: https://opentelemetry.io/docs/specs/semconv/resource/
    """
    costly: dict[str, str] = {}
    with guarded("find out the container and the version of the service"):
        costly = costly_attributes(environ, argv)
    return {**costly, **attributes_at_once(environ, service)}


def attributes_at_once(environ: Mapping[str, str], service: str) -> dict[str, str | int]:
    """What costs nothing to know. It wins over what costs; what OTEL_RESOURCE_ATTRIBUTES says over all but the name."""
    said = said_by_the_user(environ.get(_VARIABLE, ""))
    attributes = {
        **_telemetry_attributes(),
        **_process_attributes(),
        "host.name": os.uname().nodename,
        **cloud_attributes(environ),
        **kubernetes_attributes(environ),
        **_service_attributes(environ),
        **_deployment_attributes(environ, said),
        **said,
        "service.name": service,
    }
    return {name: printable(value) if isinstance(value, str) else value for name, value in attributes.items()}


def costly_attributes(environ: Mapping[str, str], argv: Sequence[str], root: str = "/") -> dict[str, str]:
    """What takes reading files: off the start-up path, before the first batch.

    Args:
        environ: the process's environment.
        argv: its command line as in ``sys.orig_argv``.
        root: where proc/self is looked for.
    """
    found = {"container.id": read_container_id(root), "service.version": application_version(environ, argv)}
    return {name: printable(value) for name, value in found.items() if value}


def said_by_the_user(text: str) -> dict[str, str]:
    """The pairs of OTEL_RESOURCE_ATTRIBUTES; none, and one line, if there is anything wrong with them."""
    try:
        return pairs(text)
    except ValueError as expected:
        say(f"{_VARIABLE}={config.shown('pairs', text)} is not {expected}; ignoring all of it")
        return {}


def _telemetry_attributes() -> dict[str, str]:
    from opentelemetry.sdk.version import __version__ as sdk_version

    return {
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": sdk_version,
        "telemetry.distro.name": "platform-otel",
        "telemetry.distro.version": __version__,
    }


def _process_attributes() -> dict[str, str | int]:
    """Never the command line nor its arguments: they hold secrets.

    Source: https://opentelemetry.io/docs/specs/semconv/resource/process/#python-runtimes
    """
    version = sys.implementation.version
    is_final = version.releaselevel == "final" and not version.serial
    attributes: dict[str, str | int] = {
        "process.pid": os.getpid(),
        "process.runtime.name": sys.implementation.name,
        "process.runtime.version": ".".join(str(part) for part in (version[:3] if is_final else version)),
        "process.runtime.description": sys.version,
    }
    if executable := _executable():
        attributes["process.executable.name"] = os.path.basename(executable)
    return attributes


def _executable() -> str:
    """The file that runs, links followed; an interpreter inside another program has none of its own."""
    try:
        return os.readlink("/proc/self/exe").removesuffix(" (deleted)")  # by an upgrade since
    except OSError:  # not Linux
        return sys.executable or ""


def _service_attributes(environ: Mapping[str, str]) -> dict[str, str]:
    found = {
        "service.instance.id": _instance_ids.setdefault(os.getpid(), _random_uuid()),
        # https://opentelemetry.io/docs/specs/semconv/non-normative/k8s-attributes/
        "service.namespace": kubernetes_attributes(environ).get("k8s.namespace.name", ""),
        # https://opentelemetry.io/docs/specs/semconv/resource/cloud-provider/heroku/
        "service.version": environ.get("HEROKU_RELEASE_VERSION", ""),
    }
    return {name: value for name, value in found.items() if value}


def _deployment_attributes(environ: Mapping[str, str], said: Mapping[str, str]) -> dict[str, str]:
    """The environment that is deployed to, also where the user calls it by the attribute's name of before 1.27.

    Source: https://opentelemetry.io/docs/specs/semconv/resource/deployment-environment/
    """
    name = (
        said.get("deployment.environment")
        or environ.get("RAILWAY_ENVIRONMENT_NAME")
        or (environ.get("WEBSITE_SITE_NAME") and environ.get("WEBSITE_SLOT_NAME"))
    )
    return {"deployment.environment.name": name} if name else {}


def application_version(environ: Mapping[str, str], argv: Sequence[str]) -> str:
    """The version of the installed distribution that holds the application, or ""."""
    from platform_otel.process.distribution import version_of_module, version_of_script

    serves = application(argv, environ)
    path = [folder for folder in sys.path if isinstance(folder, str)]  # people append what is no text, too
    if serves.kind == "module":
        return version_of_module(serves.text, [*path, *_imported_from(serves.text)])
    if serves.kind == "script" and is_installed_script(serves.text):
        return version_of_script(script_stem(serves.text), path)
    if not serves.kind and (inherited := environ.get(config.PARENT_SERVICE_NAME, "")):
        # A worker is of its parent's version; the parent was called by its package or its console script.
        return version_of_module(inherited, path) or version_of_script(inherited, path)
    return ""


def _imported_from(module: str) -> list[str]:
    """The folder of an imported package that an editable installation keeps off ``sys.path``."""
    package = module.partition(".")[0]
    file = getattr(sys.modules.get(package), "__file__", None)
    if not isinstance(file, str):
        return []
    folder = os.path.dirname(file)
    return [os.path.dirname(folder) if os.path.basename(file).startswith("__init__.") else folder]


def _random_uuid() -> str:
    """A version 4 UUID (RFC 9562), without importing uuid at start."""
    octets = bytearray(os.urandom(16))
    octets[6] = octets[6] & 0x0F | 0x40
    octets[8] = octets[8] & 0x3F | 0x80
    text = octets.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
