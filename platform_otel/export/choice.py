"""Where spans go, decided from the settings alone."""

from typing import Any

from platform_otel.config import Config

# The form for spans wins over the general one.
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
BUILT_IN = ("otlp", "stdout", "console")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def choose_exporters(config: Config) -> tuple[str, ...]:
    """The names of the exporters; empty if spans are not exported and only context is passed on.

    What OTEL_TRACES_EXPORTER says, each once; else "otlp" where there is an endpoint; else "stdout".
    """
    names: tuple[str, ...] = config.get("OTEL_TRACES_EXPORTER")
    if not names:
        return ("otlp",) if any(config.is_set(name) for name in ENDPOINTS) else ("stdout",)
    named = dict.fromkeys(name.lower() if name.lower() in (*BUILT_IN, "none") else name for name in names)
    return tuple(name for name in named if name != "none")


def of_traces(config: Config, name: str) -> Any:
    """What OTEL_EXPORTER_OTLP_TRACES_<name> says, else its general form. Any: the setting's type."""
    return config.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}", f"OTEL_EXPORTER_OTLP_{name}")


def certificate_files(config: Config) -> dict[str, str]:
    """The paths of PEM files, "" for none, as the senders and tls.Certificates name them."""
    return {name: of_traces(config, name.upper()) for name in ("certificate", "client_key", "client_certificate")}


def traces_endpoint(config: Config) -> str:
    """The URL that OTLP/HTTP sends spans to.

    Source: https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp
    """
    exact: str = config.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    if exact:
        return _with_scheme(exact)
    base: str = config.get("OTEL_EXPORTER_OTLP_ENDPOINT") or "http://localhost:4318"
    address, question_mark, query = _with_scheme(base).partition("?")
    return address.rstrip("/") + "/v1/traces" + question_mark + query


def _with_scheme(endpoint: str) -> str:
    """Take "collector:4318" as http: many write it so, since gRPC takes it."""
    return endpoint if "://" in endpoint else f"http://{endpoint}"


def grpc_endpoint(config: Config) -> str:
    """Where OTLP/gRPC sends spans; its form without a scheme is allowed there.

    Source: https://opentelemetry.io/docs/specs/otel/protocol/exporter/#configuration-options
    """
    endpoint: str = config.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or config.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    return endpoint or "http://localhost:4317"
