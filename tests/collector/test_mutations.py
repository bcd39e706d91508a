"""Whatever bytes arrive, they are taken or refused, and what was taken can be read."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from platform_otel.collector import reading
from platform_otel.collector.body import LARGEST_BODY, Body, Budget, NotDecompressed, TooLarge
from platform_otel.collector.database import MEMORY, Database
from platform_otel.collector.model import SpanBatch
from platform_otel.collector.otlp_decoding import Malformed, decode
from platform_otel.collector.otlp_json import to_json, to_protobuf
from platform_otel.collector.store import Retention, Store
from tests.collector.running import JSON, PROTOBUF, Collector, Made, body, log_body, request

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
}
DECODERS = pytest.mark.parametrize("signal, content_type", SAMPLES)
# Where, how many bytes go, and what comes in their place.
EDITS = st.lists(
    st.tuples(
        st.integers(0, 2000),
        st.integers(0, 12),
        st.binary(max_size=12)
        | st.sampled_from([b"\xff" * 10, b"[", b"{}", b"null", b"-1", b'"', b"1e999", b"\\ud800"]),
    ),
    min_size=1,
    max_size=4,
)
FEW = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=100_000)


def mutated(sample: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    data = bytearray(sample)
    for place, length, instead in edits:
        start = place % (len(data) + 1)
        data[start : start + length] = instead
    return bytes(data)


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


@DECODERS
@FEW
@given(edits=EDITS)
def test_a_mutated_body_is_taken_or_refused(
    taker: Taker, signal: str, content_type: str, edits: list[tuple[int, int, bytes]]
) -> None:
    taker.take(signal, content_type, mutated(SAMPLES[signal, content_type], edits))


@pytest.mark.matrix
@pytest.mark.timeout(3600)
@DECODERS
@MANY
@given(edits=EDITS)
def test_a_hundred_thousand_mutated_bodies_are_taken_or_refused(
    taker: Taker, signal: str, content_type: str, edits: list[tuple[int, int, bytes]]
) -> None:
    taker.take(signal, content_type, mutated(SAMPLES[signal, content_type], edits))


@DECODERS
@FEW
@given(edits=EDITS)
def test_a_mutated_body_is_answered_with_200_or_400(
    shared: Collector, signal: str, content_type: str, edits: list[tuple[int, int, bytes]]
) -> None:
    answer = shared.send(mutated(SAMPLES[signal, content_type], edits), signal, content_type)

    assert answer.status in (200, 400)


COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}


def inflate(encoding: str, edits: list[tuple[int, int, bytes]]) -> None:
    data = mutated(COMPRESS[encoding](SAMPLES["traces", PROTOBUF]), edits)
    with Body(Budget(2 * LARGEST_BODY), encoding) as gathered:
        try:
            gathered.add(data)
            gathered.whole()
        except (NotDecompressed, TooLarge):
            pass


@pytest.mark.parametrize("encoding", COMPRESS)
@FEW
@given(edits=EDITS)
def test_mutated_compression_is_taken_or_refused(encoding: str, edits: Any) -> None:
    inflate(encoding, edits)


@pytest.mark.matrix
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("encoding", COMPRESS)
@MANY
@given(edits=EDITS)
def test_a_hundred_thousand_mutated_compressions_are_taken_or_refused(encoding: str, edits: Any) -> None:
    inflate(encoding, edits)
