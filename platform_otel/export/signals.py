"""Metrics and logs, exported by the SDK when the user asks for them."""

import os
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource

from platform_otel.config import Config
from platform_otel.export.sdk_log import attend
from platform_otel.instrumentation.offered import offered
from platform_otel.logs.ours import is_exporting, say_missing
from platform_otel.process.guard import guarded
from platform_otel.process.helper import Helper
from platform_otel.process.lifecycle import watch, when_forked
from platform_otel.process.resource import attributes_at_once, resource_of_this_process

if TYPE_CHECKING:
    from platform_otel.process.threads import Wait


def start_metrics(config: Config) -> None:
    """Set the SDK's meter provider, for the exporters that OTEL_METRICS_EXPORTER names."""
    from opentelemetry.metrics import set_meter_provider
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader

    exporters = _exporters(config, "metrics")
    readers = [each if isinstance(each, MetricReader) else PeriodicExportingMetricReader(each) for each in exporters]
    if readers:
        provider = MeterProvider(metric_readers=readers, resource=_resource(), shutdown_on_exit=False)
        set_meter_provider(provider)
        when_forked(lambda: _be_somebody_else(provider))
        watch(SignalExport("metrics", provider, provider.shutdown))


def _be_somebody_else(provider: Any) -> None:
    """In a child: its series would take the place of its parent's and of its siblings'. Any: what is set is private."""
    with guarded("say whose metrics those of a child are"):
        known = provider._sdk_config.resource.attributes
        own = attributes_at_once(os.environ, str(known["service.name"]))
        provider._sdk_config.resource = Resource({**known, **own})


def start_logs(config: Config) -> None:
    """Set the SDK's logger provider, for the exporters that OTEL_LOGS_EXPORTER names."""
    from opentelemetry._logs import set_logger_provider
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    exporters = _exporters(config, "logs")
    provider = LoggerProvider(resource=_resource(), shutdown_on_exit=False)
    processors = [BatchLogRecordProcessor(exporter) for exporter in exporters]
    for processor in processors:
        provider.add_log_record_processor(processor)
    if exporters:
        set_logger_provider(provider)
        watch(SignalExport("logs", provider, lambda timeout_millis: _shut_down(processors, timeout_millis)))


def _shut_down(processors: list[Any], timeout_millis: int) -> None:  # Any: only what they wrap takes a limit
    for processor in processors:
        processor._batch_processor.shutdown(timeout_millis=timeout_millis)


class SignalExport:
    """Sends one signal before the process ends, through the SDK's provider.

    Args:
        signal: its name.
        provider: the SDK's. Any: the providers of different signals share no type.
        shutdown: takes ``timeout_millis``.
    """

    def __init__(self, signal: str, provider: Any, shutdown: Callable[..., object]) -> None:
        self._signal = signal
        self._provider = provider
        self._shutdown = shutdown
        self._process = os.getpid()
        self._helper = Helper()

    def waits(self) -> bool:
        """Whether this is the process that the provider was made in: in a child, the SDK begins with its parent's."""
        return os.getpid() == self._process

    def begin_flush(self, deadline: float) -> "Wait":
        """Begin to send what there is."""
        return self._helper.begin(lambda: self._call("flush", self._provider.force_flush, deadline), deadline)

    def begin_stop(self, deadline: float) -> "Wait":
        """Begin to send what is left."""
        wait = self._helper.begin(lambda: self._call("shut down", self._shutdown, deadline), deadline)

        def is_done() -> bool:
            done = wait() and not is_exporting(self._signal)  # the SDK goes, and leaves what it was sending
            if not done:
                say_missing(self._signal)
            return done

        return is_done

    def say_lost(self) -> None:
        """Nothing: the SDK does not say how much it has left."""

    def _call(self, doing: str, method: Callable[..., object], deadline: float) -> None:
        with guarded(f"{doing} the export of {self._signal}"):
            method(timeout_millis=max(1, int((deadline - monotonic()) * 1000)))


def _resource() -> Resource:
    return Resource(dict(resource_of_this_process()))


def _exporters(config: Config, signal: str) -> list[Any]:  # Any: exporters of different signals share no type
    setting, group = f"OTEL_{signal.upper()}_EXPORTER", f"opentelemetry_{signal}_exporter"
    extra = 'the OTLP exporters come with: pip install "platform-otel[signals]"'
    exporters = []
    for name in config.get(setting):
        if name.lower() != "none":
            entry_point = _entry_point_name(config, signal, name)
            exporter = offered(setting, group, entry_point, f"{signal} are not exported; {extra}")
            if exporter is not None:
                exporters.append(exporter)
                attend(signal, exporter)
    return exporters


def _entry_point_name(config: Config, signal: str, name: str) -> str:
    if name.lower() != "otlp":
        return name.lower()
    protocol = config.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    return "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
