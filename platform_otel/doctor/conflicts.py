"""What works against tracing in the service's environment: other tools, and packages that do not fit together."""

from collections.abc import Iterable

from packaging.requirements import Requirement

from platform_otel.doctor.checks import Check
from platform_otel.doctor.distributions import Distributions
from platform_otel.doctor.findings import conflicts as finding
from platform_otel.doctor.installation import beside, repaired
from platform_otel.doctor.service import Service, Surroundings
from platform_otel.doctor.tools import other_tools
from platform_otel.process.distribution import Distribution, normalised

# Without these nothing can be recorded at all.
_NEEDED = ("opentelemetry-api", "opentelemetry-sdk", "opentelemetry-instrumentation")
_NAMED_AT_MOST = 2


def conflicts(service: Service, there: Surroundings) -> tuple[Check, ...]:
    """Everything that stands against it, or one row that says there is nothing."""
    return (*other_tools(service, there), _packages(there))


# --- OpenTelemetry's packages -----------------------------------------------------------------------------------------

# What a package needs and does not have, by its name, and who needs it.
Unmet = dict[str, list[tuple[Distribution, Requirement]]]


def _packages(there: Surroundings) -> Check:
    theirs = there.distributions.named("opentelemetry-")
    missing = [name for name in _NEEDED if there.distributions.get(name) is None]
    if missing and not there.start_file:
        return finding.NONE_YET.check(count=len(theirs))
    if missing:
        return finding.NEEDED_PACKAGES.check(missing=", ".join(missing), install=beside(there, *missing))
    unmet = _unmet(there.distributions, [*theirs, *there.distributions.named("platform-otel")])
    if not unmet:
        return finding.FITTING.check(count=len(theirs))
    mismatches = "; ".join(_mismatch(name, rows, there.distributions) for name, rows in sorted(unmet.items()))
    return finding.NOT_FITTING.check(count=len(unmet), mismatches=mismatches, install=repaired(there, *unmet))


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
