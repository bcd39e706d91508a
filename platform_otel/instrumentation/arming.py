"""Puts the chosen instrumentor in force when its library is imported."""

import sys

from platform_otel.config import Config
from platform_otel.instrumentation.catalog import CATALOG, Choice, choose
from platform_otel.instrumentation.discovery import Installed, installed
from platform_otel.process.guard import debug, guarded, say
from platform_otel.process.import_hooks import when_foreign_imported, when_imported


def arm(config: Config) -> None:
    """Wait for the import of every library in the catalog, and look for instrumentors of others."""
    instrumentations = _Instrumentations(config)
    for trigger in {row.trigger for row in CATALOG if row.trigger}:
        instrumentations.wait_for(trigger)
    when_foreign_imported(instrumentations.wait_for_others)


class _Instrumentations:
    def __init__(self, config: Config) -> None:
        self._config = config
        self._path: list[str] = []
        self._installed = Installed()

    def wait_for(self, trigger: str) -> None:
        when_imported(trigger, lambda: self._put_in_force(trigger))

    def wait_for_others(self) -> None:
        """Wait for the libraries of installed instrumentors that the catalog does not know."""
        known = {row.trigger for row in CATALOG}
        for trigger in {choice.row.trigger for choice in self._choices()} - known:
            self.wait_for(trigger)

    def _choices(self) -> tuple[Choice, ...]:
        if self._path != sys.path:  # services extend it while they start
            self._path = list(sys.path)
            self._installed = installed(self._path)
        return choose(CATALOG, self._config, self._installed)

    def _put_in_force(self, trigger: str) -> None:
        for choice in self._choices():
            if choice.row.trigger == trigger:
                with guarded(f"instrument {choice.row.library}"):
                    instrument(choice, self._config, self._installed)


def instrument(choice: Choice, config: Config, found: Installed) -> None:
    """Put one instrumentor in force, unless something speaks against it. Raises what the instrumentor raises."""
    library = choice.row.library
    if choice.entry_point is None:
        debug(f"{library} is not instrumented: {choice.reason}")
        return
    from platform_otel.instrumentation import conventions

    conventions.select(config)
    instrumentor = choice.entry_point.load()()
    if getattr(instrumentor, "is_instrumented_by_opentelemetry", False):
        debug(f"{library} is instrumented already")
        return
    if conflict := _conflict(instrumentor.instrumentation_dependencies(), found):
        say(f"{library} is not instrumented: {choice.entry_point.distribution} needs {conflict}")
        return
    choice.row.prepare()
    instrumentor.instrument(skip_dep_check=True, **choice.row.arguments)
    debug(f"{library} is instrumented: {choice.reason}")


def _conflict(requirements: object, found: Installed) -> str:
    """The requirement that the installed library does not meet, with what is installed; "" if all is well."""
    from packaging.requirements import Requirement

    from platform_otel.instrumentation.discovery import normalised

    for text in requirements if isinstance(requirements, (list, tuple)) else ():
        requirement = Requirement(text)
        version = found.versions.get(normalised(requirement.name))
        if version is not None and not requirement.specifier.contains(version, prereleases=True):
            return f"{text}, and {version} is installed"
    return ""
