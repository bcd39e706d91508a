"""A FastAPI application with every kind of route, answer and failure that a server span tells apart."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, BackgroundTasks, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles

app = FastAPI()


class Expected(Exception):
    """Answered by a handler."""


@app.exception_handler(Expected)
async def answer(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 503)


@app.get("/hello/{name}")
async def hello(name: str) -> dict[str, str]:
    return {"hello": name}


@app.api_route("/sync/{number}", methods=["GET", "HEAD", "POST"])
def sync(number: int) -> dict[str, int]:
    return {"number": number}


@app.get("/missing")
async def missing() -> None:
    raise HTTPException(404)


@app.get("/unavailable")
async def unavailable() -> None:
    raise HTTPException(503)


@app.get("/expected")
async def expected() -> None:
    raise Expected("it happens")


@app.get("/broken")
async def broken() -> None:
    raise KeyError("broken")


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def parts() -> AsyncIterator[str]:
        for part in ("a", "b", "c"):
            await asyncio.sleep(0)
            yield part

    return StreamingResponse(parts())


@app.get("/broken-stream")
async def broken_stream() -> StreamingResponse:
    async def parts() -> AsyncIterator[str]:
        yield "a"
        raise ValueError("in the middle")

    return StreamingResponse(parts())


@app.get("/endless")
async def endless() -> StreamingResponse:
    async def parts() -> AsyncIterator[str]:
        while True:
            yield "a" * 1000
            await asyncio.sleep(0.01)

    return StreamingResponse(parts())


@app.post("/upload")
async def upload(request: Request) -> dict[str, int]:
    return {"length": len(await request.body())}


@app.get("/background")
async def background(tasks: BackgroundTasks) -> dict[str, str]:
    tasks.add_task(later)
    return {}


async def later() -> None:
    await asyncio.sleep(0.3)


@app.get("/slash/")
async def slash() -> dict[str, str]:
    return {}


@app.get("/healthz")
@app.get("/excluded")
async def healthy() -> dict[str, str]:
    return {}


@app.websocket("/ws/{room}")
async def socket(websocket: WebSocket, room: str) -> None:
    await websocket.accept()
    for _ in range(2):
        await websocket.send_text(await websocket.receive_text())
    await websocket.close()


items = APIRouter(prefix="/items")


@items.get("/{item}")
async def item(item: int) -> dict[str, int]:
    return {"item": item}


versioned = APIRouter(prefix="/v1")
versioned.include_router(items)
app.include_router(versioned, prefix="/api")

tenant = FastAPI()


@tenant.get("/users/{user}")
async def user(user: str) -> dict[str, str]:
    return {"user": user}


@tenant.get("/broken")
async def tenant_broken() -> None:
    raise KeyError("tenant")


app.mount("/tenants/{tenant}", tenant)


async def plain(request: Request) -> JSONResponse:
    return JSONResponse({})


app.router.routes.append(Mount("/router", Router([Route("/plain/{a:int}", plain)])))
app.mount("/static", StaticFiles(directory="."))

# The same behind a middleware that hands on messages from another task.
behind = FastAPI()
behind.mount("/", app)


async def dispatch(request, call_next):  # type: ignore[no-untyped-def]  # Starlette's own example has no types
    return await call_next(request)


behind.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
