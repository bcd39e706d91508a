"""The OpenTelemetry SDK for JavaScript, from npm: what it sends in each of its three ways is what the store has."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.collector.running import Collector
from tests.support import PATIENCE, SERVICES, environment

PACKAGES = [
    "@opentelemetry/api@1",
    "@opentelemetry/resources@2",
    "@opentelemetry/sdk-trace-node@2",
    *(f"@opentelemetry/exporter-trace-otlp-{exporter}" for exporter in ("http", "proto", "grpc")),
]
TRACE = "000102030405060708090a0b0c0d0e0f"
START = 1_700_000_000_123_456_000
LOCAL, REMOTE = 0x101, 0x301


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of node's modules, filled once in a run of the tests, however many processes share them."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not on PATH")
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "javascript"
    folder.mkdir(exist_ok=True)
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            _install(folder)
    return folder / "node_modules"


def _install(folder: Path) -> None:
    words = [
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefer-offline",
        "--prefix",
        str(folder),
    ]
    done = subprocess.run(
        [*words, *PACKAGES], cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    if done.returncode:
        pytest.skip(f"npm cannot install: {(done.stderr.splitlines() or ['it does not say why'])[0]}")
    (folder / "done").touch()


def sent(modules: Path, exporter: str, url: str, compression: str) -> list[str]:
    """Have the SDK send its spans: their ids."""
    done = subprocess.run(
        ["node", str(SERVICES / "javascript_sdk.js"), exporter, url, compression],
        env=environment(NODE_PATH=str(modules)),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    ids: list[str] = json.loads(done.stdout)
    return ids


MATRIX = pytest.mark.matrix


@pytest.mark.parametrize(
    "exporter, compression",
    [
        ("http", "none"),
        ("proto", "none"),
        ("grpc", "none"),
        pytest.param("http", "gzip", marks=MATRIX),
        pytest.param("proto", "gzip", marks=MATRIX),
        pytest.param("grpc", "gzip", marks=MATRIX),
    ],
)
def test_what_the_javascript_sdk_sends_is_in_the_store(
    collector: Collector, modules: Path, exporter: str, compression: str
) -> None:
    url = f"http://{collector.grpc}" if exporter == "grpc" else f"http://{collector.http}/v1/traces"
    server, child = sent(modules, exporter, url, compression)

    (of_resource,) = collector.get(f"/query/traces/{TRACE}")["resourceSpans"]
    (of_scope,) = of_resource["scopeSpans"]
    assert {"key": "service.name", "value": {"stringValue": "shöp"}} in of_resource["resource"]["attributes"]
    assert {"key": "process.pid", "value": {"intValue": "7"}} in of_resource["resource"]["attributes"]
    assert of_scope["scope"] == {"name": "shop.orders", "version": "1.2.3"}
    assert of_scope["schemaUrl"] == "https://example.com/schema"
    assert sorted(of_scope["spans"], key=lambda span: span["name"]) == [server_span(server), child_span(child, server)]


def server_span(span_id: str) -> dict[str, Any]:
    return {
        "traceId": TRACE,
        "spanId": span_id,
        "parentSpanId": "f0f1f2f3f4f5f6f7",
        "traceState": "vendor=v7",
        "flags": REMOTE,
        "name": "GET /orders 注文",
        "kind": 2,
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + 5),
        "attributes": [
            {"key": "text", "value": {"stringValue": "naïve 注文 🛒"}},
            {"key": "empty", "value": {"stringValue": ""}},
            {"key": "whole", "value": {"intValue": "7"}},
            {"key": "zero", "value": {"intValue": "0"}},
            {"key": "negative", "value": {"intValue": "-1"}},
            {"key": "large", "value": {"intValue": str(2**53 - 1)}},
            {"key": "half", "value": {"doubleValue": 0.5}},
            {"key": "yes", "value": {"boolValue": True}},
            {"key": "no", "value": {"boolValue": False}},
            {"key": "texts", "value": {"arrayValue": {"values": [{"stringValue": each} for each in ("a", "", "ü")]}}},
            {"key": "numbers", "value": {"arrayValue": {"values": [{"intValue": "1"}, {"intValue": "-2"}]}}},
        ],
        "events": [
            {
                "name": "cache miss ✗",
                "timeUnixNano": str(START + 1),
                "attributes": [{"key": "tries", "value": {"intValue": "3"}}],
            }
        ],
        "links": [
            {
                "traceId": "ff" * 16,
                "spanId": "ee" * 8,
                "flags": LOCAL,
                "attributes": [{"key": "why", "value": {"stringValue": "größer"}}],
            }
        ],
        "status": {"code": 2, "message": "kaputt ü"},
    }


def child_span(span_id: str, parent_id: str) -> dict[str, Any]:
    return {
        "traceId": TRACE,
        "spanId": span_id,
        "parentSpanId": parent_id,
        "traceState": "vendor=v7",
        "flags": LOCAL,
        "name": "charge",
        "kind": 3,
        "startTimeUnixNano": str(START + 2),
        "endTimeUnixNano": str(START + 3),
        "status": {"code": 1},
    }
