"""A client span ends when the response is complete, closed or collected, and not before."""

from __future__ import annotations

import sys

import pytest

from tests.http.server import AnsweringServer
from tests.receiver import ReceivedSpan, Receiver
from tests.support import LAUNCHER, exporting_to, received, run

# Each program says what it reads, so that moments of its own lie between the spans' ends.
_BEGIN = """
import asyncio, gc, sys
BASE = sys.argv[1]
from opentelemetry import trace
tracer = trace.get_tracer("moments")
def moment(name):
    tracer.start_span(name).end()
"""

_REQUESTS = "import requests\nresponse = requests.get(BASE + PATH, stream=True)\n"
_URLLIB = "import urllib.request\nresponse = urllib.request.urlopen(BASE + PATH)\n"
_URLLIB3 = "import urllib3\nresponse = urllib3.PoolManager().request('GET', BASE + PATH, preload_content=False)\n"
_HTTPX = """
import httpx
client = httpx.Client()
response = client.send(client.build_request('GET', BASE + PATH), stream=True)
"""
_ASYNC = """
import httpx
async def main():
    client = httpx.AsyncClient()
    response = await client.send(client.build_request('GET', BASE + PATH), stream=True)
"""
_RUN = "\nasyncio.run(main())\n"
OPENINGS = {"requests": _REQUESTS, "urllib": _URLLIB, "urllib3": _URLLIB3, "httpx": _HTTPX, "async": _ASYNC}


def program(opening: str, path: str, ending: str) -> str:
    begin = f"{_BEGIN}PATH = {path!r}\n{opening}"
    if opening is not _ASYNC:
        return f"{begin}moment('open')\n{ending}\nmoment('over')\n"
    indented = "\n".join(f"    {line}" for line in ["moment('open')", *ending.splitlines(), "moment('over')"])
    return f"{begin}{indented}{_RUN}"


def spans_of(code: str, number: int = 3) -> dict[str, ReceivedSpan]:
    with AnsweringServer() as server, Receiver() as receiver:
        process = run(LAUNCHER, "--", sys.executable, "-c", code, server.url, **exporting_to(receiver))
        assert process.returncode == 0, process.stderr
        assert process.stderr == ""
        return {span.name: span for span in received(receiver, number)}


COMPLETE = {
    "requests content": (_REQUESTS, "response.content"),
    "requests iteration": (_REQUESTS, "list(response.iter_lines())"),
    "requests raw": (_REQUESTS, "response.raw.read()"),
    "requests raw in pieces": (_REQUESTS, "while response.raw.read(3): pass"),
    "urllib read": (_URLLIB, "response.read()"),
    "urllib in pieces": (_URLLIB, "while response.read(3): pass"),
    "urllib into a buffer": (_URLLIB, "while response.readinto(bytearray(3)): pass"),
    "urllib3 data": (_URLLIB3, "response.data"),
    "urllib3 stream": (_URLLIB3, "list(response.stream(3))"),
    "urllib3 in pieces": (_URLLIB3, "while response.read(3): pass"),
    "urllib3 drained": (_URLLIB3, "response.drain_conn()"),
    "httpx read": (_HTTPX, "response.read()"),
    "httpx raw": (_HTTPX, "list(response.iter_raw())"),
    "httpx async read": (_ASYNC, "await response.aread()"),
    "httpx async lines": (_ASYNC, "[line async for line in response.aiter_lines()]"),
}
# Before, http.client does not notice that the body has ended: https://github.com/python/cpython/issues/113199
if sys.version_info >= (3, 13):
    COMPLETE["urllib lines"] = _URLLIB, "list(response)"
    COMPLETE["urllib read at once"] = _URLLIB, "while response.read1(): pass"
CLOSED = {
    "requests close": (_REQUESTS, "response.close()"),
    "requests closed while read": (_REQUESTS, "pieces = response.iter_content(2); next(pieces); response.close()"),
    "requests raw close": (_REQUESTS, "response.raw.close()"),
    "urllib close": (_URLLIB, "response.close()"),
    "urllib closed while read": (_URLLIB, "with response: response.read(2)"),
    "urllib3 close": (_URLLIB3, "response.close()"),
    "urllib3 released": (_URLLIB3, "response.release_conn()"),
    "httpx close": (_HTTPX, "response.close()"),
    "httpx closed while read": (_HTTPX, "pieces = response.iter_bytes(2); next(pieces); response.close()"),
    "httpx async close": (_ASYNC, "await response.aclose()"),
}
COLLECTED = {
    "requests": (_REQUESTS, "del response; gc.collect()"),
    "urllib": (_URLLIB, "del response"),
    "urllib3": (_URLLIB3, "del response; gc.collect()"),
    "httpx": (_HTTPX, "del response; gc.collect()"),
    "httpx async": (_ASYNC, "del response; gc.collect()"),
}
ENDS = [
    *[(f"{name}: complete", *how, path) for name, how in COMPLETE.items() for path in ("/hello", "/stream/3")],
    *[(f"{name}: closed", *how, "/endless") for name, how in CLOSED.items()],
    *[(f"{name}: collected", *how, "/endless") for name, how in COLLECTED.items()],
]


@pytest.mark.parametrize("opening, ending, path", [end[1:] for end in ENDS], ids=[f"{end[0]} {end[3]}" for end in ENDS])
def test_the_span_ends_with_the_response(opening: str, ending: str, path: str) -> None:
    spans = spans_of(program(opening, path, ending))

    assert spans["open"].start < spans["GET"].end <= spans["over"].start
    assert spans["GET"].status == "unset"


@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
def test_what_the_service_does_while_a_body_is_open_is_not_below_the_call(opening: str) -> None:
    read = {_REQUESTS: "response.content", _URLLIB3: "response.data", _ASYNC: "await response.aread()"}
    spans = spans_of(program(opening, "/hello", read.get(opening, "response.read()")))

    assert spans["open"].parent_id == ""
    assert spans["open"].trace_id != spans["GET"].trace_id


@pytest.mark.parametrize(
    "opening", [_REQUESTS, _URLLIB, _URLLIB3, _HTTPX], ids=["requests", "urllib", "urllib3", "httpx"]
)
def test_an_exception_of_the_services_own_while_it_reads_is_not_the_calls(opening: str) -> None:
    read = {_REQUESTS: "iter_content(2)", _URLLIB: "read(2)", _URLLIB3: "stream(2)", _HTTPX: "iter_bytes(2)"}[opening]
    ending = (
        f"try:\n    for piece in response.{read}:\n        raise KeyError('mine')\n"
        "except KeyError:\n    response.close()\n"
    )

    assert spans_of(program(opening, "/endless", ending))["GET"].status == "unset"


@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
def test_a_response_that_is_open_when_the_process_ends_is_nothing_to_print(opening: str) -> None:
    spans = spans_of(program(opening, "/endless", "sys.keep = response"), number=2)

    assert set(spans) == {"open", "over"}
