"""Who may ask the query port: an ASGI application around the one that answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.responses import JSONResponse, RedirectResponse, Response

from platform_otel.collector.access import COOKIE, Access

_Scope = MutableMapping[str, Any]  # Any: ASGI's own types
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_Application = Callable[[_Scope, _Receive, _Send], Awaitable[None]]

# With every answer: a browser takes it for what it says to be, and gives it to no other page.
_HEADERS = (
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
)


class QueryGuard:
    """Answers in place of the application if a request may not be answered.

    A page of another name or origin is refused whatever it shows: a browser would send our cookie along with what it
    asks. ``?token=`` becomes a cookie, so that a link opens a browser's way in and the token leaves the address bar.
    """

    def __init__(self, application: _Application, access: Access) -> None:
        self._application = application
        self._access = access

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer one request."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        answer = self._refusal(headers) or self._way_in(scope) or self._unauthorized(headers)
        await (answer or self._application)(scope, receive, _with_headers(send))

    def _refusal(self, headers: dict[str, str]) -> Response | None:
        if not self._access.is_known_host(headers):
            return _error(HTTPStatus.FORBIDDEN, "this name is not allowed: start the collector with --allow-host NAME")
        if not self._access.is_own_origin(headers):
            return _error(HTTPStatus.FORBIDDEN, "a page of another origin may not ask")
        return None

    def _way_in(self, scope: _Scope) -> Response | None:
        """The cookie for whoever shows the token in the address, and the address without it."""
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        token = dict(query).get("token")
        if token is None or not self._access.token or scope["method"] != "GET":
            return None
        if not self._access.is_token(token):
            return _error(HTTPStatus.UNAUTHORIZED, "the token is wrong")
        rest = urlencode([pair for pair in query if pair[0] != "token"])
        # One slash at its beginning: two would name another host.
        path = "/" + scope["path"].lstrip("/\\")
        answer = RedirectResponse(path + (f"?{rest}" if rest else ""), HTTPStatus.SEE_OTHER)
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", path="/")
        return answer

    def _unauthorized(self, headers: dict[str, str]) -> Response | None:
        if self._access.is_authorized(headers):
            return None
        ask = {"www-authenticate": "Bearer"}
        return _error(HTTPStatus.UNAUTHORIZED, "show the token: authorization: Bearer TOKEN, or /?token=TOKEN", ask)


def _with_headers(send: _Send) -> _Send:
    async def send_more(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *_HEADERS]
        await send(message)

    return send_more


def _error(status: HTTPStatus, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": message}, status, headers)
