"""A service of aiohttp's with every kind of route, answer and failure that a server span tells apart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def answering(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers a kind of exception, and some requests whatever their route is."""
    if request.path == "/early":
        return web.Response(text="early")
    try:
        return await handler(request)
    except LookupError as error:
        return web.Response(text=str(error), status=503)


async def hello(request: web.Request) -> web.Response:
    return web.json_response(dict(request.match_info))


async def missing(request: web.Request) -> web.Response:
    raise web.HTTPNotFound


async def unavailable(request: web.Request) -> web.Response:
    raise web.HTTPServiceUnavailable


async def expected(request: web.Request) -> web.Response:
    raise LookupError("it happens")


async def broken(request: web.Request) -> web.Response:
    raise ValueError("broken")


async def begun(request: web.Request, parts: int) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(parts):
        await response.write(b"a")
    return response


async def stream(request: web.Request) -> web.StreamResponse:
    return await begun(request, 3)


async def broken_stream(request: web.Request) -> web.StreamResponse:
    await begun(request, 1)
    raise ValueError("in the middle")


async def endless(request: web.Request) -> web.StreamResponse:
    response = await begun(request, 0)
    while True:
        await asyncio.sleep(0)
        await response.write(b"a" * 100_000)


async def upload(request: web.Request) -> web.Response:
    return web.json_response({"length": len(await request.read())})


async def slash(request: web.Request) -> web.Response:
    raise web.HTTPFound("/slash/")


async def echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.data == "break":
            raise ValueError("broken")
        await socket.send_str(message.data)
        await socket.send_json({"length": len(message.data)})
    return socket


items = web.Application()
items.router.add_get("/items/{item}", hello)
versioned = web.Application()
versioned.add_subapp("/v1", items)
app = web.Application(middlewares=[answering], client_max_size=2**20)
app.add_subapp("/api", versioned)
app.router.add_route("*", r"/sync/{number:\d+}", hello)
app.router.add_static("/static", ".")
for path, handler in {
    "/hello/{name}": hello,
    "/missing": missing,
    "/unavailable": unavailable,
    "/expected": expected,
    "/broken": broken,
    "/stream": stream,
    "/broken-stream": broken_stream,
    "/endless": endless,
    "/slash": slash,
    "/early": hello,
    "/excluded": hello,
    "/socket/{name}": echo,
}.items():
    app.router.add_get(path, handler)
app.router.add_post("/upload", upload)

if __name__ == "__main__":
    import sys

    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=lambda *_: None, access_log=None)
