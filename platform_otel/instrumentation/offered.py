"""What other packages offer to OpenTelemetry under the names that settings ask for."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

from platform_otel.config import shown
from platform_otel.instrumentation.discovery import installed
from platform_otel.process.guard import guarded, say


def offered(setting: str, group: str, name: str, instead: str, make: "Callable[[Any], Any] | None" = None) -> "Any":
    """What ``make`` makes of what some installed package offers; None, and said, if nobody does or it fails.

    Any: it is the other package's.

    Args:
        setting: the variable that names it.
        group: the entry point group, such as "opentelemetry_id_generator".
        name: its name there.
        instead: what happens without it, such as "using random".
        make: takes what the entry point loads; unless given, it is called without arguments.
    """
    entry_point = installed().group(group).get(name)
    if entry_point is None:
        say_that_nobody_offers(setting, name, instead)
        return None
    with guarded(f"load {shown('text', name)}, which {setting} names; {instead}"):
        loaded = entry_point.load()
        return make(loaded) if make else loaded()
    return None


def say_that_nobody_offers(setting: str, name: str, instead: str) -> None:
    """Once, in one line."""
    say(f"{setting}: no installed package offers {shown('text', name)}; {instead}")
