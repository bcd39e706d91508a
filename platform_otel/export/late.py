"""An exporter that is made when the first spans are sent, off the service's way."""

import threading
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from platform_otel.config import Config
from platform_otel.process.guard import guarded, say
from platform_otel.process.import_hooks import own_imports


class LateExporter(SpanExporter):
    """Imports and builds the real exporter at the first export, in the exporter thread."""

    def __init__(self, config: Config, name: str) -> None:
        self._config = config
        self._name = name
        self._built: list[SpanExporter | None] = []
        self._building = threading.Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hand the spans to the real exporter."""
        exporter = self._exporter()
        if exporter is not None:
            with guarded(f"export spans by {self._name}"):
                return exporter.export(spans)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Shut down what has been built; an exporter that was never needed is not built for it."""
        for exporter in self._built:
            if exporter is not None:
                exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing is kept here."""
        return True

    def _exporter(self) -> SpanExporter | None:
        with self._building:  # the service may flush while the thread exports
            if not self._built:
                self._built.append(None)
                with guarded(f"make the exporter {self._name}; its spans are dropped"), own_imports():
                    self._built[0] = build(self._name, self._config)
        return self._built[0]


def build(name: str, config: Config) -> SpanExporter:
    """The exporter of this name. An unknown one is said, and spans go where they go by default."""
    kind = name.lower()
    if kind in ("stdout", "console"):
        from platform_otel.export.stdout import StdoutExporter

        return StdoutExporter(explicit=kind == "console")
    if kind != "otlp":
        from platform_otel.instrumentation.discovery import installed

        entry_point = installed().group("opentelemetry_traces_exporter").get(name)
        if entry_point is not None:
            exporter: SpanExporter = entry_point.load()()
            return exporter
        say(f"OTEL_TRACES_EXPORTER: no installed package offers {name[:60]!a}; using otlp")
    from platform_otel.export.otlp import otlp_exporter

    return otlp_exporter(config)
