"""requests: what an adapter sends is a client span, a redirect one of its own; it ends with the response's body."""

from functools import wraps
from inspect import getattr_static
from types import FunctionType
from typing import Any  # Any: a service may give anything, and what it gets is not ours
from weakref import WeakSet

from opentelemetry.propagators.textmap import default_setter
from requests.adapters import HTTPAdapter
from requests.sessions import Session
from requests.structures import CaseInsensitiveDict

from platform_otel.config import Config
from platform_otel.http.settings import client_settings
from platform_otel.instrumentation.client_call import Call, Calls
from platform_otel.instrumentation.replacement import replace, restore
from platform_otel.instrumentation.urllib3_response import answer, follow_for, stop_for
from platform_otel.process.guard import guarded

_LIBRARY = "requests"
# Adapters of others that send by themselves, wrapped when a session first uses one; a service may make ever new ones.
_others: WeakSet[Any] = WeakSet()


def instrument(config: Config) -> None:
    """Trace every adapter, also those that are there already."""
    settings = client_settings(config, _LIBRARY)
    # Beneath HTTPAdapter.send there is urllib3, and a call is one span.
    calls = Calls(_LIBRARY, settings, default_setter)
    calls.own_what_is_below(_wrap_send(HTTPAdapter, calls))
    # An adapter that is none may hand the request to an application in this process, which has spans of its own.
    _wrap_get_adapter(Calls(_LIBRARY, settings, default_setter))
    follow_for(_LIBRARY)


def uninstrument() -> None:
    """Take back what :func:`instrument` did."""
    stop_for(_LIBRARY)
    restore(Session, "get_adapter")
    for adapter in (HTTPAdapter, *_others):
        restore(adapter, "send")
    _others.clear()


def _wrap_send(adapter: Any, calls: Calls) -> Any:
    original = adapter.send

    @wraps(original)
    def send(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = _start(calls, args[0] if args else kwargs.get("request"))
        if call is None:
            return original(self, *args, **kwargs)
        try:
            response = original(self, *args, **kwargs)
        except BaseException as error:
            call.fail(error)
            raise
        _answer(calls, call, response)
        return response

    replace(adapter, "send", send, original)
    return send


def _start(calls: Calls, request: Any) -> Call | None:
    if request is None:  # what takes it calls it otherwise
        return None
    try:
        if request.headers is None:  # it was never prepared
            request.headers = CaseInsensitiveDict()
        return calls.start(request.method, request.url, request.headers)
    except Exception:
        with guarded(calls.doing):
            raise
    return None


def _answer(calls: Calls, call: Call, response: Any) -> None:
    try:
        answer(call, response.status_code, response.headers, getattr(response, "raw", None))
    except Exception:  # an adapter of the service's may return anything
        call.finish()
        with guarded(calls.doing):
            raise


def _wrap_get_adapter(calls: Calls) -> None:
    original = Session.get_adapter

    @wraps(original)
    def get_adapter(self: Session, url: str) -> Any:
        adapter = original(self, url)
        if not isinstance(adapter, HTTPAdapter):
            with guarded(calls.doing):
                _wrap_other(type(adapter), calls)
        return adapter

    replace(Session, "get_adapter", get_adapter, original)


def _wrap_other(adapter: Any, calls: Calls) -> None:
    # What is no method, such as a static one, a slot or an object that is called, would be called otherwise by ours.
    send = getattr_static(adapter, "send", None)
    if isinstance(send, FunctionType) and not hasattr(send, "platform_trace_original"):
        _others.add(adapter)
        _wrap_send(adapter, calls)
