"""A link of a chain over mutual TLS: calls the next service, if there is one, by the library that is asked for."""

import os
import ssl

import httpx
import requests
from fastapi import FastAPI

NEXT = os.environ.get("NEXT", "")
KEY, CERTIFICATE, AUTHORITY = (os.environ[name] for name in ("KEY", "CERTIFICATE", "AUTHORITY"))

app = FastAPI()
session = requests.Session()
session.verify, session.cert = AUTHORITY, (CERTIFICATE, KEY)
session.trust_env = False  # REQUESTS_CA_BUNDLE would win


def secured() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=AUTHORITY)
    context.load_cert_chain(CERTIFICATE, KEY)
    return context


client = httpx.Client(verify=secured())
async_client = httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(verify=secured()))


@app.get("/requests")
def by_requests() -> int:
    return session.get(f"{NEXT}/requests").json() + 1 if NEXT else 1


@app.get("/httpx")
def by_httpx() -> int:
    return client.get(f"{NEXT}/httpx").json() + 1 if NEXT else 1


@app.get("/async-httpx")
async def by_async_httpx() -> int:
    return (await async_client.get(f"{NEXT}/async-httpx")).json() + 1 if NEXT else 1
