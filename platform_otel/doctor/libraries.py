"""A row per library that is installed for the service: what instruments it, or why nothing does."""

from platform_otel.config import Config
from platform_otel.doctor.checks import OFF, OK, WARNING, Check
from platform_otel.doctor.service import Surroundings
from platform_otel.instrumentation.catalog import CATALOG, HANDLER, Row
from platform_otel.instrumentation.choice import Choice, choose
from platform_otel.process.distribution import version_of_module

_STANDARD = "standard library"


def libraries(there: Surroundings, config: Config, obstacle: str) -> tuple[Check, ...]:
    """Every library of the catalog, and of other installed instrumentors, that the service could import.

    Args:
        there: the service's interpreter and what is installed for it.
        config: the service's.
        obstacle: what keeps the whole service from being traced, "" if nothing does.
    """
    choices = choose(CATALOG, config, there.installed)
    present = {choice.row.library: module for choice in choices if (module := _module(choice.row, there))}
    rows = [_row(choice, present[choice.row.library], there) for choice in choices if choice.row.library in present]
    absent = len(choices) - len(rows)
    summary = Check("others", OFF, f"{absent} more that can be traced are not installed") if absent else None
    return tuple(_but_for(obstacle, row) for row in sorted(rows)) + ((summary,) if summary else ())


def _module(row: Row, there: Surroundings) -> str:
    """The module whose import brings the instrumentor into force, if the service could import it."""
    if HANDLER in row.triggers:
        return ""
    for module in row.triggers or (row.library,):
        if there.distributions.has_module(module):
            return module
    return ""


def _row(choice: Choice, module: str, there: Surroundings) -> Check:
    library = choice.row.library
    standard = there.distributions.is_standard(module)
    version = _STANDARD if standard else version_of_module(module, there.path) or "of unknown version"
    if _is_missing(choice):
        # The standard library is there whether or not the service uses it, so what lacks for it is no warning.
        status = OFF if standard else WARNING
        return Check(library, status, f"{version}: {choice.reason}", there.install(choice.row.distribution))
    if choice.entry_point is None:
        return Check(library, OFF, f"{version}: {choice.reason}")
    distribution = choice.entry_point.distribution
    found, hint = _broken(choice.entry_point.target, distribution, there)
    if found:
        return Check(library, WARNING, f"{version}: not traced, since {found}", hint)
    return Check(library, OK, f"{version}, {choice.reason} {there.installed.versions.get(distribution, '')}".rstrip())


def _is_missing(choice: Choice) -> bool:
    return choice.entry_point is None and choice.reason == f"{choice.row.distribution} is not installed"


def _broken(target: str, name: str, there: Surroundings) -> tuple[str, str]:
    """Why an installed instrumentation will not come into force, and what to do; both "" if it will."""
    distribution = there.distributions.get(name)
    module = target.partition(":")[0]
    if not there.distributions.has_module(module):
        return f"{name} lacks its module {module}", there.install("--force-reinstall", name)
    if distribution is None:
        return "", ""
    if missing := there.distributions.missing_below(distribution):
        return f"{name} needs {', '.join(missing)}, not installed", there.install(*missing)
    if conflict := there.distributions.conflict(distribution):
        return f"{name} needs {conflict}", f"install another version of one of them: {there.install('--upgrade', name)}"
    return "", ""


def _but_for(obstacle: str, row: Check) -> Check:
    """The row as it is while nothing at all is traced."""
    if not obstacle or row.status != OK:
        return row
    return Check(row.name, OFF, f"not traced, as nothing is (see {obstacle}); then {row.detail}")
