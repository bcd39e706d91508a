"""Answers as Jaeger and Tempo write them, where they differ from those of our collector's APIs."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support import LAUNCHER, run

TRACE, CLIENT, SERVER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"
BEGUN = time.time_ns() - 3600 * 10**9
# As the user interface of Jaeger answers what it does not know.
PAGE = b"<!doctype html>"


class Said(NamedTuple):
    """A response."""

    status: int
    body: bytes


def json_of(status: int, answer: Any) -> Said:
    return Said(status, json.dumps(answer).encode())


def resource_spans(service: str, span: dict[str, Any]) -> dict[str, Any]:
    attributes = [
        {"key": "service.name", "value": {"stringValue": service}},
        {"key": "telemetry.sdk.name", "value": {"stringValue": "opentelemetry"}},
        {"key": "telemetry.sdk.version", "value": {"stringValue": "1.30.0"}},
    ]
    return {"resource": {"attributes": attributes}, "scopeSpans": [{"scope": {}, "spans": [span]}]}


def call(identity: Callable[[str], str], kinds: tuple[Any, Any], status: Any) -> dict[str, Any]:
    """A call of gate to identity, with ids and enumerations as a backend writes them."""
    times = {"startTimeUnixNano": str(BEGUN), "endTimeUnixNano": str(BEGUN + 10**6), "status": {"code": status}}
    caller = {"traceId": identity(TRACE), "spanId": identity(CLIENT), "name": "GET", "kind": kinds[0], **times}
    callee = {"traceId": identity(TRACE), "spanId": identity(SERVER), "name": "GET /", "kind": kinds[1], **times}
    called = resource_spans("identity", {**callee, "parentSpanId": identity(CLIENT)})
    return {"resourceSpans": [resource_spans("gate", caller), called]}


def jaeger(path: str, asked: dict[str, str]) -> Said:
    # https://github.com/jaegertracing/jaeger/tree/main/cmd/jaeger/internal/extension/jaegerquery/internal/apiv3
    if path == "/api/v3/services":
        return json_of(200, {"services": ["gate", "identity"]})
    if path != "/api/v3/traces":
        return Said(200, PAGE)
    first, last = asked["query.start_time_min"], asked["query.start_time_max"]
    begun = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(BEGUN // 10**9))}.{BEGUN % 10**9:09}Z"
    if not first <= begun <= last:
        return json_of(404, {"error": {"httpCode": 404, "message": "No traces found"}})
    return json_of(200, {"result": call(str, (3, 2), 2)})


def tempo(path: str, asked: dict[str, str]) -> Said:
    # https://grafana.com/docs/tempo/latest/api_docs/
    if path == "/api/status/buildinfo":
        return json_of(200, {"version": "2.9.0"})
    if path == "/api/v2/search/tag/resource.service.name/values":
        return json_of(200, {"tagValues": [{"type": "string", "value": name} for name in ("gate", "identity")]})
    if path == "/api/search":
        is_there = int(asked["start"]) <= BEGUN // 10**9 < int(asked["end"])
        return json_of(200, {"traces": [{"traceID": TRACE}] if is_there else []})
    if path == f"/api/v2/traces/{TRACE}":
        kinds = ("SPAN_KIND_CLIENT", "SPAN_KIND_SERVER")
        encoded = call(lambda id_: base64.b64encode(bytes.fromhex(id_)).decode(), kinds, "STATUS_CODE_ERROR")
        return json_of(200, {"trace": encoded, "metrics": {}})
    return Said(404, b"404 page not found\n")


def empty_jaeger(path: str, asked: dict[str, str]) -> Said:
    # A list without items is left out.
    return json_of(200, {}) if path == "/api/v3/services" else Said(200, PAGE)


def empty_tempo(path: str, asked: dict[str, str]) -> Said:
    return json_of(200, {}) if path.startswith(("/api/status", "/api/v2/search")) else Said(404, b"404\n")


@pytest.fixture
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a server answers as the function of the parameter says."""
    answer: Callable[[str, dict[str, str]], Said] = request.param

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            said = answer(asked.path, {name: values[0] for name, values in parse_qs(asked.query).items()})
            self.send_response(said.status)
            self.end_headers()
            self.wfile.write(said.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("url", [jaeger, tempo], indirect=True)
def test_a_call_is_whole_however_its_ids_and_kinds_are_written(url: str) -> None:
    outcome = run(LAUNCHER, "show", "coverage", "--url", url, "--json")
    found = json.loads(outcome.stdout)

    assert outcome.returncode == 0, outcome.stderr
    assert [(each["service"], int(each["sinceUnixNano"])) for each in found["services"]] == [
        ("gate", BEGUN),
        ("identity", BEGUN),
    ]
    assert [(hop["caller"], hop["callee"], hop["whole"], hop["cause"]) for hop in found["hops"]] == [
        ("gate", "identity", 1, "")
    ]


@pytest.mark.parametrize("url", [empty_jaeger, empty_tempo], indirect=True)
def test_a_backend_without_traces_has_no_services(url: str) -> None:
    outcome = run(LAUNCHER, "show", "coverage", "--url", url)

    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert outcome.stdout.splitlines()[-1] == "0 of 0 services are traced; 0 of 0 hops are broken."


@pytest.mark.parametrize(
    "url", [lambda *_: Said(200, PAGE), lambda *_: json_of(200, [])], indirect=True, ids=["a page", "a list"]
)
def test_what_is_no_backend_is_said_to_be_none(url: str) -> None:
    outcome = run(LAUNCHER, "show", "coverage", "--url", url)

    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith(f"Error: what answers at {url} is no collector\n")
