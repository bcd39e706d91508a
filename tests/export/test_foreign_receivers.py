"""Spans of a real process, delivered to receivers that none of us wrote, and compared field by field."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import socket
import ssl
import subprocess
import sysconfig
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, Thread
from typing import Any, NamedTuple

import grpc
import pytest
import uvicorn
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.faults import Authority
from tests.support import PATIENCE, Service, free_port, launch_code

# Every kind of value, those that protobuf leaves out by default among them.
ATTRIBUTES: dict[str, Any] = {
    "http.route": "/orders/{id}",
    "größe": "naïve 注文 🛒",
    "empty": "",
    "zero": 0,
    "negative": -1,
    "large": 2**63 - 1,
    "yes": True,
    "no": False,
    "half": 0.5,
    "nothing": 0.0,
    "texts": ["a", "", "ü"],
    "numbers": [1, -2, 2**53 + 1],
    "fractions": [0.1, -1e300],
    "answers": [True, False],
    "none of them": [],
}
START = 1_700_000_000_123_456_789
SCHEMA = "https://example.com/schema"
CODE = f"""
    import json, traceback
    from opentelemetry import trace
    from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceState

    def remote(number):
        return SpanContext(number, number, True, trace.TraceFlags(1), TraceState([("vendor", "v%d" % number)]))

    tracer = trace.get_tracer("shop.orders", "1.2.3", schema_url="{SCHEMA}", attributes={{"team": "ü"}})
    server = tracer.start_span(
        "GET /orders 注文",
        context=trace.set_span_in_context(NonRecordingSpan(remote(7))),
        kind=SpanKind.SERVER,
        attributes={ATTRIBUTES!r},
        links=[Link(remote(8), {{"why": "größer"}})],
        start_time={START},
    )
    server.add_event("cache miss ✗", {{"key": "k", "tries": 3}}, {START} + 1)
    child = tracer.start_span(
        "charge", trace.set_span_in_context(server), kind=SpanKind.CLIENT, start_time={START} + 2
    )
    child.set_attribute("amount", 9.99)
    child.set_status(StatusCode.OK)
    child.end({START} + 3)
    try:
        raise ValueError("kaputt ü")
    except ValueError as error:
        server.record_exception(error, timestamp={START} + 4)
        server.set_status(Status(StatusCode.ERROR, "kaputt ü"))
        stacktrace = traceback.format_exc()
    server.end({START} + 5)
    spans = [each.get_span_context().span_id for each in (server, child)]
    print(json.dumps({{"spans": spans, "stacktrace": stacktrace}}))
"""
SCOPE = InstrumentationScope(
    name="shop.orders", version="1.2.3", attributes=[KeyValue(key="team", value=AnyValue(string_value="ü"))]
)
RESOURCE = {"service.name": "shöp", "deployment.environment.name": "tést"}
# Bits 8 and 9 say whether the parent, or what a link leads to, is known to be elsewhere.
LOCAL, REMOTE = 0x101, 0x301


class Arrived(NamedTuple):
    """One span as a receiver has it, with whose it is."""

    resource: Mapping[str, str]
    scope: InstrumentationScope
    schema: str
    span: Span


def make_spans(endpoint: str, **variables: str) -> list[Span]:
    """Run a process that makes the spans and sends them there: what was made."""
    done = launch_code(
        CODE,
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        OTEL_SERVICE_NAME="shöp",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=t%C3%A9st",
        PYTHONIOENCODING="utf-8",
        **variables,
    )
    assert (done.returncode, done.stderr) == (0, "")
    made = json.loads(done.stdout.splitlines()[-1])
    server, child = (number.to_bytes(8, "big") for number in made["spans"])
    return [_server_span(server, made["stacktrace"]), _child_span(child, server)]


def _server_span(span_id: bytes, stacktrace: str) -> Span:
    exception = {
        "exception.type": "ValueError",
        "exception.message": "kaputt ü",
        "exception.stacktrace": stacktrace,
        "exception.escaped": "False",
    }
    event = Span.Event(name="cache miss ✗", time_unix_nano=START + 1, attributes=_attributes({"key": "k", "tries": 3}))
    link = Span.Link(
        trace_id=(8).to_bytes(16, "big"),
        span_id=(8).to_bytes(8, "big"),
        trace_state="vendor=v8",
        attributes=_attributes({"why": "größer"}),
        flags=REMOTE,
    )
    return Span(
        trace_id=(7).to_bytes(16, "big"),
        span_id=span_id,
        parent_span_id=(7).to_bytes(8, "big"),
        trace_state="vendor=v7",
        flags=REMOTE,
        name="GET /orders 注文",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=START,
        end_time_unix_nano=START + 5,
        attributes=_attributes(ATTRIBUTES),
        events=[
            event,
            Span.Event(name="exception", time_unix_nano=START + 4, attributes=_attributes(exception)),
        ],
        links=[link],
        status=Status(code=Status.STATUS_CODE_ERROR, message="kaputt ü"),
    )


def _child_span(span_id: bytes, parent_id: bytes) -> Span:
    return Span(
        trace_id=(7).to_bytes(16, "big"),
        span_id=span_id,
        parent_span_id=parent_id,
        trace_state="vendor=v7",
        flags=LOCAL,
        name="charge",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=START + 2,
        end_time_unix_nano=START + 3,
        attributes=_attributes({"amount": 9.99}),
        status=Status(code=Status.STATUS_CODE_OK),
    )


def _attributes(values: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def _value(value: Any) -> AnyValue:
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[_value(item) for item in value]))
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(double_value=value) if isinstance(value, float) else AnyValue(string_value=value)


class Kept:
    """The requests that a receiver took."""

    def __init__(self) -> None:
        self.peers: list[Mapping[str, Any]] = []
        self._changed = Condition()
        self._arrived: list[Arrived] = []

    def add(self, request: ExportTraceServiceRequest, peer: Mapping[str, Any]) -> None:
        """Keep the spans, and what is known of who sent them."""
        arrived = [
            Arrived(
                {pair.key: pair.value.string_value for pair in of_resource.resource.attributes},
                of_scope.scope,
                of_scope.schema_url,
                span,
            )
            for of_resource in request.resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        ]
        with self._changed:
            self.peers.append(peer)
            self._arrived += arrived
            self._changed.notify_all()

    def must_be(self, made: Sequence[Span]) -> None:
        """Wait for as many spans, and compare all there is of them."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._arrived) >= len(made), PATIENCE)
            arrived = list(self._arrived)
        assert _in_order(each.span for each in arrived) == _in_order(made)
        for each in arrived:
            assert (each.scope, each.schema) == (SCOPE, SCHEMA)
            assert {name: each.resource.get(name) for name in RESOURCE} == RESOURCE


