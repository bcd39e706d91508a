"""Which instrumentor is in force for each library, and the reason."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

from platform_otel.config import Config
from platform_otel.instrumentation.catalog import Row
from platform_otel.instrumentation.discovery import EntryPoint, Installed, required_library

_INSTRUMENTORS = "opentelemetry_instrumentor"
_DISABLED = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
_ENABLED = "PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS"


class Choice:
    """What is in force for one library: ``entry_point`` is None if nothing is, and ``reason`` says why."""

    __slots__ = ("entry_point", "reason", "row")

    def __init__(self, row: Row, entry_point: EntryPoint | None, reason: str) -> None:
        self.row = row
        self.entry_point = entry_point
        self.reason = reason


def choose(catalog: "Sequence[Row]", config: Config, found: Installed) -> tuple[Choice, ...]:
    """One choice per library: those of the catalog, then those of other installed instrumentors."""
    offered = found.group(_INSTRUMENTORS)
    known = {row.library for row in catalog}
    others = [_row_of(entry_point) for name, entry_point in offered.items() if name not in known]
    unwanted = _unwanted((*catalog, *others), config)
    return tuple(_choice(row, unwanted[row.library], offered.get(row.library)) for row in (*catalog, *others))


def _row_of(entry_point: EntryPoint) -> Row:
    """The row of a library that the catalog does not know: its instrumentor's metadata say what it is for."""
    trigger = (required_library(entry_point) or entry_point.name).replace("-", "_")
    return Row(entry_point.name, trigger, distribution=entry_point.distribution)


def _choice(row: Row, unwanted: str, entry_point: EntryPoint | None) -> Choice:
    if unwanted or entry_point is None:
        return Choice(row, None, unwanted or f"{row.distribution} is not installed")
    return Choice(row, entry_point, f"by {entry_point.distribution}")


def _unwanted(rows: "Sequence[Row]", config: Config) -> dict[str, str]:
    """Why the settings leave a library alone, by its name; "" if they do not."""
    disabled, enabled = config.get(_DISABLED), config.get(_ENABLED)

    def reason(row: Row) -> str:
        if row.library in disabled or "*" in disabled:
            return f"{_DISABLED} names it"
        if enabled:
            return "" if row.library in enabled else f"{_ENABLED} does not name it"
        return _off_by_default(row, config)

    return {row.library: reason(row) for row in rows}


def _off_by_default(row: Row, config: Config) -> str:
    if not row.off or any(asks(config, setting) for setting in row.asked_by):
        return ""
    settings = f"set {' or '.join(row.asked_by)}, or " if row.asked_by else ""
    return f"{row.off}; to have it, {settings}name it in {_ENABLED}"


def asks(config: Config, setting: str) -> bool:
    """Whether the user gave this setting a value that asks for something."""
    if setting.endswith("_EXPORTER"):  # "none" is how to say that nothing is asked for
        return any(name.lower() != "none" for name in config.get(setting))
    return config.is_set(setting)
