"""Exporters of other packages, each behind the SDK's batch processor."""

from __future__ import annotations

from typing import Any

from platform_otel.config import Config
from platform_otel.instrumentation.discovery import installed
from platform_otel.process.guard import guarded, say

_GROUP = "opentelemetry_traces_exporter"


def foreign_export(name: str, config: Config) -> ForeignExport | None:
    """The exporter that some installed package offers under this name; None, and said, if it cannot be made."""
    entry_point = installed().group(_GROUP).get(name)
    if entry_point is None:
        say(f"OTEL_TRACES_EXPORTER: no installed package offers {name[:60]!a}; using otlp")
        return None
    with guarded(f"make the exporter {name}; using otlp"):
        return ForeignExport(name, entry_point.load()(), config)
    return None


class ForeignExport:
    """Hands finished spans to another package's exporter."""

    def __init__(self, name: str, exporter: Any, config: Config) -> None:
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self.name = name
        queue = max(1, config.get("OTEL_BSP_MAX_QUEUE_SIZE") or 2048)
        self._processor = BatchSpanProcessor(
            exporter,
            max_queue_size=queue,
            schedule_delay_millis=max(1, config.get("OTEL_BSP_SCHEDULE_DELAY")),
            max_export_batch_size=min(queue, max(1, config.get("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"))),
            export_timeout_millis=30000,
        )

    def take(self, span: Any) -> None:
        """Queue a finished span."""
        with guarded(f"export a span by {self.name}"):
            self._processor.on_end(span)

    def flush(self, seconds: float) -> bool:
        """Send what has been queued."""
        return bool(self._processor.force_flush(int(seconds * 1000)))

    def stop(self, deadline: float) -> None:
        """Send what is left. The processor's own method takes no limit; what it wraps does."""
        from time import monotonic

        left = max(1, int((deadline - monotonic()) * 1000))
        self._processor._batch_processor.shutdown(timeout_millis=left)

    def start_anew(self) -> None:
        """Nothing to do: the processor notices a fork itself."""
