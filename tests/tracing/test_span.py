"""Tracer and span keep the API's documented behaviour."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from platform_otel.config import Config
from platform_otel.tracing.attributes import SHORT
from platform_otel.tracing.provider import PlatformTracerProvider
from platform_otel.tracing.span import RecordingSpan
from tests.support import launch_code


class Finished(list[Any]):
    """An export that keeps what ended. Any: spans as the pipeline hands them on."""

    name = "a list"
    endpoint = ""

    def take(self, span: RecordingSpan) -> None:
        self.append(span)

    def waits(self) -> bool:
        return False

    def begin_flush(self, deadline: float) -> Callable[[], bool]:
        return lambda: True

    def begin_stop(self, deadline: float) -> Callable[[], bool]:
        self.clear()
        return lambda: True

    def say_lost(self) -> None:
        pass

    def start_anew(self) -> None:
        self.clear()


def provider_with(finished: Finished, **variables: str) -> PlatformTracerProvider:
    provider = PlatformTracerProvider(Config({"OTEL_TRACES_EXPORTER": "none", **variables}))
    pipeline = provider.build()
    assert pipeline is not None
    pipeline.exports = (finished,)
    return provider


@pytest.fixture
def finished() -> Finished:
    return Finished()


@pytest.fixture
def tracer(finished: Finished) -> trace.Tracer:
    return provider_with(finished).get_tracer("tests", "1.0", "https://schema", {"scope": True})


REMOTE = SpanContext(2**127 + 5, 7, True, TraceFlags(1), TraceState([("vendor", "1")]))


def under(parent: SpanContext) -> Context:
    return trace.set_span_in_context(NonRecordingSpan(parent), Context())


def test_a_root_span_has_fresh_ids_and_no_parent(tracer: trace.Tracer) -> None:
    spans = [tracer.start_span("one", Context()) for _ in range(1000)]

    contexts = [span.get_span_context() for span in spans]
    assert len({context.trace_id for context in contexts}) == 1000
    assert len({context.span_id for context in contexts}) == 1000
    assert all(context.is_valid and not context.is_remote for context in contexts)
    assert all(span.parent is None for span in spans)  # type: ignore[attr-defined]  # ours has what ReadableSpan has


def test_a_child_continues_the_trace_of_its_remote_parent(tracer: trace.Tracer, finished: Finished) -> None:
    tracer.start_span("child", under(REMOTE)).end()

    [span] = finished
    assert span.context.trace_id == REMOTE.trace_id
    assert span.context.trace_state == REMOTE.trace_state
    assert (span.parent, span.parent.is_remote) == (REMOTE, True)


def test_a_parent_in_the_current_context_is_the_parent(tracer: trace.Tracer, finished: Finished) -> None:
    with tracer.start_as_current_span("outer") as outer, tracer.start_as_current_span("inner"):
        pass

    inner = finished[0]
    assert inner.parent == outer.get_span_context()
    assert [span.name for span in finished] == ["inner", "outer"]


def test_an_invalid_parent_means_a_new_trace(tracer: trace.Tracer) -> None:
    span = tracer.start_span("one", under(trace.INVALID_SPAN_CONTEXT))

    assert span.get_span_context().is_valid
    assert span.parent is None  # type: ignore[attr-defined]  # ours has what ReadableSpan has


def test_what_a_span_starts_with_is_kept(tracer: trace.Tracer, finished: Finished) -> None:
    link = Link(REMOTE, {"l": 1})
    tracer.start_span("one", kind=SpanKind.CLIENT, attributes={"a": 1, "b": "x"}, links=[link], start_time=5).end(9)

    [span] = finished
    assert (span.name, span.kind, dict(span.attributes)) == ("one", SpanKind.CLIENT, {"a": 1, "b": "x"})
    assert (span.start_time, span.end_time) == (5, 9)
    assert [(each.context, dict(each.attributes)) for each in span.links] == [(REMOTE, {"l": 1})]
    assert (span.scope.name, span.scope.version, span.scope.schema_url) == ("tests", "1.0", "https://schema")


def test_attributes_that_are_changed_by_their_owner_later_stay_as_they_were(
    tracer: trace.Tracer, finished: Finished
) -> None:
    given: dict[str, Any] = {"list": [1], "n": 1, "nested": {"list": [[1], ({"k": [1]},)]}}
    span = tracer.start_span("one", attributes=given)
    given["list"].append(2)
    given["n"] = 2
    given["nested"]["list"][0].append(2)
    given["nested"]["list"][1][0]["k"].append(2)
    span.end()

    assert dict(finished[0].attributes) == {"list": (1,), "n": 1, "nested": {"list": ((1,), ({"k": (1,)},))}}


class Text(str):
    __slots__ = ()


NOT_PLAIN: dict[str, Callable[[Any], object]] = {
    "an object": lambda span: span.set_attribute("object", object()),
    "a list": lambda span: span.set_attributes({"list": [1]}),
    "a subclass": lambda span: span.set_attributes({"text": Text("x")}),
    "a long text": lambda span: span.set_attribute("text", "x" * (SHORT + 1)),
    "a long text among others": lambda span: span.set_attributes({"text": "x" * (SHORT + 1), "number": 1}),
    "an event": lambda span: span.add_event("event"),
    "an exception": lambda span: span.record_exception(ValueError()),
    "a link": lambda span: span.add_link(REMOTE),
    "a status": lambda span: span.set_status(StatusCode.ERROR, Text("description")),
}


@pytest.mark.parametrize("what", NOT_PLAIN)
def test_only_short_texts_and_numbers_may_be_encoded_later(tracer: trace.Tracer, finished: Finished, what: str) -> None:
    plain: dict[str, Any] = {"text": "x" * SHORT, "integer": 1, "float": 0.5, "truth": True}
    span = tracer.start_span("plain", under(REMOTE), attributes=plain)
    span.set_attribute("another", "x" * SHORT)
    span.update_name("still plain")
    span.end()
    span = tracer.start_span("not plain", attributes=plain)
    NOT_PLAIN[what](span)
    span.end()

    assert [(each.name, each.is_plain) for each in finished] == [("still plain", True), ("not plain", False)]


def test_a_span_whose_name_or_parent_has_code_of_its_own_is_encoded_at_its_end(
    tracer: trace.Tracer, finished: Finished
) -> None:
    class Context(SpanContext):
        pass

    tracer.start_span(Text("name")).end()
    tracer.start_span("child", under(Context(1, 2, True, TraceFlags(1)))).end()

    assert [span.is_plain for span in finished] == [False, False]


@pytest.mark.parametrize("key", ["", None, 5, b"k"])
def test_a_key_that_is_no_text_costs_its_own_attribute(tracer: trace.Tracer, finished: Finished, key: Any) -> None:
    span = tracer.start_span("one", attributes={key: 1, "good": 2})
    span.set_attribute(key, 3)
    span.end()

    assert dict(finished[0].attributes) == {"good": 2}
    assert finished[0].dropped_attributes == 2


class Key(str):
    """A key whose use in a dictionary runs its own code."""

    __slots__ = ()

    def __hash__(self) -> int:
        raise ValueError


def test_a_key_with_code_of_its_own_is_kept_as_its_text(tracer: trace.Tracer, finished: Finished) -> None:
    span = tracer.start_span("one")
    span.set_attribute(Key("k"), 1)
    span.set_attribute("k", 2)
    span.set_attribute(Key("k"), 3)
    span.end()

    assert finished[0].attributes == {"k": 3}
    assert [type(key) for key in finished[0].attributes] == [str]


def test_a_tracer_of_whatever_name_has_texts_that_stay(finished: Finished) -> None:
    given: Any = {"list": [1], 5: "no key"}
    unprintable: Any = Unprintable()
    tracer = provider_with(finished).get_tracer(unprintable, "1", None, given)
    given["list"].append(2)
    tracer.start_span("one").end()

    scope = finished[0].scope
    assert (scope.name, scope.version, scope.schema_url) == ("(cannot be printed)", "1", "")
    assert scope.attributes == {"list": (1,)}


class Unprintable:
    def __str__(self) -> str:
        raise ValueError


def test_limits_drop_the_newest_and_count_them(finished: Finished) -> None:
    limits = {
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "2",
        "OTEL_SPAN_EVENT_COUNT_LIMIT": "1",
        "OTEL_SPAN_LINK_COUNT_LIMIT": "1",
        "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": "1",
        "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": "1",
    }
    span = provider_with(finished, **limits).get_tracer("t").start_span("one", attributes={"a": 1, "b": 2, "c": 3})
    span.set_attribute("a", "changed")
    span.set_attribute("d", 4)
    for _ in range(3):
        span.add_event("event", {"x": 1, "y": 2})
        span.add_link(REMOTE, {"x": 1, "y": 2})
    span.end()

    [ended] = finished
    assert (dict(ended.attributes), ended.dropped_attributes) == ({"a": "changed", "b": 2}, 2)
    assert (len(ended.events), ended.dropped_events, ended.events[0].dropped_attributes) == (1, 2, 1)
    assert (len(ended.links), ended.dropped_links, ended.links[0].dropped_attributes) == (1, 2, 1)


OK, ERROR, UNSET = StatusCode.OK, StatusCode.ERROR, StatusCode.UNSET


@pytest.mark.parametrize(
    "steps, expected",
    [
        ([], (UNSET, None)),
        ([(ERROR, "bad")], (ERROR, "bad")),
        ([(OK, None)], (OK, None)),
        ([(OK, "ignored")], (OK, None)),
        ([(OK, None), (ERROR, "late")], (OK, None)),
        ([(ERROR, "first"), (ERROR, "second")], (ERROR, "second")),
        ([(ERROR, "first"), (UNSET, None)], (ERROR, "first")),
        ([(ERROR, "first"), (OK, None)], (OK, None)),
        ([(Status(ERROR, "object"), None)], (ERROR, "object")),
    ],
)
def test_the_status_follows_the_specifications_precedence(
    tracer: trace.Tracer, steps: list[Any], expected: tuple[StatusCode, str | None], caplog: pytest.LogCaptureFixture
) -> None:
    span = tracer.start_span("one")
    for status, description in steps:
        span.set_status(status, description)

    status = span.status  # type: ignore[attr-defined]  # ours has what ReadableSpan has
    assert (status.status_code, status.description) == expected
    assert caplog.records == []


def test_nothing_changes_after_the_end(tracer: trace.Tracer, finished: Finished) -> None:
    span = tracer.start_span("one")
    assert span.is_recording()
    span.end()
    span.set_attribute("a", 1)
    span.add_event("event")
    span.add_link(REMOTE)
    span.update_name("two")
    span.set_status(StatusCode.ERROR)
    span.record_exception(ValueError())
    span.end()

    [ended] = finished
    assert not span.is_recording()
    assert (ended.name, dict(ended.attributes), ended.events, ended.links) == ("one", {}, (), ())
    assert ended.status.status_code is StatusCode.UNSET


def test_a_span_never_ends_before_it_starts(tracer: trace.Tracer, finished: Finished) -> None:
    future = 2**62
    tracer.start_span("one", start_time=future).end()

    assert finished[0].end_time == future


def test_a_recorded_exception_says_type_message_and_traceback(tracer: trace.Tracer, finished: Finished) -> None:
    class Odd(Exception):
        pass

    span = tracer.start_span("one")
    try:
        raise Odd("what happened")
    except Odd as error:
        span.record_exception(error, {"extra": 1}, timestamp=5)
    span.end()

    [event] = finished[0].events
    assert (event.name, event.timestamp) == ("exception", 5)
    assert event.attributes["exception.type"].endswith(".Odd")
    assert event.attributes["exception.message"] == "what happened"
    assert "raise Odd" in event.attributes["exception.stacktrace"]
    assert (event.attributes["exception.escaped"], event.attributes["extra"]) == ("False", 1)


def test_attributes_that_another_thread_goes_on_changing_are_taken_as_they_are(
    tracer: trace.Tracer, finished: Finished
) -> None:
    shared = {"a": 1}
    ended = threading.Event()

    def change() -> None:
        while not ended.is_set():
            shared["b"] = 2
            shared.pop("b")

    changing = threading.Thread(target=change)
    changing.start()
    try:
        span = tracer.start_span("one")
        for _ in range(100_000):
            span.set_attributes(shared)
        span.end()
    finally:
        ended.set()
        changing.join()

    assert finished[0].attributes["a"] == 1


def test_a_long_traceback_is_shortened_in_the_middle(tracer: trace.Tracer, finished: Finished) -> None:
    span = tracer.start_span("one")
    span.record_exception(ValueError("start " + "x" * 100_000 + " end"))
    span.end()

    text = finished[0].events[0].attributes["exception.stacktrace"]
    assert len(text) <= 32 * 1024
    assert text.startswith("ValueError: start")
    assert text.rstrip().endswith("end")


class HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no message")


def test_the_applications_exception_leaves_the_block_as_it_is(tracer: trace.Tracer, finished: Finished) -> None:
    error = HostileError()
    with pytest.raises(HostileError) as caught, tracer.start_as_current_span("one"):
        raise error

    assert caught.value is error
    [ended] = finished
    assert ended.status.status_code is StatusCode.ERROR
    assert ended.events[0].attributes["exception.type"].endswith("HostileError")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_what_is_no_error_is_not_recorded_and_passes(
    tracer: trace.Tracer, finished: Finished, error: type[BaseException]
) -> None:
    with pytest.raises(error), tracer.start_as_current_span("one"):
        raise error

    assert (finished[0].events, finished[0].status.status_code) == ((), StatusCode.UNSET)


def test_recording_and_status_can_be_switched_off(tracer: trace.Tracer, finished: Finished) -> None:
    with (
        pytest.raises(ValueError, match="x"),
        tracer.start_as_current_span("one", record_exception=False, set_status_on_exception=False),
    ):
        raise ValueError("x")

    assert (finished[0].events, finished[0].status.status_code) == ((), StatusCode.UNSET)


def test_a_span_can_outlive_its_block(tracer: trace.Tracer, finished: Finished) -> None:
    with tracer.start_as_current_span("one", end_on_exit=False) as span:
        assert trace.get_current_span() is span
    assert trace.get_current_span() is not span
    assert finished == []
    span.end()

    assert len(finished) == 1


def test_a_decorated_function_is_a_span_at_every_call(tracer: trace.Tracer, finished: Finished) -> None:
    @tracer.start_as_current_span("work")
    def work(number: int) -> int:
        """Double it."""
        return number * 2

    assert [work(1), work(2)] == [2, 4]
    assert (work.__name__, work.__doc__) == ("work", "Double it.")
    assert len({span.context.span_id for span in finished}) == 2


def test_a_decorated_coroutine_is_a_span_until_it_is_done(tracer: trace.Tracer, finished: Finished) -> None:
    @tracer.start_as_current_span("work")
    async def work(number: int) -> int:
        await asyncio.sleep(0)
        assert trace.get_current_span().is_recording()
        return number

    async def both() -> list[int]:
        return list(await asyncio.gather(work(1), work(2)))

    assert asyncio.run(both()) == [1, 2]
    assert [span.name for span in finished] == ["work", "work"]
    assert len({span.context.trace_id for span in finished}) == 2


def test_tasks_and_threads_inherit_as_the_api_says(tracer: trace.Tracer, finished: Finished) -> None:
    async def in_a_task() -> None:
        tracer.start_span("task").end()

    async def main() -> None:
        with tracer.start_as_current_span("outer"):
            await asyncio.create_task(in_a_task())
            thread = threading.Thread(target=lambda: tracer.start_span("thread").end())
            thread.start()
            thread.join()

    asyncio.run(main())

    by_name = {span.name: span for span in finished}
    assert by_name["task"].parent == by_name["outer"].context
    assert by_name["thread"].parent is None


@pytest.mark.parametrize(
    "name, argument, parent, sampled",
    [
        ("always_on", "", None, True),
        ("always_off", "", None, False),
        ("always_on", "", TraceFlags(0), True),
        ("always_off", "", TraceFlags(1), False),
        ("parentbased_always_on", "", None, True),
        ("parentbased_always_on", "", TraceFlags(0), False),
        ("parentbased_always_off", "", None, False),
        ("parentbased_always_off", "", TraceFlags(1), True),
        ("traceidratio", "0", TraceFlags(1), False),
        ("traceidratio", "1", TraceFlags(0), True),
        ("parentbased_traceidratio", "0", None, False),
        ("parentbased_traceidratio", "0", TraceFlags(1), True),
    ],
)
def test_samplers_decide_as_the_specification_says(
    finished: Finished, name: str, argument: str, parent: TraceFlags | None, sampled: bool
) -> None:
    provider = provider_with(finished, OTEL_TRACES_SAMPLER=name, OTEL_TRACES_SAMPLER_ARG=argument)
    context = Context() if parent is None else under(SpanContext(1, 2, True, parent, TraceState([("k", "v")])))
    span = provider.get_tracer("t").start_span("one", context)
    span.end()

    assert (span.is_recording(), bool(span.get_span_context().trace_flags.sampled)) == (False, sampled)
    assert len(finished) == int(sampled)
    assert span.get_span_context().is_valid
    if parent is not None:
        assert span.get_span_context().trace_state.get("k") == "v"


def test_a_ratio_is_kept_and_decided_by_the_id_as_upstream_does() -> None:
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

    from platform_otel.tracing.ids import RandomIds
    from platform_otel.tracing.sampling import by_ratio

    ids = RandomIds()
    decide, upstream = by_ratio(0.3), TraceIdRatioBased(0.3)
    traces = [ids.generate_trace_id() for _ in range(20_000)]

    share = sum(decide(None, trace_id) for trace_id in traces) / len(traces)
    assert abs(share - 0.3) < 0.02
    for trace_id in traces[:2000]:
        assert decide(None, trace_id) == upstream.should_sample(None, trace_id, "n").decision.is_sampled()


def test_a_services_seed_neither_makes_our_ids_equal_nor_changes_its_own_numbers(tracer: trace.Tracer) -> None:
    import random

    random.seed(1)
    untouched = [random.random() for _ in range(3)]
    random.seed(1)
    first = tracer.start_span("one").get_span_context().span_id
    with_spans = [random.random() for _ in range(3)]
    random.seed(1)
    second = tracer.start_span("one").get_span_context().span_id

    assert with_spans == untouched
    assert first != second


def test_processors_of_others_see_every_span_and_may_raise(finished: Finished) -> None:
    seen: list[tuple[str, str]] = []

    class Quiet:
        def shutdown(self) -> None:
            pass

    class Watching(Quiet):
        def on_start(self, span: Any, parent_context: Any) -> None:
            span.set_attribute("watched", True)
            seen.append(("start", span.name))

        def on_end(self, span: Any) -> None:
            seen.append(("end", span.name))

    class Failing(Quiet):
        def on_start(self, span: Any, parent_context: Any) -> None:
            raise ValueError("start")

        def on_end(self, span: Any) -> None:
            raise SystemExit("end")

    provider = provider_with(finished)
    provider.add_span_processor(Failing())
    provider.add_span_processor(Watching())
    provider.get_tracer("t").start_span("one").end()

    assert seen == [("start", "one"), ("end", "one")]
    assert dict(finished[0].attributes) == {"watched": True}


def sdk_export(make: Callable[[Any], Any]) -> list[Any]:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    memory = InMemorySpanExporter()
    provider = provider_with(Finished())
    provider.add_span_processor(make(memory))
    with provider.get_tracer("t", "1").start_as_current_span("one", attributes={"a": 1}) as span:
        span.add_event("event", {"e": 1})
        span.add_link(REMOTE)
    provider.force_flush()
    return list(memory.get_finished_spans())


@pytest.mark.parametrize("processor", ["SimpleSpanProcessor", "BatchSpanProcessor"])
def test_the_sdks_processors_and_exporters_work_on_ours(processor: str) -> None:
    import opentelemetry.sdk.trace.export as sdk
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    [span] = sdk_export(getattr(sdk, processor))

    encoded = encode_spans([span]).resource_spans[0]
    assert encoded.scope_spans[0].spans[0].name == "one"
    assert encoded.scope_spans[0].scope.name == "t"
    assert [event.name for event in encoded.scope_spans[0].spans[0].events] == ["event"]
    assert len(encoded.scope_spans[0].spans[0].links) == 1


def test_the_sdks_console_exporter_prints_ours() -> None:
    import io
    import json

    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

    out = io.StringIO()
    provider = provider_with(Finished())
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=out)))
    provider.get_tracer("t").start_span("one", attributes={"a": 1}).end()

    printed = json.loads(out.getvalue())
    assert (printed["name"], printed["attributes"], printed["status"]) == ("one", {"a": 1}, {"status_code": "UNSET"})


def test_a_forked_child_has_ids_of_its_own() -> None:
    code = """
        import os
        from opentelemetry import trace
        tracer = trace.get_tracer("t")
        tracer.start_span("before")
        child = os.fork()
        print(tracer.start_span("after").get_span_context(), flush=True)
        if child:
            os.waitpid(child, 0)
    """
    outcome = launch_code(code, OTEL_TRACES_EXPORTER="none", PYTHONWARNINGS="ignore")

    of_one, of_the_other = outcome.stdout.splitlines()
    assert of_one != of_the_other
