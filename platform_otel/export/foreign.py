"""Exporters of other packages, each behind the SDK's batch processor."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from platform_otel.config import Config
from platform_otel.instrumentation.offered import offered
from platform_otel.process.guard import guarded
from platform_otel.process.helper import Helper

if TYPE_CHECKING:
    from platform_otel.process.threads import Wait

_GROUP = "opentelemetry_traces_exporter"


def foreign_export(name: str, config: Config) -> ForeignExport | None:
    """The exporter that some installed package offers under this name; None, and said, if it cannot be made."""
    made: ForeignExport | None = offered(
        "OTEL_TRACES_EXPORTER", _GROUP, name, "using otlp", lambda make: ForeignExport(name, make(), config)
    )
    return made


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
        self._helper = Helper()

    def take(self, span: Any) -> None:
        """Queue a finished span."""
        with guarded(f"export a span by {self.name}"):
            self._processor.on_end(span)

    def waits(self) -> bool:
        """Whether a span may not be sent yet: the processor does not say."""
        return True

    def begin_flush(self, deadline: float) -> Wait:
        """Begin to send what has been queued."""
        return self._helper.begin(lambda: self._flush(deadline), deadline)

    def begin_stop(self, deadline: float) -> Wait:
        """Begin to send what is left."""
        return self._helper.begin(lambda: self._stop(deadline), deadline)

    def say_lost(self) -> None:
        """Nothing: the processor does not say what it has left."""

    def start_anew(self) -> None:
        """Nothing to do: the processor notices a fork itself."""

    def _flush(self, deadline: float) -> None:
        with guarded(f"flush {self.name}"):
            self._processor.force_flush(_milliseconds_until(deadline))

    def _stop(self, deadline: float) -> None:
        """The processor's own method takes no limit; what it wraps does."""
        with guarded(f"shut down {self.name}"):
            self._processor._batch_processor.shutdown(timeout_millis=_milliseconds_until(deadline))


def _milliseconds_until(deadline: float) -> int:
    return max(1, int((deadline - monotonic()) * 1000))
