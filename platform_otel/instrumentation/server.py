"""How the requests to one framework become server spans, each in the context that it came with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any  # Any: headers hold whatever servers put there

from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import Link, SpanKind, get_current_span, get_tracer

from platform_otel import __version__
from platform_otel.config import Config
from platform_otel.http.server_request import W3C_CONTEXT, Headers, ignored_context
from platform_otel.http.settings import server_settings
from platform_otel.instrumentation.context import SPAN_KEY, attach, get_current
from platform_otel.instrumentation.excluded import EXCLUDED_KEY, ExcludedSpan
from platform_otel.instrumentation.server_span import REQUEST, ServerRequest

if TYPE_CHECKING:
    from platform_otel.instrumentation.http_metrics import Durations

_W3C = frozenset(W3C_CONTEXT)

# All of them, in the form that the propagators take.
Carrier = Callable[[], Mapping[str, Any]]


class _HeadersGetter(Getter[Mapping[str, Any]]):
    """Reads headers, whose names are in lower case, by a name in any case."""

    def get(self, carrier: Mapping[str, Any], key: str) -> list[str] | None:
        values = carrier.get(key.lower())
        return [values] if isinstance(values, str) else values

    def keys(self, carrier: Mapping[str, Any]) -> list[str]:
        return list(carrier)


_HEADERS = _HeadersGetter()


class Server:
    """How the requests to one framework become spans.

    Args:
        library: its name in the scope of the spans, "platform_otel.<library>".
        settings: whose settings hold: those of OTEL_PYTHON_<settings>_EXCLUDED_URLS.
    """

    def __init__(self, config: Config, library: str, settings: str) -> None:
        self.settings = server_settings(config, settings)
        self._start_span = get_tracer(f"platform_otel.{library}", __version__).start_span
        self._trusts = config.get("PLATFORM_TRACE_TRUST_INCOMING") == "always"
        self._propagator: tuple[object, bool] = (None, True)
        self._durations: Durations | None = None
        if self.settings.measures:
            from platform_otel.instrumentation.http_metrics import durations

            self._durations = durations("server")

    def begin(self, name: str, attributes: dict[str, Any], headers: Headers, carrier: Carrier) -> ServerRequest:
        """Start the span of a request and make it current.

        Args:
            name: what its name begins with, the method; the route follows when it is known.
            attributes: what is known of it already.
            headers: those of its headers that may carry context, the W3C's and others'.
            carrier: all of its headers.
        """
        around = _around()
        received = self._received(around, headers, carrier)
        if self._trusts or received is around:
            context, links = received, None
        else:
            context, links = around, [Link(get_current_span(received).get_span_context())]
        span = self._start_span(name, context, SpanKind.SERVER, attributes, links)
        if SPAN_KEY not in context:
            ignored = ignored_context(headers)
            if ignored:
                span.set_attribute("platform_trace.ignored_context", ignored)
        request = ServerRequest(self.settings, span, name, around)
        request.context = changed = Context(context)
        # As the API's set_value does it, but with one copy for its two.
        dict.__setitem__(changed, SPAN_KEY, span)
        dict.__setitem__(changed, REQUEST, request)
        if self._durations is not None:
            request.measurement = self._durations.begin(attributes, changed)
            request.is_watched = request.recording or request.measurement is not None
        request.token = attach(changed)
        return request

    def exclude(self, headers: Headers, carrier: Carrier) -> ExcludedSpan:
        """See to it that an excluded request makes no span, until what this returns is left."""
        around = _around()
        received = self._received(around, headers, carrier) if self._trusts else around
        changed = Context(received)
        excluded = ExcludedSpan(get_current_span(received).get_span_context())
        dict.__setitem__(changed, SPAN_KEY, excluded)
        dict.__setitem__(changed, REQUEST, None)
        dict.__setitem__(changed, EXCLUDED_KEY, True)
        excluded.token = attach(changed)
        return excluded

    def _received(self, around: Context, headers: Headers, carrier: Carrier) -> Context:
        """The context that came with a request; ``around`` itself if none did."""
        propagator = propagate.get_global_textmap()
        if self._propagator[0] is not propagator:  # services may set another one at any time
            self._propagator = propagator, _W3C.issuperset(propagator.fields)
        if not self._propagator[1]:
            return propagator.extract(carrier(), around, _HEADERS)
        for name in W3C_CONTEXT:
            if name in headers:
                return propagator.extract(headers, around)
        return around


_EMPTY = Context()


def _around() -> Context:
    """The context that a request is received in: nearly always empty.

    A span that goes on there is the request's parent if nobody sends another: one around a test client, or that of
    the platform that calls a function. One that has ended is not, nor is another request: reading one may be what a
    server does at the end of the one before.
    """
    around = get_current()
    if around and (REQUEST in around or not get_current_span(around).is_recording()):
        return _EMPTY
    return around
