"""Whatever bytes arrive, they are taken or refused, and what was taken can be read."""

from __future__ import annotations

import gzip
import json
import socket
import zlib
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from random import Random

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from platform_otel.collector import reading
from platform_otel.collector.body import LARGEST_BODY, Body, Budget, NotDecompressed, TooLarge
from platform_otel.collector.database import MEMORY, Database
from platform_otel.collector.model import SpanBatch
from platform_otel.collector.otlp_decoding import Malformed, decode
from platform_otel.collector.otlp_json import to_protobuf
from platform_otel.collector.store import Retention, Store
from tests.collector.oracle_json import to_json
from tests.collector.running import JSON, PROTOBUF, Collector, Made, body, log_body, request
from tests.collector.test_exporters import METHODS, export
from tests.collector.test_http_receiver import address
from tests.support import PATIENCE


def _metrics() -> ExportMetricsServiceRequest:
    message = ExportMetricsServiceRequest()
    scope = message.resource_metrics.add().scope_metrics.add()
    scope.metrics.add(name="size").gauge.data_points.add(as_int=7, start_time_unix_nano=1)
    scope.metrics.add(name="time").histogram.data_points.add(count=2, bucket_counts=[1, 1], explicit_bounds=[0.5])
    return message


_SPANS = [
    Made(1, 1, attributes={"http.route": "/v1/{id}", "n": 5, "x": 0.5, "yes": True}),
    Made(1, 2, parent=1, service="meter", kind=3, status=2),
    Made(2**100, 2**60, parent=7, name="größer"),
]
SAMPLES = {
    ("traces", PROTOBUF): body(*_SPANS),
    ("traces", JSON): json.dumps(to_json(request(*_SPANS))).encode(),
    ("logs", PROTOBUF): log_body("one", "two", trace=1, span=2),
    ("logs", JSON): json.dumps(
        to_json(ExportLogsServiceRequest.FromString(log_body("one", "two", trace=1, span=2)))
    ).encode(),
    ("metrics", PROTOBUF): _metrics().SerializeToString(),
    ("metrics", JSON): json.dumps(to_json(_metrics())).encode(),
}
DECODERS = pytest.mark.parametrize("signal, content_type", SAMPLES)
# Where, how many bytes go, and what comes in their place.
Edits = list[tuple[int, int, bytes]]
_NASTY = [b"\xff" * 10, b"[", b"{}", b"null", b"-1", b'"', b"1e999", b"\\ud800"]
EDITS = st.lists(
    st.tuples(st.integers(0, 2000), st.integers(0, 12), st.binary(max_size=12) | st.sampled_from(_NASTY)),
    min_size=1,
    max_size=4,
)
FEW = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


def mutated(sample: bytes, edits: Edits) -> bytes:
    data = bytearray(sample)
    for place, length, instead in edits:
        start = place % (len(data) + 1)
        data[start : start + length] = instead
    return bytes(data)


def hundred_thousand(sample: bytes) -> Iterator[bytes]:
    """Always the same ones, and made a hundred times as quickly as Hypothesis makes them."""
    random = Random(11)
    for _ in range(100_000):
        yield mutated(sample, [_edit(random) for _ in range(random.randint(1, 4))])


def _edit(random: Random) -> tuple[int, int, bytes]:
    instead = random.choice(_NASTY) if random.random() < 0.5 else random.randbytes(random.randrange(13))
    return random.randrange(2001), random.randrange(13), instead


class Taker:
    """Takes bodies as the receivers do, in this process."""

    def __init__(self) -> None:
        self.database = Database(MEMORY)
        self.store = Store(self.database, Retention(10**18, 2**22))

    def take(self, signal: str, content_type: str, data: bytes) -> None:
        try:
            received = decode(signal, to_protobuf(signal, data) if content_type == JSON else data)
        except Malformed:
            return
        for batch in received.batches:
            self.store.add(batch).result(30)
        for batch in received.batches:
            for trace_id in batch.traces if isinstance(batch, SpanBatch) else ():
                with self.database.reading(30) as reader:
                    message = reading.trace(reader, trace_id)
                    assert message is None or json.dumps(to_json(message))


@pytest.fixture(scope="module")
def taker() -> Iterator[Taker]:
    made = Taker()
    with made.store:
        yield made


# --- Bodies -----------------------------------------------------------------------------------------------------------


@DECODERS
@FEW
@given(edits=EDITS)
def test_a_mutated_body_is_taken_or_refused(taker: Taker, signal: str, content_type: str, edits: Edits) -> None:
    taker.take(signal, content_type, mutated(SAMPLES[signal, content_type], edits))


@pytest.mark.matrix
@pytest.mark.timeout(3600)
@DECODERS
def test_a_hundred_thousand_mutated_bodies_are_taken_or_refused(taker: Taker, signal: str, content_type: str) -> None:
    for data in hundred_thousand(SAMPLES[signal, content_type]):
        taker.take(signal, content_type, data)


