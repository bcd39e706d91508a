"""Events of structlog: the ids for processors that name them, or as keys of their own where that is asked for."""

from typing import Any  # Any: what an event has is the service's

from structlog._base import BoundLoggerBase

from platform_otel.logs.ids import ids
from platform_otel.logs.named import with_named_ids


def show_ids(asked: bool) -> None:
    """Give every event the ids before the first processor sees it, whichever processors the service configures.

    Args:
        asked: whether OTEL_PYTHON_LOG_CORRELATION asks for them as keys, which renderers print.
    """
    process = BoundLoggerBase._process_event

    def with_keys(self: Any, method_name: str, event: str | None, event_kw: dict[str, Any]) -> Any:
        missing = {name: value for name, value in ids().items() if name not in self._context}
        return process(self, method_name, event, {**missing, **event_kw})

    def by_name(self: Any, method_name: str, event: str | None, event_kw: dict[str, Any]) -> Any:
        if type(self._context) is not dict:  # a context of the service's own kind stays that
            return process(self, method_name, event, event_kw)
        # Not a copy of the logger: one of the service's own class may be none that can be copied.
        logger = BoundLoggerBase(self._logger, self._processors, with_named_ids(self._context))
        return process(logger, method_name, event, event_kw)

    BoundLoggerBase._process_event = with_keys if asked else by_name  # type: ignore[method-assign]
