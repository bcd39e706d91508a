import os
import sys

from aiohttp import ClientSession, web

UP = os.environ.get("BENCH_UPSTREAM", "http://127.0.0.1:9")


async def hello(request):
    return web.json_response({"hello": "world"})


async def out(request):
    async with request.app[SESSION].get(UP + "/up") as response:
        await response.read()
        return web.json_response({"status": response.status})


async def session(app):
    async with ClientSession() as app[SESSION]:
        yield


SESSION = web.AppKey("session", ClientSession)
app = web.Application()
app.cleanup_ctx.append(session)
app.router.add_get("/hello", hello)
app.router.add_get("/out-aiohttp", out)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None, keepalive_timeout=600)
