"""A call has the outcome of its own, whatever error the service is handling meanwhile."""

from __future__ import annotations

import textwrap

import pytest

from tests.http.clients import traced
from tests.http.measured import CLIENT
from tests.http.server import AnsweringServer
from tests.http.test_metrics import measured_code

# How each library reads all of URL.
_ASYNC = "async def main():\n    async with {client}, {sent} as response: {read}\nasyncio.run(main())"
CALLS = {
    "requests": "import requests; requests.get(URL)",
    "urllib3": "import urllib3; urllib3.PoolManager().request('GET', URL, preload_content=False, retries=False).read()",
    "urllib": "import urllib.request; urllib.request.urlopen(URL).read()",
    "http.client": (
        "from http.client import HTTPConnection; _, _, host, path = URL.split('/')\n"
        "connection = HTTPConnection(host); connection.request('GET', '/' + path); connection.getresponse().read()"
    ),
    "httpx": "import httpx; httpx.Client().get(URL)",
    "httpx async": "import httpx, asyncio\n"
    + _ASYNC.format(
        client="httpx.AsyncClient() as client", sent="client.stream('GET', URL)", read="await response.aread()"
    ),
    "aiohttp": "import aiohttp, asyncio\n"
    + _ASYNC.format(client="aiohttp.ClientSession() as session", sent="session.get(URL)", read="await response.read()"),
}


def amid_an_error(call: str, path: str) -> str:
    """A program that makes the call while it handles an error, and prints what the call raises."""
    body = textwrap.indent(call, " " * 8)
    return (
        f"import sys\nURL = sys.argv[1] + '{path}'\n"
        "try:\n    raise KeyError('mine')\nexcept KeyError:\n"
        f"    try:\n{body}\n    except Exception as error: print(type(error).__name__)\n"
    )


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_call_made_while_an_error_is_handled_does_not_have_that_error(call: str) -> None:
    with AnsweringServer() as server:
        lines, [span] = traced(amid_an_error(call, "/hello"), server.url)

    assert (lines, span.status, span.events) == ([], "unset", ())
    assert span.attributes["http.response.status_code"] == 200
    assert "error.type" not in span.attributes


BREAKS = {
    "requests": "urllib3.exceptions.ProtocolError",
    "urllib3": "urllib3.exceptions.ProtocolError",
    "urllib": "http.client.IncompleteRead",
    "http.client": "http.client.IncompleteRead",
}


@pytest.mark.parametrize("library, error", BREAKS.items(), ids=BREAKS)
def test_a_body_that_breaks_off_while_an_error_is_handled_has_its_own(library: str, error: str) -> None:
    with AnsweringServer() as server:
        lines, [span] = traced(amid_an_error(CALLS[library], "/broken"), server.url)

    assert len(lines) == 1
    assert (span.status, span.attributes["error.type"]) == ("error", error)


def test_a_call_made_while_an_error_is_handled_is_measured_as_one_without() -> None:
    with AnsweringServer() as server:
        [series] = measured_code(amid_an_error(CALLS["requests"], "/hello"), CLIENT, server.url)

    assert series.attributes["http.response.status_code"] == 200
    assert "error.type" not in series.attributes
