"""A FastAPI service whose every request calls the address in UPSTREAM by httpx."""

import os

import httpx
from fastapi import FastAPI

app = FastAPI()
client = httpx.AsyncClient()


@app.get("/call")
async def call() -> dict[str, int]:
    return {"status": (await client.get(os.environ["UPSTREAM"])).status_code}
