"""The current span: for one ``with`` block, or around every call of a decorated function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import iscoroutinefunction
from types import TracebackType
from typing import Any

from opentelemetry.context import Context, detach
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.util.types import Attributes

from platform_otel.instrumentation.context import SPAN_KEY, attach, get_current, reset
from platform_otel.process.guard import described


class CurrentSpan:
    """Starts a span and makes it current.

    Its own class, for the API's goes through a generator and costs as much as the span.
    """

    # Each argument in a slot of its own: handing them on as one tuple takes 0.15 us more.
    __slots__ = (
        "_attributes",
        "_context",
        "_end_on_exit",
        "_kind",
        "_links",
        "_name",
        "_record_exception",
        "_set_status_on_exception",
        "_span",
        "_start_time",
        "_token",
        "_tracer",
    )

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        context: Context | None,
        kind: SpanKind,
        attributes: Attributes,
        links: Sequence[Link] | None,
        start_time: int | None,
        record_exception: bool,
        set_status_on_exception: bool,
        end_on_exit: bool,
    ) -> None:
        self._tracer = tracer
        self._name = name
        self._context = context
        self._kind = kind
        self._attributes = attributes
        self._links = links
        self._start_time = start_time
        self._record_exception = record_exception
        self._set_status_on_exception = set_status_on_exception
        self._end_on_exit = end_on_exit

    def __enter__(self) -> Span:
        current = get_current()
        self._span = span = self._tracer.start_span(
            self._name,
            current if self._context is None else self._context,
            self._kind,
            self._attributes,
            self._links,
            self._start_time,
            self._record_exception,
            self._set_status_on_exception,
        )
        # As the API's set_value does it, but with one copy for its two.
        changed = Context(current)
        dict.__setitem__(changed, SPAN_KEY, span)
        self._token = attach(changed)
        return span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            reset(self._token)
        # The block ends in another context, as one in a generator may, or another package's context fails.
        except Exception:  # noqa: BLE001  # nothing is swallowed: the API's detach fails likewise, and logs it
            detach(self._token)
        span = self._span
        # Not BaseException: leaving a generator or a cancelled task is no error of the span.
        if isinstance(error, Exception) and span.is_recording():
            if self._record_exception:
                span.record_exception(error)
            if self._set_status_on_exception:
                span.set_status(Status(StatusCode.ERROR, described(error)))
        if self._end_on_exit:
            span.end()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate a function or coroutine function: each call is a span."""
        from functools import wraps

        if iscoroutinefunction(function):

            @wraps(function)
            async def traced_coroutine(*args: Any, **kwargs: Any) -> Any:
                with self._again():
                    return await function(*args, **kwargs)

            return traced_coroutine

        @wraps(function)
        def traced(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return traced

    def _again(self) -> CurrentSpan:
        return CurrentSpan(
            self._tracer,
            self._name,
            self._context,
            self._kind,
            self._attributes,
            self._links,
            self._start_time,
            self._record_exception,
            self._set_status_on_exception,
            self._end_on_exit,
        )
