"""Small programs that call a server by each library, every call below a span with the call's name."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.receiver import ReceivedSpan, Receiver
from tests.support import LAUNCHER, exporting_to, run

# What they have in common: BASE is the server, and ``call`` says how each call ended.
_BEGIN = """
import asyncio, sys
BASE, REFUSED, NAMES = sys.argv[1], sys.argv[2], sys.argv[3].split(",")
USERINFO = BASE.replace("://", "://user:password@")
from opentelemetry import trace
tracer = trace.get_tracer("calls")
"""
_END = """
for name in NAMES:
    with tracer.start_as_current_span(name):
        try:
            print(name, CALLS[name]())
        except Exception as error:
            print(name, type(error).__name__)
"""

# What requests and httpx write alike.
_ALIKE = """
    "plain": lambda: read(client.get(BASE + "/hello?q=1&sig=abc")),
    "post": lambda: read(client.post(BASE + "/hello", json={"a": 1})),
    "head": lambda: read(client.head(BASE + "/hello")),
    "empty": lambda: read(client.get(BASE + "/status/204")),
    "missing": lambda: read(client.get(BASE + "/status/404")),
    "unavailable": lambda: read(client.get(BASE + "/status/503")),
    "userinfo": lambda: read(client.get(USERINFO + "/hello")),
    "odd method": lambda: read(client.request("brew", BASE + "/hello")),
    "own context": lambda: read(client.get(BASE + "/hello", headers={"TraceParent": "mine", "tracestate": "mine=1"})),
    "redirected": lambda: read(following.get(BASE + "/redirect/2")),
    "stream": stream,
    "stop early": stop_early,
    "refused": lambda: read(client.get(REFUSED + "/hello")),
    "timeout": lambda: read(client.get(BASE + "/slow", timeout=0.3)),
    "broken": lambda: read(client.get(BASE + "/broken")),
    "scheme": lambda: read(client.get("gopher://other.example/hello")),
"""

REQUESTS = (
    _BEGIN
    + """
import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry
client = following = requests.Session()
retrying = requests.Session()
retrying.mount("http://", HTTPAdapter(max_retries=Retry(3, status_forcelist=[503], backoff_factor=0)))
def read(response):
    return response.status_code, len(response.content)
def stream():
    with client.get(BASE + "/stream/3", stream=True) as response:
        return len(b"".join(response.iter_content(4)))
def stop_early():
    with client.get(BASE + "/endless", stream=True) as response:
        return len(next(response.iter_content(4)))
CALLS = {"""
    + _ALIKE
    + """
    "proxy": lambda: read(client.get("http://other.example/hello", proxies={"http": BASE})),
    "not redirected": lambda: read(client.get(BASE + "/redirect", allow_redirects=False)),
    "retried": lambda: read(retrying.get(BASE + "/flaky/2")),
}
"""
    + _END
)

URLLIB3 = (
    _BEGIN
    + """
import urllib3
from urllib3.util.retry import Retry
pools = urllib3.PoolManager(retries=False)
def read(response):
    return response.status, len(response.data)
def stream():
    response = pools.request("GET", BASE + "/stream/3", preload_content=False)
    return len(b"".join(response.stream(4)))
def stop_early():
    response = pools.request("GET", BASE + "/endless", preload_content=False)
    try:
        return len(response.read(4))
    finally:
        response.close()
