"""Metrics and logs, exported by the SDK when the user asks for them."""

import atexit
import os
import sys
from collections.abc import Callable
from threading import Thread
from typing import Any

from opentelemetry.sdk.resources import Resource

from platform_otel.config import Config
from platform_otel.instrumentation.discovery import installed
from platform_otel.process.guard import say
from platform_otel.process.resource import resource_attributes

# At exit, for each signal.
_SHUTDOWN_SECONDS = 1.5


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
        atexit.register(_stop_in_time, provider)


def start_logs(config: Config) -> None:
    """Set the SDK's logger provider, for the exporters that OTEL_LOGS_EXPORTER names."""
    from opentelemetry._logs import set_logger_provider
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    exporters = _exporters(config, "logs")
    provider = LoggerProvider(resource=_resource(), shutdown_on_exit=False)
    for exporter in exporters:
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    if exporters:
        set_logger_provider(provider)
        atexit.register(_stop_in_time, provider)


def _stop_in_time(provider: Any) -> None:
    """Shut down, but do not wait for a collector that hangs: the SDK's own waiting has no limit that we can set."""
    thread = Thread(target=provider.shutdown, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # from Python 3.12 on none starts once the interpreter is ending
        provider.shutdown()
    else:
        thread.join(_SHUTDOWN_SECONDS)


def _resource() -> Resource:
    return Resource(resource_attributes(os.environ, sys.orig_argv))


def _exporters(config: Config, signal: str) -> list[Any]:  # Any: exporters of different signals share no type
    offered = installed().group(f"opentelemetry_{signal}_exporter")
    exporters = []
    for name in config.get(f"OTEL_{signal.upper()}_EXPORTER"):
        entry_point = offered.get(_entry_point_name(config, signal, name))
        if entry_point is not None:
            make: Callable[[], Any] = entry_point.load()
            exporters.append(make())
        elif name.lower() != "none":
            say(
                f"OTEL_{signal.upper()}_EXPORTER: no installed package offers {name[:60]!a}; "
                f"{signal} are not exported; "
                'the OTLP exporters come with: pip install "platform-otel[signals]"'
            )
    return exporters


def _entry_point_name(config: Config, signal: str, name: str) -> str:
    if name.lower() != "otlp":
        return name.lower()
    protocol = config.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    return "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
