"""A dict that has the ids for those that name them, and not for those that print all it has."""

from typing import TYPE_CHECKING, Any

from platform_otel.logs.ids import NAMES, current, ids_of

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext


class NamedIds(dict[str, Any]):  # Any: values of the service
    """The events of structlog and the extras of loguru, with the context that they were made in."""

    __slots__ = ("_context",)

    def __init__(self, values: Any, context: "SpanContext | None" = None) -> None:  # Any: what dict takes
        super().__init__(values)
        self._context = context

    def __missing__(self, name: str) -> Any:
        if name in NAMES:
            return ids_of(self._context)[name]
        raise KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        """As that of a dict, for one that has the ids too."""
        if name in self:
            return self[name]
        return ids_of(self._context)[name] if name in NAMES else default

    def pop(self, name: str, *default: Any) -> Any:
        """As that of a dict: renderers take by name what they print first."""
        if name in NAMES and name not in self:
            return ids_of(self._context)[name]
        return super().pop(name, *default)

    def copy(self) -> "NamedIds":
        """With the same ids."""
        return NamedIds(self, self._context)

    def __reduce__(self) -> Any:
        """A plain dict for other processes, which may not have this class."""
        return dict, (dict(self),)


def with_named_ids(values: Any) -> NamedIds:
    """These values, and the ids of this moment by name."""
    return NamedIds(values, current())
