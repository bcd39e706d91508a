"""The ids of the current span, under the names that users of upstream know."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from platform_otel.process.service_name import name_of_this_process

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

TRACE_ID, SPAN_ID, SAMPLED, SERVICE_NAME = NAMES = (
    "otelTraceID",
    "otelSpanID",
    "otelTraceSampled",
    "otelServiceName",
)


# The last context and what is shown of it: a request's records follow each other, and making it takes 1 us.
_last: "tuple[SpanContext | None, dict[str, Any]]" = (None, {})


def ids() -> dict[str, Any]:
    """What a record of this moment shows: 32 and 16 hexadecimal digits, a boolean and a name; "0" without a span.

    For several records, so not to be changed.
    """
    global _last
    context = _span_context()
    last, shown = _last
    if last is not context or context is None:
        shown = ids_of(context)
        _last = context, shown
    return shown


def current() -> "SpanContext | None":
    """That of the current span, if there is one."""
    return _span_context()


def ids_of(context: "SpanContext | None") -> dict[str, Any]:
    """What a record shows that was made in this context."""
    if context is None or not context.is_valid:
        return no_ids()
    return {
        TRACE_ID: format(context.trace_id, "032x"),
        SPAN_ID: format(context.span_id, "016x"),
        SAMPLED: context.trace_flags.sampled,
        SERVICE_NAME: service_name(),
    }


def no_ids() -> dict[str, Any]:
    """What a record shows that belongs to no trace."""
    return {TRACE_ID: "0", SPAN_ID: "0", SAMPLED: False, SERVICE_NAME: service_name()}


def named_in(text: object) -> bool:
    """Whether a format names one of them."""
    return isinstance(text, str) and any(name in text for name in NAMES)


_service_name = ""


def service_name() -> str:
    """The name of this process's service: it is decided once, at the start."""
    global _service_name
    _service_name = _service_name or name_of_this_process()[0]
    return _service_name


def _no_span() -> "SpanContext | None":
    return None


_span_context: "Callable[[], SpanContext | None]" = _no_span


def follow_spans() -> None:
    """Know the current span. Until the API is imported nobody can have made one, and nothing imports it for this."""
    global _span_context
    from opentelemetry.trace import get_current_span

    _span_context = lambda: get_current_span().get_span_context()  # noqa: E731  # it stands in for _no_span
