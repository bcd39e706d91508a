"""The tests' receiver takes OTLP over HTTP as the specification says, and keeps every field of a span."""

from __future__ import annotations

import gzip
from http.client import HTTPConnection
from threading import Thread

import pytest
from google.rpc.status_pb2 import Status as RpcStatus  # type: ignore[import-untyped]  # comes without types
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from platform_otel.analysis.tree import TraceSpan
from tests.receiver import (
    LARGEST_BODY,
    ReceivedEvent,
    ReceivedLink,
    ReceivedScope,
    ReceivedSpan,
    Receiver,
    decode,
)

PROTOBUF = "application/x-protobuf"
TRACE_ID, SPAN_ID, PARENT_ID = bytes(range(16)), bytes(range(8)), bytes(range(1, 9))


def text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def export(*spans: Span, service: str = "prompts") -> ExportTraceServiceRequest:
    scope_spans = ScopeSpans(
        scope=InstrumentationScope(name="requests", version="1.2", attributes=[text("maker", "us")]), spans=spans
    )
    resource = Resource(attributes=[text("service.name", service), text("host.name", "here")])
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=resource, scope_spans=[scope_spans])])


def full_span() -> Span:
    return Span(
        trace_id=TRACE_ID,
        span_id=SPAN_ID,
        parent_span_id=PARENT_ID,
        trace_state="vendor=1",
        flags=0x101,
        name="GET /prompts/{topic}",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=1_000,
        end_time_unix_nano=3_000,
        attributes=[text("http.route", "/prompts/{topic}")],
        events=[
            Span.Event(name="exception", time_unix_nano=2_000, attributes=[
                text("exception.type", "KeyError"), text("exception.message", "'season'"),
            ]),
        ],
        links=[Span.Link(trace_id=TRACE_ID, span_id=PARENT_ID, attributes=[text("why", "batch")])],
        status=Status(code=Status.STATUS_CODE_ERROR, message="it failed"),
    )  # fmt: skip


def send(
    receiver: Receiver,
    body: bytes,
    *,
    method: str = "POST",
    path: str = "/v1/traces",
    content_type: str = PROTOBUF,
    **headers: str,
) -> tuple[int, str | None, bytes]:
    """Status, content type and body of the answer."""
    connection = HTTPConnection("127.0.0.1", int(receiver.url.rpartition(":")[2]), timeout=30)
    try:
        connection.request(method, path, body, {"Content-Type": content_type, **headers})
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read()
    finally:
        connection.close()


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_every_field_of_a_span_is_kept() -> None:
    (span,) = decode(export(full_span()))

    assert span == ReceivedSpan(
        trace_id="000102030405060708090a0b0c0d0e0f",
        span_id="0001020304050607",
        parent_id="0102030405060708",
        service="prompts",
        name="GET /prompts/{topic}",
        kind="server",
        start=1_000,
        end=3_000,
        status="error",
        message="it failed",
        attributes={"http.route": "/prompts/{topic}"},
        resource={"service.name": "prompts", "host.name": "here"},
        scope=ReceivedScope("requests", "1.2", {"maker": "us"}),
        events=(
            ReceivedEvent("exception", 2_000, {"exception.type": "KeyError", "exception.message": "'season'"}),
        ),
        links=(ReceivedLink("000102030405060708090a0b0c0d0e0f", "0102030405060708", {"why": "batch"}),),
        trace_state="vendor=1",
        flags=0x101,
    )  # fmt: skip


def test_the_analysis_gets_its_part_of_a_span() -> None:
    (span,) = decode(export(full_span()))

    assert span.trace_span[:11] == span[:11]
    assert TraceSpan._fields[:11] == ReceivedSpan._fields[:11]


def test_an_empty_span_has_empty_fields() -> None:
    (span,) = decode(
        ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[Span()])])])
    )

    assert span.trace_span == TraceSpan("", "", "", "", "", "internal", 0, 0, "unset", "", {})


def test_without_a_status_message_the_recorded_exception_says_why() -> None:
    span = full_span()
    span.status.message = ""

    assert [received.message for received in decode(export(span))] == ["KeyError: 'season'"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (AnyValue(string_value="text"), "text"),
        (AnyValue(bool_value=False), False),
        (AnyValue(int_value=-1), -1),
        (AnyValue(double_value=0.5), 0.5),
        (AnyValue(bytes_value=b"\x00"), b"\x00"),
        (AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue()])), [1, None]),
        (AnyValue(kvlist_value=KeyValueList(values=[text("key", "value")])), {"key": "value"}),
        (AnyValue(), None),
    ],
)
def test_an_attribute_keeps_its_type(value: AnyValue, expected: object) -> None:
    (span,) = decode(export(Span(attributes=[KeyValue(key="key", value=value)])))

    assert span.attributes == {"key": expected}
    assert type(span.attributes["key"]) is type(expected)


