"""A service of the platform: FRAMEWORK says what it is made of, CLIENT how it calls, CALLS whom (addresses)."""

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any  # Any: applications and clients of as many kinds as there are

CALLS = [address for address in os.environ["CALLS"].split(",") if address]


# --- how it calls -----------------------------------------------------------------------------------------------------


def by_requests() -> Callable[[str], object]:
    import requests

    return requests.Session().get


def by_urllib3() -> Callable[[str], object]:
    import urllib3

    pools = urllib3.PoolManager(maxsize=16)
    return lambda address: pools.request("GET", address)


def by_urllib() -> Callable[[str], object]:
    from urllib.request import urlopen

    def get(address: str) -> object:
        with urlopen(address) as response:
            return response.read()

    return get


def by_httpx() -> Callable[[str], object]:
    import httpx

    return httpx.Client(timeout=60).get


def by_httpx_async() -> Callable[[str], Any]:
    import httpx

    return httpx.AsyncClient(timeout=60).get


def by_aiohttp() -> Callable[[str], Any]:
    import aiohttp

    sessions: list[aiohttp.ClientSession] = []

    async def get(address: str) -> bytes:
        if not sessions:  # in the loop
            sessions.append(aiohttp.ClientSession())
        async with sessions[0].get(address) as response:
            return await response.read()

    return get


get = globals()[f"by_{os.environ['CLIENT']}"]()


def call_all() -> str:
    for address in CALLS:
        get(address)
    return "done"


async def call_all_at_once() -> str:
    await asyncio.gather(*(get(address) for address in CALLS))
    return "done"


# --- what it is made of -----------------------------------------------------------------------------------------------


def fastapi() -> Any:
    from fastapi import FastAPI

    made = FastAPI()
    made.get("/tasks/{number}")(call_all_at_once)
    return made


def fastapi_sync() -> Any:
    from fastapi import FastAPI

    made = FastAPI()
    made.get("/tasks/{number}")(call_all)
    return made


def starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def task(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await call_all_at_once())

    return Starlette(routes=[Route("/tasks/{number}", task)])


def flask() -> Any:
    from flask import Flask

    made = Flask("one")
    made.get("/tasks/<number>")(lambda number: call_all())
    return made


def _django() -> Any:
    import django  # type: ignore[import-untyped]
    from django.conf import settings  # type: ignore[import-untyped]
    from django.http import HttpRequest, HttpResponse  # type: ignore[import-untyped]
    from django.urls import path  # type: ignore[import-untyped]

    def task(request: HttpRequest, number: int) -> HttpResponse:
        return HttpResponse(call_all())

    async def task_async(request: HttpRequest, number: int) -> HttpResponse:
        return HttpResponse(await call_all_at_once())

    view: Any = task_async if os.environ["FRAMEWORK"] == "django_asgi" else task
    urls: Any = type(sys)("one_urls")
    urls.urlpatterns = [path("tasks/<int:number>", view)]
    sys.modules["one_urls"] = urls
    settings.configure(ROOT_URLCONF="one_urls", ALLOWED_HOSTS=["*"], SECRET_KEY="x")
    django.setup()


def django_wsgi() -> Any:
    from django.core.wsgi import get_wsgi_application  # type: ignore[import-untyped]

    _django()
    return get_wsgi_application()


def django_asgi() -> Any:
    from django.core.asgi import get_asgi_application  # type: ignore[import-untyped]

    _django()
    return get_asgi_application()


def falcon() -> Any:
    from falcon import App, Request, Response

    class Task:
        def on_get(self, request: Request, response: Response, number: str) -> None:
            response.text = call_all()

    made = App()
    made.add_route("/tasks/{number}", Task())
    return made


def bare_wsgi() -> Any:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [call_all().encode()]

    return application


def bare_asgi() -> Any:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = (await call_all_at_once()).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": body})

    return application


def aiohttp() -> Any:
    from aiohttp import web

    async def task(request: web.Request) -> web.Response:
        return web.Response(text=await call_all_at_once())

    made = web.Application()
    made.router.add_get("/tasks/{number}", task)
    return made


def tornado() -> Any:
    from tornado.web import Application, RequestHandler

    class Task(RequestHandler):
        async def get(self, number: str) -> None:
            self.write(await call_all_at_once())

    return Application([(r"/tasks/(\d+)", Task)])


app = globals()[os.environ["FRAMEWORK"]]()


def serve(port: int) -> None:
    """For those that bring their own server."""
    if os.environ["FRAMEWORK"] == "aiohttp":
        from aiohttp import web

        web.run_app(app, host="127.0.0.1", port=port, print=None)
        return

    async def forever() -> None:
        app.listen(port, "127.0.0.1")
        await asyncio.Event().wait()

    asyncio.run(forever())


if __name__ == "__main__":
    serve(int(sys.argv[1]))