mine = {"TraceParent": "mine", "tracestate": "mine=1"}
CALLS = {
    "plain": lambda: read(pools.request("GET", BASE + "/hello?q=1")),
    "post": lambda: read(pools.request("POST", BASE + "/hello", body=b"{}")),
    "head": lambda: read(pools.request("HEAD", BASE + "/hello")),
    "empty": lambda: read(pools.request("GET", BASE + "/status/204")),
    "missing": lambda: read(pools.request("GET", BASE + "/status/404")),
    "unavailable": lambda: read(pools.request("GET", BASE + "/status/503")),
    "odd method": lambda: read(pools.request("brew", BASE + "/hello")),
    "own context": lambda: read(pools.request("GET", BASE + "/hello", headers=mine)) + (len(mine),),
    "proxy": lambda: read(urllib3.ProxyManager(BASE).request("GET", "http://other.example/hello", retries=False)),
    "not redirected": lambda: read(pools.request("GET", BASE + "/redirect", redirect=False)),
    "redirected": lambda: read(pools.request("GET", BASE + "/redirect/2", retries=Retry(3))),
    "retried": lambda: read(pools.request(
        "GET", BASE + "/flaky/2", retries=Retry(3, status_forcelist=[503], backoff_factor=0))),
    "stream": stream,
    "stop early": stop_early,
    "refused": lambda: read(pools.request("GET", REFUSED + "/hello")),
    "timeout": lambda: read(pools.request("GET", BASE + "/slow", timeout=0.3)),
    "broken": lambda: read(pools.request("GET", BASE + "/broken")),
}
"""
    + _END
)

HTTPX = (
    _BEGIN
    + """
import httpx
client = httpx.Client(trust_env=False)
following = httpx.Client(trust_env=False, follow_redirects=True)
def read(response):
    return response.status_code, len(response.content)
def stream():
    with client.stream("GET", BASE + "/stream/3") as response:
        return len(b"".join(response.iter_bytes(4)))
def stop_early():
    with client.stream("GET", BASE + "/endless") as response:
        return len(next(response.iter_bytes(4)))
CALLS = {"""
    + _ALIKE
    + """
    "proxy": lambda: read(httpx.Client(mounts={"http://": httpx.HTTPTransport(proxy=httpx.Proxy(BASE))}).get(
        "http://other.example/hello")),
    "not redirected": lambda: read(client.get(BASE + "/redirect")),
    "challenged": lambda: read(client.get(BASE + "/challenge", auth=httpx.DigestAuth("user", "password"))),
}
"""
    + _END
)

ASYNC_HTTPX = (
    _BEGIN
    + """
import httpx
async def send(method, path, base=BASE, auth=None, **options):
    transport = options.pop("transport", None)
    async with httpx.AsyncClient(trust_env=False, transport=transport) as client:
        sent = {name: options.pop(name) for name in list(options) if name in ("json", "headers", "timeout")}
        response = await client.request(method, base + path, auth=auth, **sent, **options)
        return response.status_code, len(response.content)
async def stream(path, all):
    async with httpx.AsyncClient(trust_env=False) as client, client.stream("GET", BASE + path) as response:
        length = 0
        async for chunk in response.aiter_bytes(4):
            length += len(chunk)
            if not all:
                break
        return length
async def cancelled():
    task = asyncio.create_task(send("GET", "/slow"))
    await asyncio.wait([task], timeout=0.3)
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()
def run(coroutine):
    return asyncio.run(coroutine)
CALLS = {
    "plain": lambda: run(send("GET", "/hello?q=1&sig=abc")),
    "post": lambda: run(send("POST", "/hello", json={"a": 1})),
    "head": lambda: run(send("HEAD", "/hello")),
    "empty": lambda: run(send("GET", "/status/204")),
    "missing": lambda: run(send("GET", "/status/404")),
    "unavailable": lambda: run(send("GET", "/status/503")),
    "userinfo": lambda: run(send("GET", "/hello", USERINFO)),
    "odd method": lambda: run(send("brew", "/hello")),
    "own context": lambda: run(send("GET", "/hello", headers={"TraceParent": "mine", "tracestate": "mine=1"})),
    "proxy": lambda: run(send(
        "GET", "/hello", "http://other.example", transport=httpx.AsyncHTTPTransport(proxy=httpx.Proxy(BASE)))),
    "not redirected": lambda: run(send("GET", "/redirect")),
    "redirected": lambda: run(send("GET", "/redirect/2", follow_redirects=True)),
    "challenged": lambda: run(send("GET", "/challenge", auth=httpx.DigestAuth("user", "password"))),
    "stream": lambda: run(stream("/stream/3", True)),
    "stop early": lambda: run(stream("/endless", False)),
    "refused": lambda: run(send("GET", "/hello", REFUSED)),
    "timeout": lambda: run(send("GET", "/slow", timeout=0.3)),
    "cancelled": lambda: run(cancelled()),
    "broken": lambda: run(send("GET", "/broken")),
    "scheme": lambda: run(send("GET", "/hello", "gopher://other.example")),
}
"""
    + _END
)

URLLIB = (
    _BEGIN
    + """