# --- what is answered -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", [PROTOBUF, "application/X-Protobuf", "application/x-protobuf; charset=utf-8"])
def test_an_export_is_answered_with_an_empty_protobuf_response(receiver: Receiver, content_type: str) -> None:
    answer = send(receiver, export(full_span()).SerializeToString(), content_type=content_type)

    assert answer == (200, PROTOBUF, ExportTraceServiceResponse().SerializeToString())
    assert [span.name for span in receiver.spans()] == ["GET /prompts/{topic}"]


def test_a_compressed_export_is_taken(receiver: Receiver) -> None:
    body = gzip.compress(export(full_span()).SerializeToString())

    assert send(receiver, body, **{"Content-Encoding": "gzip"})[0] == 200
    assert len(receiver.spans()) == 1


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (404, {"path": "/v1/metrics"}),
        (404, {"path": "/", "method": "GET"}),
        (405, {"method": "GET"}),
        (405, {"method": "PUT"}),
        (415, {"content_type": "application/json"}),
        (415, {"Content-Encoding": "br"}),
        (400, {"Content-Encoding": "gzip"}),
        (400, {"body": b"\xff\xff"}),
        (400, {"body": gzip.compress(b"")[:-1], "Content-Encoding": "gzip"}),
        (411, {"Content-Length": "many"}),
        (413, {"Content-Length": str(LARGEST_BODY + 1)}),
        (413, {"body": gzip.compress(bytes(LARGEST_BODY + 1)), "Content-Encoding": "gzip"}),
    ],
)
def test_anything_else_is_refused(receiver: Receiver, status: int, request_: dict[str, str]) -> None:
    arguments: dict[str, object] = {"body": export(full_span()).SerializeToString(), **request_}

    answered, content_type, _ = send(receiver, **arguments)  # type: ignore[arg-type]  # the table is mixed

    assert (answered, content_type) == (status, PROTOBUF)
    assert receiver.spans() == []


def test_a_refusal_says_why_as_a_protobuf_status(receiver: Receiver) -> None:
    _, _, body = send(receiver, b"", content_type="application/json")

    assert RpcStatus.FromString(body).message == "only application/x-protobuf is understood, not application/json"


def test_a_connection_serves_one_export_after_the_other_even_after_a_refusal(receiver: Receiver) -> None:
    connection = HTTPConnection("127.0.0.1", int(receiver.url.rpartition(":")[2]), timeout=30)
    statuses = []
    for content_type in (PROTOBUF, "text/plain", PROTOBUF):
        connection.request("POST", "/v1/traces", export(Span()).SerializeToString(), {"Content-Type": content_type})
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    connection.close()

    assert statuses == [200, 415, 200]


def test_any_bytes_at_all_are_answered() -> None:
    with Receiver() as receiver:

        @given(st.binary(max_size=64), st.sampled_from(["identity", "gzip"]))
        def is_answered(body: bytes, encoding: str) -> None:
            assert send(receiver, body, **{"Content-Encoding": encoding})[0] in (200, 400)

        is_answered()


# --- waiting ----------------------------------------------------------------------------------------------------------


def test_waiting_ends_when_the_condition_is_true(receiver: Receiver) -> None:
    sender = Thread(target=send, args=(receiver, export(full_span()).SerializeToString()))
    sender.start()

    name = receiver.wait_for(lambda spans: spans and spans[0].name, timeout=30)
    sender.join()

    assert name == "GET /prompts/{topic}"


def test_waiting_ends_with_the_last_answer_when_the_time_is_over(receiver: Receiver) -> None:
    assert receiver.wait_for(len, timeout=0) == 0


def test_a_forgotten_trace_is_gone_and_others_stay(receiver: Receiver) -> None:
    other = Span(trace_id=b"\xff" * 16, name="other")
    send(receiver, export(full_span(), other).SerializeToString())

    receiver.forget({TRACE_ID.hex()})

    assert [span.name for span in receiver.spans()] == ["other"]


def test_the_spans_stay_when_it_stops_and_stopping_again_is_harmless() -> None:
    receiver = Receiver()
    receiver.start()
    send(receiver, export(full_span()).SerializeToString())

    receiver.stop()
    receiver.stop()

    assert len(receiver.spans()) == 1
