"""The SDK's exporters, attended: nothing that they log is for the service's log."""

from collections.abc import Callable
from typing import Any

from platform_otel.logs.ours import quietly
from platform_otel.logs.records import watch_records


def attend(signal: str, exporter: Any) -> None:
    """See to what this exporter of ours logs. Any: exporters of different signals share no type."""
    if not hasattr(exporter, "export"):  # one that is asked for its metrics
        return
    exporter.export = _attended(signal, exporter.export)
    # Also what the libraries log by which it sends, such as urllib3: exported in turn, it would never end.
    watch_records()


def _attended(signal: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def attended(*arguments: Any, **named: Any) -> Any:
        with quietly(signal):
            return method(*arguments, **named)

    return attended
