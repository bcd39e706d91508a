"""A service of aiohttp's whose every request calls the address in UPSTREAM by aiohttp."""

import os

from aiohttp import ClientSession, web


async def call(request: web.Request) -> web.Response:
    async with ClientSession() as session, session.get(os.environ["UPSTREAM"]) as response:
        return web.json_response({"status": response.status})


app = web.Application()
app.router.add_get("/call", call)
