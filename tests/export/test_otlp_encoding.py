"""Our bytes decode to what upstream's encoder gives, and no value makes the encoder raise."""

import math
from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from platform_otel.export.otlp import OtlpCodec
from platform_otel.export.otlp_encoding import any_value, attributes, encode_span, varint
from platform_otel.process.identity import Identity

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
PLAIN = st.one_of(TEXT, st.booleans(), INTEGERS, st.floats(allow_nan=False), st.binary(max_size=20), st.none())
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
ATTRIBUTES = st.dictionaries(KEYS, VALUES, max_size=6)
TIMES = st.integers(0, 2**64 - 1)
STATES = st.sampled_from([TraceState(), TraceState([("a", "1")]), TraceState([("b@t", "x"), ("c", "y")])])
CONTEXTS = st.builds(
    SpanContext,
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.booleans(),
    st.sampled_from([TraceFlags(0), TraceFlags(1), TraceFlags(3)]),
    STATES,
)
STATUSES = st.one_of(
    st.sampled_from([Status(), Status(StatusCode.OK)]), TEXT.map(lambda text: Status(StatusCode.ERROR, text))
)
SPANS = st.builds(
    ReadableSpan,
    TEXT,
    CONTEXTS,
    st.none() | CONTEXTS,
    st.just(Resource({"service.name": "identity"})),
    ATTRIBUTES,
    st.lists(st.builds(Event, TEXT, ATTRIBUTES, TIMES), max_size=3),
    st.lists(st.builds(Link, CONTEXTS, ATTRIBUTES), max_size=3),
    st.sampled_from(SpanKind),
    st.none(),
    STATUSES,
    TIMES,
    TIMES,
    st.just(InstrumentationScope("scope", "1.0", "https://schema", {"s": 1})),
)


def ours(span: ReadableSpan) -> Span:
    encoded = encode_span(span, span.attributes or {}, span.events, span.links, None, None)
    [decoded] = ScopeSpans.FromString(encoded).spans
    return decoded


def upstreams(span: ReadableSpan) -> Span:
    encoded: Span = encode_spans([span]).resource_spans[0].scope_spans[0].spans[0]
    return encoded


def with_our_additions(expected: Span, span: ReadableSpan) -> Span:
    """What upstream's encoder leaves out and the specification has: the W3C flags, and a link's trace state."""
    assert span.context is not None
    expected.flags |= span.context.trace_flags
    for link, given_link in zip(expected.links, span.links, strict=True):
        link.flags |= given_link.context.trace_flags
        link.trace_state = given_link.context.trace_state.to_header()
    return expected


@settings(max_examples=400, deadline=None)
@given(span=SPANS)
def test_any_span_decodes_to_what_upstream_encodes(span: ReadableSpan) -> None:
    assert ours(span) == with_our_additions(upstreams(span), span)


@settings(max_examples=100, deadline=None)
@given(spans=st.lists(SPANS, min_size=1, max_size=6))
def test_a_request_groups_spans_by_resource_and_scope_as_upstream_does(spans: list[ReadableSpan]) -> None:
    codec = OtlpCodec(Identity(dict), (10**9, 10**9))
    request = ExportTraceServiceRequest.FromString(codec.message([codec.encode(span)[0] for span in spans]))

    expected = encode_spans(spans)
    assert len(request.resource_spans) == 1
    assert request.resource_spans[0].resource == expected.resource_spans[0].resource
    found = [span for scope in request.resource_spans[0].scope_spans for span in scope.spans]
    assert sorted(span.span_id for span in found) == sorted(
        span.span_id for scope in expected.resource_spans[0].scope_spans for span in scope.spans
    )
    assert {scope.scope.name for scope in request.resource_spans[0].scope_spans} == {"scope"}
    assert {scope.schema_url for scope in request.resource_spans[0].scope_spans} == {"https://schema"}


class Hostile:
    def __str__(self) -> str:
        raise ValueError("no text")

    def __len__(self) -> int:
        raise ValueError("no length")

    def __hash__(self) -> int:
        raise ValueError("no hash")

    def __iter__(self) -> None:
        raise ValueError("no items")


class Shouting(str):
    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        raise ValueError("not encodable")

    def __hash__(self) -> int:
        raise ValueError("no hash")

    def __eq__(self, other: object) -> bool:
        raise ValueError("not comparable")


def endless() -> list[Any]:
    loop: list[Any] = []
    loop.append(loop)
    return loop


HOSTILE = [
    Hostile(),
    Shouting("x"),
    endless(),
    {"k": Hostile()},
    [Hostile()],
    object,
    math.nan,
    2**70,
    -(2**70),
    b"\xff",
]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: type(value).__name__)
def test_a_hostile_value_costs_its_own_field_at_most(value: object) -> None:
    encoded = attributes(b"\x4a", {"before": 1, "hostile": value, "after": "x"}, 8192)

    keys = [pair.key for pair in Span.FromString(encoded).attributes]
    assert [key for key in keys if key != "hostile"] == ["before", "after"]


