"""httpx: what a client hands to a transport, whichever, is a client span, which ends with the response's body."""

from collections.abc import AsyncIterator, Iterator
from functools import wraps
from typing import Any  # Any: a service may give anything, and what it gets is not ours

import httpx
from opentelemetry.propagators.textmap import default_setter

from platform_otel.config import Config
from platform_otel.http.settings import client_settings
from platform_otel.instrumentation.client_call import Call, Calls
from platform_otel.instrumentation.replacement import replace, restore
from platform_otel.process.guard import guarded

_LIBRARY = "httpx"
# One request, whatever transport it takes; redirects and answers to challenges come here again.
_SEND = "_send_single_request"
_UPSTREAM = "opentelemetry.instrumentation.httpx"


def instrument(config: Config) -> None:
    """Trace every client, also those that are there already."""
    # A transport may hand the request to an application in this process, which has spans of its own.
    calls = Calls(_LIBRARY, client_settings(config, _LIBRARY), default_setter)
    for client, wrapped in _WRAPPED.items():
        original = getattr(client, _SEND)
        replace(client, _SEND, wrapped(original, calls), original)


def uninstrument() -> None:
    """Take back what :func:`instrument` did."""
    for client in _WRAPPED:
        restore(client, _SEND)


def _wrapped(original: Any, calls: Calls) -> Any:
    @wraps(original)
    def send_single_request(self: Any, request: Any) -> Any:
        call = _start(calls, self, request)
        if call is None:
            return original(self, request)
        try:
            response = original(self, request)
        except BaseException as error:
            call.fail(error)
            raise
        _answer(calls, call, response, _Body)
        return response

    return send_single_request


def _wrapped_async(original: Any, calls: Calls) -> Any:
    @wraps(original)
    async def send_single_request(self: Any, request: Any) -> Any:
        call = _start(calls, self, request)
        if call is None:
            return await original(self, request)
        try:
            response = await original(self, request)
        except BaseException as error:
            call.fail(error)
            raise
        _answer(calls, call, response, _AsyncBody)
        return response

    return send_single_request


_WRAPPED: dict[Any, Any] = {httpx.Client: _wrapped, httpx.AsyncClient: _wrapped_async}


def _start(calls: Calls, client: Any, request: Any) -> Call | None:
    try:
        if _is_upstreams(client):
            return None
        return calls.start(request.method, str(request.url), request.headers)
    except Exception:
        with guarded(calls.doing):
            raise
    return None


def _is_upstreams(client: Any) -> bool:
    """Whether the service has this one client traced by upstream's instrumentation."""
    by_transport = type(client._transport).__module__ == _UPSTREAM
    return by_transport or getattr(client, "_is_instrumented_by_opentelemetry", False)


def _answer(calls: Calls, call: Call, response: Any, body: "type[_Body | _AsyncBody]") -> None:
    try:
        version = response.http_version.removeprefix("HTTP/")
        call.answer(response.status_code, version, response.headers)
        if response.is_closed:  # its body came with it, as that of a mock
            call.finish()
        else:
            response.stream = body(response.stream, call)
    except Exception:  # a transport of the service's may return anything
        call.finish()
        with guarded(calls.doing):
            raise


class _Body(httpx.SyncByteStream):
    """A body that ends its call."""

    def __init__(self, stream: Any, call: Call) -> None:
        self._stream = stream
        self._call = call

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        except GeneratorExit:  # broken off; the service will close the response
            raise
        except BaseException as error:
            self._call.fail(error)
            raise
        self._call.finish()

    def close(self) -> None:
        """See :meth:`httpx.SyncByteStream.close`."""
        try:
            self._stream.close()
        finally:
            self._call.finish()


class _AsyncBody(httpx.AsyncByteStream):
    """The same for an asynchronous client."""

    def __init__(self, stream: Any, call: Call) -> None:
        self._stream = stream
        self._call = call

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                yield chunk
        except GeneratorExit:  # broken off; the service will close the response
            raise
        except BaseException as error:
            self._call.fail(error)
            raise
        self._call.finish()

    async def aclose(self) -> None:
        """See :meth:`httpx.AsyncByteStream.aclose`."""
        try:
            await self._stream.aclose()
        finally:
            self._call.finish()
