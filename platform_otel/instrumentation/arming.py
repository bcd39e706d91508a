"""Puts the chosen instrumentor in force when its library is imported."""

import _thread
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_otel.instrumentation.choice import Choice

from platform_otel.config import Config
from platform_otel.instrumentation.catalog import CATALOG, HANDLER, Row
from platform_otel.instrumentation.discovery import EntryPoint, Installed, installed
from platform_otel.process.guard import debug, described, guarded, say
from platform_otel.process.import_hooks import when_foreign_imported, when_imported


def arm(config: Config) -> None:
    """Wait for the import of every library in the catalog, and look for instrumentors of others."""
    instrumentations = _Instrumentations(config)
    for trigger in _triggers():
        instrumentations.wait_for(trigger)
    for row in CATALOG:
        if row.ours and row.distribution:
            instrumentations.wait_for_upstreams(row.library)
    when_imported("opentelemetry.instrumentation.utils", _let_upstream_take_over)
    when_foreign_imported(instrumentations.wait_for_others)


def _let_upstream_take_over() -> None:
    from platform_otel.instrumentation import takeover

    takeover.install()


def _triggers() -> dict[str, None]:
    """What the catalog waits for, each once, in its order."""
    return {trigger: None for row in CATALOG for trigger in row.triggers}


# In place of a trigger, for rows that have none.
_AFTER_THE_FIRST = ""


class _Instrumentations:
    """What comes into force in this process. No locks: whatever two threads may do at once is one operation."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._chosen: tuple[list[str], Installed, tuple[Choice, ...]] = ([], Installed(), ())
        self._started: dict[str, object] = {}
        # Thread id -> what it has imported while an instrumentor of ours is at work in it.
        self._waiting: dict[int, list[str]] = {}

    def wait_for(self, trigger: str) -> None:
        module = _handler() if trigger == HANDLER else trigger
        if module:
            when_imported(module, lambda: self._imported(trigger))

    def wait_for_others(self) -> None:
        """Wait for the libraries of installed instrumentors that the catalog does not know."""
        known = _triggers()
        for choice in self._choices()[1]:
            for trigger in choice.row.triggers:
                if trigger not in known:
                    self.wait_for(trigger)

    def wait_for_upstreams(self, library: str) -> None:
        """Wait for a service that instruments a library of ours by itself, through upstream's."""
        when_imported(f"opentelemetry.instrumentation.{library}", lambda: self._upstreams_imported(library))

    def _upstreams_imported(self, library: str) -> None:
        found, choices = self._choices()
        upstreams = found.group("opentelemetry_instrumentor").get(library)
        ours = [choice.row for choice in choices if choice.row.library == library and choice.is_ours]
        if ours and upstreams is not None:
            from platform_otel.instrumentation import own_calls

            own_calls.replace_ours(library, upstreams.load()(), lambda: self._give_way(ours[0]))

    def _give_way(self, row: Row) -> None:
        """Take ours out of force, or see to it that it does not come into force."""
        if self._is_new(row.library):
            return
        ours = sys.modules.get(f"platform_otel.instrumentation.{row.ours}")
        # Most servers' have no such function: they look at each application whether upstream has instrumented it.
        getattr(ours, "uninstrument", lambda: None)()

    def _imported(self, trigger: str) -> None:
        """Instrument the library, and after it what its instrumentor imports: that one is half imported until then."""
        thread = _thread.get_ident()
        if thread in self._waiting:
            self._waiting[thread].append(trigger)
            return
        if _is_ending():
            debug(f"{trigger} was imported too late to be instrumented")
            return
        waiting = self._waiting[thread] = [trigger, _AFTER_THE_FIRST]
        try:
            while waiting:
                self._put_in_force(waiting.pop(0))
        finally:
            del self._waiting[thread]

    def _put_in_force(self, trigger: str) -> None:
        found, choices = self._choices()
        for choice in choices:
            if trigger in (choice.row.triggers or (_AFTER_THE_FIRST,)) and self._is_new(choice.row.library):
                with guarded(f"instrument {choice.row.library}"):
                    instrument(choice, self._config, found)

    def _is_new(self, library: str) -> bool:
        """Whether this is the first call for it: a row may have two triggers, and they may be imported at once."""
        mark = object()
        return self._started.setdefault(library, mark) is mark

    def _choices(self) -> "tuple[Installed, tuple[Choice, ...]]":
        path, found, choices = self._chosen
        if path != sys.path:  # services extend it while they start
            from platform_otel.instrumentation.choice import choose

            path = list(sys.path)
            found = installed(path)
            choices = choose(CATALOG, self._config, found)
            self._chosen = path, found, choices
        return found, choices


def _is_ending() -> bool:
    """Whether the interpreter waits for its last threads: what we import then sends spans and will make none."""
    return bool(getattr(sys.modules.get("threading"), "_SHUTTING_DOWN", False))


def _handler() -> str:
    if "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:
        return ""
    from platform_otel.instrumentation.aws_lambda import handler_module

    return handler_module(os.environ)


def instrument(choice: "Choice", config: Config, found: Installed) -> None:
    """Put one instrumentor in force, unless something speaks against it. Raises what the instrumentor raises."""
    library, entry_point = choice.row.library, choice.entry_point
    if entry_point is None:
        debug(f"{library} is not instrumented: {choice.reason}")
    elif choice.is_ours:
        # First, since whoever imports it has our provider set, which imports some of the modules that import it.
        import opentelemetry.trace  # noqa: F401

        entry_point.load()(config)
        debug(f"{library} is instrumented: {choice.reason}")
    elif entry_point.is_being_imported():
        debug(f"{library} is left to the service, which imports its instrumentor itself")
    elif choice.row.special:
        from importlib import import_module

        special = import_module(f"platform_otel.instrumentation.{choice.row.special}")
        special.instrument(lambda **arguments: _call(choice, entry_point, arguments, config, found), config)
    else:
        _call(choice, entry_point, choice.row.arguments, config, found)


def _call(
    choice: "Choice", entry_point: EntryPoint, arguments: "Mapping[str, object]", config: Config, found: Installed
) -> None:
    from platform_otel.instrumentation import conventions, own_calls

    library = choice.row.library
    conventions.select(config)
    conventions.redact()
    try:
        instrumentor = entry_point.load()()
    except ModuleNotFoundError as error:  # the library, or what it takes to trace it, is not installed
        debug(f"{library} is not instrumented: {described(error)}")
        return
    if getattr(instrumentor, "is_instrumented_by_opentelemetry", False):
        debug(f"{library} is instrumented already")
    elif conflict := _conflict(instrumentor.instrumentation_dependencies(), found):
        say(f"{library} is not instrumented: {entry_point.distribution} needs {conflict}")
    else:
        instrumentor.instrument(skip_dep_check=True, **arguments)
        own_calls.yield_to(library, instrumentor)
        debug(f"{library} is instrumented: {choice.reason}")


def _conflict(requirements: object, found: Installed) -> str:
    """The requirement that the installed library does not meet, with what is installed; "" if all is well."""
    from packaging.requirements import Requirement

    from platform_otel.process.distribution import normalised

    for text in requirements if isinstance(requirements, (list, tuple)) else ():
        requirement = Requirement(text)
        version = found.versions.get(normalised(requirement.name))
        if version is not None and not requirement.specifier.contains(version, prereleases=True):
            return f"{text}, and {version} is installed"
    return ""
