"""What works against tracing in the service's environment: other tools, and packages that do not fit together."""

from collections.abc import Iterable

from packaging.requirements import Requirement

from platform_otel.config import Config
from platform_otel.doctor.checks import FAILED, OFF, OK, WARNING, Check
from platform_otel.doctor.distributions import Distribution, Distributions
from platform_otel.doctor.service import Service, Surroundings
from platform_otel.doctor.tools import other_tools
from platform_otel.instrumentation.discovery import normalised

# Without these nothing can be recorded at all.
_NEEDED = ("opentelemetry-api", "opentelemetry-sdk", "opentelemetry-instrumentation")
_NAMED_AT_MOST = 2


def conflicts(service: Service, there: Surroundings, config: Config) -> tuple[Check, ...]:
    """Everything that stands against it, or one row that says there is nothing."""
    return (*other_tools(service, there), _packages(there), *_configuration_file(config))


def _configuration_file(config: Config) -> tuple[Check, ...]:
    if not config.is_set("OTEL_CONFIG_FILE"):
        return ()
    return (
        Check(
            "OTEL_CONFIG_FILE",
            WARNING,
            "is set and ignored: configuration files are not supported",
            "set the same by OTEL_* variables, and unset it",
        ),
    )


# --- OpenTelemetry's packages -----------------------------------------------------------------------------------------

# What a package needs and does not have, by its name, and who needs it.
Unmet = dict[str, list[tuple[Distribution, Requirement]]]

_TITLE = "OpenTelemetry packages"


def _packages(there: Surroundings) -> Check:
    theirs = there.distributions.named("opentelemetry-")
    missing = [name for name in _NEEDED if there.distributions.get(name) is None]
    if missing and not there.start_file:
        return Check(_TITLE, OFF, f"{len(theirs)} installed; they come with platform-otel")
    if missing:
        detail = f"{', '.join(missing)} not installed, so nothing is traced"
        return Check(_TITLE, FAILED, detail, there.install(*missing))
    unmet = _unmet(there.distributions, [*theirs, *there.distributions.named("platform-otel")])
    if not unmet:
        return Check(_TITLE, OK, f"{len(theirs)} installed, and they fit together")
    mismatches = [_mismatch(name, rows, there.distributions) for name, rows in sorted(unmet.items())]
    detail = f"{len(unmet)} do not fit: {'; '.join(mismatches)}"
    return Check(_TITLE, WARNING, detail, f"install releases that fit, in one go: {_repair(there, unmet)}")


def _unmet(distributions: Distributions, needing: Iterable[Distribution]) -> Unmet:
    unmet: Unmet = {}
    for distribution in needing:
        for requirement in distributions.unmet(distribution):
            unmet.setdefault(normalised(requirement.name), []).append((distribution, requirement))
    return unmet


def _mismatch(name: str, rows: list[tuple[Distribution, Requirement]], distributions: Distributions) -> str:
    installed = distributions.get(name)
    is_there = f"{installed.version} is installed" if installed else "is not installed"
    needed = [f"{needing.name} {needing.version} needs {requirement.specifier}" for needing, requirement in rows]
    more = f" and {len(rows) - _NAMED_AT_MOST} more" if len(rows) > _NAMED_AT_MOST else ""
    return f"{name} {is_there}, {', '.join(needed[:_NAMED_AT_MOST])}{more}"


def _repair(there: Surroundings, unmet: Unmet) -> str:
    needing = {distribution.name for rows in unmet.values() for distribution, _ in rows}
    return there.install("--upgrade", *sorted(needing | {*unmet}))
