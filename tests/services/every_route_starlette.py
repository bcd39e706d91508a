"""The routes of every_route_fastapi.py as a Starlette application."""

import asyncio
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route


async def hello(request: Request) -> Response:
    return JSONResponse({})


def sync(request: Request) -> Response:
    return JSONResponse({})


async def missing(request: Request) -> Response:
    raise HTTPException(404)


async def unavailable(request: Request) -> Response:
    raise HTTPException(503)


async def expected(request: Request) -> Response:
    raise LookupError("it happens")


async def broken(request: Request) -> Response:
    raise ValueError("broken")


async def stream(request: Request) -> Response:
    async def parts() -> AsyncIterator[str]:
        for part in ("a", "b", "c"):
            yield part

    return StreamingResponse(parts())


async def broken_stream(request: Request) -> Response:
    async def parts() -> AsyncIterator[str]:
        yield "a"
        raise ValueError("in the middle")

    return StreamingResponse(parts())


async def endless(request: Request) -> Response:
    async def parts() -> AsyncIterator[str]:
        while True:
            yield "a" * 1000
            await asyncio.sleep(0.01)

    return StreamingResponse(parts())


async def upload(request: Request) -> Response:
    return JSONResponse({"length": len(await request.body())})


async def answer(request: Request, error: Exception) -> Response:
    return JSONResponse({}, 503)


app = Starlette(
    routes=[
        Route("/hello/{name}", hello),
        Route("/sync/{number:int}", sync, methods=["GET", "HEAD", "POST"]),
        Route("/missing", missing),
        Route("/unavailable", unavailable),
        Route("/expected", expected),
        Route("/broken", broken),
        Route("/stream", stream),
        Route("/broken-stream", broken_stream),
        Route("/endless", endless),
        Route("/upload", upload, methods=["POST"]),
        Route("/slash/", hello),
        Mount("/api", routes=[Mount("/v1", routes=[Route("/items/{item:int}", hello)])]),
    ],
    exception_handlers={LookupError: answer},
)
