"""A span of ours offers what processors, exporters and libraries of others read of one, and shows all that was set."""

from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags, TraceState

from platform_otel.tracing.provider import PlatformTracerProvider
from tests.receiver import Receiver
from tests.support import exporting_to, launch_code, received
from tests.tracing.test_span import Finished, provider_with, under

# The SDK's tracer calls the one; the other has been deprecated since 2022.
NOT_OFFERED = {"start", "instrumentation_info"}
REMOTE = SpanContext(2**127 + 5, 7, True, TraceFlags(3), TraceState([("vendor", "1")]))


def public(thing: object) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


def every_method(tracer: trace.Tracer) -> Any:
    span = tracer.start_span("first", under(REMOTE), SpanKind.PRODUCER, start_time=1)
    span.set_attribute("a", 1)
    span.set_attributes({"b": [1, 2], "c": 1.5})
    span.add_event("event", {"e": True}, 2)
    span.add_link(REMOTE, {"l": "x"})
    span.update_name("second")
    span.record_exception(ValueError("message"), {"extra": 1}, 3, escaped=True)
    span.set_status(StatusCode.ERROR, "described")
    assert span.is_recording()
    span.end(4)
    return span


def shown(span: Any) -> dict[str, Any]:
    """All that can be read, but for what differs between any two spans."""
    exception = dict(span.events[1].attributes)
    return {
        "name": span.name,
        "kind": span.kind,
        "times": (span.start_time, span.end_time),
        "trace": (span.context.trace_id, span.get_span_context().trace_id, int(span.context.trace_flags) & 1),
        "state": span.context.trace_state.to_header(),
        "parent": (span.parent, span.parent.is_remote),
        "attributes": dict(span.attributes),
        "events": [(event.name, event.timestamp) for event in span.events],
        "event": dict(span.events[0].attributes),
        "exception": {key: value for key, value in exception.items() if key != "exception.stacktrace"},
        "links": [(link.context, dict(link.attributes)) for link in span.links],
        "status": (span.status.status_code, span.status.description),
        "dropped": (span.dropped_attributes, span.dropped_events, span.dropped_links),
        "scope": (span.instrumentation_scope.name, span.instrumentation_scope.version),
        "recording": span.is_recording(),
    }


def test_every_method_does_what_the_sdks_does() -> None:
    ours = every_method(provider_with(Finished()).get_tracer("t", "1"))
    theirs = every_method(TracerProvider().get_tracer("t", "1"))

    assert shown(ours) == shown(theirs)


def test_whatever_can_be_read_of_the_sdks_span_can_be_read_of_ours() -> None:
    ours = every_method(provider_with(Finished()).get_tracer("t"))
    theirs = every_method(TracerProvider().get_tracer("t"))

    assert (public(ReadableSpan) | public(theirs)) - public(ours) == NOT_OFFERED
    assert public(TracerProvider) - public(PlatformTracerProvider) == set()


def test_what_is_read_cannot_be_changed() -> None:
    span = every_method(provider_with(Finished()).get_tracer("t"))

    with pytest.raises(TypeError):
        span.attributes["a"] = 2
    assert isinstance(span.events, tuple)
    assert isinstance(span.links, tuple)


@pytest.mark.parametrize(
    "parent, flags",
    [
        (None, 0x100),
        (SpanContext(1, 2, True, TraceFlags(1)), 0x300),
        (SpanContext(1, 2, False, TraceFlags(1)), 0x100),
        (SpanContext(1, 2, True, TraceFlags(3)), 0x302),
    ],
    ids=["root", "remote parent", "parent in the process", "random remote parent"],
)
def test_the_flags_say_whether_the_parent_is_remote_and_the_trace_id_random(
    receiver: Receiver, parent: SpanContext | None, flags: int
) -> None:
    given = (
        "Context()" if parent is None else f"under(SpanContext(1, 2, {parent.is_remote}, {int(parent.trace_flags)}))"
    )
    code = f"""
        from opentelemetry import trace
        from opentelemetry.context import Context
        from opentelemetry.trace import *
        def under(parent):
            parent = SpanContext(*parent[:3], TraceFlags(parent.trace_flags))
            return set_span_in_context(NonRecordingSpan(parent), Context())
        tracer = trace.get_tracer("t")
        with tracer.start_as_current_span("one", {given}):
            pass
    """
    outcome = launch_code(code, **exporting_to(receiver))

    assert outcome.stderr == ""
    [span] = received(receiver, 1)
    random = 0x02 if parent is None else 0
    assert span.flags == flags | random | 0x01


def test_a_span_that_is_not_recorded_carries_the_trace_on_and_keeps_nothing() -> None:
    finished = Finished()
    tracer = provider_with(finished, OTEL_TRACES_SAMPLER="always_off").get_tracer("t")
    span = tracer.start_span("one", under(REMOTE), attributes={"a": 1})
    span.set_attribute("b", 2)
    span.record_exception(ValueError())
    span.end()
    context = span.get_span_context()

    assert isinstance(span, NonRecordingSpan)
    assert (context.trace_id, context.trace_state, context.trace_flags) == (REMOTE.trace_id, REMOTE.trace_state, 2)
    assert context.span_id not in (0, REMOTE.span_id)
    assert finished == []


def test_a_root_that_is_not_recorded_is_a_valid_parent_that_is_not_sampled() -> None:
    tracer = provider_with(Finished(), OTEL_TRACES_SAMPLER="parentbased_always_off").get_tracer("t")
    with tracer.start_as_current_span("root", Context()) as root, tracer.start_as_current_span("child") as child:
        pass

    assert root.get_span_context().is_valid
    assert child.get_span_context().trace_id == root.get_span_context().trace_id
    assert not child.get_span_context().trace_flags.sampled
