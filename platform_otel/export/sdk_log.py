"""What the SDK's exporters tell logging of themselves becomes one line of ours: the service's log is the service's."""

import logging
from _thread import get_ident
from collections.abc import Callable
from typing import Any

from platform_otel.process.guard import debug, say

# Thread id -> the signal that this thread is just exporting for us.
_exporting: dict[int, str] = {}


class _Ours(logging.Filter):
    """Keeps what is logged while we export. What the service exports by the SDK itself passes."""

    def filter(self, record: logging.LogRecord) -> bool:
        signal = _exporting.get(get_ident())
        if signal is None:
            return True
        debug(f"the exporter of {signal}: {record.msg}")  # without its arguments, which may have secrets
        if record.levelno >= logging.WARNING:
            say(f"{signal} do not all reach the collector; OTEL_LOG_LEVEL=debug says more")
        return False


_ours = _Ours()


def attend(signal: str, exporter: Any) -> None:
    """See to what this exporter of ours logs. Any: exporters of different signals share no type."""
    if not hasattr(exporter, "export"):  # one that is asked for its metrics
        return
    exporter.export = _attended(signal, exporter.export)
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if name.startswith("opentelemetry.") and isinstance(logger, logging.Logger):
            logger.addFilter(_ours)


def _attended(signal: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def attended(*arguments: Any, **named: Any) -> Any:
        thread = get_ident()
        _exporting[thread] = signal
        try:
            return method(*arguments, **named)
        finally:
            _exporting.pop(thread, None)

    return attended
