"""The lines that install packages for the service, and leave what is installed there in releases that fit together."""

from importlib.metadata import requires

from packaging.requirements import Requirement

from platform_otel.doctor.distributions import fits
from platform_otel.doctor.service import Surroundings

_API = "opentelemetry-api"


def beside(there: Surroundings, *requirements: str) -> str:
    """Installs these in the releases that go with OpenTelemetry's packages there.

    By itself an installer takes the newest, which brings half of OpenTelemetry to another release. All of its packages
    name the API, so that to pin it keeps the others. One too old for us goes to a newer release, with all the others.
    """
    api = there.distributions.get(_API)
    if api is None:
        return there.install(*requirements)
    return there.install(*requirements, *(_all(there) if _is_too_old(api.version) else [f"{_API}=={api.version}"]))


def repaired(there: Surroundings, *missing: str) -> str:
    """Installs all of OpenTelemetry in releases that fit together. What is not named may be left behind."""
    ours = [each.name for each in there.distributions.named("platform-otel")]
    return there.install(*sorted({*_all(there), *missing}), *ours)


def upgraded(there: Surroundings) -> str:
    """Brings all of OpenTelemetry to its newest release."""
    return there.install("--upgrade", *_all(there))


def again(there: Surroundings, name: str) -> str:
    """Writes the files of one distribution anew, in the release that is installed."""
    installed = there.distributions.get(name)
    return there.install("--force-reinstall", "--no-deps", f"{name}=={installed.version}" if installed else name)


def _all(there: Surroundings) -> list[str]:
    return [each.name for each in there.distributions.named("opentelemetry-")]


def _is_too_old(version: str) -> bool:
    needed = [Requirement(text) for text in requires("platform-otel") or ()]
    return any(not fits(each, version) for each in needed if each.name == _API and each.marker is None)
