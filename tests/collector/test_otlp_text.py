"""OTLP/JSON that is written as text is what protobuf's own JSON would be, but for ids."""

from __future__ import annotations

import json
import math

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status, TracesData

from platform_otel.collector.json_pieces import encoded
from platform_otel.collector.otlp_text import written
from tests.collector.oracle_json import to_json

NUMBERS = st.integers(0, 2**64 - 1)
SMALL = st.integers(0, 2**32 - 1)
IDS = st.binary(max_size=16)
TEXT = st.text(max_size=8)
VALUES = st.recursive(
    st.builds(AnyValue, string_value=TEXT)
    | st.builds(AnyValue, bool_value=st.booleans())
    | st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1))
    | st.builds(AnyValue, double_value=st.floats())
    | st.builds(AnyValue, bytes_value=st.binary(max_size=8))
    | st.builds(AnyValue),
    lambda inner: (
        st.builds(AnyValue, array_value=st.builds(ArrayValue, values=st.lists(inner, max_size=3)))
        | st.builds(
            AnyValue,
            kvlist_value=st.builds(
                KeyValueList, values=st.lists(st.builds(KeyValue, key=TEXT, value=inner), max_size=3)
            ),
        )
    ),
    max_leaves=6,
)
ATTRIBUTES = st.lists(st.builds(KeyValue, key=TEXT, value=VALUES), max_size=3)
SPANS = st.builds(
    Span,
    trace_id=IDS,
    span_id=IDS,
    parent_span_id=IDS,
    trace_state=TEXT,
    flags=SMALL,
    name=TEXT,
    kind=st.integers(0, 9),
    start_time_unix_nano=NUMBERS,
    end_time_unix_nano=NUMBERS,
    attributes=ATTRIBUTES,
    dropped_attributes_count=SMALL,
    events=st.lists(st.builds(Span.Event, time_unix_nano=NUMBERS, name=TEXT, attributes=ATTRIBUTES), max_size=2),
    links=st.lists(st.builds(Span.Link, trace_id=IDS, span_id=IDS, attributes=ATTRIBUTES), max_size=2),
    status=st.none() | st.builds(Status, message=TEXT, code=st.integers(0, 3)),
)
RECORDS = st.builds(
    LogRecord, time_unix_nano=NUMBERS, severity_number=st.integers(0, 30), body=VALUES, trace_id=IDS, span_id=IDS
)


def traces(*spans: Span) -> TracesData:
    message = TracesData()
    of_resource = message.resource_spans.add(schema_url="x")
    of_resource.resource.attributes.add(key="service.name").value.string_value = "gate"
    of_resource.scope_spans.add().spans.extend(spans)
    return message


@given(st.lists(SPANS, max_size=3))
def test_spans_are_the_same(spans: list[Span]) -> None:
    message = traces(*spans)

    assert encoded(written(message)) == json.dumps(to_json(message)).encode()


@given(st.lists(RECORDS, max_size=3))
def test_log_records_are_the_same(records: list[LogRecord]) -> None:
    message = LogsData()
    message.resource_logs.add().scope_logs.add().log_records.extend(records)

    assert encoded(written(message)) == json.dumps(to_json(message)).encode()


@pytest.mark.parametrize("message", [TracesData(), LogsData(), MetricsData(), traces(), traces(Span())], ids=range(5))
def test_what_is_empty_is_the_same(message: Message) -> None:
    assert encoded(written(message)) == json.dumps(to_json(message)).encode()


@pytest.mark.parametrize(
    ("value", "text"), [(math.nan, '"NaN"'), (math.inf, '"Infinity"'), (-math.inf, '"-Infinity"'), (2.0, "2.0")]
)
def test_what_is_no_number_of_json_is_text(value: float, text: str) -> None:
    assert written(AnyValue(double_value=value)).text == f'{{"doubleValue": {text}}}'


def test_a_part_that_is_written_stands_in_a_document_as_it_is() -> None:
    span = Span(span_id=b"\0\1", name='"quoted"')

    assert json.loads(encoded({"result": [written(span), {"deep": {"er": written(span)}}]})) == {
        "result": [{"spanId": "0001", "name": '"quoted"'}, {"deep": {"er": {"spanId": "0001", "name": '"quoted"'}}}]
    }
