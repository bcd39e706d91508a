"""urllib3: what a connection pool is asked for is a client span, which ends with the response's body."""

import sys
from functools import wraps
from inspect import unwrap
from types import CodeType, FrameType
from typing import Any  # Any: a service may give anything, and what it gets is not ours

from opentelemetry.propagators.textmap import Setter
from urllib3.connectionpool import HTTPConnectionPool

from platform_otel.config import Config
from platform_otel.http.settings import client_settings
from platform_otel.instrumentation.client_call import SENDER_KEY, Call, Calls, is_suppressed
from platform_otel.instrumentation.context import get_current
from platform_otel.instrumentation.replacement import replace, restore
from platform_otel.instrumentation.urllib3_response import answer, follow_for, stop_for
from platform_otel.process.guard import guarded

_LIBRARY = "urllib3"
# Where these stand among the arguments of urlopen(), after the pool itself.
_METHOD, _URL, _HEADERS, _RETRIES = 0, 1, 3, 4
_DEFAULT_PORTS = {"http": 80, "https": 443}


def instrument(config: Config) -> None:
    """Trace every pool, also those that are there already."""
    # A pool asks itself again for retries and redirects, and a call is one span.
    calls = Calls(_LIBRARY, client_settings(config, _LIBRARY), _Setter())
    calls.own_what_is_below(_wrap_urlopen(calls))
    follow_for(_LIBRARY)


def uninstrument() -> None:
    """Take back what :func:`instrument` did."""
    stop_for(_LIBRARY)
    restore(HTTPConnectionPool, "urlopen")


class _Setter(Setter[Any]):
    """Writes into what services give as headers: a plain dictionary tells "Traceparent" from "traceparent"."""

    def set(self, carrier: Any, key: str, value: str) -> None:
        """See :meth:`opentelemetry.propagators.textmap.Setter.set`."""
        for name in [name for name in carrier if len(name) == len(key) and _text(name).lower() == key]:
            del carrier[name]
        carrier[key] = value


def _text(name: str | bytes) -> str:
    return name.decode("latin-1") if isinstance(name, bytes) else name


def _wrap_urlopen(calls: Calls) -> Any:
    original = HTTPConnectionPool.urlopen

    @wraps(original)
    def urlopen(self: HTTPConnectionPool, *args: Any, **kwargs: Any) -> Any:
        context = get_current()
        sender: Any = context.get(SENDER_KEY)  # Any: a context holds anything
        # First, for most calls come from requests.
        if sender is not None:
            code, headers = sender
            # As requests hands them on: to look for it on the stack takes 0.2 us.
            if kwargs.get("headers") is headers or _is_sent_by(code, sys._getframe().f_back):
                return original(self, *args, **kwargs)
        if is_suppressed(context):
            return original(self, *args, **kwargs)
        call, args, kwargs = _start(calls, self, args, kwargs)
        if call is None:
            return original(self, *args, **kwargs)
        try:
            response = original(self, *args, **kwargs)
        except BaseException as error:
            call.fail(error)
            raise
        _answer(calls, call, response)
        return response

    replace(HTTPConnectionPool, "urlopen", urlopen, original)
    return urlopen


# Where a pool sends a request, and runs what makes the request's body.
_SENDS = unwrap(HTTPConnectionPool._make_request).__code__
# What an adapter of requests does before and after it asks a pool: one of a service's may fetch a token there.
_STEPS_BESIDE = frozenset(
    ("add_headers", "build_response", "cert_verify", "get_connection", "get_connection_with_tls_context", "request_url")
)


def _is_sent_by(sender: CodeType, frame: FrameType | None) -> bool:
    """Whether a pool is asked by what that function has called: not by what makes its body, or beside it."""
    while frame is not None:
        code = frame.f_code
        if code is sender:
            return True
        if code is _SENDS or code.co_name in _STEPS_BESIDE:
            return False
        frame = frame.f_back
    return False


def _start(
    calls: Calls, pool: HTTPConnectionPool, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Call | None, tuple[Any, ...], dict[str, Any]]:
    """The call, and what to ask the pool with: the same, with headers of our own, which carry the context."""
    try:
        headers = _copy(_argument(_HEADERS, "headers", args, kwargs), pool)
        if len(args) > _HEADERS:
            changed = (*args[:_HEADERS], headers, *args[_HEADERS + 1 :]), kwargs
        else:
            changed = args, {**kwargs, "headers": headers}
        history = getattr(_argument(_RETRIES, "retries", args, kwargs), "history", ())
        url = _address(pool, _argument(_URL, "url", args, kwargs))
        call = calls.start(_argument(_METHOD, "method", args, kwargs), url, headers, len(history))
    except Exception:
        with guarded(calls.doing):
            raise
    else:
        if call is not None:
            return call, *changed
    return None, args, kwargs


def _argument(position: int, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[position] if len(args) > position else kwargs.get(name)


def _copy(headers: Any, pool: HTTPConnectionPool) -> Any:
    """The headers of a request, which are the pool's if it gives none; the service's own stay as they are."""
    own = pool.headers if headers is None else headers
    return own.copy() if hasattr(own, "copy") else dict(own)


def _address(pool: HTTPConnectionPool, url: str) -> str:
    """The whole address: a pool is asked for a path, but for the whole where an HTTP proxy is."""
    if not url.startswith("/"):
        return url
    host = f"[{pool.host}]" if ":" in pool.host else pool.host
    port = "" if pool.port in (None, _DEFAULT_PORTS.get(pool.scheme)) else f":{pool.port}"
    return f"{pool.scheme}://{host}{port}{url}"


def _answer(calls: Calls, call: Call, response: Any) -> None:
    try:
        answer(call, response.status, response.headers, response)
    except Exception:  # a stand-in for a response may be anything
        call.finish()
        with guarded(calls.doing):
            raise