def _in_order(spans: Sequence[Span] | Iterator[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: span.start_time_unix_nano)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs the certificates of clients: another one than that of servers."""
    return Authority(tmp_path_factory.mktemp("clients"))


def _trusting(server: Authority, client: Authority | None) -> dict[str, str]:
    variables = {"OTEL_EXPORTER_OTLP_CERTIFICATE": server.certificate}
    if client is not None:
        key, certificate = client.client()
        variables |= {
            "OTEL_EXPORTER_OTLP_CLIENT_KEY": key,
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": certificate,
        }
    return variables


COMPRESSIONS = pytest.mark.parametrize("compression", ["none", "gzip"])
MUTUAL = pytest.mark.parametrize("mutual", [False, True], ids=["tls", "mtls"])

# --- oteltap ----------------------------------------------------------------------------------------------------------


# Without gzip: oteltap 1.0.0 answers that with 400, upstream's exporter included.
def test_oteltap_receives_what_was_made() -> None:
    oteltap = pytest.importorskip("oteltap", reason="oteltap is not installed")
    port = free_port()

    async def receive() -> tuple[list[Span], list[Span]]:
        settings = oteltap.OtelTapHttpProtobufReceiverSettings(http_port=port)
        async with oteltap.OtelTapHttpProtobufReceiver(settings) as receiver:
            # Who awaits must be there before the spans are.
            server, child, made = await asyncio.gather(
                receiver.await_trace(lambda span: span.kind == Span.SPAN_KIND_SERVER, PATIENCE),
                receiver.await_trace(lambda span: span.kind == Span.SPAN_KIND_CLIENT, PATIENCE),
                asyncio.to_thread(make_spans, f"http://127.0.0.1:{port}"),
            )
            return [server, child], made

    arrived, made = asyncio.run(receive())
    assert arrived == made


# --- rotel ------------------------------------------------------------------------------------------------------------


def _rotel_agent() -> tuple[str, dict[str, str]]:
    """Its program, and the variables that it needs: it is linked with the shared library of its Python."""
    rotel = pytest.importorskip("rotel", reason="rotel is not installed (it has wheels for CPython 3.11 to 3.13)")
    agent = str(Path(rotel.__file__).with_name("rotel-agent"))
    folders = [sysconfig.get_config_var("LIBDIR"), os.environ.get("LD_LIBRARY_PATH")]
    variables = {"LD_LIBRARY_PATH": os.pathsep.join(folder for folder in folders if folder)}
    tried = subprocess.run(
        [agent, "--version"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if tried.returncode:
        pytest.skip(f"rotel does not start here: {tried.stderr.strip()}")
    return agent, variables


@contextmanager
def rotel(forwards_to: str, folder: Path) -> Iterator[Mapping[str, str]]:
    """The agent of rotel, which passes on what it receives: its endpoint for each protocol."""
    agent, variables = _rotel_agent()
    grpc_port = free_port()
    command = (
        *(agent, "start", "--pid-file", str(folder / "pid"), "--log-file", str(folder / "log")),
        *("--otlp-http-endpoint", "127.0.0.1:{port}", "--otlp-grpc-endpoint", f"127.0.0.1:{grpc_port}"),
        *("--exporter", "otlp", "--otlp-exporter-endpoint", forwards_to, "--otlp-exporter-protocol", "http"),
    )
    with Service(*command, **variables) as service:
        yield {"http/protobuf": f"http://127.0.0.1:{service.port}", "grpc": f"http://127.0.0.1:{grpc_port}"}


@COMPRESSIONS
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_rotel_passes_on_what_was_made(protocol: str, compression: str, tmp_path: Path) -> None:
    with http_server() as (port, kept), rotel(f"http://127.0.0.1:{port}", tmp_path) as endpoints:
        made = make_spans(
            endpoints[protocol], OTEL_EXPORTER_OTLP_PROTOCOL=protocol, OTEL_EXPORTER_OTLP_COMPRESSION=compression
        )
        kept.must_be(made)


# --- The reference server of gRPC -------------------------------------------------------------------------------------


class _Servicer(TraceServiceServicer):
    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def Export(self, request: ExportTraceServiceRequest, context: Any) -> ExportTraceServiceResponse:  # noqa: N802  # grpc's
        self._kept.add(request, context.auth_context())
        return ExportTraceServiceResponse()


@contextmanager
def grpc_server(credentials: grpc.ServerCredentials | None = None) -> Iterator[tuple[int, Kept]]:
    """A server of grpcio with the generated service: its port, and what it receives."""
    kept = Kept()
    server = grpc.server(ThreadPoolExecutor(2))
    add_TraceServiceServicer_to_server(_Servicer(kept), server)
    address = "127.0.0.1:0"
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    server.start()
    try:
        yield port, kept
    finally:
        server.stop(None).wait(PATIENCE)


@COMPRESSIONS
def test_the_reference_server_of_grpc_receives_what_was_made(compression: str) -> None:
    with grpc_server() as (port, kept):
        made = make_spans(
            f"http://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_PROTOCOL="grpc", OTEL_EXPORTER_OTLP_COMPRESSION=compression
        )

    kept.must_be(made)


@MUTUAL
def test_the_reference_server_of_grpc_receives_by_tls(authority: Authority, clients: Authority, mutual: bool) -> None:
    issued = authority.issue()
    chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
    roots = Path(clients.certificate).read_bytes() if mutual else None
    credentials = grpc.ssl_server_credentials([(issued.private_key_pem.bytes(), chain)], roots, mutual)
    with grpc_server(credentials) as (port, kept):
        made = make_spans(
            f"https://localhost:{port}",
            OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
            **_trusting(authority, clients if mutual else None),
        )

    kept.must_be(made)
    [peer] = kept.peers
    assert peer["transport_security_type"] == [b"ssl"]
    assert peer.get("x509_subject_alternative_name", []) == ([b"client.example"] if mutual else [])


# --- HTTP by uvicorn --------------------------------------------------------------------------------------------------

Message = MutableMapping[str, Any]


class _Application:
    """Keeps what is posted."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        right = (scope["method"], scope["path"], headers.get("content-type")) == (
            "POST",
            "/v1/traces",
            "application/x-protobuf",
        )
        if right:
            plain = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
            self._kept.add(ExportTraceServiceRequest.FromString(plain), {**headers, "scheme": scope["scheme"]})
        await send({"type": "http.response.start", "status": 200 if right else 400, "headers": []})
        await send({"type": "http.response.body"})


