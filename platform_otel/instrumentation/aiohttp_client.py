"""aiohttp: each request that a session sends is a client span, a redirect one of its own; it ends with the body."""

import asyncio
import sys
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from functools import wraps
from typing import Any  # Any: a service may give anything, and what it gets is not ours

from aiohttp.client import ClientSession
from aiohttp.client_reqrep import ClientRequest, ClientResponse
from aiohttp.connector import BaseConnector
from opentelemetry.propagators.textmap import default_setter

from platform_otel.config import Config
from platform_otel.http.settings import client_settings
from platform_otel.instrumentation import response_end
from platform_otel.instrumentation.client_call import Call, Calls
from platform_otel.instrumentation.replacement import replace, restore
from platform_otel.process.guard import guarded

_LIBRARY = "aiohttp_client"
_UPSTREAM = "opentelemetry.instrumentation.aiohttp_client"
# Called once for what a service asks for, and not again for where that is redirected to.
_ASK = "_request"
# What a response calls when its body has ended; when somebody is done with it before; when somebody breaks it off.
_ENDS = ("_response_eof", "release", "close")
_SWITCHING_PROTOCOLS = 101

# How many requests have been sent for what is being asked for.
_sent: ContextVar[list[int] | None] = ContextVar("platform-trace-sent", default=None)


def instrument(config: Config) -> None:
    """Trace every session, also those that are there already."""
    # What makes the body of a request may make calls of its own meanwhile.
    calls = Calls(_LIBRARY, client_settings(config, _LIBRARY), default_setter)
    _count_requests()
    _wrap_connect(calls)
    _wrap_step(calls, ClientRequest, "send", _keep)
    _wrap_step(calls, ClientResponse, "start", _answer)
    for name in _ENDS:
        _watch_end(name)


def uninstrument() -> None:
    """Take back what :func:`instrument` did."""
    for owner, names in _REPLACED.items():
        for name in names:
            restore(owner, name)


_REPLACED: dict[Any, tuple[str, ...]] = {
    ClientSession: (_ASK,),
    BaseConnector: ("connect",),
    ClientRequest: ("send",),
    ClientResponse: ("start", *_ENDS),
}


def _count_requests() -> None:
    original = getattr(ClientSession, _ASK)

    @wraps(original)
    async def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = _sent.get()
        _sent.set([0])
        try:
            return await original(self, *args, **kwargs)
        finally:  # a middleware may ask for more first, such as a token
            _sent.set(before)

    replace(ClientSession, _ASK, request, original)


def _wrap_connect(calls: Calls) -> None:
    """A call begins here, for a request that gets no connection is one too."""
    original = BaseConnector.connect

    @wraps(original)
    async def connect(self: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
        call = _start(calls, req, kwargs.get("traces") or (args[0] if args else ()))
        if call is None:
            return await original(self, req, *args, **kwargs)
        try:
            connection = await original(self, req, *args, **kwargs)
        except BaseException as error:
            call.fail(_timeout_or(error, req))
            raise
        try:
            response_end.keep(req, call)
        except Exception:  # a class of the service's for requests may be anything
            call.finish()
            with guarded(calls.doing):
                raise
        return connection

    replace(BaseConnector, "connect", connect, original)


def _start(calls: Calls, request: Any, traces: Iterable[Any]) -> Call | None:
    try:
        if _UPSTREAM in sys.modules and _is_upstreams(traces):
            return None
        sent = _sent.get() or [0]
        sent[0] += 1
        return calls.start(request.method, str(request.url), request.headers, sent[0] - 1)
    except Exception:
        with guarded(calls.doing):
            raise
    return None


def _is_upstreams(traces: Iterable[Any]) -> bool:
    """Whether the service has this one session traced by upstream's instrumentation."""
    listeners = [each for trace in traces for each in trace._trace_config.on_request_start]
    return any(getattr(each, "__module__", "") == _UPSTREAM for each in listeners)


def _timeout_or(error: BaseException, of: Any) -> BaseException:
    """The error; aiohttp's limit of a call cancels whatever is awaited, and says later that it was a timeout."""
    return asyncio.TimeoutError() if isinstance(error, asyncio.CancelledError) and _has_expired(of) else error


def _has_expired(of: Any) -> bool:
    """Whether the time that a request and its response have is over."""
    return bool(getattr(getattr(of, "_timer", None), "_cancelled", False))


def _wrap_step(calls: Calls, owner: Any, name: str, then: Callable[[Call, Any], None]) -> None:
    """The request is sent, and the response begins; an HTTPS proxy's answer to CONNECT does so too, and has no call."""
    original = getattr(owner, name)

    @wraps(original)
    async def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = response_end.taken(self)
        if call is None:
            return await original(self, *args, **kwargs)
        try:
            response = await original(self, *args, **kwargs)
        except BaseException as error:
            call.fail(_timeout_or(error, self))
            raise
        try:
            then(call, response)
        except Exception:  # and one for responses
            call.finish()
            with guarded(calls.doing):
                raise
        return response

    replace(owner, name, step, original)


def _keep(call: Call, response: Any) -> None:
    response_end.keep(response, call)


def _answer(call: Call, response: Any) -> None:
    version = response.version
    call.answer(response.status, f"{version[0]}.{version[1]}", response.headers)
    # What comes over a WebSocket is no body.
    if response.closed or response.status == _SWITCHING_PROTOCOLS:
        call.finish()
    else:
        response_end.keep(response, call)


def _watch_end(name: str) -> None:
    original = getattr(ClientResponse, name)

    @wraps(original)
    def ends(self: Any) -> Any:
        call = response_end.taken(self)
        if call is None:
            return original(self)
        error = _broken_by(self)
        try:
            return original(self)
        finally:
            if error is None:
                call.finish()
            else:
                call.fail(error)

    replace(ClientResponse, name, ends, original)


def _broken_by(response: Any) -> BaseException | None:
    """What ended the body before its end, if that was not the service."""
    if _has_expired(response):
        return asyncio.TimeoutError()
    error: BaseException | None = response.content.exception() if response.content is not None else None
    if error is None and sys._getframe(2).f_code is _READ:  # it closes the response where its task is cancelled
        return sys.exc_info()[1]
    return error


_READ = ClientResponse.read.__code__
