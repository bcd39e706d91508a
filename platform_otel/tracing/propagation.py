"""The W3C headers traceparent, tracestate and baggage, read and written so that no client can disturb a service.

The API's propagators know level 1 of Trace Context, take the first of several headers, raise for lone surrogates,
and write to the service's log whatever a client got wrong.
Sources: https://www.w3.org/TR/trace-context-2/ and https://www.w3.org/TR/baggage/.
"""

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from itertools import islice
from typing import Any

from opentelemetry.baggage import set_baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, get_current
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace import (
    DEFAULT_TRACE_STATE,
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
)

from platform_otel.instrumentation.context import SPAN_KEY
from platform_otel.instrumentation.span_context import UNPACKED, parts_of
from platform_otel.process.environment import changed_for_now
from platform_otel.process.guard import guarded
from platform_otel.tracing.span import KNOWN
from platform_otel.tracing.trace_state import WHITESPACE, ReceivedTraceState

_TRACEPARENT, _TRACESTATE, _BAGGAGE = "traceparent", "tracestate", "baggage"
# The API has no public name for it.
_BAGGAGE_KEY = next(iter(set_baggage("key", "value", Context())))

# https://www.w3.org/TR/trace-context-2/#traceparent-header-field-values
# Group 1 is a version above 00, which may say more after another dash (#versioning-of-traceparent).
_match_traceparent = re.compile(
    "(?:00|((?!00|ff)[0-9a-f]{2}))-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?(1)(?:-.*)?)",
    re.DOTALL,
).fullmatch
# Sampled and random-trace-id are kept; the others are ignored when they arrive and sent as zero (#other-flags).
_KNOWN_FLAGS = [TraceFlags(flags) for flags in range(4)]
_FLAGS = {f"{flags:02x}": _KNOWN_FLAGS[flags & 0x03] for flags in range(256)}
_FLAGS_SENT = ("00", "01", "02", "03")

# At least 512 characters are to be passed on (#tracestate-limits). We read as many as the API does, and send so
# few that a tracestate alone is never too long for servers that take 8 KiB of headers (Tomcat, nginx, gunicorn).
_LONGEST_STATE_READ = 8192
_LONGEST_STATE_SENT = 4096
_LONG_STATE_MEMBER = 128

# https://www.w3.org/TR/baggage/#definition, whitespace taken out. The limits are the API's.
_TOKEN = r"[!#-'*+\-.0-9A-Z^-z|~]+"
_VALUE = r"[!#-+\--:<-\[\]-~]*"
_BAGGAGE_MEMBER = f"{_TOKEN}={_VALUE}(?:;{_TOKEN}(?:={_VALUE})?)*"
_BAGGAGE_HEADER = f"{_BAGGAGE_MEMBER}(?:,{_BAGGAGE_MEMBER})*"
_MOST_BAGGAGE_MEMBERS = 180
_LONGEST_BAGGAGE_MEMBER = 4096
_LONGEST_BAGGAGE = 8192


class TraceContextPropagator(TextMapPropagator):
    """W3C Trace Context, level 2. What is not valid is as if it had not been sent."""

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        """See :meth:`opentelemetry.propagators.textmap.TextMapPropagator.extract`."""
        try:
            parent = _remote_parent(carrier, getter)
            if parent is not None:
                span = NonRecordingSpan(parent)
                # The usual case by hand: set_span_in_context copies twice, 0.15 us.
                return Context({SPAN_KEY: span}) if context is None else set_span_in_context(span, context)
        except Exception:  # "with guarded" around it would do, and cost 0.2 us more
            with guarded("read the trace context of a request"):
                raise
        return Context() if context is None else context

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        """See :meth:`opentelemetry.propagators.textmap.TextMapPropagator.inject`."""
        try:
            _write(get_current_span(context).get_span_context(), carrier, setter)
        except Exception:
            with guarded("write the trace context into a call"):
                raise

    @property
    def fields(self) -> set[str]:
        """The headers that inject sets."""
        return {_TRACEPARENT, _TRACESTATE}


