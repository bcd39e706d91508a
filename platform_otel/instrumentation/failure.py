"""What a span says of the exception that a request or a call ended by, without secrets of addresses in its messages."""

from opentelemetry.trace import Span, Status, StatusCode

from platform_otel.http.exceptions import exception_attributes, shown_message
from platform_otel.process.guard import type_name

_LONGEST_DESCRIPTION = 300


def record(span: Span, error: BaseException) -> None:
    """Make an exception the outcome of a span."""
    span.set_attribute("error.type", type_name(type(error)))
    # Not BaseException: a cancelled task and the end of the process are nothing to look into.
    if not isinstance(error, Exception):
        span.set_status(Status(StatusCode.ERROR, _description(error, shown_message(error))))
        return
    # Not by record_exception: that of another provider's span shows the secrets.
    attributes = exception_attributes(error)
    span.set_status(Status(StatusCode.ERROR, _description(error, attributes["exception.message"])))
    span.add_event("exception", attributes)


def _description(error: BaseException, message: str) -> str:
    return f"{type(error).__name__}: {message[:_LONGEST_DESCRIPTION]}" if message else type(error).__name__
