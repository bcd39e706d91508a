"""urllib3: what services do with pools and responses works as it does without us."""

from __future__ import annotations

from functools import partial

import pytest

from tests.http.clients import traced
from tests.http.server import AnsweringServer
from tests.instrumentation.comparison import client_spans
from tests.receiver import Receiver

BEGIN = """
import urllib3
BASE = {base!r}
PORT = int(BASE.rpartition(":")[2])
pool = urllib3.HTTPConnectionPool("127.0.0.1", PORT)
"""
clients = partial(client_spans, BEGIN)


def test_functions_and_classes_look_as_they_did(receiver: Receiver) -> None:
    code = """
import inspect, pickle
from urllib3 import HTTPConnectionPool as Pool, HTTPSConnectionPool as SecurePool, HTTPResponse
for function in (Pool.urlopen, SecurePool.urlopen, HTTPResponse.close, HTTPResponse.release_conn):
    print(list(inspect.signature(function).parameters), function.__qualname__, function.__module__, function.__doc__)
    print(pickle.loads(pickle.dumps(function)) is function)
response = urllib3.PoolManager().request("GET", BASE + "/hello")
print(sorted(vars(response)), response.closed, response.data)
"""
    assert len(clients(receiver, code)) == 1


WAYS = {
    "by position": "pool.urlopen('GET', '/hello', None, {'A': 'b'}, False)",
    "by name": "pool.urlopen(url='/hello', method='GET', headers={'A': 'b'})",
    "with headers None": "pool.urlopen('GET', '/hello', headers=None)",
    "an address": "pool.urlopen('GET', BASE + '/hello')",
    "a pool of a manager": "urllib3.PoolManager().connection_from_url(BASE).request('GET', '/hello')",
    "a pool with a method of its own": (
        "type('Pool', (urllib3.HTTPConnectionPool,), {'urlopen': lambda self, *a, **k:"
        " urllib3.HTTPConnectionPool.urlopen(self, *a, **k)})('127.0.0.1', PORT).request('GET', '/hello')"
    ),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_pool_is_traced_however_it_is_called(receiver: Receiver, way: str) -> None:
    (span,) = clients(receiver, f"print({way}.data)")

    assert str(span.attributes["url.full"]).endswith("/hello")
    assert span.attributes["server.address"] == "127.0.0.1"


def test_headers_of_the_services_own_stay_as_they_are_and_those_of_the_pool_are_sent() -> None:
    code = """
    import sys, urllib3
    headers = {"A": "b"}
    urllib3.PoolManager().request("GET", sys.argv[1] + "/hello", headers=headers)
    pool = urllib3.connection_from_url(sys.argv[1], headers={"C": "d"})
    pool.urlopen("GET", "/hello")
    print(headers, pool.headers)
    """
    with AnsweringServer() as server:
        outcome = traced(code, server.url)

        assert outcome.lines == ["{'A': 'b'} {'C': 'd'}"]
        assert [seen.values("a") + seen.values("c") for seen in server.seen] == [["b"], ["d"]]


ODD = {
    "a call without a method": "pool.urlopen()",
    "an address of bytes": "pool.urlopen('GET', b'/hello')",
    "an address that is none": "pool.urlopen('GET', None)",
    "headers that are pairs": "pool.urlopen('GET', '/hello', headers=[('A', 'b')])",
    "a header of bytes": "pool.urlopen('GET', '/hello', headers={b'traceparent': b'b'})",
    "a header that is a number": "pool.urlopen('GET', '/hello', headers={'traceparent': 5})",
    "too many arguments": "pool.urlopen(*'GET /hello 3 4 5 6 7 8 9 0'.split())",
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_what_is_odd_ends_as_without_us(receiver: Receiver, odd: str) -> None:
    code = f"try:\n    print({odd}.status)\nexcept Exception as error:\n    print(type(error))\n"

    clients(receiver, code, PLATFORM_TRACE_STRICT="false", OTEL_LOG_LEVEL="error")


def test_a_response_that_is_no_more_is_no_secret_of_ours(receiver: Receiver) -> None:
    code = """
import gc, weakref
response = urllib3.PoolManager().request("GET", BASE + "/endless", preload_content=False)
gone = weakref.ref(response)
del response
print(gone())
"""
    assert len(clients(receiver, code)) == 1


def test_a_pool_that_asks_itself_again_is_one_call(receiver: Receiver) -> None:
    code = "print(pool.request('GET', '/redirect/2').data)"
    (span,) = clients(receiver, code)

    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["http.request.resend_count"] == 2


def test_a_service_that_instruments_itself_has_each_span_once() -> None:
    code = """
    import sys, urllib3
    from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
    URLLib3Instrumentor().instrument()
    urllib3.PoolManager().request("GET", sys.argv[1] + "/hello")
    """
    with AnsweringServer() as server:
        (span,) = traced(code, server.url).clients

        assert span.scope.name == "opentelemetry.instrumentation.urllib3"