@DECODERS
@FEW
@given(edits=EDITS)
def test_a_mutated_body_is_answered_with_200_or_400(
    shared: Collector, signal: str, content_type: str, edits: Edits
) -> None:
    answer = shared.send(mutated(SAMPLES[signal, content_type], edits), signal, content_type)

    assert answer.status in (200, 400)


@pytest.mark.matrix
@pytest.mark.timeout(3600)
@DECODERS
def test_a_hundred_thousand_mutated_bodies_are_answered_with_200_or_400(
    collector: Collector, signal: str, content_type: str
) -> None:
    connection = HTTPConnection(collector.http, timeout=PATIENCE)
    for data in hundred_thousand(SAMPLES[signal, content_type]):
        connection.request("POST", f"/v1/{signal}", data, {"content-type": content_type})
        response = connection.getresponse()
        response.read()
        assert response.status in (200, 400), data
    connection.close()

    assert collector.output().count("\n") == 1


# --- Compression ------------------------------------------------------------------------------------------------------

COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}


def inflate(encoding: str, data: bytes) -> None:
    with Body(Budget(2 * LARGEST_BODY), encoding) as gathered:
        try:
            gathered.add(data)
            gathered.whole()
        except (NotDecompressed, TooLarge):
            pass


@pytest.mark.parametrize("encoding", COMPRESS)
@FEW
@given(edits=EDITS)
def test_mutated_compression_is_taken_or_refused(encoding: str, edits: Edits) -> None:
    inflate(encoding, mutated(COMPRESS[encoding](SAMPLES["traces", PROTOBUF]), edits))


@pytest.mark.matrix
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("encoding", COMPRESS)
def test_a_hundred_thousand_mutated_compressions_are_taken_or_refused(encoding: str) -> None:
    for data in hundred_thousand(COMPRESS[encoding](SAMPLES["traces", PROTOBUF])):
        inflate(encoding, data)


# --- gRPC -------------------------------------------------------------------------------------------------------------

MESSAGES = pytest.mark.parametrize("signal", METHODS)


@pytest.fixture
def channel(shared: Collector) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(shared.grpc) as opened:
        yield opened


def exported(channel: grpc.Channel, data: bytes, signal: str) -> grpc.StatusCode:
    try:
        export(channel, data, signal)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@MESSAGES
@FEW
@given(edits=EDITS)
def test_a_mutated_message_is_ok_or_an_invalid_argument(channel: grpc.Channel, signal: str, edits: Edits) -> None:
    code = exported(channel, mutated(SAMPLES[signal, PROTOBUF], edits), signal)

    assert code in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT)


@pytest.mark.matrix
@pytest.mark.timeout(3600)
@MESSAGES
def test_a_hundred_thousand_mutated_messages_are_ok_or_invalid_arguments(channel: grpc.Channel, signal: str) -> None:
    for data in hundred_thousand(SAMPLES[signal, PROTOBUF]):
        assert exported(channel, data, signal) in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT), data


def frames(message: bytes) -> bytes:
    """All that a client sends on the wire for one export: https://www.rfc-editor.org/rfc/rfc9113#section-4.1."""
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": f"/opentelemetry.proto.collector.{METHODS['traces'][0]}/Export",
        ":authority": "localhost",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    # Literals without indexing: https://www.rfc-editor.org/rfc/rfc7541#section-6.2.2
    block = b"".join(b"\x00" + _text(name) + _text(value) for name, value in headers.items())
    data = b"\x00" + len(message).to_bytes(4, "big") + message
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0) + _frame(1, 4, 1, block) + _frame(0, 1, 1, data)


def _text(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


FRAMES = frames(SAMPLES["traces", PROTOBUF])


def put_on_the_wire(collector: Collector, data: bytes) -> bytes:
    """What comes back until the collector hangs up, as it does when nothing more can come."""
    with socket.create_connection(address(collector.grpc), PATIENCE) as client:
        received = b""
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            while more := client.recv(65536):
                received += more
        except ConnectionError:
            pass
        return received


def goes_on(collector: Collector) -> bool:
    made = Made(2**99, 1)
    with grpc.insecure_channel(collector.grpc) as opened:
        export(opened, body(made))
    return bool(collector.spans(made.trace_id)) and collector.output().count("\n") == 1


@FEW
@given(edits=EDITS)
def _mutated_frames(collector: Collector, edits: Edits) -> None:
    put_on_the_wire(collector, mutated(FRAMES, edits))


def test_after_mutated_frames_the_collector_goes_on(collector: Collector) -> None:
    assert b"\x00\x00\x05\x00" in put_on_the_wire(collector, FRAMES)

    _mutated_frames(collector)
    assert goes_on(collector)


@pytest.mark.matrix
@pytest.mark.timeout(3600)
def test_after_a_hundred_thousand_mutated_frames_the_collector_goes_on(collector: Collector) -> None:
    for data in hundred_thousand(FRAMES):
        put_on_the_wire(collector, data)

    assert goes_on(collector)
