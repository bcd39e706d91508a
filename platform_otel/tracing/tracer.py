"""Starts spans: ours, or those of the application's provider once it has set one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, NonRecordingSpan, Span, SpanKind, Tracer
from opentelemetry.trace.span import TraceFlags
from opentelemetry.util.types import Attributes

from platform_otel.instrumentation.context import SPAN_KEY, get_current
from platform_otel.instrumentation.excluded import ExcludedSpan
from platform_otel.instrumentation.span_context import UNPACKED, parts_of, span_context_of
from platform_otel.tracing.current import CurrentSpan
from platform_otel.tracing.span import KNOWN, RecordingSpan

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from platform_otel.tracing.pipeline import Pipeline
    from platform_otel.tracing.scope import Scope

SAMPLED = 0x01
# Trace context level 2: the trace id is random. Older versions of the API do not name it.
RANDOM = 0x02
_FLAGS = [TraceFlags(number) for number in range(4)]


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

    def start_span(  # noqa: PLR0912  # see the comment
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
        provider = self._provider
        if provider.application is not None:
            return self._following(provider.application).start_span(
                name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
            )
        pipeline = provider.pipeline
        if pipeline is None:
            pipeline = provider.build()
            if pipeline is None:
                return INVALID_SPAN
        if context is None:
            context = get_current()
        current: Any = context.get(SPAN_KEY)  # Any: whatever somebody put there
        if current is None:
            parent = None
        elif type(current) in KNOWN:
            parent = current.get_span_context()
        elif type(current) is ExcludedSpan and not current.is_over:
            return current  # it is its own child
        else:
            parent = current.get_span_context() if isinstance(current, Span) else None
        if parent is not None:
            trace_id, _, _, flags, state, is_valid = parent if type(parent) is UNPACKED else parts_of(parent)
            flags &= RANDOM
            if not is_valid:
                parent = None
        if parent is None:
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
        # Not by their truth, which is code of the application's.
        if attributes is not None:
            span.set_attributes(attributes)
        if links is not None:
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
        return CurrentSpan(
            self,
            name,
            context,
            kind,
            attributes,
            links,
            start_time,
            record_exception,
            set_status_on_exception,
            end_on_exit,
        )

    def _following(self, application: TracerProvider) -> Tracer:
        if self._followed is None or self._followed[0] is not application:
            scope = self._scope
            tracer = application.get_tracer(
                scope.name, scope.version or None, scope.schema_url or None, scope.attributes or None
            )
            self._followed = application, tracer
        return self._followed[1]
