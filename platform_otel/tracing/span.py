"""A span that is being recorded: the API's Span, and what others read of a finished one."""

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter_ns, time_ns
from types import TracebackType
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.util.types import Attributes

from platform_otel.http.exceptions import exception_attributes, shown_text
from platform_otel.instrumentation.span_context import UNPACKED
from platform_otel.process.guard import as_text, described
from platform_otel.tracing.attributes import SHORT, are_plain, bounded, pairs, plain_key, shortened, snapshot

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from platform_otel.tracing.limits import Limits
    from platform_otel.tracing.scope import Scope

UNSET = Status(StatusCode.UNSET)


class Event:
    """Something that happened during a span; time in nanoseconds since the epoch."""

    __slots__ = ("attributes", "dropped_attributes", "name", "timestamp")

    def __init__(self, name: str, timestamp: int, attributes: Mapping[str, Any], dropped_attributes: int = 0) -> None:
        self.name = name
        self.timestamp = timestamp
        self.attributes = attributes
        self.dropped_attributes = dropped_attributes


class SpanLink:
    """Another span that this one refers to, with what the API's Link lacks: the count of dropped attributes."""

    __slots__ = ("attributes", "context", "dropped_attributes")

    def __init__(self, context: SpanContext, attributes: Mapping[str, Any], dropped_attributes: int = 0) -> None:
        self.context = context
        self.attributes = attributes
        self.dropped_attributes = dropped_attributes


