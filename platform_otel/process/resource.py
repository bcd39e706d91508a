"""What a process says of itself, once, beside all its spans."""

import os
from collections.abc import Mapping, Sequence

from platform_otel import __version__
from platform_otel.process.service_name import service_name

# Process id -> the id of this instance of the service: all signals of a process share it, a child has its own.
_instance_ids: dict[int, str] = {}


def resource_attributes(environ: Mapping[str, str], argv: Sequence[str]) -> dict[str, str | int]:
    """The resource of this process. What OTEL_RESOURCE_ATTRIBUTES says wins, but for the service's name.

    Source: https://opentelemetry.io/docs/specs/semconv/resource/
    """
    from opentelemetry.sdk.version import __version__ as sdk_version

    return {
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": sdk_version,
        "telemetry.distro.name": "platform-otel",
        "telemetry.distro.version": __version__,
        "service.instance.id": _instance_ids.setdefault(os.getpid(), _random_uuid()),
        "process.pid": os.getpid(),
        **attributes_from(environ.get("OTEL_RESOURCE_ATTRIBUTES", "")),
        "service.name": service_name(environ, argv)[0],
    }


def attributes_from(text: str) -> dict[str, str]:
    """The pairs of OTEL_RESOURCE_ATTRIBUTES, "key=value,key=value", values percent-encoded.

    Source: https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable
    """
    from urllib.parse import unquote

    pairs = (pair.partition("=") for pair in text.split(","))
    return {key.strip(): unquote(value.strip()) for key, equals, value in pairs if equals and key.strip()}


def _random_uuid() -> str:
    """A version 4 UUID (RFC 9562), without importing uuid at start."""
    octets = bytearray(os.urandom(16))
    octets[6] = octets[6] & 0x0F | 0x40
    octets[8] = octets[8] & 0x3F | 0x80
    text = octets.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
