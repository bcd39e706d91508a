"""Starts spans: ours, or those of the application's provider once it has set one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import iscoroutinefunction
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.context import _RUNTIME_CONTEXT, Context, detach
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
)
from opentelemetry.trace.propagation import _SPAN_KEY
from opentelemetry.trace.span import DEFAULT_TRACE_STATE, TraceFlags, TraceState
from opentelemetry.util.types import Attributes

from platform_otel.process.guard import described
from platform_otel.tracing.span import RecordingSpan

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from platform_otel.tracing.pipeline import Pipeline
    from platform_otel.tracing.scope import Scope

SAMPLED = 0x01
# Trace context level 2: the trace id is random. Older versions of the API do not name it.
RANDOM = 0x02
# The API's functions of these names add a call each, 0.05 us. detach stays the API's: it survives a wrong token.
get_current = _RUNTIME_CONTEXT.get_current
attach = _RUNTIME_CONTEXT.attach
_FLAGS = [TraceFlags(number) for number in range(4)]


def _by_its_constructor(trace_id: int, span_id: int, flags: TraceFlags, state: TraceState | None) -> SpanContext:
    return SpanContext(trace_id, span_id, False, flags, state)


def _by_its_layout(trace_id: int, span_id: int, flags: TraceFlags, state: TraceState | None) -> SpanContext:
    # The API's constructor checks the ids, which are ours or a valid parent's, and takes 0.3 us for each span.
    return tuple.__new__(
        SpanContext, (trace_id, span_id, False, flags, DEFAULT_TRACE_STATE if state is None else state, True)
    )


_PROBE = (1, 2, TraceFlags(1), None)
span_context_of = (
    _by_its_layout if tuple(_by_its_layout(*_PROBE)) == tuple(_by_its_constructor(*_PROBE)) else _by_its_constructor
)


def add_links(span: RecordingSpan, links: Any) -> None:
    """Add the links among what was given. Any: an application may give anything."""
    for link in links if isinstance(links, (list, tuple)) else ():
        if isinstance(link, Link):
            span.add_link(link.context, link.attributes)


class Source(Protocol):
    """What a tracer asks of its provider for every span."""

    @property
    def application(self) -> TracerProvider | None:
        """The application's own provider, if it has set one."""

    @property
    def pipeline(self) -> Pipeline | None:
        """Ours, once it is made."""

    def build(self) -> Pipeline | None:
        """Make ours, if that can be done."""


class PlatformTracer(Tracer):
    """A tracer of whichever provider is in force when a span starts."""

    def __init__(self, provider: Source, scope: Scope) -> None:
        self._provider = provider
        self._scope = scope
        self._followed: tuple[TracerProvider, Tracer] | None = None

    def start_span(  # see the comment
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> Span:
        """See :meth:`opentelemetry.trace.Tracer.start_span`."""
        # One long function: each call less is a tenth of a microsecond for every span.
        if self._provider.application is not None:
            return self._following(self._provider.application).start_span(
                name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
            )
        pipeline = self._provider.pipeline
        if pipeline is None:
            pipeline = self._provider.build()
            if pipeline is None:
                return INVALID_SPAN
        if context is None:
            context = get_current()
        current = context.get(_SPAN_KEY)
        parent = current.get_span_context() if isinstance(current, Span) else None
        if parent is not None and parent.is_valid:
            trace_id = parent.trace_id
            flags = parent.trace_flags & RANDOM
            state = parent.trace_state
        else:
            parent = None
            trace_id = pipeline.ids.generate_trace_id()
            flags = pipeline.flags_of_a_root
            state = None
        if pipeline.decide is not None:
            sampled = recording = pipeline.decide(parent, trace_id)
        else:
            recording, sampled, attributes, state = pipeline.ask_foreign_sampler(
                context, trace_id, name, kind, attributes, links
            )
        flags_in_force = _FLAGS[flags | SAMPLED if sampled else flags]
        span_context = span_context_of(trace_id, pipeline.ids.generate_span_id(), flags_in_force, state)
        if not recording:
            return NonRecordingSpan(span_context)
        span = RecordingSpan(
            name, span_context, parent, kind, self._scope, pipeline.limits, pipeline.on_end, start_time
        )
        if attributes:
            span.start_with(attributes)
        if links:
            add_links(span, links)
        if pipeline.processors:
            pipeline.started(span, context)
        return span

    def start_as_current_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Any:  # Any: a context manager and a decorator at once; the API's own type is its private class
        """See :meth:`opentelemetry.trace.Tracer.start_as_current_span`."""
        started = (kind, attributes, links, start_time, record_exception, set_status_on_exception)
        return CurrentSpan(self, name, context, started, end_on_exit)

    def _following(self, application: TracerProvider) -> Tracer:
        if self._followed is None or self._followed[0] is not application:
            scope = self._scope
            tracer = application.get_tracer(
                scope.name, scope.version or None, scope.schema_url or None, scope.attributes or None
            )
            self._followed = application, tracer
        return self._followed[1]


class CurrentSpan:
    """Starts a span and makes it current: for one ``with`` block, or around every call of a decorated function.

    Its own class, for the API's goes through a generator and costs as much as the span.
    """

    __slots__ = ("_context", "_end_on_exit", "_name", "_span", "_started", "_token", "_tracer")

    def __init__(
        self, tracer: Tracer, name: str, context: Context | None, started: tuple[Any, ...], end_on_exit: bool
    ) -> None:
        self._tracer = tracer
        self._name = name
        self._context = context
        # What start_span takes after the context. Its last two: record exceptions, set the status by them.
        self._started = started
        self._end_on_exit = end_on_exit

    def __enter__(self) -> Span:
        current = get_current()
        context = current if self._context is None else self._context
        self._span = span = self._tracer.start_span(self._name, context, *self._started)
        # As the API's set_value does it, but with one copy for its two.
        changed = Context(current)
        dict.__setitem__(changed, _SPAN_KEY, span)
        self._token = attach(changed)
        return span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        detach(self._token)
        span = self._span
        # Not BaseException: leaving a generator or a cancelled task is no error of the span.
        if isinstance(error, Exception) and span.is_recording():
            record_exception, set_status_on_exception = self._started[-2:]
            if record_exception:
                span.record_exception(error)
            if set_status_on_exception:
                span.set_status(Status(StatusCode.ERROR, described(error)))
        if self._end_on_exit:
            span.end()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate a function or coroutine function: each call is a span."""
        from functools import wraps

        if iscoroutinefunction(function):

            @wraps(function)
            async def traced_coroutine(*args: Any, **kwargs: Any) -> Any:
                with self._again():
                    return await function(*args, **kwargs)

            return traced_coroutine

        @wraps(function)
        def traced(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return traced

    def _again(self) -> CurrentSpan:
        return CurrentSpan(self._tracer, self._name, self._context, self._started, self._end_on_exit)
