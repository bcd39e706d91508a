"""One call of an HTTP client: its span from the request to the end of the response, and its context sent once."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from opentelemetry.context import (
    _SUPPRESS_HTTP_INSTRUMENTATION_KEY,
    _SUPPRESS_INSTRUMENTATION_KEY,
    Context,
)
from opentelemetry.propagate import get_global_textmap
from opentelemetry.propagators.textmap import Setter
from opentelemetry.trace import NonRecordingSpan, Span, SpanKind, Status, StatusCode, get_tracer

from platform_otel import __version__
from platform_otel.http.methods import named, recorded
from platform_otel.http.settings import HttpSettings
from platform_otel.http.urls import redacted, server_of
from platform_otel.instrumentation.context import SPAN_KEY, attach, get_current, leave
from platform_otel.instrumentation.excluded import EXCLUDED_KEY, is_excluded
from platform_otel.instrumentation.failure import record
from platform_otel.process.guard import guarded, type_name

if TYPE_CHECKING:
    from types import CodeType

    from platform_otel.instrumentation.http_metrics import Durations, Measurement

_ERROR = Status(StatusCode.ERROR)
# What older instrumentations and some services set; the API has no name for it.
_SUPPRESS_AS_TEXT = "suppress_instrumentation"
# What hardly any context has, and what keeps a call from having a span.
_RARE = frozenset((_SUPPRESS_HTTP_INSTRUMENTATION_KEY, _SUPPRESS_INSTRUMENTATION_KEY, _SUPPRESS_AS_TEXT, EXCLUDED_KEY))
_CALL_KEY = "platform-trace-call"
# What sends a call together with all below it: the code of a function of ours, for who looks for it on the stack, and
# the headers that it sends.
SENDER_KEY = "platform-trace-sender"
_UPSTREAMS_BELOW = "opentelemetry.instrumentation.urllib3"
_TRACEPARENT = "traceparent"

_set = dict.__setitem__  # a Context refuses to be changed, and is a copy until others see it

# The span id of the last call in this context, and how often its request had been sent before.
_last_sent: ContextVar[tuple[int, int]] = ContextVar("platform-trace-last-sent")


def is_suppressed(context: Context) -> bool:
    """Whether somebody wants no spans of calls in this context: upstream's instrumentation of a library above, us."""
    return bool(
        context.get(_SUPPRESS_HTTP_INSTRUMENTATION_KEY)
        or context.get(_SUPPRESS_INSTRUMENTATION_KEY)
        or context.get(_SUPPRESS_AS_TEXT)
    )


class Calls:
    """Starts the calls of one library.

    Args:
        library: its name in the catalog.
        settings: what users set for its calls.
        setter: writes a header in place of any of that name.
    """

    def __init__(self, library: str, settings: HttpSettings, setter: Setter[Any]) -> None:
        self._tracer = get_tracer(f"platform_otel.{library}", __version__)
        self.doing = f"trace a call by {library}"
        self._methods = settings.methods
        self._is_excluded = settings.excluded.of_url if settings.excluded.search is not None else None
        self._request_headers = settings.request_headers
        self.response_headers = settings.response_headers
        self._setter = setter
        self._sender: CodeType | None = None
        self._durations: Durations | None = None
        if settings.measures:
            from platform_otel.instrumentation.http_metrics import durations

            self._durations = durations("client")

    def own_what_is_below(self, sender: Any) -> None:
        """Let urllib3, below these calls, make no spans of what they send by it: calls of a request's body have theirs.

        Args:
            sender: the function of ours around the library's. Any: its type says nothing of its code.
        """
        self._sender = sender.__code__

    def start(self, method: Any, url: str, headers: Any, resends: int = 0) -> Call | None:
        """Start a call and write its context into its headers; None if it gets no span. Raises nothing of ours.

        Args:
            method: as the service gave it. Any: a service may give anything.
            url: the whole address.
            headers: as the library has them. Any: each has a class of its own.
            resends: how often the request was sent before, where the library knows.
        """
        try:
            context = get_current()
            if not _RARE.isdisjoint(context):
                if is_suppressed(context):
                    return None
                if is_excluded(context):
                    return self._passing_on(context, url, headers)
            if self._is_excluded is not None and self._is_excluded(url):
                return self._without_span(context, headers)
            if type(method) is not str:
                method = _text(method)
            if _CALL_KEY in context and _is_part_of_a_call(context, method, url):
                return None
            return self._start(context, method, url, headers, resends or _resends(headers))
        except Exception:  # "with guarded" around it would cost every call 0.2 us more
            with guarded(self.doing):
                raise
        return None

    def _start(self, context: Context, method: str, url: str, headers: Any, resends: int) -> Call:
        known = method if method in self._methods else recorded(method, self._methods)
        attributes = self._attributes(method, known, url, headers)
        if resends:
            attributes["http.request.resend_count"] = resends
        name = known if known is method else named(known)
        span = self._tracer.start_span(name, context, SpanKind.CLIENT, attributes)
        inside = Context(context)
        _set(inside, SPAN_KEY, span)
        if self._sender is None:
            _set(inside, _CALL_KEY, (span, method, url))
        else:
            _set(inside, SENDER_KEY, (self._sender, headers))
            if _UPSTREAMS_BELOW in sys.modules:
                _tell_upstreams(inside)
        try:
            get_global_textmap().inject(headers, inside, self._setter)
        except Exception:  # headers that cannot be written cost their context, and the call keeps its span
            with guarded(self.doing):
                raise
        _last_sent.set((span.get_span_context().span_id, resends))
        measurement = None if self._durations is None else self._durations.begin(attributes, inside)
        return Call(self, span, attach(inside), measurement)

    def _attributes(self, method: str, known: str, url: str, headers: Any) -> dict[str, Any]:
        """What is known of a request before it is sent.

        Source: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span
        """
        attributes: dict[str, Any] = {"http.request.method": known, "url.full": redacted(url)}
        address, port = server_of(url)
        if address:
            attributes["server.address"] = address
        if port is not None:
            attributes["server.port"] = port
        if known != method:
            attributes["http.request.method_original"] = method
        if self._request_headers is not None and headers is not None:
            attributes.update(self._request_headers.attributes(headers.items()))
        return attributes

    def _passing_on(self, context: Context, url: str, headers: Any) -> Call | None:
        """A call of an excluded request, which carries on what came with that: with a provider of whosoever."""
        if self._is_excluded is None or not self._is_excluded(url):
            get_global_textmap().inject(headers, context, self._setter)
        return self._without_span(context, headers)

    def _without_span(self, context: Context, headers: Any) -> Call | None:
        """A call that gets none, neither here nor by the libraries below."""
        if self._sender is None:
            return None
        inside = Context(context)
        _set(inside, SENDER_KEY, (self._sender, headers))
        _tell_upstreams(inside)
        return Call(self, None, attach(inside))


