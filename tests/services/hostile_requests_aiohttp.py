"""Sends as many hostile requests as its argument says to a server of aiohttp's that is traced, and to it untraced.

Exits with 1 at the first whose answer differs. Run it under the launcher, and strict: then whatever of ours raises
ends it.
"""

import asyncio
import logging
import os
import re
import sys

from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import trace  # noqa: F401  # its import sets the provider

from platform_otel.config import Config
from platform_otel.instrumentation import aiohttp_server

# What clients may send, and what is near to what we read.
names = st.one_of(
    st.binary(min_size=1, max_size=20),
    st.sampled_from([b"Host", b"User-Agent", b"traceparent", b"tracestate", b"b3", b"Upgrade", b"Connection"]),
)
values = st.one_of(
    st.binary(max_size=60),
    st.from_regex(rb"00-[0-9a-f]{30,33}-[0-9a-f]{15,17}-[0-9a-f]{2}", fullmatch=True),
    st.from_regex(rb"[a-z.\[\]:@]{0,20}:?[0-9]{0,8}", fullmatch=True),
    st.sampled_from(
        [b"websocket", b"WebSocket", b"[::1]:80", b"h:99999999999999999999", b"\xff\xfe", b"%", b"a" * 9000]
    ),
)
targets = st.one_of(
    st.binary(max_size=40).map(lambda target: b"/" + target),
    st.sampled_from(
        [b"/raise", b"/unavailable", b"/healthz", b"*", b"//", b"/%ff?token=%", b"http://a@b:x/y", b"/?=&&"]
    ),
)
requests = st.tuples(
    st.sampled_from([b"GET", b"POST", b"OPTIONS", b"HEAD", b"BREW", b""]),
    targets,
    st.lists(st.tuples(names, values), max_size=6),
    st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/9", b""]),
)


async def answer(request: web.Request) -> web.Response:
    if request.path == "/raise":
        raise ValueError("raised")
    if request.path == "/unavailable":
        raise web.HTTPServiceUnavailable
    return web.Response(text=request.path)


async def exchanged(port: int, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    writer.write_eof()
    try:
        answer = await reader.read()
    except ConnectionError:
        answer = b""
    writer.close()
    return re.sub(rb"Date: [^\r]*", b"", answer)


async def listening() -> tuple[web.AppRunner, int]:
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, runner.addresses[0][1]


def main(count: int) -> None:
    logging.disable()
    loop = asyncio.new_event_loop()
    config = Config(os.environ)
    runner, port = loop.run_until_complete(listening())

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(requests)
    def hold_together(request: tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes]) -> None:
        method, target, headers, version = request
        lines = [b" ".join((method, target, version)), *(b": ".join(pair) for pair in headers), b"Connection: close"]
        sent = b"\r\n".join([*lines, b"", b""])
        traced = loop.run_until_complete(exchanged(port, sent))
        aiohttp_server.uninstrument()
        untraced = loop.run_until_complete(exchanged(port, sent))
        aiohttp_server.instrument(config)
        assert traced == untraced, (sent, traced, untraced)

    hold_together()
    loop.run_until_complete(runner.cleanup())


if __name__ == "__main__":
    main(int(sys.argv[1]))
