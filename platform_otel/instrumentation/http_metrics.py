"""How long requests take, as metrics of at most 2,000 series each; imported only where metrics are asked for.

Source: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
"""

from __future__ import annotations

import gc
from _thread import get_ident
from collections import deque
from collections.abc import Callable
from functools import cache
from itertools import count
from time import perf_counter
from typing import Any  # Any: attributes come from servers and services

from opentelemetry.context import Context

from platform_otel import __version__
from platform_otel.process.guard import guarded

# One for all libraries: were there one for each, a metric would have the bound many times over.
_METER = "platform_otel.http"
_BOUNDARIES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_METHOD = "http.request.method"
_OUTCOME = ("http.response.status_code", "error.type", "network.protocol.version")

# What the conventions require and recommend for each; url.scheme of a client is opt-in.
_DESCRIPTIONS = {"server": "Duration of HTTP server requests.", "client": "Duration of HTTP client requests."}
_ATTRIBUTES = {
    "server": (_METHOD, "url.scheme", "http.route", *_OUTCOME),
    "client": (_METHOD, "server.address", "server.port", *_OUTCOME),
}

_MOST_SERIES = 2000
# What there is no series for any more. Source: https://opentelemetry.io/docs/specs/otel/metrics/sdk/#overflow-attribute
_OVERFLOW = {"otel.metric.overflow": True}
# Measurements that wait at most for the next one: see Durations.record.
_MOST_WAITING = 1000
_DOING = "measure how long requests take"


def durations(side: str) -> Durations | None:
    """The metric of the "server" or of the "client" requests of this process; None if it cannot be made."""
    with guarded(_DOING):
        # Starts the SDK, whose exporter may import a library that is instrumented then, and so comes here before us.
        from opentelemetry.metrics import get_meter

        return _durations(side, get_meter)
    return None


@cache
def _durations(side: str, get_meter: Callable[[str, str], Any]) -> Durations:
    meter = get_meter(_METER, __version__)
    histogram = meter.create_histogram(
        f"http.{side}.request.duration",
        unit="s",
        description=_DESCRIPTIONS[side],
        explicit_bucket_boundaries_advisory=_BOUNDARIES,
    )
    if _note_collection not in gc.callbacks:
        gc.callbacks.append(_note_collection)
    return Durations(histogram.record, _ATTRIBUTES[side])


class Durations:
    """A histogram whose series are bounded, whatever methods, hosts and versions strangers make up.

    Args:
        record: that of the histogram. Any: its signature has grown over the releases of the API.
        names: the attributes that tell the series apart.
    """

    def __init__(self, record: Any, names: tuple[str, ...]) -> None:
        self._record = record
        self._names = names
        self._series: dict[tuple[Any, ...], int] = {}
        self._numbers = count(1)
        self._waiting: deque[tuple[float, dict[str, Any], Context]] = deque(maxlen=_MOST_WAITING)

    def begin(self, attributes: dict[str, Any], context: Context) -> Measurement | None:
        """Begin to measure a request; None if it is none of HTTP's but a WebSocket.

        Args:
            attributes: those of its span.
            context: with its span, by which an example of a series leads to its trace.
        """
        if _METHOD not in attributes:
            return None
        known = {name: attributes[name] for name in self._names if name in attributes}
        return Measurement(self, known, context)

    def record(self, seconds: float, attributes: dict[str, Any], context: Context) -> None:
        """Record the duration of one request."""
        bounded = self._bounded(attributes)
        if _collecting == get_ident():
            # A response or a coroutine is thrown away, perhaps while this very thread has one of the SDK's locks.
            self._waiting.append((seconds, bounded, context))
            return
        while self._waiting:
            try:
                waiting = self._waiting.popleft()
            except IndexError:  # another thread was quicker
                break
            self._record(*waiting)
        self._record(seconds, bounded, context)

    def _bounded(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """These attributes, or those of the last series, which takes what is too many."""
        series = tuple(map(attributes.get, self._names))
        number = self._series.get(series)
        if number is None:
            if len(self._series) >= _MOST_SERIES:
                return _OVERFLOW
            # No lock: threads that come here at once have numbers of their own.
            number = self._series.setdefault(series, next(self._numbers))
        return attributes if number < _MOST_SERIES else _OVERFLOW


class Measurement:
    """A request on its way. ``attributes`` takes what becomes known of its outcome."""

    __slots__ = ("_context", "_durations", "_start", "attributes")

    def __init__(self, durations: Durations, attributes: dict[str, Any], context: Context) -> None:
        self._durations = durations
        self.attributes = attributes
        self._context = context
        self._start = perf_counter()

    def end(self) -> None:
        """The response is complete, or nothing more will come of it."""
        with guarded(_DOING):
            self._durations.record(perf_counter() - self._start, self.attributes, self._context)


# --- the garbage collector --------------------------------------------------------------------------------------------

# The thread that is just collecting garbage. What it throws away may have been a request, and the SDK's locks are not
# made to be taken twice: one that exports metrics would wait for itself, and every request for it.
_collecting = 0


def _note_collection(phase: str, _: dict[str, int]) -> None:
    global _collecting
    _collecting = get_ident() if phase == "start" else 0
