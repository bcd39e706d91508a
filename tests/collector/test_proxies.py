"""A request through proxies of other makers is one trace: context goes on, and the store has what each of them sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

from tests.collector.oracle_json import to_json
from tests.collector.proxies import GRPC, caddy, envoy, traefik
from tests.collector.relay import Relay
from tests.collector.running import Collector, eventually, spans_of
from tests.support import LAUNCHER, NOT_SAMPLED, Service

HTTP = "http/protobuf"
TRACE, CALLER = "0123456789abcdef0123456789abcdef", "00000000000000ab"
SERVER, CLIENT = 2, 3
# As they stand behind one another: service, name and kind of each span.
CHAIN = [
    ("envoy", "ingress", SERVER),
    ("envoy", "router next egress", CLIENT),
    ("traefik", "GET", SERVER),
    ("traefik", "ReverseProxy", CLIENT),
    ("caddy", "caddy GET", SERVER),
    ("shop", "GET /hello/{name}", SERVER),
]


def chained(stack: ExitStack, relay: Relay, protocol: str, folder: Path) -> Service:
    """Envoy, Traefik, Caddy and a traced service behind one another: the first."""
    address = relay.grpc if protocol == GRPC else relay.http
    shop = Service(
        *(LAUNCHER, "--service-name", "shop", "--", "uvicorn", "--port", "{port}", "fastapi_service:app"),
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{address}",
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_BSP_SCHEDULE_DELAY="100",
    )
    behind = stack.enter_context(shop)
    for proxy in (caddy, traefik, envoy):
        behind = stack.enter_context(proxy(behind.port, protocol, address, folder))
    # Traefik answers 404 until it has read where to pass things on.
    eventually(lambda: behind.get("/hello/nobody", traceparent=NOT_SAMPLED)[0] == 200)
    return behind


def described(message: Message | dict[str, Any]) -> list[tuple[Any, ...]]:
    """All there is of each span of the trace, with its resource and scope."""
    document = to_json(message) if isinstance(message, Message) else message
    found = [
        (of_resource["resource"], of_scope["scope"], span)
        for of_resource in document.get("resourceSpans", [])
        for of_scope in of_resource["scopeSpans"]
        for span in of_scope["spans"]
        if span["traceId"] == TRACE
    ]
    return sorted(found, key=lambda each: each[2]["spanId"])


def from_caller(spans: list[tuple[str, dict[str, Any]]]) -> Iterator[tuple[str, str, int]]:
    """The spans from parent to child, beginning with the caller's."""
    by_parent = {span["parentSpanId"]: (service, span) for service, span in spans}
    parent = CALLER
    while parent in by_parent:
        service, span = by_parent[parent]
        yield service, span["name"], span["kind"]
        parent = span["spanId"]


@pytest.mark.parametrize("protocol", [GRPC, pytest.param(HTTP, marks=pytest.mark.matrix)])
def test_a_request_through_envoy_traefik_and_caddy_is_one_trace_as_they_sent_it(
    collector: Collector, protocol: str, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        relay = stack.enter_context(Relay(collector))
        first = chained(stack, relay, protocol, tmp_path)
        status, _ = first.get("/hello/you?q=1", traceparent=f"00-{TRACE}-{CALLER}-01", tracestate="vendor=v7")
        assert status == 200
        eventually(lambda: len(described(relay.kept())) >= len(CHAIN))
        eventually(lambda: collector.ask(f"/query/traces/{TRACE}").status == 200)
        eventually(lambda: len(collector.spans(TRACE)) >= len(CHAIN))
        sent = relay.kept()

    stored = collector.get(f"/query/traces/{TRACE}")
    assert list(from_caller(list(spans_of(stored)))) == CHAIN
    assert {span["traceState"] for _, span in spans_of(stored)} == {"vendor=v7"}
    assert described(stored) == described(sent)
    calls = {(call["caller"], call["callee"], call["count"]) for call in collector.get("/query/graph")["calls"]}
    assert calls == {("envoy", "traefik", 1), ("traefik", "caddy", 1), ("caddy", "shop", 1)}
