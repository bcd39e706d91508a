"""Where spans go, decided from the settings alone."""

from platform_otel.config import Config

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def choose_exporters(config: Config) -> tuple[str, ...]:
    """The names of the exporters; empty if spans are not exported and only context is passed on.

    What OTEL_TRACES_EXPORTER says; else "otlp" where there is an endpoint; else "stdout".
    """
    names: tuple[str, ...] = config.get("OTEL_TRACES_EXPORTER")
    if not names:
        return ("otlp",) if any(config.is_set(name) for name in _ENDPOINTS) else ("stdout",)
    return tuple(name for name in names if name.lower() != "none")


def traces_endpoint(config: Config) -> str:
    """The URL that OTLP/HTTP sends spans to.

    Source: https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp
    """
    exact: str = config.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    if exact:
        return _with_scheme(exact)
    base: str = config.get("OTEL_EXPORTER_OTLP_ENDPOINT") or "http://localhost:4318"
    return _with_scheme(base).rstrip("/") + "/v1/traces"


def _with_scheme(endpoint: str) -> str:
    """Take "collector:4318" as http: many write it so, since gRPC takes it."""
    return endpoint if "://" in endpoint else f"http://{endpoint}"


def grpc_endpoint(config: Config) -> str:
    """Where OTLP/gRPC sends spans; its form without a scheme is allowed there.

    Source: https://opentelemetry.io/docs/specs/otel/protocol/exporter/#configuration-options
    """
    endpoint: str = config.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or config.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    return endpoint or "http://localhost:4317"
