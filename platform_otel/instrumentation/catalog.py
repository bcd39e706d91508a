"""One row per library: which instrumentor is in force, and the reason. Pure data."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

from platform_otel.config import Config
from platform_otel.instrumentation.discovery import EntryPoint, Installed, required_library

_INSTRUMENTORS = "opentelemetry_instrumentor"


class Row:
    """A library with a published instrumentor.

    Args:
        library: the instrumentor's entry point name, which is how users switch it on and off.
        trigger: the module after whose import the instrumentor is loaded; "" if none can tell.
        distribution: what to install for it.
        arguments: what ``instrument()`` is given.
        prepare: called before ``instrument()``.
    """

    __slots__ = ("arguments", "distribution", "library", "prepare", "trigger")

    def __init__(
        self,
        library: str,
        trigger: str,
        distribution: str = "",
        arguments: "Mapping[str, object] | None" = None,
        prepare: "Callable[[], None]" = lambda: None,
    ) -> None:
        self.library = library
        self.trigger = trigger
        self.distribution = distribution or f"opentelemetry-instrumentation-{library.replace('_', '-')}"
        self.arguments = arguments or {}
        self.prepare = prepare


class Choice:
    """What is in force for one library: ``entry_point`` is None if nothing is, and ``reason`` says why."""

    __slots__ = ("entry_point", "reason", "row")

    def __init__(self, row: Row, entry_point: "EntryPoint | None", reason: str) -> None:
        self.row = row
        self.entry_point = entry_point
        self.reason = reason


def _starlette() -> None:
    from platform_otel.instrumentation.starlette import prepare

    prepare()


CATALOG = (
    Row("fastapi", "fastapi", arguments={"exclude_spans": ["receive", "send"]}),
    Row("flask", "flask"),
    Row("httpx", "httpx"),
    Row("redis", "redis"),
    Row("requests", "requests"),
    Row("sqlalchemy", "sqlalchemy"),
    Row("sqlite3", "sqlite3"),
    Row("starlette", "starlette.applications", prepare=_starlette),
    Row("urllib3", "urllib3"),
)


def choose(catalog: "Sequence[Row]", config: Config, found: Installed) -> "tuple[Choice, ...]":
    """One choice per library: those of the catalog, then those of other installed instrumentors."""
    offered = found.group(_INSTRUMENTORS)
    known = {row.library for row in catalog}
    others = [Row(name, trigger_of(offered[name]), offered[name].distribution) for name in offered if name not in known]
    disabled = config.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS")
    enabled = config.get("PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS")
    return tuple(_choice(row, disabled, enabled, offered.get(row.library)) for row in (*catalog, *others))


def _choice(row: Row, disabled: "Sequence[str]", enabled: "Sequence[str]", entry_point: "EntryPoint | None") -> Choice:
    if row.library in disabled or "*" in disabled:
        return Choice(row, None, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS names it")
    if enabled and row.library not in enabled:
        return Choice(row, None, "PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS does not name it")
    if entry_point is None:
        return Choice(row, None, f"{row.distribution} is not installed")
    return Choice(row, entry_point, f"by {entry_point.distribution}")


def trigger_of(entry_point: EntryPoint) -> str:
    """The module to wait for where the catalog does not know: the library that the instrumentor requires."""
    return (required_library(entry_point) or entry_point.name).replace("-", "_")
