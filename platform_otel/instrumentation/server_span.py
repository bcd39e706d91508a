"""The one span of a request that a server received, from its headers to the end of its response."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context, create_key
from opentelemetry.trace import Span, Status, StatusCode

from platform_otel.http.server_request import SERVER_ERROR
from platform_otel.http.settings import HttpSettings
from platform_otel.instrumentation.context import SPAN_KEY, attach, get_current
from platform_otel.instrumentation.failure import record
from platform_otel.process.guard import guarded, type_name

if TYPE_CHECKING:
    from platform_otel.instrumentation.http_metrics import Measurement

# In ASGI scopes and in WSGI environs: this request is seen to, and this is its ServerRequest; None if it is excluded.
MARK = "platform_trace.request"
# The same, in a context.
REQUEST = create_key("platform_trace.request")

DISCONNECT = "disconnect"
CANCELLATION = "cancellation"
INCOMPLETE = "incomplete_response"
_ERROR = Status(StatusCode.ERROR)

# The span of a request that upstream has started in this context: see takeover.py.
upstreams_span: ContextVar[Span | None] = ContextVar("upstreams_span", default=None)


def is_within_upstreams() -> bool:
    """Whether the current span is that of a request, made by an instrumentation of upstream's around ours."""
    around = get_current()
    return bool(around) and around.get(SPAN_KEY) is upstreams_span.get() is not None


def give_way_to_upstream() -> None:
    """If the current span is that of a request, drop it, and make current what was before it: see takeover.py."""
    current = get_current()
    request: Any = current.get(REQUEST)
    if request is not None and not request.ended and current.get(SPAN_KEY) is request.span:
        request.give_way()
        # Nobody restores this: the end of the request restores what was there before it.
        attach(request.around)


def is_over(marked: ServerRequest | None) -> bool:
    """Whether a mark says nothing any more: its scope or its environ is used for a second request."""
    # The second condition: not where it has given way to upstream's.
    return marked is not None and marked.ended and marked.context is marked.around


class ServerRequest:
    """A request that has its span. Not locked: only one thread at a time works at a request."""

    __slots__ = (
        "_settings",
        "amid",
        "around",
        "context",
        "ended",
        "exception",
        "has_failed",
        "interruption",
        "is_watched",
        "measurement",
        "name",
        "path",
        "prefix",
        "recording",
        "route",
        "span",
        "status",
        "token",
    )

    # With the span, and what restores the context that was there before.
    context: Context
    token: Any

    def __init__(self, settings: HttpSettings, span: Span, name: str, around: Context) -> None:
        self._settings = settings
        self.around = around
        self.span = span
        self.name = name
        # Whether anybody asks what becomes of it: its span, or the measurement of its duration.
        self.is_watched = self.recording = span.is_recording()
        self.measurement: Measurement | None = None
        self.ended = False
        self.status = 0
        # Of an ASGI request, by which a WSGI application inside the ASGI application knows it again.
        self.path = ""
        # The root of the application, and the patterns of the mounts on the way to the route.
        self.prefix = ""
        self.route = ""
        self.interruption = ""
        self.exception: BaseException | None = None
        # What the server was handling when the request came: it may run within an except block.
        self.amid = sys.exc_info()[1]
        self.has_failed = False

    # An ended request keeps nothing: with an exception it would be a circle of everything that the exception's frames
    # hold, and wait for the garbage collector.

    def answered(self, status: Any, headers: Any) -> None:
        """The response has begun. Any: what the application gives is the server's to judge."""
        if self.ended:
            return
        if isinstance(status, int):
            self.status = status
            if status >= SERVER_ERROR and self.exception is None:
                error = sys.exc_info()[1]  # frameworks answer while they handle what went wrong
                self.exception = None if error is self.amid else error
        capture = self._settings.response_headers
        # Others may be there to be read once, and that is the server's turn.
        if capture is not None and self.recording and isinstance(headers, (list, tuple)):
            with guarded("record the headers of a response"):
                self.span.set_attributes(capture.attributes(headers))

    def asked(self, headers: Callable[[], Iterable[tuple[Any, Any]]]) -> None:
        """Record the headers of the request that the settings ask for."""
        capture = self._settings.request_headers
        if capture is not None and self.recording:
            with guarded("record the headers of a request"):
                self.span.set_attributes(capture.attributes(headers()))

    def handled(self, error: BaseException) -> None:
        """An exception is answered within the application: it is recorded if the answer is that the server failed."""
        if not self.ended:
            self.exception = error

    def failed(self, error: BaseException) -> None:
        """An exception left the application."""
        if self.ended:
            return
        if isinstance(error, _cancellations()):
            self.interruption = self.interruption or CANCELLATION
        else:
            self.exception = error
            self.has_failed = True

    def __copy__(self) -> ServerRequest:
        return self

    def __deepcopy__(self, _: object) -> ServerRequest:
        return self  # applications copy scopes, and the copy is of the same request

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        return type(None), ()  # in another process there is no such request

    def give_way(self) -> None:
        """Another instrumentation has begun the span of this request: ours is never sent."""
        self.ended = True
        self.recording = False

    def finish(self, is_complete: bool = True) -> None:
        """The response is complete, or nothing more will come of it. A second call changes nothing."""
        if self.ended:
            return
        self.ended = True
        if self.recording:
            try:
                self._describe(self.span, is_complete)
            except Exception:
                with guarded("describe a request"):
                    raise
        try:
            self.span.end()
        except Exception:  # the span may be one of the application's own provider, whose processors raise
            with guarded("end the span of a request"):
                raise
        if self.measurement is not None:
            self._measure(self.measurement, is_complete)
            self.measurement = None
        # These lead back to here: without them nothing of a request waits for the garbage collector.
        self.exception = self.amid = None
        self.context = self.around

    def _describe(self, span: Span, is_complete: bool) -> None:
        status = self.status
        if status:
            span.set_attribute("http.response.status_code", status)
        if self.route:
            span.set_attribute("http.route", self.route)
            span.update_name(f"{self.name} {self.route}")
        if self.interruption:
            span.set_attribute("platform_trace.interrupted", self.interruption)
        if self._is_failure(is_complete):
            self._describe_failure(span)

    def _is_failure(self, is_complete: bool) -> bool:
        # That a client goes away before the response is complete is no error of the server's.
        return self.status >= SERVER_ERROR or self.has_failed or not (is_complete or self.interruption)

    def _describe_failure(self, span: Span) -> None:
        failure = self._failure()
        if isinstance(failure, str):
            span.set_attribute("error.type", failure)
            span.set_status(_ERROR)
        else:
            record(span, failure)

    def _measure(self, measurement: Measurement, is_complete: bool) -> None:
        attributes = measurement.attributes
        if self.status:
            attributes["http.response.status_code"] = self.status
        if self.route:
            attributes["http.route"] = self.route
        if self._is_failure(is_complete):
            failure = self._failure()
            attributes["error.type"] = failure if isinstance(failure, str) else type_name(type(failure))
        measurement.end()

    def _failure(self) -> BaseException | str:
        """What the server failed by: the exception, else what ``error.type`` says."""
        is_said = self.status >= SERVER_ERROR
        if self.exception is not None and (is_said or self.has_failed):
            return self.exception
        return str(self.status) if is_said else INCOMPLETE


def _cancellations() -> tuple[type[BaseException], ...]:
    # Where asyncio is not in use, its import would cost a service 20 ms.
    known = (("asyncio.exceptions", "CancelledError"), ("trio", "Cancelled"))
    found = [getattr(sys.modules[module], name, GeneratorExit) for module, name in known if module in sys.modules]
    return (GeneratorExit, *found)
