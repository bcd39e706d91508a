"""The current span: for one ``with`` block, or around every call of a decorated function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import Token
from inspect import iscoroutinefunction
from types import TracebackType
from typing import Any

from opentelemetry.context import _RUNTIME_CONTEXT, Context, detach
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation import _SPAN_KEY
from opentelemetry.util.types import Attributes

from platform_otel.process.guard import described

# What the API's get_current, attach and detach come to, two calls below each of them: 0.2 us of a span's 3.
_context: Any = _RUNTIME_CONTEXT  # Any: OTEL_PYTHON_CONTEXT may name another package's
if type(_context) is ContextVarsRuntimeContext and hasattr(_context, "_current_context"):
    get_current: Callable[[], Context] = _context._current_context.get
    _attach: Callable[[Context], Token[Context]] = _context._current_context.set
    _reset: Callable[[Token[Context]], None] = _context._current_context.reset
else:
    get_current, _attach, _reset = _context.get_current, _context.attach, detach


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
        dict.__setitem__(changed, _SPAN_KEY, span)
        self._token = _attach(changed)
        return span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            _reset(self._token)
        except (ValueError, RuntimeError):  # the block ends in another context, as one in a generator may
            detach(self._token)  # logs it, as without us
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
