"""llm_gateway turns a topic into a prompt and a prompt into a completion. Starlette over httpx."""

import os

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

prompts = httpx.AsyncClient(base_url=os.environ.get("PROMPTS_URL", "http://127.0.0.1:8003"), timeout=10)


async def complete(request: Request) -> JSONResponse:
    """A completion of the prompt for this topic."""
    reply = await prompts.get(f"/prompts/{request.path_params['topic']}", params=request.query_params)
    if reply.is_server_error:
        return JSONResponse({"detail": f"prompts answered {reply.status_code}"}, 502)
    if reply.is_error:
        return JSONResponse(reply.json(), reply.status_code)
    return JSONResponse({"completion": imagine(reply.json()["prompt"])})


def imagine(prompt: str) -> str:
    """The model. It is a small one."""
    return f"A fine task: {prompt[0].lower()}{prompt[1:]}"


app = Starlette(routes=[Route("/completions/{topic}", complete)])
