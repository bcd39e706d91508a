"""A row per library that is installed for the service: what instruments it, or why nothing does."""

from platform_otel.config import Config
from platform_otel.doctor.checks import OK, Check, Finding
from platform_otel.doctor.findings import libraries as finding
from platform_otel.doctor.installation import again, beside, upgraded
from platform_otel.doctor.service import Surroundings
from platform_otel.instrumentation.catalog import CATALOG, HANDLER, Row
from platform_otel.instrumentation.choice import Choice, choose
from platform_otel.process.distribution import version_of_module

_STANDARD = "standard library"
_OURS = "platform-otel"
# They come with a framework, and call nobody.
_INSIDE = frozenset(("jinja2",))


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
    summary = finding.OTHERS.check(count=absent) if absent else None
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
    if choice.is_missing:
        missing = _missing(library, standard)
        install = beside(there, choice.row.distribution)
        return missing.check(library=library, version=version, reason=choice.reason, install=install)
    if choice.entry_point is None:
        return finding.LEFT_ALONE.check(library=library, version=version, reason=choice.reason)
    name = choice.entry_point.distribution
    by = f"{choice.reason} {there.installed.versions.get(name, '')}".rstrip()
    broken = _broken(library, version, choice.entry_point.target, name, there)
    return broken or finding.INSTRUMENTED.check(library=library, version=version, by=by)


def _missing(library: str, standard: bool) -> Finding:
    if library in _INSIDE:
        return finding.MISSING_INSIDE
    return finding.MISSING_OF_STANDARD if standard else finding.MISSING


def _broken(library: str, version: str, target: str, name: str, there: Surroundings) -> Check | None:
    """Why an installed instrumentation will not come into force, if it will not."""
    distribution = there.distributions.get(name)
    if distribution is None:  # platform-otel itself, which the plan speaks of
        return None
    of = {"library": library, "version": version, "instrumentation": name}
    module = target.partition(":")[0]
    if not there.distributions.has_module(module):
        return finding.NO_MODULE.check(**of, module=module, install=again(there, name))
    if name == _OURS:  # its instrumentations need nothing but itself
        return None
    if missing := there.distributions.missing_below(distribution):
        return finding.NEEDS_MORE.check(**of, missing=", ".join(missing), install=beside(there, *missing.values()))
    if conflict := there.distributions.conflict(distribution):
        return finding.OUT_OF_RANGE.check(**of, range=conflict, install=upgraded(there))
    return None


def _but_for(obstacle: str, row: Check) -> Check:
    """The row as it is while nothing at all is traced."""
    if not obstacle or row.status != OK:
        return row
    return finding.BUT_FOR.check(library=row.name, obstacle=obstacle, detail=row.detail)