def _remote_parent(carrier: CarrierT, getter: Getter[CarrierT]) -> SpanContext | None:
    # The API's getter for dictionaries asks an abstract class of what kind a value is: 0.25 us. Any: a carrier is
    # whatever its getter reads.
    get: Callable[[Any, str], object] = dict.get if getter is default_getter and type(carrier) is dict else getter.get
    fields = get(carrier, _TRACEPARENT)
    if not fields:
        return None
    header = fields if type(fields) is str else _only(fields)
    # As it is first: hardly any header has whitespace around it.
    match = _match_traceparent(header) or _match_traceparent(header.strip(WHITESPACE))
    if match is None:  # then tracestate is not to be read (https://www.w3.org/TR/trace-context-2/#tracestate-header)
        return None
    _, trace_id, parent_id, flags = match.groups()
    fields = get(carrier, _TRACESTATE)
    state = _trace_state(fields) if fields else DEFAULT_TRACE_STATE
    return SpanContext(int(trace_id, 16), int(parent_id, 16), True, _FLAGS[flags], state)


def _only(fields: object) -> str:
    """The one field that there is of a header. With several, nobody knows which to believe."""
    found = fields if type(fields) is list else list(islice(_each(fields), 2))
    return found[0] if len(found) == 1 and isinstance(found[0], str) else ""


def _combined(fields: object, longest: int) -> str:
    """All fields of a header as one, in their order; "" if they are too long together or not text.

    Source: https://www.rfc-editor.org/rfc/rfc9110#name-field-order
    """
    texts: list[str] = []
    length = -1
    for field in _each(fields):
        if not isinstance(field, str):
            return ""
        length += len(field) + 1
        if length > longest:  # asked for each: a generator may have no end
            return ""
        texts.append(field)
    return ",".join(texts)


def _each(fields: object) -> Iterable[object]:
    """What a getter gave; it is meant to be a list, and is a text or a generator with some."""
    if isinstance(fields, str):
        return (fields,)
    return fields if isinstance(fields, Iterable) else ()


def _write(sent: Any, carrier: Any, setter: Setter[Any]) -> None:
    """Write the headers of a span's context. Any: the context is whatever a span gave, and a carrier anything."""
    trace_id, span_id, _, flags, state, is_valid = sent if type(sent) is UNPACKED else parts_of(sent)
    if not is_valid:
        return
    # Through bytes it takes 0.17 us, with format specifications 0.35 us.
    ids = f"{trace_id.to_bytes(16, 'big').hex()}-{span_id.to_bytes(8, 'big').hex()}"
    traceparent = f"00-{ids}-{_FLAGS_SENT[flags & 0x03]}"
    if setter is default_setter:
        carrier[_TRACEPARENT] = traceparent
    else:
        setter.set(carrier, _TRACEPARENT, traceparent)
    if state is not DEFAULT_TRACE_STATE and state:
        setter.set(carrier, _TRACESTATE, _shortened(state.to_header()))


def _trace_state(fields: object) -> TraceState:
    header = _combined(fields, _LONGEST_STATE_READ)
    return ReceivedTraceState(header) if header else DEFAULT_TRACE_STATE


def _shortened(tracestate: str) -> str:
    """What is sent of a tracestate that is too long: whole members, the long ones left out first, then the last.

    Source: https://www.w3.org/TR/trace-context-2/#tracestate-limits
    """
    if len(tracestate) <= _LONGEST_STATE_SENT:
        return tracestate
    members = tracestate.split(",")
    spare = len(tracestate) - _LONGEST_STATE_SENT
    for member in [*(m for m in reversed(members) if len(m) > _LONG_STATE_MEMBER), *reversed(members)]:
        if spare > 0 and member in members:
            members.remove(member)
            spare -= len(member) + 1
    return ",".join(members)


class BaggagePropagator(W3CBaggagePropagator):
    """The API's baggage propagator, handed only what it neither raises for nor logs."""

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        """See :meth:`opentelemetry.propagators.textmap.TextMapPropagator.extract`."""
        if context is None:
            context = get_current()
        try:
            values: object = getter.get(carrier, _BAGGAGE)
            header = _valid_baggage(_combined(values, _LONGEST_BAGGAGE)) if values else ""
            return super().extract({_BAGGAGE: header}, context) if header else context
        except Exception:
            with guarded("read the baggage of a request"):
                raise
        return context

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        """See :meth:`opentelemetry.propagators.textmap.TextMapPropagator.inject`."""
        # Most often there is none, which the API finds out by five calls.
        if _BAGGAGE_KEY not in (get_current() if context is None else context):
            return
        try:
            super().inject(carrier, context, setter)
        except Exception:  # it cannot encode a lone surrogate
            with guarded("write the baggage into a call"):
                raise