def _tell_upstreams(inside: Context) -> None:
    """Have upstream's instrumentation of urllib3 make no span, where it is in force: nor of calls of the body."""
    instrumentor = getattr(sys.modules.get(_UPSTREAMS_BELOW), "URLLib3Instrumentor", None)
    if instrumentor is not None and instrumentor().is_instrumented_by_opentelemetry:
        _set(inside, _SUPPRESS_HTTP_INSTRUMENTATION_KEY, True)


def _text(method: Any) -> str:
    """What was given as a method, without the code of its class: a member of http.HTTPMethod, or bytes."""
    if isinstance(method, str):
        return str.__str__(method)
    return method.decode("latin-1") if isinstance(method, bytes) else repr(method)


def _is_part_of_a_call(context: Context, method: str, url: str) -> bool:
    """Whether this is how the library above does what it was called for: the same request, and no span between."""
    call: Any = context.get(_CALL_KEY)  # Any: a context holds anything
    return call is not None and call[0] is context.get(SPAN_KEY) and call[1:] == (method, url)


def _resends(headers: Any) -> int:
    """How often this request was sent before: one that has our last call's context in its headers is that again.

    requests and httpx copy the headers for redirects, and for the answer to a challenge.
    """
    last = _last_sent.get(None)
    if last is None or headers is None:
        return 0
    sent = headers.get(_TRACEPARENT)
    return last[1] + 1 if isinstance(sent, str) and sent[36:52] == f"{last[0]:016x}" else 0


class Call:
    """A call on its way. Ended by :meth:`finish` or :meth:`fail`, or when nobody has its response any more."""

    __slots__ = ("_calls", "_measurement", "_span", "_token")

    def __init__(self, calls: Calls, span: Span | None, token: Any, measurement: Measurement | None = None) -> None:
        self._calls = calls
        self._measurement = measurement
        self._span = span
        self._token: Any = token  # Any: see context.py

    def answer(self, status: Any, version: str, headers: Any, resends: int = 0) -> None:
        """The response has begun: what comes now is its body, and the context is the service's again.

        Args:
            status: its code. Any: a stand-in for a response may have anything.
            version: of HTTP, such as "1.1"; "" if not known.
            headers: as the library has them.
            resends: how often the library itself sent the request again.
        """
        self.leave()
        try:
            outcome = _outcome(status, version)
            if self._measurement is not None:
                self._measurement.attributes.update(outcome)
            span = self._span
            if span is None or type(span) is NonRecordingSpan:
                return
            if resends:
                outcome["http.request.resend_count"] = resends
            span.set_attributes(outcome)
            if "error.type" in outcome:
                span.set_status(_ERROR)
            if self._calls.response_headers is not None:
                span.set_attributes(self._calls.response_headers.attributes(headers.items()))
        except Exception:
            with guarded(self._calls.doing):
                raise

    def finish(self) -> None:
        """The response is complete or closed. A second call changes nothing."""
        if self._token is not None:
            self.leave()
        span, self._span = self._span, None
        if span is not None:
            try:
                span.end()
            except Exception:
                with guarded(self._calls.doing):
                    raise
        if self._measurement is not None:
            measurement, self._measurement = self._measurement, None
            measurement.end()

    def fail(self, error: BaseException) -> None:
        """The request or its response ends with this, which goes on to the service as it is."""
        self.leave()
        span = self._span
        try:
            if span is not None and span.is_recording():
                record(span, error)
            if self._measurement is not None:
                self._measurement.attributes["error.type"] = type_name(type(error))
        except Exception:
            with guarded(self._calls.doing):
                raise
        self.finish()

    def leave(self) -> None:
        """The context is the service's again. A second call changes nothing."""
        token, self._token = self._token, None
        if token is not None:
            leave(token)

    def __del__(self) -> None:
        # At the very end of the process whatever sends spans has stopped, and a drop would be counted and said.
        if (self._span is not None or self._token is not None) and not sys.is_finalizing():
            self.finish()


def _outcome(status: Any, version: str) -> dict[str, Any]:
    """What span and measurement say of a response. Any: see :meth:`Call.answer`."""
    attributes: dict[str, Any] = {}
    if type(status) is int:
        attributes["http.response.status_code"] = status
        if status >= 400 or status < 100:
            attributes["error.type"] = str(status)
    if version:
        attributes["network.protocol.version"] = version
    return attributes
