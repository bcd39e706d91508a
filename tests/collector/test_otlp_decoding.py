"""OTLP in either encoding becomes the same columns, and what is invalid is counted and left out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from platform_otel.collector.messages import Unpacked
from platform_otel.collector.model import LogBatch, Operation, Received, Span, SpanBatch
from platform_otel.collector.otlp_decoding import Malformed, decode
from platform_otel.collector.otlp_json import to_protobuf
from tests.collector.oracle_json import to_json
from tests.collector.running import BASE, Made, body, log_body, request

TRACE = "5b8efff798038103d269b633813fc60c"
# As in https://github.com/open-telemetry/opentelemetry-proto/tree/main/examples, with what JSON allows.
EXAMPLE: dict[str, Any] = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]},
            "unknown": {"of": ["a", "later", "version"]},
            "scopeSpans": [
                {
                    "scope": {"name": "my.library", "version": "1.0.0"},
                    "spans": [
                        {
                            "traceId": TRACE.upper(),
                            "spanId": "EEE19B7EC3C1B174",
                            "parentSpanId": "EEE19B7EC3C1B173",
                            "name": "I'm a server span",
                            "startTimeUnixNano": "1544712660000000000",
                            "endTimeUnixNano": 1544712661000000000,
                            "kind": "SPAN_KIND_SERVER",
                            "status": {"code": 2},
                            "attributes": [
                                {"key": "count", "value": {"intValue": "9223372036854775807"}},
                                {"key": "bytes", "value": {"bytesValue": "AAEC"}},
                            ],
                            "links": [{"traceId": TRACE, "spanId": "EEE19B7EC3C1B175"}],
                        }
                    ],
                }
            ],
        }
    ]
}


def spans(received: Received) -> list[Span]:
    return [
        span
        for batch in received.batches
        if isinstance(batch, SpanBatch)
        for of_trace in batch.traces.values()
        for span in of_trace
    ]


def from_json(document: object, signal: str = "traces") -> Received:
    return decode(signal, to_protobuf(signal, json.dumps(document).encode()))


def changed(**fields: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(EXAMPLE))
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][0].update(fields)
    return document


def test_the_hot_fields_of_a_span_are_read() -> None:
    made = Made(7, 8, 9, service="gate", name="GET /", start=5, milliseconds=3, kind=3, status=2)

    assert spans(decode("traces", body(made))) == [
        Span(
            trace_id=(7).to_bytes(16, "big"),
            span_id=(8).to_bytes(8, "big"),
            parent_id=(9).to_bytes(8, "big"),
            operation=Operation("gate", "GET /", 3),
            start=BASE + 5_000_000,
            duration=3_000_000,
            status=2,
            position=0,
        )
    ]


def test_json_is_read_as_the_specification_has_it() -> None:
    received = from_json(EXAMPLE)
    (batch,) = received.batches
    item = Unpacked("traces", batch.raw).item(0)

    assert spans(received) == [
        Span(
            trace_id=bytes.fromhex(TRACE),
            span_id=bytes.fromhex("EEE19B7EC3C1B174"),
            parent_id=bytes.fromhex("EEE19B7EC3C1B173"),
            operation=Operation("my.service", "I'm a server span", 2),
            start=1544712660000000000,
            duration=10**9,
            status=2,
            position=0,
        )
    ]
    assert item.item.attributes[0].value.int_value == 2**63 - 1
    assert item.item.attributes[1].value.bytes_value == b"\x00\x01\x02"
    assert item.item.links[0].trace_id.hex() == TRACE


def test_what_json_says_comes_back_as_json() -> None:
    message = ExportTraceServiceRequest.FromString(to_protobuf("traces", json.dumps(EXAMPLE).encode()))
    span = to_json(message)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]

    assert span == {
        "traceId": TRACE,
        "spanId": "eee19b7ec3c1b174",
        "parentSpanId": "eee19b7ec3c1b173",
        "name": "I'm a server span",
        "startTimeUnixNano": "1544712660000000000",
        "endTimeUnixNano": "1544712661000000000",
        "kind": 2,
        "status": {"code": 2},
        "attributes": [
            {"key": "count", "value": {"intValue": "9223372036854775807"}},
            {"key": "bytes", "value": {"bytesValue": "AAEC"}},
        ],
        "links": [{"traceId": TRACE, "spanId": "eee19b7ec3c1b175"}],
    }


@pytest.mark.parametrize("kind, read", [(2, 2), ("SPAN_KIND_CLIENT", 3), (77, 0), (-1, 0)])
def test_a_kind_is_a_number_or_a_name_and_an_unknown_one_is_unspecified(kind: int | str, read: int) -> None:
    assert spans(from_json(changed(kind=kind)))[0].operation.kind == read


@pytest.mark.parametrize(
    "fields",
    [
        {"trace_id": b""},
        {"trace_id": bytes(16)},
        {"trace_id": b"1" * 15},
        {"span_id": b""},
        {"span_id": bytes(8)},
        {"span_id": b"1" * 9},
        {"parent_span_id": b"1"},
    ],
)
def test_a_span_with_an_invalid_id_is_counted_and_left_out(fields: dict[str, bytes]) -> None:
    message = request(Made(1, 1), Made(1, 2), Made(1, 3))
    for name, value in fields.items():
        setattr(message.resource_spans[1].scope_spans[0].spans[0], name, value)
    received = decode("traces", message.SerializeToString())

    assert (received.items, received.rejected) == (2, 1)
    assert [(span.span_id[-1], span.position) for span in spans(received)] == [(1, 0), (3, 2)]


@pytest.mark.parametrize("name", ["traceId", "spanId"])
@pytest.mark.parametrize("text", ["", "zz", "5b8efff798038103d269b633813fc60", "5B8EFFF7-9803"])
def test_an_id_in_json_that_is_no_hex_of_its_length_is_invalid(name: str, text: str) -> None:
    received = from_json(changed(**{name: text}))

    assert (received.items, received.rejected) == (0, 1)


def test_a_parent_of_zeros_is_none() -> None:
    message = request(Made(1, 1))
    message.resource_spans[0].scope_spans[0].spans[0].parent_span_id = bytes(8)

    assert spans(decode("traces", message.SerializeToString()))[0].parent_id == b""


@pytest.mark.parametrize(
    "start, end, read",
    [
        (10, 4, (10, 0)),
        (0, 2**64 - 1, (0, 2**63 - 1)),
        (2**64 - 1, 2**64 - 1, (2**63 - 1, 0)),
        (2**64 - 1, 0, (2**63 - 1, 0)),
        (2**62, 2**64 - 1, (2**62, 2**62 - 1)),
    ],
)
def test_times_beyond_what_columns_hold_are_brought_into_their_range(start: int, end: int, read: object) -> None:
    message = request(Made(1, 1))
    span = message.resource_spans[0].scope_spans[0].spans[0]
    span.start_time_unix_nano, span.end_time_unix_nano = start, end
    (found,) = spans(decode("traces", message.SerializeToString()))

    assert (found.start, found.duration) == read


def test_a_resource_without_a_name_is_an_unknown_service() -> None:
    message = request(Made(1, 1))
    message.resource_spans[0].ClearField("resource")

    assert spans(decode("traces", message.SerializeToString()))[0].operation.service == "unknown_service"


def test_a_large_request_is_stored_as_several_batches_with_all_its_spans() -> None:
    made = [Made(1 + number % 7, number + 1, name="n" * 300) for number in range(8000)]
    received = decode("traces", body(*made))
    found = {
        (span.span_id, Unpacked("traces", batch.raw).item(span.position).item.span_id)
        for batch in received.batches[:2]
        if isinstance(batch, SpanBatch)
        for of_trace in batch.traces.values()
        for span in of_trace[:5]
    }

    assert len(received.batches) > 2
    assert received.items == len(made)
    assert all(one == other for one, other in found)


def test_log_records_are_read_with_and_without_a_trace() -> None:
    batches = [*decode("logs", log_body("one", trace=1, span=2)).batches, *decode("logs", log_body("two")).batches]
    records = [record for batch in batches if isinstance(batch, LogBatch) for record in batch.records]

    assert [(record.trace_id[-1:], record.span_id[-1:], record.time) for record in records] == [
        (b"\x01", b"\x02", BASE),
        (b"", b"", BASE),
    ]


def test_a_log_record_with_an_id_of_a_wrong_length_is_counted_and_left_out() -> None:
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "abcd"}, {}]}]}]}
    received = from_json(document, "logs")

    assert (received.items, received.rejected) == (1, 1)


def test_data_points_of_every_kind_of_metric_are_counted_and_not_kept() -> None:
    message = ExportMetricsServiceRequest()
    metrics = message.resource_metrics.add().scope_metrics.add().metrics
    for kind in ("gauge", "sum", "histogram", "exponential_histogram", "summary"):
        getattr(metrics.add(), kind).data_points.add()
    metrics.add(name="of none")

    assert decode("metrics", message.SerializeToString()) == Received("metrics", [], 5, 0)


def test_an_empty_request_has_nothing() -> None:
    assert decode("traces", b"") == Received("traces", [], 0, 0)


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\x7f", b"hello", b"\x0a\x02\x0a\xff"])
def test_what_is_no_message_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="not an ExportTracesServiceRequest"):
        decode("traces", data)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"resourceSpans": 1}',
        b'{"resourceSpans": {}}',
        b'{"resourceSpans": [1]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": 1}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "\\ud800"}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "soon"}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": -1}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": 1e400}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": 1e400}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 5}]}]}]}',
        b"[" * 100_000,
        b'{"resourceSpans": ' + b"[" * 500 + b"]" * 500 + b"}",
    ],
)
def test_json_that_is_no_request_is_malformed(text: bytes) -> None:
    with pytest.raises(Malformed):
        to_protobuf("traces", text)


def test_deeply_nested_attributes_are_malformed_in_either_encoding() -> None:
    value: dict[str, Any] = {"stringValue": "x"}
    for _ in range(200):
        value = {"arrayValue": {"values": [value]}}
    with pytest.raises(Malformed):
        from_json(changed(attributes=[{"key": "deep", "value": value}]))


def test_the_json_of_protobuf_itself_is_not_otlps() -> None:
    message = request(Made(0xABCDEF, 1))
    document = json_format.MessageToDict(message)

    assert from_json(document).rejected == 1
    assert from_json(to_json(message)).rejected == 0