def _valid_baggage(header: str) -> str:
    """The valid members of a baggage header, without whitespace, which the API reads in quadratic time."""
    few = len(header) <= _LONGEST_BAGGAGE_MEMBER and header.count(",") < _MOST_BAGGAGE_MEMBERS
    if few and re.compile(_BAGGAGE_HEADER).fullmatch(header):
        return header
    members = map(_without_whitespace, header.split(",")[:_MOST_BAGGAGE_MEMBERS])
    valid = re.compile(_BAGGAGE_MEMBER).fullmatch
    return ",".join([member for member in members if len(member) <= _LONGEST_BAGGAGE_MEMBER and valid(member)])


def _without_whitespace(member: str) -> str:
    properties = (text.partition("=") for text in member.split(";"))
    return ";".join([name.strip(WHITESPACE) + equals + value.strip(WHITESPACE) for name, equals, value in properties])


class W3CPropagator(CompositePropagator):
    """Trace context and baggage, the usual pair: of a known span, without baggage, in a call and not in nine."""

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        """See :meth:`opentelemetry.propagators.textmap.TextMapPropagator.inject`."""
        span: Any = None if context is None else context.get(SPAN_KEY)  # Any: a context holds anything
        if type(span) not in KNOWN or context is None or _BAGGAGE_KEY in context:
            super().inject(carrier, context, setter)
            return
        try:
            _write(span.get_span_context(), carrier, setter)
        except Exception:
            with guarded("write the trace context into a call"):
                raise


class _Guarded(TextMapPropagator):
    """Another package's propagator: where it raises, the context stays as it was."""

    def __init__(self, propagator: TextMapPropagator) -> None:
        self._propagator = propagator

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        """See :meth:`opentelemetry.propagators.textmap.TextMapPropagator.extract`."""
        with guarded(f"extract by {type(self._propagator).__qualname__}"):
            return self._propagator.extract(carrier, context, getter)
        return Context() if context is None else context

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        """See :meth:`opentelemetry.propagators.textmap.TextMapPropagator.inject`."""
        with guarded(f"inject by {type(self._propagator).__qualname__}"):
            self._propagator.inject(carrier, context, setter)

    @property
    def fields(self) -> set[str]:
        """The headers that inject sets."""
        return self._propagator.fields


def install(names: Sequence[str]) -> None:
    """Make these the process's propagators, by the names that OTEL_PROPAGATORS has for them.

    Source: https://opentelemetry.io/docs/languages/sdk-configuration/general/#otel_propagators
    """
    if "opentelemetry.propagate" not in sys.modules:
        with changed_for_now({"OTEL_PROPAGATORS": _cheapest_to_import()}):
            import_module("opentelemetry.propagate")
    from opentelemetry.propagate import set_global_textmap

    propagators = _propagators(names)
    are_usual = [type(each) for each in propagators] == [TraceContextPropagator, BaggagePropagator]
    set_global_textmap(W3CPropagator(propagators) if are_usual else CompositePropagator(propagators))


def _cheapest_to_import() -> str | None:
    """What keeps the API, while it is imported, from looking for propagators through importlib.metadata.

    From 1.43 on it needs that only for a variable that is set. Before, it has loaded it by now, and "none" saves
    the search.
    """
    return "none" if "opentelemetry.util._importlib_metadata" in sys.modules else None


def _propagators(names: Sequence[str]) -> list[TextMapPropagator]:
    if any(name.lower() == "none" for name in names):
        return []
    return [found for found in map(_propagator, dict.fromkeys(names)) if found is not None]


def _propagator(name: str) -> TextMapPropagator | None:
    if name == "tracecontext":
        return TraceContextPropagator()
    if name == "baggage":
        return BaggagePropagator()
    from platform_otel.instrumentation.offered import offered

    found = offered("OTEL_PROPAGATORS", "opentelemetry_propagator", name, "going without it")
    return None if found is None else _Guarded(found)
