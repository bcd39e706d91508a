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
_UPSTREAM = "PLATFORM_TRACE_UPSTREAM"
_DJANGO = "OTEL_PYTHON_DJANGO_INSTRUMENT"
_CONVENTIONS = "OTEL_SEMCONV_STABILITY_OPT_IN"
# Our own distribution, and the group that our instrumentations would have if they were published by entry point.
_OURS = "platform-otel"
_OUR_GROUP = "platform_otel_instrumentation"


class Choice:
    """What is in force for one library: ``entry_point`` is None if nothing is, and ``reason`` says why.

    ``is_missing`` says that it is nothing because the instrumentation is not installed.
    """

    __slots__ = ("entry_point", "is_missing", "reason", "row")

    def __init__(self, row: Row, entry_point: EntryPoint | None, reason: str, is_missing: bool = False) -> None:
        self.row = row
        self.entry_point = entry_point
        self.reason = reason
        self.is_missing = is_missing

    @property
    def is_ours(self) -> bool:
        """Whether our own instrumentation is in force."""
        return self.entry_point is not None and self.entry_point.group == _OUR_GROUP


def choose(catalog: "Sequence[Row]", config: Config, found: Installed) -> tuple[Choice, ...]:
    """One choice per library: those of the catalog, then those of other installed instrumentors."""
    offered = found.group(_INSTRUMENTORS)
    known = {row.library for row in catalog}
    others = [_row_of(entry_point) for name, entry_point in offered.items() if name not in known]
    unwanted = _unwanted((*catalog, *others), config)
    preferred = _preferred(catalog, config)
    return tuple(
        _choice(row, unwanted[row.library], offered.get(row.library), preferred.get(row.library, ""))
        for row in (*catalog, *others)
    )


def _row_of(entry_point: EntryPoint) -> Row:
    """The row of a library that the catalog does not know: its instrumentor's metadata say what it is for."""
    trigger = (required_library(entry_point) or entry_point.name).replace("-", "_")
    return Row(entry_point.name, trigger, distribution=entry_point.distribution)


def _choice(row: Row, unwanted: str, upstreams: EntryPoint | None, preferred: str) -> Choice:
    """What is in force for a row.

    Args:
        row: the library's.
        unwanted: why the settings leave it alone, "" if they do not.
        upstreams: what is installed of upstream's for it.
        preferred: why the settings prefer upstream's to ours, "" if they do not.
    """
    if unwanted:
        return Choice(row, None, unwanted)
    if row.ours and preferred and not row.distribution:
        return Choice(row, None, f"{preferred}, and upstream has nothing for it")
    if row.ours and preferred and upstreams is not None:
        return Choice(row, upstreams, f"since {preferred}, by {upstreams.distribution}")
    if row.ours:
        return Choice(row, _ours(row), f"by {_OURS}")
    if upstreams is None:
        return Choice(row, None, f"{row.distribution} is not installed", is_missing=True)
    return Choice(row, upstreams, f"by {upstreams.distribution}")


def _ours(row: Row) -> EntryPoint:
    target = f"platform_otel.instrumentation.{row.ours}:instrument"
    return EntryPoint(_OUR_GROUP, row.library, target, _OURS, "")


def _preferred(catalog: "Sequence[Row]", config: Config) -> dict[str, str]:
    """Why the settings prefer upstream's to ours, by the names of the libraries for which they do."""
    names, conventions = config.get(_UPSTREAM), config.get(_CONVENTIONS)
    ours = [row.library for row in catalog if row.ours]
    if "http" not in conventions or "http/dup" in conventions:
        return dict.fromkeys(ours, f"{_CONVENTIONS} asks for conventions that ours does not follow")
    return {name: f"{_UPSTREAM} says so" for name in ours if name in names or "all" in names}


def _unwanted(rows: "Sequence[Row]", config: Config) -> dict[str, str]:
    """Why the settings leave a library alone, by its name; "" if they do not."""
    disabled, enabled = config.get(_DISABLED), config.get(_ENABLED)

    def reason(row: Row) -> str:
        if row.library in disabled or "*" in disabled:
            return f"{_DISABLED} names it"
        if row.library == "django" and not config.get(_DJANGO):
            return f"{_DJANGO} says so"
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
    return bool(config.get(setting))
