"""OTLP over HTTP, as an ASGI application. It says 200 when what it was sent is committed.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import Executor
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar

from google.protobuf.message import Message

from platform_otel.collector.access import Access
from platform_otel.collector.body import ENCODINGS, IDENTITY, Body, Budget, Busy, NotDecompressed, TooLarge
from platform_otel.collector.intake import Intake
from platform_otel.collector.model import SIGNALS, Received
from platform_otel.collector.otlp_answers import JSON, PROTOBUF, encoded, failure, success
from platform_otel.collector.otlp_decoding import Malformed
from platform_otel.collector.store import Refused

_Made = TypeVar("_Made")
Scope = MutableMapping[str, Any]  # Any: ASGI's own types
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_PATHS = {f"/v1/{signal}": signal for signal in SIGNALS}
# https://grpc.io/docs/guides/status-codes/
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 413: 8, 415: 12, 503: 14}
_RETRY = {"retry-after": "1"}
_ASK = {"www-authenticate": "Bearer"}


class _Refusal(Exception):
    """The request is answered with this status instead of being taken."""

    def __init__(self, status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}


class _Gone(Exception):
    """The client hung up before its request was here."""


class _Request(NamedTuple):
    """What the head of a request says."""

    method: str
    path: str
    headers: Mapping[str, str]
    content_type: str
    encoding: str


class HttpReceiver:
    """The application.

    Args:
        threads: where bodies are decompressed and decoded, so that the event loop goes on.
    """

    def __init__(self, intake: Intake, access: Access, budget: Budget, threads: Executor) -> None:
        self._intake = intake
        self._access = access
        self._budget = budget
        self._threads = threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. What is left of a refused one's body is read and dropped by the server."""
        request = _request(scope)
        try:
            self._check(request)
            received = await self._take(request, receive)
        except _Gone:
            return
        except _Refusal as refusal:
            answer = failure(_CODES[refusal.status], refusal.message)
            await _send(send, refusal.status, answer, request.content_type, refusal.headers)
        else:
            await _send(send, HTTPStatus.OK, success(received), request.content_type, {})

    def _check(self, request: _Request) -> None:
        if request.path not in _PATHS:
            raise _Refusal(HTTPStatus.NOT_FOUND, f"only {', '.join(_PATHS)} are here")
        if request.method != "POST":
            raise _Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "only POST is understood", {"allow": "POST"})
        if not self._access.is_allowed_origin(request.headers):
            raise _Refusal(HTTPStatus.FORBIDDEN, "pages may send only if the collector has --allow-origin for them")
        if not self._access.is_authorized(request.headers):
            raise _Refusal(HTTPStatus.UNAUTHORIZED, "authorization: Bearer TOKEN is missing or wrong", _ASK)
        if request.content_type not in (PROTOBUF, JSON):
            raise _Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"only {PROTOBUF} and {JSON} are understood")
        if request.encoding not in ENCODINGS:
            raise _Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"only {', '.join(ENCODINGS)} are understood")

    async def _take(self, request: _Request, receive: Receive) -> Received:
        try:
            with Body(self._budget, request.encoding) as body:
                await self._read(body, request, receive)
                received = await self._in_thread(self._decode, request, body)
                # The store goes on with it, and tells it its end, if nobody waits any longer.
                await asyncio.shield(asyncio.wrap_future(self._intake.add(received)))
        except (Malformed, NotDecompressed) as error:
            raise _Refusal(HTTPStatus.BAD_REQUEST, str(error)) from None
        except TooLarge as error:
            raise _Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from None
        except asyncio.CancelledError:
            # The server stops. It would say 500, after which senders do not come again.
            raise _Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the collector stops", _RETRY) from None
        except (Busy, Refused) as error:
            raise _Refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(error), _RETRY) from None
        return received

    async def _read(self, body: Body, request: _Request, receive: Receive) -> None:
        more = True
        while more:
            event = await receive()
            if event["type"] == "http.disconnect":
                raise _Gone
            data, more = event.get("body", b""), event.get("more_body", False)
            if request.encoding == IDENTITY:
                body.add(data)
            else:
                await self._in_thread(body.add, data)

    def _decode(self, request: _Request, body: Body) -> Received:
        return self._intake.decode(_PATHS[request.path], body.whole(), request.content_type == JSON)

    async def _in_thread(self, function: Callable[..., _Made], *arguments: object) -> _Made:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


def _request(scope: Scope) -> _Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = headers.get("content-encoding", IDENTITY).strip().lower()
    return _Request(scope["method"], scope["path"], headers, content_type, encoding)


async def _send(send: Send, status: HTTPStatus, answer: Message, content_type: str, headers: Mapping[str, str]) -> None:
    """Answer in the request's own encoding; in JSON, if that is none of ours."""
    content_type = content_type if content_type == PROTOBUF else JSON
    body = encoded(answer, content_type)
    described = {"content-type": content_type, "content-length": str(len(body)), **headers}
    pairs = [(name.encode(), value.encode()) for name, value in described.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
