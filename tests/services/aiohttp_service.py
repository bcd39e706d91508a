"""A service of aiohttp's."""

from aiohttp import web


async def answer(request: web.Request) -> web.Response:
    return web.Response(text="ok")


app = web.Application()
app.router.add_get("/{rest:.*}", answer)