class RecordingSpan(Span):
    """A span of ours.

    Not locked: each method is a few operations that the interpreter does not interleave harmfully, and a
    lock per span, as the SDK has, costs as much as the rest.

    Its public attributes are those of the SDK's ReadableSpan, so that processors and exporters of other
    packages can read it.
    """

    __slots__ = (
        "_attributes",
        "_clock",
        "_on_end",
        "context",
        "end_time",
        "kind",
        "limits",
        "name",
        "parent",
        "scope",
        "start_time",
    )

    # What most spans never set stays with the class: each attribute less is 30 ns for every span.
    # Whether it holds nothing but short texts and numbers. Then it may be encoded later, and by any thread: no code of
    # the service's runs there, no lock is waited for, and what it takes until then need not be counted.
    is_plain = True
    status = UNSET
    dropped_attributes = 0
    dropped_events = 0
    dropped_links = 0
    _events: list[Event] | None = None
    _links: list[SpanLink] | None = None

    def __init__(
        self,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        scope: "Scope",
        limits: "Limits",
        on_end: Callable[["RecordingSpan"], None],
        start_time: int | None,
    ) -> None:
        self.name = name
        self.context = context
        self.parent = parent
        self.kind = kind
        self.scope = scope
        self.limits = limits
        if type(name) is not str or (parent is not None and type(parent) is not UNPACKED):
            self.is_plain = False
        self.end_time: int | None = None
        self._on_end: Callable[[RecordingSpan], None] | None = on_end
        self._attributes: dict[str, Any] = {}
        # The wall clock says when, the monotonic one how long: a clock that is set makes no span negative.
        if start_time is None:
            self.start_time = time_ns()
            self._clock = perf_counter_ns()
        else:
            self.start_time = start_time if type(start_time) is int else time_ns()
            self._clock = 0

    def get_span_context(self) -> SpanContext:
        """See :meth:`opentelemetry.trace.Span.get_span_context`."""
        return self.context

    def is_recording(self) -> bool:
        """True until the span ends."""
        return self.end_time is None

    def set_attribute(self, key: str, value: Any) -> None:
        """See :meth:`opentelemetry.trace.Span.set_attribute`. Beyond the limit, new keys are dropped and counted."""
        attributes = self._attributes
        if self.end_time is not None:
            return
        if type(key) is not str:
            key = plain_key(key)
        if not key or (len(attributes) >= self.limits.attributes and key not in attributes):
            self.dropped_attributes += 1
            return
        kind = type(value)
        if kind is int or (kind is str and len(value) <= SHORT) or kind is bool or kind is float:
            attributes[key] = value
        else:
            attributes[key] = snapshot(value)
            self.is_plain = False

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """See :meth:`opentelemetry.trace.Span.set_attributes`. At once, where all of them are plain and have room."""
        if type(attributes) is dict:
            attributes = attributes.copy()  # at once: another thread may go on changing it
            room = 0 if self.end_time is not None else self.limits.attributes - len(self._attributes)
            if len(attributes) <= room and are_plain(attributes):
                self._attributes.update(attributes)
                return
        for key, value in pairs(attributes):
            self.set_attribute(key, value)

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        """See :meth:`opentelemetry.trace.Span.add_event`."""
        if self.end_time is not None:
            return
        if self._events is None:
            self._events, self.is_plain = [], False
        if len(self._events) >= self.limits.events:
            self.dropped_events += 1
            return
        kept, dropped = bounded(attributes, self.limits.event_attributes, self.limits.event_value_length)
        self._events.append(Event(as_text(name), time_ns() if timestamp is None else timestamp, kept, dropped))

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """See :meth:`opentelemetry.trace.Span.add_link`."""
        if self.end_time is not None or not isinstance(context, SpanContext):
            return
        if not (context.is_valid or attributes is not None or context.trace_state):
            return
        if self._links is None:
            self._links, self.is_plain = [], False
        if len(self._links) >= self.limits.links:
            self.dropped_links += 1
            return
        kept, dropped = bounded(attributes, self.limits.link_attributes, self.limits.event_value_length)
        self._links.append(SpanLink(context, kept, dropped))

    def update_name(self, name: str) -> None:
        """See :meth:`opentelemetry.trace.Span.update_name`."""
        if self.end_time is None:
            self.name = as_text(name)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """See :meth:`opentelemetry.trace.Span.set_status`. OK is final, and UNSET changes nothing.

        Source: https://opentelemetry.io/docs/specs/otel/trace/api/#set-status
        """
        wanted = status if isinstance(status, Status) else Status(status, _description_for(status, description))
        is_final = self.end_time is not None or self.status.status_code is StatusCode.OK
        if not is_final and wanted.status_code in (StatusCode.OK, StatusCode.ERROR):
            self.status, self.is_plain = _discreet(wanted), False

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """See :meth:`opentelemetry.trace.Span.record_exception`. The exception keeps its identity and its traceback."""
        if self.end_time is not None:
            return
        attributes = {**exception_attributes(exception, escaped=escaped), **dict(pairs(attributes))}
        self.add_event("exception", attributes, timestamp)

    def end(self, end_time: int | None = None) -> None:
        """See :meth:`opentelemetry.trace.Span.end`. A second call changes nothing."""
        # Claimed before anything is called, so that two threads cannot both end it.
        on_end, self._on_end = self._on_end, None
        if on_end is None:
            return
        if type(end_time) is int:
            self.end_time = end_time
        elif self._clock:
            self.end_time = self.start_time + perf_counter_ns() - self._clock
        else:
            self.end_time = max(time_ns(), self.start_time)
        on_end(self)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """End the span; an exception that leaves the block is recorded and makes the status an error."""
        if exc_val is not None and self.is_recording():
            self.record_exception(exc_val)
            self.set_status(Status(StatusCode.ERROR, described(exc_val)))
        self.end()

    def content(self) -> tuple[Mapping[str, Any], Sequence[Event], Sequence[SpanLink]]:
        """Attributes, events and links as they are kept, for our own encoder: no copies, and it cuts long texts."""
        return self._attributes, self._events or (), self._links or ()

    # What the SDK's ReadableSpan has besides, for processors and exporters of other packages.

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What was set, read-only, long texts cut: here and not when they are set, which most often nobody reads."""
        return shortened(self._attributes, self.limits.value_length)

    @property
    def events(self) -> Sequence[Event]:
        """The events, in order."""
        return tuple(self._events or ())

    @property
    def links(self) -> Sequence[SpanLink]:
        """The links, in order."""
        return tuple(self._links or ())

    @property
    def resource(self) -> "Resource":
        """The SDK's resource: made when somebody asks."""
        return self.scope.resource()

    @property
    def instrumentation_scope(self) -> "InstrumentationScope":
        """The SDK's instrumentation scope: made when somebody asks."""
        return self.scope.instrumentation_scope()

    def to_json(self, indent: int | None = 4) -> str:
        """As the SDK's :meth:`ReadableSpan.to_json`."""
        from platform_otel.tracing.readable import readable

        text: str = readable(self).to_json(indent)
        return text


# Spans that are known without asking the API's class, whose isinstance takes 0.1 us.
KNOWN = (RecordingSpan, NonRecordingSpan)


def _description_for(status: StatusCode, description: str | None) -> str | None:
    # The API warns through logging about a description without an error; the service's log is the service's.
    return description if status is StatusCode.ERROR else None


def _discreet(status: Status) -> Status:
    """Messages of clients say the address that they could not reach, with the password and the token in it."""
    text = status.description
    shown = shown_text(text) if text else text
    return status if shown == text else Status(status.status_code, shown)