def test_lone_surrogates_become_question_marks_and_every_decoder_takes_the_rest() -> None:
    encoded = attributes(b"\x4a", {"ke\udcff": "va\ud800lue"}, 8192)

    [pair] = Span.FromString(encoded).attributes
    assert (pair.key, pair.value.string_value) == ("ke?", "va?lue")


def test_members_of_enumerations_are_the_values_that_they_are() -> None:
    class Colour(str, Enum):
        RED = "red"

    status, colour = Span.FromString(attributes(b"\x4a", {"s": HTTPStatus.OK, "c": Colour.RED}, None)).attributes

    assert (status.value.int_value, colour.value.string_value) == (200, "red")


def test_integers_beyond_64_bits_are_kept_as_text() -> None:
    [pair] = Span.FromString(attributes(b"\x4a", {"n": 2**64}, None)).attributes

    assert pair.value.string_value == str(2**64)


@pytest.mark.parametrize("values", [{"a": True}, {"a": 1}, {"a": 1.0}, {"a": "1"}, {"a": False}, {"a": 0}, {"a": 0.0}])
def test_values_that_are_equal_and_of_different_types_stay_what_they_are(values: Mapping[str, Any]) -> None:
    for others in ({"a": True}, {"a": 1}, {"a": 1.0}, {"a": False}, {"a": 0}, {"a": 0.0}):
        attributes(b"\x4a", others, None)
    [pair] = Span.FromString(attributes(b"\x4a", values, None)).attributes

    kind = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}[type(values["a"])]
    assert pair.value.WhichOneof("value") == kind
    assert getattr(pair.value, kind) == values["a"]


def test_a_long_text_is_cut_also_inside_a_list() -> None:
    encoded = attributes(b"\x4a", {"long": "x" * 100, "list": ["y" * 100]}, 10)

    long, inside = Span.FromString(encoded).attributes
    assert long.value.string_value == "x" * 10
    assert inside.value.array_value.values[0].string_value == "y" * 10


@pytest.mark.parametrize("limits", [(None, 5), (5, None), (5, 3)])
def test_a_limit_counts_for_itself_whatever_was_encoded_before(limits: tuple[int | None, int | None]) -> None:
    for longest in limits:
        [pair] = Span.FromString(attributes(b"\x4a", {"letters": "abcdefgh"}, longest)).attributes

        assert pair.value.string_value == "abcdefgh"[:longest]


@pytest.mark.parametrize("start, end", [(-1, 5), (1.5, 2.5), (None, None), (2**80, 2**80), ("now", "then")])
def test_impossible_times_do_not_cost_the_span(start: Any, end: Any) -> None:
    span = ReadableSpan("name", SpanContext(1, 2, False), start_time=start, end_time=end)

    assert ours(span).name == "name"


@settings(max_examples=300, deadline=None)
@given(number=st.integers(0, 2**64 - 1))
def test_a_varint_is_protobufs(number: int) -> None:
    dropped = Span(dropped_attributes_count=1).SerializeToString()[:-1]  # the tag of a varint field

    assert Span.FromString(dropped + varint(number)).dropped_attributes_count == number % 2**32


# Objects that answer anything to anything: whatever an application may put into an attribute.
ANYTHING = st.recursive(
    st.one_of(st.text(), st.binary(), st.integers(), st.floats(), st.booleans(), st.none(), st.builds(Hostile)),
    lambda inner: st.one_of(
        st.lists(inner), st.dictionaries(st.text(), inner), st.sets(st.integers()), st.tuples(inner)
    ),
    max_leaves=10,
)


@settings(max_examples=2000, deadline=None)
@given(values=st.dictionaries(st.text(min_size=1), ANYTHING, max_size=5), longest=st.none() | st.integers(0, 100))
def test_random_attributes_never_raise_and_always_decode(values: dict[str, Any], longest: int | None) -> None:
    Span.FromString(attributes(b"\x4a", values, longest))


@pytest.mark.matrix
@pytest.mark.timeout(1800)
@settings(max_examples=100_000, deadline=None)
@given(value=ANYTHING, longest=st.none() | st.integers(0, 100))
def test_a_hundred_thousand_random_values_never_raise(value: Any, longest: int | None) -> None:
    Span.FromString(attributes(b"\x4a", {"value": value}, longest))


def test_nesting_ends_somewhere() -> None:
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]

    assert len(any_value(deep, None, ())) < 200


def test_what_contains_itself_many_times_costs_no_time() -> None:
    many: list[Any] = []
    many.extend([many] * 10)
    table: dict[str, Any] = {}
    table.update(dict.fromkeys("abcdefghij", table))

    assert len(any_value([many, table], None, ())) < 200
