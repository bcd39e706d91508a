"""Sends as many hostile requests as its argument says to applications with a span around them, and without.

Exits with 1 at the first whose answer differs. Run it under the launcher, and strict: then whatever of ours raises
ends it.
"""

import asyncio
import logging
import os
import sys
from io import BytesIO
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import trace  # noqa: F401  # its import sets the provider

from platform_otel.config import Config
from platform_otel.instrumentation import asgi, wsgi
from platform_otel.instrumentation.server import Server

config = Config(os.environ)
asgi_server, wsgi_server = Server(config, "asgi", "asgi"), Server(config, "wsgi", "wsgi")

# What clients may send, and what is near to what we read.
names = st.one_of(
    st.binary(min_size=1, max_size=30),
    st.sampled_from([b"host", b"user-agent", b"traceparent", b"tracestate", b"baggage", b"b3", b"cookie", b"x-a"]),
)
values = st.one_of(
    st.binary(max_size=80),
    st.from_regex(rb"00-[0-9a-f]{30,33}-[0-9a-f]{15,17}-[0-9a-f]{2}", fullmatch=True),
    st.from_regex(rb"[a-z.\[\]:@]{0,20}:?[0-9]{0,8}", fullmatch=True),
    st.sampled_from(
        [b"a=1,b=2", b"a=1;b=c", b"=,=,", b"[::1]:80", b"h:99999999999999999999", b"", b"\xff\xfe", b"%", b"a" * 9000]
    ),
)
headers = st.lists(st.tuples(names, values), max_size=8)
methods = st.one_of(st.text(max_size=12), st.sampled_from(["GET", "POST", "get", "FOO", ""]))
paths = st.one_of(st.text(max_size=40), st.sampled_from(["/", "", "/raise", "/healthz", "/static/x", "//", "/\ud800"]))
queries = st.one_of(st.binary(max_size=60), st.sampled_from([b"token=1&a=2", b"a=%ff&&=", b"=", b"sig=" + b"x" * 5000]))
statuses = st.sampled_from([100, 200, 204, 302, 404, 500, 503, 599, 999])
scopes = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["http", "websocket"]),
        "method": methods,
        "path": paths,
        "query_string": queries,
        "headers": headers,
        "status": statuses,
        "parts": st.lists(st.binary(max_size=10), max_size=3),
    },
    optional={
        "root_path": st.sampled_from(["", "/", "/raise", "/static"]),
        "http_version": st.one_of(st.text(max_size=5), st.none()),
        "scheme": st.one_of(st.sampled_from(["http", "https", ""]), st.text(max_size=5)),
        "client": st.one_of(st.none(), st.tuples(st.text(max_size=15), st.integers())),
        "server": st.one_of(st.none(), st.tuples(st.text(max_size=15), st.one_of(st.none(), st.integers()))),
    },
)


async def application(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    if scope["path"] == "/raise":
        raise ValueError(scope["method"])
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": scope["status"]})
        return
    await send({"type": "http.response.start", "status": scope["status"], "headers": scope["headers"]})
    for part in scope["parts"]:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _asked(app: Any, scope: dict[str, Any]) -> list[Any]:
    answer: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": f"{scope['type']}.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        answer.append(dict(message))

    try:
        await app(dict(scope), receive, send)
    except ValueError as error:
        answer.append(str(error))
    return answer


def wsgi_application(environ: dict[str, Any], start_response: Any) -> Any:
    if environ["PATH_INFO"] == "/raise":
        raise ValueError(environ["REQUEST_METHOD"])
    write = start_response(f"{environ['status']} Some", [("X-A", "b")])
    write(b"written")
    return environ["kind"](environ["parts"])


def _generated(parts: list[bytes]) -> Any:
    yield from parts


def _served(app: Any, environ: dict[str, Any]) -> list[Any]:
    answer: list[Any] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        answer.append((status, headers))
        return answer.append

    try:
        body = app(dict(environ), start_response)
        answer.extend(body)
        if hasattr(body, "close"):
            body.close()
    except ValueError as error:
        answer.append(str(error))
    return answer


def _environ(scope: dict[str, Any]) -> dict[str, Any]:
    carried = {
        f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}": value.decode("latin-1")
        for name, value in scope["headers"]
    }
    client, server = scope.get("client") or ("", 0), scope.get("server") or ("", 0)
    path = scope["path"].encode("utf-8", "replace").decode("latin-1")
    return carried | {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        "PATH_INFO": path,
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version')}",
        "REMOTE_ADDR": client[0],
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "status": scope["status"],
        "parts": scope["parts"],
        "kind": [list, tuple, iter, _generated][len(scope["parts"]) % 4],
    }


class Django:
    """A project that answers what is asked of it; traced, since Django is imported; and untraced."""

    def __init__(self) -> None:
        from django.conf import settings as of_django  # type: ignore[import-untyped]
        from django.core.wsgi import get_wsgi_application  # type: ignore[import-untyped]
        from django.urls import re_path  # type: ignore[import-untyped]

        of_django.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=self, SECRET_KEY="x", MIDDLEWARE=[], LOGGING_CONFIG=None)
        self.urlpatterns = [re_path("^(.*)$", self.answer)]
        self.wsgi = get_wsgi_application()
        traced: Any = type(self.wsgi).__call__
        self.untraced_wsgi = traced.__wrapped__.__get__(self.wsgi)

    @staticmethod
    def answer(request: Any, path: str) -> Any:
        from django.http import HttpResponse, StreamingHttpResponse  # type: ignore[import-untyped]

        if request.path_info == "/raise":
            raise ValueError(request.method)
        return HttpResponse(path) if len(path) % 2 else StreamingHttpResponse(iter([path, "more"]))


def _of_django(app: Any, environ: dict[str, Any]) -> Any:
    try:
        return _served(app, environ | {"wsgi.input": BytesIO()})
    except Exception as error:  # noqa: BLE001  # Django itself does not take everything
        return type(error)


def main(count: int) -> None:
    logging.disable()
    django = Django()
    loop = asyncio.new_event_loop()
    traced = asgi.BareApplication(application, asgi_server)
    traced_wsgi = wsgi.BareApplication(wsgi_application, wsgi_server)

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(scopes)
    def hold_together(scope: dict[str, Any]) -> None:
        untraced = loop.run_until_complete(_asked(application, scope))
        assert loop.run_until_complete(_asked(traced, scope)) == untraced
        environ = _environ(scope)
        assert _served(traced_wsgi, environ) == _served(wsgi_application, environ)
        assert _of_django(django.wsgi, environ) == _of_django(django.untraced_wsgi, environ)

    hold_together()


if __name__ == "__main__":
    main(int(sys.argv[1]))