@contextmanager
def http_server(**tls: Any) -> Iterator[tuple[int, Kept]]:
    """A server of uvicorn: its port, and what it receives."""
    kept = Kept()
    config = uvicorn.Config(_Application(kept), lifespan="off", log_config=None, **tls)
    server = uvicorn.Server(config)
    # It listens from here on: who comes before the thread is ready waits.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=server.run, args=([listener],), name="uvicorn", daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1], kept
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive()


@COMPRESSIONS
def test_uvicorn_receives_what_was_made(compression: str) -> None:
    with http_server() as (port, kept):
        made = make_spans(f"http://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_COMPRESSION=compression)

    kept.must_be(made)
    assert [peer.get("content-encoding", "none") for peer in kept.peers] == [compression]


@MUTUAL
def test_uvicorn_receives_by_tls(authority: Authority, clients: Authority, mutual: bool, tmp_path: Path) -> None:
    certificate = tmp_path / "server.pem"
    authority.issue().private_key_and_cert_chain_pem.write_to_path(str(certificate))
    demanding = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_ca_certs": clients.certificate} if mutual else {}
    with http_server(ssl_certfile=str(certificate), **demanding) as (port, kept):
        made = make_spans(f"https://localhost:{port}", **_trusting(authority, clients if mutual else None))

    kept.must_be(made)
    assert [peer["scheme"] for peer in kept.peers] == ["https"]
