"""The SDK's exporters, attended: nothing that they log is for the service's log."""

from collections.abc import Callable
from typing import Any

from platform_otel.logs.ours import exporting, quietly
from platform_otel.logs.records import watch_records
from platform_otel.process.lifecycle import when_forked


def attend(signal: str, exporter: Any) -> None:
    """See to what this exporter of ours logs. Any: exporters of different signals share no type."""
    if not hasattr(exporter, "export"):  # one that is asked for its metrics
        return
    exporter.export = _attended(signal, exporter.export)
    when_forked(exporting.clear)  # a child has none of its parent's threads
    # Also what the libraries log by which it sends, such as urllib3: exported in turn, it would never end.
    watch_records()


def _attended(signal: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def attended(*arguments: Any, **named: Any) -> Any:
        with quietly(signal):
            return method(*arguments, **named)

    return attended
