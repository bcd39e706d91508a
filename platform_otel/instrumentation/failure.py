"""What a span says of the exception that a request or a call ended by, without secrets of addresses in its messages."""

from traceback import format_exception

from opentelemetry.trace import Span, Status, StatusCode

from platform_otel.http.urls import redacted_text
from platform_otel.process.guard import message_of, type_name

_LONGEST_DESCRIPTION = 300


def record(span: Span, error: BaseException) -> None:
    """Make an exception the outcome of a span."""
    span.set_attribute("error.type", type_name(type(error)))
    span.set_status(Status(StatusCode.ERROR, _description(error)))
    # Not BaseException: a cancelled task and the end of the process are nothing to look into.
    if isinstance(error, Exception):
        _record(span, error)


def _description(error: BaseException) -> str:
    message = redacted_text(message_of(error))
    return f"{type(error).__name__}: {message[:_LONGEST_DESCRIPTION]}" if message else type(error).__name__


def _record(span: Span, error: Exception) -> None:
    """Those of urllib3, and so those of requests, say the address with its query."""
    if not any(redacted_text(message) != message for message in map(message_of, _shown_with(error))):
        span.record_exception(error)
        return
    trace = "".join(format_exception(type(error), error, error.__traceback__))
    message = redacted_text(message_of(error))
    span.record_exception(error, {"exception.message": message, "exception.stacktrace": redacted_text(trace)})


def _shown_with(error: BaseException) -> list[BaseException]:
    """The exceptions that a traceback shows: this one, what caused it, and so on."""
    shown: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and all(cause is not each for each in shown):
        shown.append(cause)
        cause = cause.__cause__ or cause.__context__
    return shown
