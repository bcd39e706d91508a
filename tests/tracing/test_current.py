"""Which span is current, when, and in which context, is as with the SDK's tracer."""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from tests.support import launch_code
from tests.tracing.test_span import Finished, provider_with

Program = Callable[[trace.Tracer], Any]
PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Shows something that must be the same for both tracers."""
    PROGRAMS[function.__name__] = function
    return function


def name_of_current() -> str:
    return getattr(trace.get_current_span(), "name", "none")


def parent_of(span: Any) -> int | None:
    """None also for a span that is not recorded, which does not know it."""
    parent = getattr(span, "parent", None)
    return parent and parent.span_id


@program
def nested_blocks(tracer: trace.Tracer) -> Any:
    seen = [name_of_current()]
    with tracer.start_as_current_span("outer"):
        seen.append(name_of_current())
        with tracer.start_as_current_span("inner"):
            seen.append(name_of_current())
        seen.append(name_of_current())
    return [*seen, name_of_current()]


@program
def baggage_and_other_values_stay(tracer: trace.Tracer) -> Any:
    token = context.attach(baggage.set_baggage("user", "ada", context.set_value("mine", 1)))
    try:
        with tracer.start_as_current_span("one"):
            headers: dict[str, str] = {}
            propagate.inject(headers)
            return baggage.get_baggage("user"), context.get_value("mine"), headers["baggage"], sorted(headers)
    finally:
        context.detach(token)


@program
def a_given_context_says_the_parent_and_nothing_else(tracer: trace.Tracer) -> Any:
    parent = tracer.start_span("parent")
    given = trace.set_span_in_context(parent, context.set_value("given", 1, context.Context()))
    with tracer.start_as_current_span("child", given) as child:
        same_parent = parent_of(child) == parent.get_span_context().span_id
        return same_parent, context.get_value("given"), name_of_current()


@program
def an_empty_context_starts_a_trace(tracer: trace.Tracer) -> Any:
    with tracer.start_as_current_span("outer"), tracer.start_as_current_span("root", context.Context()) as root:
        return parent_of(root), name_of_current()


@program
def what_was_made_current_by_hand(tracer: trace.Tracer) -> Any:
    span = tracer.start_span("by hand")
    with trace.use_span(span, end_on_exit=True):
        seen = name_of_current()
        with tracer.start_as_current_span("child") as child:
            return seen, parent_of(child) == span.get_span_context().span_id


@program
def an_exception_passes_and_nothing_stays_current(tracer: trace.Tracer) -> Any:
    try:
        with tracer.start_as_current_span("one"):
            raise KeyError("lost")
    except KeyError as error:
        return repr(error), name_of_current()


@program
def tasks_each_have_their_own(tracer: trace.Tracer) -> Any:
    async def task(name: str, outer: trace.Span) -> tuple[str, bool]:
        with tracer.start_as_current_span(name) as span:
            await asyncio.sleep(0)
            return name_of_current(), parent_of(span) == outer.get_span_context().span_id

    async def main() -> Any:
        with tracer.start_as_current_span("outer") as outer:
            return await asyncio.gather(task("a", outer), task("b", outer)), name_of_current()

    return asyncio.run(main())


@program
def threads_and_pools_start_without(tracer: trace.Tracer) -> Any:
    seen: list[str] = []
    with tracer.start_as_current_span("outer"), ThreadPoolExecutor(1) as pool:
        thread = threading.Thread(target=lambda: seen.append(name_of_current()))
        thread.start()
        thread.join()
        copied = contextvars.copy_context()
        return seen, pool.submit(name_of_current).result(), pool.submit(copied.run, name_of_current).result()


@program
def decorated_functions(tracer: trace.Tracer) -> Any:
    @tracer.start_as_current_span("plain")
    def plain(number: int) -> tuple[str, int]:
        return name_of_current(), number

    @tracer.start_as_current_span("coroutine")
    async def coroutine(number: int) -> tuple[str, int]:
        await asyncio.sleep(0)
        return name_of_current(), number

    class Service:
        @tracer.start_as_current_span("method")
        def method(self) -> str:
            return name_of_current()

    return (
        plain(1),
        asyncio.run(coroutine(2)),
        Service().method(),
        plain.__name__,
        asyncio.iscoroutinefunction(coroutine),
    )


@program
def a_generator_that_is_closed_where_it_was_started(tracer: trace.Tracer) -> Any:
    def numbers() -> Iterator[str]:
        with tracer.start_as_current_span("generator"):
            yield name_of_current()
            yield "never"

    running = numbers()
    seen = next(running), name_of_current()
    running.close()  # type: ignore[attr-defined]  # a generator has it
    return seen, name_of_current()


@program
def a_block_that_ends_in_another_context_says_so(tracer: trace.Tracer) -> Any:
    block = tracer.start_as_current_span("one")
    contextvars.copy_context().run(block.__enter__)
    block.__exit__(None, None, None)
    return name_of_current()


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("sampled", [True, False])
def test_it_is_as_with_the_sdks_tracer(name: str, sampled: bool, caplog: pytest.LogCaptureFixture) -> None:
    sdk = TracerProvider(sampler=None if sampled else ALWAYS_OFF).get_tracer("t")
    ours = provider_with(Finished(), OTEL_TRACES_SAMPLER="always_on" if sampled else "always_off").get_tracer("t")
    expected = PROGRAMS[name](sdk)
    logged = [(record.name, record.message) for record in caplog.records]
    caplog.clear()

    assert PROGRAMS[name](ours) == expected
    assert [(record.name, record.message) for record in caplog.records] == logged


def test_a_context_of_another_package_is_used_as_it_is(tmp_path: Path) -> None:
    metadata = tmp_path / "mine-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[opentelemetry_context]\nmine = mine:Mine\n")
    (tmp_path / "mine.py").write_text(
        "from opentelemetry.context.context import Context\n"
        "class Mine:\n"
        "    stack = [Context()]\n"
        "    def attach(self, context): print('attach'); self.stack.append(context); return len(self.stack)\n"
        "    def get_current(self): return self.stack[-1]\n"
        "    def detach(self, token): print('detach'); del self.stack[token - 1:]\n"
    )
    code = """
        from opentelemetry import trace
        tracer = trace.get_tracer("t")
        with tracer.start_as_current_span("outer") as outer:
            print(trace.get_current_span() is outer)
    """
    outcome = launch_code(code, PYTHONPATH=str(tmp_path), OTEL_PYTHON_CONTEXT="mine", OTEL_TRACES_EXPORTER="none")

    assert (outcome.stdout, outcome.stderr) == ("attach\nTrue\ndetach\n", "")
