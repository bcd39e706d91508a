"""Every reader of a span sees its texts as long as the limits allow, and never a fault of a value's own."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext

from platform_otel.export.otlp import OtlpCodec
from platform_otel.export.stdout import StdoutCodec
from platform_otel.process.identity import Identity
from platform_otel.tracing.attributes import shortened
from tests.tracing.test_span import Finished, provider_with

LONG = "x" * 100
GIVEN: dict[str, Any] = {"text": LONG, "list": [LONG, "short"], "short": "short", "number": 1}
CUT = {"text": LONG[:9], "list": (LONG[:9], "short"), "short": "short", "number": 1}
ELSEWHERE = SpanContext(1, 2, True)


def a_span(**limits: str) -> tuple[Any, Any]:
    """A span with long texts everywhere, as an export of ours has it, and as an exporter of others."""
    finished, theirs = Finished(), InMemorySpanExporter()
    provider = provider_with(finished, **limits)
    provider.add_span_processor(SimpleSpanProcessor(theirs))
    span = provider.get_tracer("t").start_span("one", attributes={"first": LONG})
    span.set_attributes(GIVEN)
    span.add_event("event", GIVEN)
    span.add_link(ELSEWHERE, GIVEN)
    span.end()
    return finished[0], theirs.get_finished_spans()[0]


def by_the_encoder(span: Any) -> Any:
    [decoded] = ScopeSpans.FromString(OtlpCodec(Identity(dict), (9, 9)).encode(span)[0][2]).spans
    return decoded.attributes[0].value.string_value


def by_stdout(span: Any) -> Any:
    return StdoutCodec(Identity(dict)).encode(span)[0].span.attributes["first"]


READERS: dict[str, Callable[[Any], Any]] = {
    "attributes": lambda span: span.attributes["first"],
    "events": lambda span: span.events[0].attributes["text"],
    "links": lambda span: span.links[0].attributes["text"],
    "to_json": lambda span: json.loads(span.to_json())["attributes"]["first"],
    "the encoder": by_the_encoder,
    "standard output": by_stdout,
}


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_sees_texts_cut(reader: str) -> None:
    mine, theirs = a_span(OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT="9")

    assert READERS[reader](mine) == LONG[:9]
    assert READERS[reader](theirs) == LONG[:9]


def test_texts_are_cut_also_in_lists_and_what_is_short_stays() -> None:
    span, _ = a_span(OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT="9")

    assert dict(span.attributes) == {"first": LONG[:9], **CUT}
    assert dict(span.events[0].attributes) == dict(span.links[0].attributes) == CUT


def test_the_limit_for_spans_counts_for_spans_only() -> None:
    span, _ = a_span(OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT="9")

    assert span.attributes["text"] == LONG[:9]
    assert span.events[0].attributes["text"] == LONG


def test_without_a_setting_it_is_8_kib_and_32_in_events() -> None:
    finished = Finished()
    span = provider_with(finished).get_tracer("t").start_span("one", attributes={"text": "x" * 100_000})
    span.add_event("event", {"text": "x" * 100_000})
    span.end()

    assert len(finished[0].attributes["text"]) == 8192
    assert len(finished[0].events[0].attributes["text"]) == 32 * 1024


def test_texts_are_as_long_as_the_sdk_leaves_them() -> None:
    memory = InMemorySpanExporter()
    sdk = TracerProvider(span_limits=SpanLimits(max_span_attribute_length=9, max_attribute_length=9))
    sdk.add_span_processor(SimpleSpanProcessor(memory))
    texts = {"text": LONG, "list": [LONG, "short"], "exact": "x" * 9, "empty": ""}
    sdk.get_tracer("t").start_span("one", attributes=texts).end()
    finished = Finished()
    ours = provider_with(finished, OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT="9")
    ours.get_tracer("t").start_span("one", attributes=texts).end()

    assert dict(finished[0].attributes) == dict(memory.get_finished_spans()[0].attributes or {})


class Hostile(str):
    __slots__ = ()

    def __len__(self) -> int:
        raise ValueError("no length")


def test_a_value_that_cannot_be_cut_costs_nothing_else() -> None:
    values = shortened({"hostile": Hostile("x"), "inside": (Hostile("x"),), "text": LONG}, 9)

    assert values["text"] == LONG[:9]
    assert set(values) == {"hostile", "inside", "text"}


def test_a_value_that_contains_itself_costs_its_own_attribute() -> None:
    loop: list[Any] = []
    loop.extend([loop] * 10)
    table: dict[str, Any] = {"one": 1}
    table["table"] = table
    finished = Finished()
    span = provider_with(finished).get_tracer("t").start_span("one", attributes={"loop": loop, "good": 1})
    span.set_attribute("table", table)
    span.end()

    assert dict(finished[0].attributes) == {"loop": None, "good": 1, "table": None}


VALUES = st.recursive(
    st.text() | st.binary() | st.integers() | st.none(),
    lambda inner: st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def longest_in(value: Any) -> int:
    if isinstance(value, (str, bytes)):
        return len(value)
    inside = list(value.values()) if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else []
    return max(map(longest_in, inside), default=0)


@settings(max_examples=300, deadline=None)
@given(values=st.dictionaries(st.text(min_size=1), VALUES), longest=st.integers(0, 10))
def test_no_text_anywhere_is_longer_and_nothing_else_changes(values: dict[str, Any], longest: int) -> None:
    cut = shortened(values, longest)

    assert longest_in(dict(cut)) <= longest
    assert shortened(values, longest_in(values)) == values