import http.client, os, tempfile
from urllib.error import HTTPError
from urllib.request import *
class Unfollowed(HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        pass
passwords = HTTPPasswordMgrWithDefaultRealm()
passwords.add_password(None, BASE, "user", "password")
opener = build_opener(ProxyHandler({}))
unfollowed = build_opener(ProxyHandler({}), Unfollowed)
challenged = build_opener(ProxyHandler({}), HTTPDigestAuthHandler(passwords))
proxied = build_opener(ProxyHandler({"http": BASE}))
def read(opener, address, timeout=60, **options):
    try:
        with opener.open(Request(address, **options), timeout=timeout) as response:
            return response.status, len(response.read())
    except HTTPError as error:
        with error:
            return error.status, len(error.read()), type(error).__name__
def stream():
    with opener.open(BASE + "/stream/3") as response:
        return len(b"".join(iter(lambda: response.read(4), b"")))
def stop_early():
    with opener.open(BASE + "/endless") as response:
        return len(response.read(4))
def of_a_file():
    with tempfile.NamedTemporaryFile() as file, opener.open("file://" + file.name) as response:
        return response.read()
mine = {"TraceParent": "mine", "tracestate": "mine=1"}
CALLS = {
    "plain": lambda: read(opener, BASE + "/hello?q=1&sig=abc"),
    "post": lambda: read(opener, BASE + "/hello", data=b"{}"),
    "head": lambda: read(opener, BASE + "/hello", method="HEAD"),
    "empty": lambda: read(opener, BASE + "/status/204"),
    "missing": lambda: read(opener, BASE + "/status/404"),
    "unavailable": lambda: read(opener, BASE + "/status/503"),
    "userinfo": lambda: read(opener, USERINFO.rpartition(":")[0] + "/hello"),
    "odd method": lambda: read(opener, BASE + "/hello", method="BREW"),
    "own context": lambda: read(opener, BASE + "/hello", headers=mine),
    "proxy": lambda: read(proxied, "http://other.example/hello"),
    "not redirected": lambda: read(unfollowed, BASE + "/redirect"),
    "redirected": lambda: read(opener, BASE + "/redirect/2"),
    "challenged": lambda: read(challenged, BASE + "/challenge"),
    "stream": stream,
    "stop early": stop_early,
    "refused": lambda: read(opener, REFUSED + "/hello"),
    "timeout": lambda: read(opener, BASE + "/slow", timeout=0.3),
    "broken": lambda: read(opener, BASE + "/broken"),
    "scheme": lambda: read(opener, "gopher://other.example/hello"),
    "a file": of_a_file,
    "data": lambda: opener.open("data:,hello").read(),
}
"""
    + _END
)

AIOHTTP = (
    _BEGIN
    + """
import aiohttp
from yarl import URL
async def send(method, path, base=BASE, **options):
    async with aiohttp.ClientSession() as session, session.request(method, base + path, **options) as response:
        return response.status, len(await response.read())
async def stream(path, all):
    async with aiohttp.ClientSession() as session, session.get(BASE + path) as response:
        length = 0
        async for chunk in response.content.iter_chunked(4):
            length += len(chunk)
            if not all:
                break
        return length
async def cancelled():
    task = asyncio.create_task(send("GET", "/slow"))
    await asyncio.wait([task], timeout=0.3)
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()
def run(coroutine):
    return asyncio.run(coroutine)
mine = {"TraceParent": "mine", "tracestate": "mine=1"}
CALLS = {
    "plain": lambda: run(send("GET", "/hello?q=1&sig=abc")),
    "post": lambda: run(send("POST", "/hello", json={"a": 1})),
    "head": lambda: run(send("HEAD", "/hello")),
    "empty": lambda: run(send("GET", "/status/204")),
    "missing": lambda: run(send("GET", "/status/404")),
    "unavailable": lambda: run(send("GET", "/status/503")),
    "userinfo": lambda: run(send("GET", "/hello", USERINFO)),
    "odd method": lambda: run(send("brew", "/hello")),
    "own context": lambda: (run(send("GET", "/hello", headers=mine)), len(mine)),
    "proxy": lambda: run(send("GET", "/hello", "http://other.example", proxy=BASE)),
    "not redirected": lambda: run(send("GET", "/redirect", allow_redirects=False)),
    "redirected": lambda: run(send("GET", "/redirect/2")),
    "stream": lambda: run(stream("/stream/3", True)),
    "stop early": lambda: run(stream("/endless", False)),
    "refused": lambda: run(send("GET", "/hello", REFUSED)),
    "timeout": lambda: run(send("GET", "/slow", timeout=aiohttp.ClientTimeout(total=0.3))),
    "cancelled": lambda: run(cancelled()),
    "broken": lambda: run(send("GET", "/broken")),
    "scheme": lambda: run(send("GET", "/hello", "gopher://other.example")),
}
"""
    + _END
)

PROGRAMS = {
    "aiohttp": AIOHTTP,
    "requests": REQUESTS,
    "urllib": URLLIB,
    "urllib3": URLLIB3,
    "httpx": HTTPX,
    "httpx async": ASYNC_HTTPX,
}


class Outcome(NamedTuple):
    """What a program printed, and the spans below each of its own."""

    printed: str
    spans: Mapping[str, list[ReceivedSpan]]


def run_program(
    code: str, base: str, refused: str, names: list[str], python: str = sys.executable, **variables: str
) -> Outcome:
    """Run one of the programs traced, to its end, by an interpreter and the launcher beside it."""
    with Receiver() as receiver:
        launched = (str(Path(python).with_name("platform-trace")), "--", python, "-c", code)
        process = run(*launched, base, refused, ",".join(names), **exporting_to(receiver, **variables))
        assert process.returncode == 0, process.stderr
        assert process.stderr == ""
        return Outcome(process.stdout, below(receiver.spans()))


def below(spans: list[ReceivedSpan]) -> Mapping[str, list[ReceivedSpan]]:
    """The client spans by the name of their parent, in the order of their start."""
    names = {span.span_id: span.name for span in spans}
    clients = sorted((span for span in spans if span.kind == "client"), key=lambda span: span.start)
    return {name: [span for span in clients if names.get(span.parent_id) == name] for name in names.values()}


class Traced(NamedTuple):
    """What a program printed, line by line, and its spans in the order of their start."""

    lines: list[str]
    spans: list[ReceivedSpan]

    @property
    def clients(self) -> list[ReceivedSpan]:
        """The spans of calls."""
        return [span for span in self.spans if span.kind == "client"]


def traced(code: str, *arguments: str, **variables: str) -> Traced:
    """Run a program of one's own to its end, traced. It must succeed, and nothing may be said about it."""
    with Receiver() as receiver:
        command = [LAUNCHER, "--", sys.executable, "-c", textwrap.dedent(code), *arguments]
        process = run(*command, **exporting_to(receiver, **variables))
        assert process.returncode == 0, process.stderr
        assert process.stderr == ""
        return Traced(process.stdout.splitlines(), sorted(receiver.spans(), key=lambda span: span.start))
