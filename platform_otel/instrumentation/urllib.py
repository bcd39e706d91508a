"""urllib: what an opener sends is a client span, a redirect one of its own; it ends with the response's body."""

from contextvars import ContextVar
from functools import wraps
from http.client import InvalidURL
from typing import Any  # Any: a service may give anything, and what it gets is not ours
from urllib.error import HTTPError
from urllib.request import OpenerDirector

from opentelemetry.propagators.textmap import Setter

from platform_otel.config import Config
from platform_otel.http.settings import client_settings
from platform_otel.instrumentation.client_call import Call, Calls
from platform_otel.instrumentation.replacement import replace, restore
from platform_otel.instrumentation.urllib_response import end_with_body, follow_for, stop_for, version_of
from platform_otel.process.guard import guarded

_LIBRARY = "urllib"
# One request, whatever handler sends it: open() comes here, and comes here again for what error() sends.
_SEND, _ANSWER_TO = "_open", "error"
_SCHEMES = ("http", "https")

# How many requests have been sent before, by openers that are still at it.
_sent_before: ContextVar[int] = ContextVar("platform-trace-sent-before", default=0)


def instrument(config: Config) -> None:
    """Trace every opener, also those that are there already."""
    # A handler may ask for more than what it was asked for, such as a token.
    calls = Calls(_LIBRARY, client_settings(config, _LIBRARY), _Setter())
    send, answer_to = getattr(OpenerDirector, _SEND), getattr(OpenerDirector, _ANSWER_TO)
    replace(OpenerDirector, _SEND, _sending(send, calls), send)
    replace(OpenerDirector, _ANSWER_TO, _answering(answer_to), answer_to)
    follow_for(_LIBRARY)


def uninstrument() -> None:
    """Take back what :func:`instrument` did."""
    stop_for(_LIBRARY)
    for name in (_SEND, _ANSWER_TO):
        restore(OpenerDirector, name)


class _Headers:
    """A request's headers, in both places where urllib has them, with ours as long as it is being sent."""

    def __init__(self, request: Any) -> None:
        self._request = request
        self._replaced: list[tuple[dict[str, str], str, str]] = []
        self._ours: list[str] = []

    def set(self, name: str, value: str) -> None:
        """In place of any of that name: what is not redirected would win."""
        for headers in (self._request.unredirected_hdrs, self._request.headers):
            for other in [other for other in headers if other.lower() == name]:
                self._replaced.append((headers, other, headers.pop(other)))
        self._ours.append(name.capitalize())
        self._request.headers[name.capitalize()] = value

    def put_back(self) -> None:
        """Make them the service's own again, which may use a request many times."""
        for name in self._ours:
            self._request.headers.pop(name, None)
        for headers, name, value in self._replaced:
            headers[name] = value

    def get(self, name: str) -> Any:
        """The value that is sent, or None."""
        return self._request.get_header(name.capitalize())

    def items(self) -> list[tuple[str, str]]:
        """All that is sent, but for what http.client adds."""
        items: list[tuple[str, str]] = self._request.header_items()
        return items


class _Setter(Setter[_Headers]):
    def set(self, carrier: _Headers, key: str, value: str) -> None:
        """See :meth:`opentelemetry.propagators.textmap.Setter.set`."""
        carrier.set(key, value)


def _sending(original: Any, calls: Calls) -> Any:
    @wraps(original)
    def send(self: OpenerDirector, req: Any, *args: Any, **kwargs: Any) -> Any:
        headers = _Headers(req)
        call = _start(calls, req, headers)
        if call is None:
            return original(self, req, *args, **kwargs)
        try:
            response = original(self, req, *args, **kwargs)
        except HTTPError as error:  # a response, of a proxy that is asked by an opener of its own
            _answer(calls, call, error)
            raise
        except BaseException as error:
            call.fail(_without_address(error))
            raise
        finally:
            headers.put_back()
        _answer(calls, call, response)
        return response

    return send


def _start(calls: Calls, request: Any, headers: _Headers) -> Call | None:
    try:
        if request.type in _SCHEMES:
            return calls.start(request.get_method(), request.full_url, headers, _sent_before.get())
    except Exception:
        with guarded(calls.doing):
            raise
    return None


def _without_address(error: BaseException) -> BaseException:
    """Where http.client does not understand an address, it says what it took for the port: it may be a password."""
    return InvalidURL() if isinstance(error, InvalidURL) else error


def _answer(calls: Calls, call: Call, response: Any) -> None:
    try:
        call.answer(getattr(response, "status", None), version_of(response), response.headers)
        end_with_body(call, response)
    except Exception:  # a handler of the service's may return anything
        call.finish()
        with guarded(calls.doing):
            raise


def _answering(original: Any) -> Any:
    """Handlers of a status send again from here: where they are redirected to, or with an answer to a challenge."""

    @wraps(original)
    def error(self: OpenerDirector, *args: Any, **kwargs: Any) -> Any:
        before = _sent_before.set(_sent_before.get() + 1)
        try:
            return original(self, *args, **kwargs)
        finally:
            _sent_before.reset(before)

    return error
