"""http.client: what neither urllib nor urllib3 sends by it is a client span, which ends with the response's body."""

import sys
from functools import lru_cache, wraps
from http.client import HTTPConnection
from typing import Any  # Any: a service may give anything, and what it gets is not ours

from opentelemetry.propagators.textmap import Setter

from platform_otel.config import Config
from platform_otel.http.settings import client_settings
from platform_otel.instrumentation import response_end
from platform_otel.instrumentation.client_call import Call, Calls, is_suppressed
from platform_otel.instrumentation.context import get_current
from platform_otel.instrumentation.replacement import replace
from platform_otel.instrumentation.urllib_response import end_with_body, follow_for, version_of
from platform_otel.process.guard import as_text, guarded

_LIBRARY = "http_client"
# Where the headers of a request end and it is sent, where its response is asked for, and where it is given up.
_SEND, _ANSWER, _GIVE_UP = "endheaders", "getresponse", "close"
# urllib's is so many calls above ours, with those of http.client between.
_DEEPEST = 6


def instrument(config: Config) -> None:
    """Trace every connection, also those that are there already."""
    calls = Calls(_LIBRARY, client_settings(config, _LIBRARY), _Setter())
    for name, wrapped in ((_SEND, _sending), (_ANSWER, _answering), (_GIVE_UP, _giving_up)):
        original = getattr(HTTPConnection, name)
        replace(HTTPConnection, name, wrapped(original, calls), original)
    follow_for(_LIBRARY)


class _Headers:
    """A request's headers, as long as they wait to be sent: bytes, line by line, below that of the request."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._lines: list[bytes] = connection._buffer

    def set(self, name: str, value: str) -> None:
        """In place of any of that name."""
        beginning = f"{name}:".encode().lower()
        self._lines[1:] = [line for line in self._lines[1:] if not line.lower().startswith(beginning)]
        self._connection.putheader(name, value)

    def get(self, name: str) -> str | None:
        """The value that is sent, or None."""
        return next((value for key, value in self.items() if key.lower() == name), None)

    def items(self) -> list[tuple[str, str]]:
        """All that is sent."""
        pairs = [line.decode("latin-1").partition(":") for line in self._lines[1:]]
        return [(name, value.strip()) for name, _, value in pairs]

    def target(self) -> str:
        """What is asked for: a path, or with a proxy the whole address."""
        return self._lines[0].decode("latin-1").split(" ")[1]


class _Setter(Setter[_Headers]):
    def set(self, carrier: _Headers, key: str, value: str) -> None:
        """See :meth:`opentelemetry.propagators.textmap.Setter.set`."""
        carrier.set(key, value)


def _sending(original: Any, calls: Calls) -> Any:
    @wraps(original)
    def endheaders(self: Any, *args: Any, **kwargs: Any) -> Any:
        kind: Any = type(self)
        call = None
        try:
            if not _is_urllib3s(kind):  # as most are
                call = _start(calls, self)
        except Exception:  # a class of the service's for connections may be anything
            with guarded(calls.doing):
                raise
        if call is None:
            return original(self, *args, **kwargs)
        try:
            sent = original(self, *args, **kwargs)
        except BaseException as error:
            call.fail(error)
            raise
        _keep(calls, call, self)
        return sent

    return endheaders


def _keep(calls: Calls, call: Call, connection: Any) -> None:
    call.leave()  # what the service does until it asks for the response is none of the call's
    try:
        response_end.keep(connection, call)
    except Exception:  # as where it begins
        call.finish()
        with guarded(calls.doing):
            raise


def _start(calls: Calls, connection: Any) -> Call | None:
    if is_suppressed(get_current()) or _is_urllibs():
        return None
    headers = _Headers(connection)
    return calls.start(connection._method, _address(connection, headers.target()), headers)


# A service has few classes for connections, and its calls come by here however they are made.
@lru_cache(maxsize=32)
def _is_urllib3s(kind: type) -> bool:
    """What a pool asks for has its span, or is to have none."""
    return any(as_text(each.__module__).partition(".")[0] == "urllib3" for each in kind.__mro__)


def _is_urllibs() -> bool:
    """Whether an opener is at work: the same."""
    handler = getattr(sys.modules.get("urllib.request"), "AbstractHTTPHandler", None)
    if handler is None:
        return False
    frame = sys._getframe(2)
    for _ in range(_DEEPEST):
        if frame.f_code is handler.do_open.__code__:
            return True
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False


def _address(connection: Any, target: str) -> str:
    """The whole address: a connection is asked for a path, but for the whole where an HTTP proxy is."""
    if "://" in target.partition("?")[0]:
        return target
    scheme = "https" if connection.default_port == 443 else "http"
    tunnel = connection._tunnel_host
    host, port = (tunnel, connection._tunnel_port) if tunnel else (connection.host, connection.port)
    shown = f"[{host}]" if ":" in host else host
    named = "" if port in (None, connection.default_port) else f":{port}"
    return f"{scheme}://{shown}{named}{'' if target.startswith('/') else '/'}{target}"


def _answering(original: Any, calls: Calls) -> Any:
    @wraps(original)
    def getresponse(self: Any) -> Any:
        call = response_end.taken(self)
        if call is None:  # it is a library's above
            return original(self)
        try:
            response = original(self)
        except BaseException as error:
            call.fail(error)
            raise
        _answer(calls, call, response)
        return response

    return getresponse


def _answer(calls: Calls, call: Call, response: Any) -> None:
    try:
        call.answer(response.status, version_of(response), response.headers)
        end_with_body(call, response)
    except Exception:  # a class of the service's for responses may be anything
        call.finish()
        with guarded(calls.doing):
            raise


def _giving_up(original: Any, _: Calls) -> Any:
    """A connection that is closed, or begins anew, before its response was asked for."""

    @wraps(original)
    def close(self: Any) -> Any:
        call = response_end.taken(self)
        if call is not None:
            call.finish()
        return original(self)

    return close
