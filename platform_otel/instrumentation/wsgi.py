"""WSGI: one span per request, around any application.

Source: https://peps.python.org/pep-3333/
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any  # Any: environs hold whatever servers put there

from opentelemetry.context import Context

from platform_otel.http.methods import named
from platform_otel.http.server_request import (
    wsgi_attributes,
    wsgi_context,
    wsgi_headers,
    wsgi_path,
)
from platform_otel.instrumentation.bare_application import BareApplicationBase
from platform_otel.instrumentation.context import attach, get_current, leave
from platform_otel.instrumentation.excluded import ExcludedSpan
from platform_otel.instrumentation.server import Server
from platform_otel.instrumentation.server_span import (
    DISCONNECT,
    MARK,
    REQUEST,
    ServerRequest,
    is_over,
    is_within_upstreams,
)
from platform_otel.process.guard import guarded

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


def serve(application: Application, environ: Environ, start_response: StartResponse, server: Server) -> Any:
    """Call an application with a request that is not seen to yet. Any: servers look at the type of what it returns."""
    around = get_current()  # nearly always empty
    if around and (_is_seen_to_by_asgi(environ, around) or is_within_upstreams()):
        return application(environ, start_response)
    request: ServerRequest | None = None
    excluded: ExcludedSpan | None = None
    try:
        root, path = environ.get("SCRIPT_NAME"), environ.get("PATH_INFO", "")
        if server.settings.excluded.of(environ, f"{root}{path}" if root else path, root, _address):
            environ[MARK] = None
            excluded = server.exclude(wsgi_context(environ), lambda: dict(wsgi_headers(environ)))
        else:
            request = _begin(environ, server)
    except Exception:  # "with guarded" around it would do, and cost 0.2 us more
        with guarded("trace a request"):
            raise
    if request is not None:
        return _traced(application, environ, start_response, request)
    if excluded is not None:
        return _untraced(application, environ, start_response, excluded)
    return application(environ, start_response)


def _begin(environ: Environ, server: Server) -> ServerRequest:
    attributes = wsgi_attributes(environ, server.settings.methods)
    name = named(attributes["http.request.method"])
    request = server.begin(name, attributes, wsgi_context(environ), lambda: dict(wsgi_headers(environ)))
    environ[MARK] = request
    if server.settings.request_headers is not None:
        request.asked(lambda: wsgi_headers(environ))
    return request


def _untraced(application: Application, environ: Environ, start_response: StartResponse, excluded: ExcludedSpan) -> Any:
    """An excluded request: no part of its body makes a span either."""
    context = get_current()
    has_more = False
    try:
        body = application(environ, start_response)
        has_more = not (type(body) in _WHOLE or _is_file(body, environ))
    finally:
        leave(excluded.token)
        excluded.is_over = not has_more
    if not has_more:
        return body
    return (_SizedUntracedBody if hasattr(body, "__len__") else _UntracedBody)(body, context, excluded)


def _traced(application: Application, environ: Environ, start_response: StartResponse, request: ServerRequest) -> Any:
    def traced_start_response(status: Any, headers: Any, exc_info: Any = None) -> Any:
        code = status[:3] if isinstance(status, str) else ""
        request.answered(int(code) if code.isdecimal() else None, headers)
        if exc_info is None:
            return start_response(status, headers)
        if _has_exception(exc_info):
            request.failed(exc_info[1])
        return start_response(status, headers, exc_info)

    try:
        body = application(environ, traced_start_response if request.is_watched else start_response)
    except BaseException as error:
        request.failed(error)
        _finish(request, environ, is_complete=False)
        raise
    finally:
        leave(request.token)
    if type(body) in _WHOLE:  # there is no more to come, and servers ask for its length
        _finish(request, environ)
        return body
    if _is_file(body, environ):
        return _finishing_file(body, environ, request)
    return (_SizedTracedBody if hasattr(body, "__len__") else _TracedBody)(body, environ, request)


_WHOLE = (list, tuple)


def _is_file(body: Any, environ: Environ) -> bool:
    file_wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(file_wrapper, type) and isinstance(body, file_wrapper)


def _has_exception(exc_info: Any) -> bool:
    """Outside of an except clause sys.exc_info() is three times None."""
    return isinstance(exc_info, tuple) and len(exc_info) > 1 and isinstance(exc_info[1], BaseException)


def _finish(request: ServerRequest, environ: Environ, is_complete: bool = True) -> None:
    """End the span. Only now is it certain which address the client has: middleware may have corrected it."""
    if request.recording and not request.ended:
        client = environ.get("REMOTE_ADDR")
        if client:
            request.span.set_attribute("client.address", client)
    request.finish(is_complete)


def _finishing_file(body: Any, environ: Environ, request: ServerRequest) -> Any:
    """A file that the server sends in its own way, which it recognises by the type."""
    close = getattr(body, "close", None)

    def finishing_close() -> None:
        # Servers close it in a "finally": what has ended the sending is being raised.
        if isinstance(sys.exc_info()[1], ConnectionError):
            request.interruption = DISCONNECT
        try:
            if close is not None:
                close()
        finally:
            _finish(request, environ)

    try:
        body.close = finishing_close
    except AttributeError:
        _finish(request, environ)
    return body


class _Body:
    """What an application returned, each part of it made in the context of the request."""

    __slots__ = ("_body", "_context", "_iterator")

    def __init__(self, body: Iterable[bytes], context: Context) -> None:
        self._body = body
        self._context = context
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        self._iterator = iter(self._body)
        return self

    def __next__(self) -> bytes:
        if self._iterator is None:
            self._iterator = iter(self._body)
        token = attach(self._context)
        try:
            return next(self._iterator)
        finally:
            leave(token)

    def close(self) -> None:
        """Close what the application returned."""
        close = getattr(self._body, "close", None)
        if close is None:
            return
        token = attach(self._context)
        try:
            close()
        finally:
            leave(token)

    def __getattr__(self, name: str) -> Any:
        # Whatever else a server or middleware asks of a body.
        return getattr(self._body, name)


class _UntracedBody(_Body):
    """The same of an excluded request, which is over when the server closes it or throws it away."""

    __slots__ = ("_excluded",)

    def __init__(self, body: Iterable[bytes], context: Context, excluded: ExcludedSpan) -> None:
        super().__init__(body, context)
        self._excluded = excluded

    def close(self) -> None:
        """Close what the application returned."""
        try:
            super().close()
        finally:
            self._excluded.is_over = True

    def __del__(self) -> None:
        self._excluded.is_over = True  # servers must close it, and test clients may not


class _TracedBody(_Body):
    """The same, until the server closes it or throws it away."""

    __slots__ = ("_environ", "_request")

    def __init__(self, body: Iterable[bytes], environ: Environ, request: ServerRequest) -> None:
        # Without the call of super(), one a request.
        self._body = body
        self._context = request.context
        self._iterator = None
        self._environ = environ
        self._request = request

    def __next__(self) -> bytes:
        if self._iterator is None:
            self._iterator = iter(self._body)
        token = attach(self._context)
        try:
            return next(self._iterator)
        except StopIteration:
            _finish(self._request, self._environ)
            raise
        except BaseException as error:
            self._request.failed(error)
            _finish(self._request, self._environ, is_complete=False)
            raise
        finally:
            leave(token)

    def close(self) -> None:
        """Close what the application returned, and end the span: early if the client has gone away."""
        request = self._request
        if self._iterator is not None and not request.ended:
            request.interruption = DISCONNECT
        try:
            super().close()
        finally:
            if not request.ended:
                _finish(request, self._environ)

    def __del__(self) -> None:
        if not self._request.ended:  # nobody has closed it: servers must, and test clients may not
            self._request.finish()


class _SizedUntracedBody(_UntracedBody):
    __slots__ = ()

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]  # only a body that has a length is one of these


class _SizedTracedBody(_TracedBody):
    __slots__ = ()
    __len__ = _SizedUntracedBody.__len__


class BareApplication(BareApplicationBase):
    """An application as a server calls it that is of no framework, or has something around it."""

    __slots__ = ()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Any:
        """See PEP 3333."""
        if MARK not in environ or is_over(environ[MARK]):
            return serve(self._platform_trace_application, environ, start_response, self._platform_trace_server)
        return self._platform_trace_application(environ, start_response)


def _address(environ: Environ) -> tuple[str, str]:
    """The address that was asked for without its query, and the query."""
    host = environ.get("HTTP_HOST") or f"{environ.get('SERVER_NAME')}:{environ.get('SERVER_PORT')}"
    return f"{environ.get('wsgi.url_scheme')}://{host}{wsgi_path(environ)}", environ.get("QUERY_STRING") or ""


def _is_seen_to_by_asgi(environ: Environ, around: Context) -> bool:
    """Whether an ASGI application hands a request of its own on to a WSGI application inside it.

    Its environ is a new one, so the mark is not there; the context is the same.
    """
    if REQUEST not in around:
        return False
    outer: Any = around[REQUEST]
    if outer is not None and (outer.ended or outer.path != wsgi_path(environ)):
        return False
    environ[MARK] = outer
    return True
