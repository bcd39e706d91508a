"""The SDK's OTLP exporter for spans, given every setting, so that it reads none itself."""

from collections.abc import Mapping
from urllib.parse import unquote

from opentelemetry.sdk.trace.export import SpanExporter

from platform_otel.config import Config
from platform_otel.export.choice import traces_endpoint
from platform_otel.process.guard import say


def otlp_exporter(config: Config) -> SpanExporter:
    """The exporter for OTEL_EXPORTER_OTLP_PROTOCOL: http/protobuf, or grpc where that extra is installed."""
    protocol = config.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    if protocol == "grpc":
        try:
            return _grpc(config)
        except ImportError:
            say(
                "OTEL_EXPORTER_OTLP_PROTOCOL=grpc needs the extra grpc; using http/protobuf; "
                'install it with: pip install "platform-otel[grpc]"'
            )
    return _http(config)


def _http(config: Config) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    gzip = _of_traces(config, "COMPRESSION") == "gzip"
    exporter: SpanExporter = OTLPSpanExporter(
        endpoint=traces_endpoint(config),
        certificate_file=_of_traces(config, "CERTIFICATE") or None,
        client_key_file=_of_traces(config, "CLIENT_KEY") or None,
        client_certificate_file=_of_traces(config, "CLIENT_CERTIFICATE") or None,
        headers=headers(str(_of_traces(config, "HEADERS"))),
        timeout=_seconds(config),
        compression=Compression.Gzip if gzip else Compression.NoCompression,
    )
    return exporter


def _grpc(config: Config) -> SpanExporter:
    from grpc import Compression
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    gzip = _of_traces(config, "COMPRESSION") == "gzip"
    exporter: SpanExporter = OTLPSpanExporter(
        endpoint=config.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") or None,
        headers=headers(str(_of_traces(config, "HEADERS"))),
        timeout=_seconds(config),
        compression=Compression.Gzip if gzip else Compression.NoCompression,
    )
    return exporter


def _of_traces(config: Config, name: str) -> object:
    return config.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}", f"OTEL_EXPORTER_OTLP_{name}")


def _seconds(config: Config) -> float:
    # The specification's unit is the millisecond; the SDK reads the variable as seconds.
    milliseconds = config.get("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
    return float(milliseconds) / 1000


def headers(text: str) -> Mapping[str, str]:
    """The pairs of OTEL_EXPORTER_OTLP_HEADERS, names in lower case, values percent-decoded.

    Source: https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables
    """
    pairs = (pair.partition("=") for pair in text.split(","))
    return {name.strip().lower(): unquote(value.strip()) for name, equals, value in pairs if equals and name.strip()}
