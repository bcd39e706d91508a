"""Pieces of a message have what the message has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from platform_otel.collector.otlp_pieces import LARGEST_ITEM, pieces
from tests.collector.running import Made, body, request

SHAPES = st.lists(st.lists(st.lists(st.integers(0, 300), max_size=5), max_size=4), max_size=4)
Seen = list[tuple[str, str, str, str, str]]


def shaped(shape: list[list[list[int]]]) -> ExportTraceServiceRequest:
    """Resources of scopes of spans, each of which has a name as long as the number says."""
    message = ExportTraceServiceRequest()
    for number, scopes in enumerate(shape):
        of_resource = message.resource_spans.add(schema_url=f"resource {number}")
        of_resource.resource.attributes.add(key=f"key {number}")
        for other, lengths in enumerate(scopes):
            of_scope = of_resource.scope_spans.add(schema_url=f"scope {other}")
            of_scope.scope.name = f"name {other}"
            for length in lengths:
                of_scope.spans.add(name="x" * length)
    return message


def seen(*messages: ExportTraceServiceRequest) -> Seen:
    """Each span with all that it belongs to."""
    return [
        (
            of_resource.schema_url,
            of_resource.resource.attributes[0].key,
            of_scope.schema_url,
            of_scope.scope.name,
            span.name,
        )
        for message in messages
        for of_resource in message.resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    ]


def whole_pieces(data: bytes, size: int) -> list[bytes]:
    found = list(pieces(data, size))
    assert None not in found
    return [piece for piece in found if piece is not None]


@given(SHAPES, st.integers(1, 1000))
def test_pieces_have_the_same_spans_in_the_same_order_as_the_message(shape: list[list[list[int]]], size: int) -> None:
    message = shaped(shape)
    parts = [ExportTraceServiceRequest.FromString(part) for part in whole_pieces(message.SerializeToString(), size)]

    assert seen(*parts) == seen(message)


def test_a_message_of_many_spans_becomes_pieces_of_about_the_size_asked_for() -> None:
    whole = body(*(Made(1, number, name="n" * 50) for number in range(1, 2000)))
    sizes = [len(piece) for piece in whole_pieces(whole, 10_000)]

    assert max(sizes) <= 10_000
    assert len(sizes) < 2.5 * len(whole) / 10_000


def test_a_large_resource_is_not_repeated_for_each_span() -> None:
    message = request(*(Made(1, number) for number in range(1, 5)))
    of_resource = message.resource_spans[0]
    of_resource.resource.attributes[0].value.string_value = "x" * 5000
    of_resource.scope_spans[0].spans.extend([of_resource.scope_spans[0].spans[0]] * 500)
    whole = message.SerializeToString()

    assert sum(map(len, whole_pieces(whole, 100))) < 4 * len(whole)


def test_a_span_that_is_too_large_is_left_out_and_the_others_stay() -> None:
    huge = Made(1, 2, attributes={"text": "x" * LARGEST_ITEM})
    found = list(pieces(body(Made(1, 1), huge, Made(1, 3))))
    spans = [span for piece in found if piece for span in seen(ExportTraceServiceRequest.FromString(piece))]

    assert found.count(None) == 1
    assert len(spans) == 2


def test_a_resource_that_is_too_large_is_refused() -> None:
    message = request(Made(1, 1))
    message.resource_spans[0].resource.attributes[0].value.string_value = "x" * LARGEST_ITEM

    with pytest.raises(ValueError, match="larger than"):
        list(pieces(message.SerializeToString()))


def test_a_small_message_is_its_only_piece() -> None:
    whole = body(Made(1, 1))

    assert list(pieces(whole)) == [whole]


@given(st.binary(max_size=200))
def test_what_is_no_message_gives_pieces_or_a_value_error(data: bytes) -> None:
    try:
        list(pieces(data, 0))
    except ValueError:
        pass


@pytest.mark.parametrize(
    "data", [b"\x0a", b"\x0a\x05abc", b"\x09abc", b"\x0b", b"\x80" * 12, b"\x08" + b"\xff" * 11 + b"\x01"]
)
def test_a_message_that_ends_too_early_is_none(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"too early|wire type|without end"):
        list(pieces(data, 0))
