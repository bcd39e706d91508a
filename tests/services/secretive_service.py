"""Handles secrets, each SECRET and a number, in every way that a careless service does."""

import os
import sqlite3
import sys
import urllib.request

import httpx
import requests
import urllib3
import uvicorn
from fastapi import FastAPI, Request
from opentelemetry import trace

app = FastAPI()
BACKEND = os.environ["BACKEND"]
QUERY = "token=SECRET01&api_key=SECRET02&password=SECRET03&X-Amz-Signature=SECRET04&sig=SECRET05&code=SECRET06"
AUTHORITY = BACKEND.removeprefix("http://")


@app.get("/calls")
def calls() -> str:
    """Every client, with secrets in userinfo, query, headers and body."""
    headers = {"Authorization": "Bearer SECRET07", "Cookie": "session=SECRET08", "X-Api-Key": "SECRET09"}
    for url in (f"{BACKEND}/a?{QUERY}", f"http://user:SECRET10@{AUTHORITY}/b?{QUERY}"):
        requests.get(url, headers=headers, timeout=5)
        requests.post(url, headers=headers, data={"password": "SECRET11"}, auth=("me", "SECRET12"), timeout=5)
        httpx.get(url, headers=headers, params={"access_token": "SECRET13"})
        urllib3.PoolManager().request("GET", url, headers=headers)
        if "@" not in url:
            urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5).read()
    return "ok"


@app.get("/refused")
def refused() -> str:
    """Exceptions of clients say where they wanted to go."""
    for call in (requests.get, httpx.get):
        try:
            call("http://user:SECRET14@127.0.0.1:9/x?client_secret=SECRET15", timeout=5)
        except Exception:  # noqa: BLE001  # it is in the client's span
            pass
    requests.get(f"{BACKEND}/missing?refresh_token=SECRET16", timeout=5).raise_for_status()
    return "not reached"


@app.get("/fails")
def fails() -> str:
    """An exception that names a database with its password, caused by one that names a webhook."""
    try:
        raise ConnectionError("cannot reach https://hooks.example/services?token=SECRET17")
    except ConnectionError as error:
        raise RuntimeError("postgresql://app:SECRET18@db.example/orders is down") from error


@app.get("/own")
def own(request: Request) -> str:
    """Spans of the service's own, whose exceptions hold secrets."""
    try:
        with trace.get_tracer("own").start_as_current_span("own"):
            raise ValueError("amqp://guest:SECRET19@queue.example:5672/ refused")
    except ValueError:
        pass
    with sqlite3.connect(":memory:") as connection:
        connection.execute("create table t (a)").execute("insert into t values (?)", ("SECRET20",))
    return "ok"


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="critical")
