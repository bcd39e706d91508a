"""urllib: what services do with openers, requests and responses works as it does without us."""

from __future__ import annotations

from functools import partial

import pytest

from tests.http.clients import traced
from tests.http.server import AnsweringServer
from tests.instrumentation.comparison import cases, client_spans
from tests.receiver import Receiver

BEGIN = """
import urllib.request
from urllib.request import *
from urllib.error import HTTPError
BASE = {base!r}
"""
clients = partial(client_spans, BEGIN)


def test_functions_and_classes_look_as_they_did(receiver: Receiver) -> None:
    code = """
import inspect, pickle
from http.client import HTTPResponse
for function in (OpenerDirector.open, OpenerDirector._open, OpenerDirector.error, HTTPResponse._close_conn):
    print(list(inspect.signature(function).parameters), function.__qualname__, function.__module__, function.__doc__)
    print(pickle.loads(pickle.dumps(function)) is function)
response = urlopen(BASE + "/hello")
print(response.read(), response.closed, response.isclosed(), sorted(vars(response)))
"""
    assert len(clients(receiver, code)) == 1


WAYS = {
    "an address": "urlopen(BASE + '/hello')",
    "a request": "urlopen(Request(BASE + '/hello', headers={'A': 'b'}))",
    "an opener": "build_opener().open(BASE + '/hello', None, 60)",
    "an opener with a method of its own": (
        "type('Opener', (OpenerDirector,), {'open': lambda self, *a, **k: OpenerDirector.open(self, *a, **k)})"
        ".open(build_opener(), fullurl=BASE + '/hello')"
    ),
    "a file of its own": "open(urlretrieve(BASE + '/hello')[0], 'rb')",
}


@pytest.mark.parametrize("way", cases(WAYS, "an address", "an opener with a method of its own"))
def test_a_request_is_traced_whoever_opens_it(receiver: Receiver, way: str) -> None:
    (span,) = clients(receiver, f"print({way}.read())")

    assert str(span.attributes["url.full"]).endswith("/hello")
    assert span.attributes["server.address"] == "127.0.0.1"


def test_a_request_is_afterwards_what_it_was_and_is_new_each_time(receiver: Receiver) -> None:
    code = """
request = Request(BASE + "/hello", headers={"Traceparent": "mine", "A": "b"})
request.add_unredirected_header("Tracestate", "c")
for _ in range(3):
    urlopen(request).read()
    print(sorted(request.headers.items()), request.unredirected_hdrs["Tracestate"])
"""
    spans = clients(receiver, code)

    assert [span.attributes.get("http.request.resend_count") for span in spans] == [None] * 3


def test_a_response_without_a_body_ends_its_span_unread() -> None:
    code = """
    import sys, urllib.request
    from opentelemetry import trace
    response = urllib.request.urlopen(sys.argv[1] + "/status/204")
    trace.get_tracer("moments").start_span("later").end()
    """
    with AnsweringServer() as server:
        spans = {span.name: span for span in traced(code, server.url).spans}

        assert spans["GET"].end <= spans["later"].start


ODD = {
    "no address": "urlopen('hello')",
    "an address of bytes": "urlopen(b'/hello')",
    "nothing": "urlopen(None)",
    "a request that is none": "build_opener().open(object())",
    "no method": "urlopen(Request(BASE + '/hello', method=5))",
    "an opener without handlers": "OpenerDirector().open(BASE + '/hello')",
    "a handler that answers anything": (
        "build_opener(type('Handler', (HTTPHandler,), {'http_open': lambda *_: 5})).open(BASE + '/hello')"
    ),
    "a file": "urlopen('file:///etc/hosts').url",
    "data": "urlopen('data:,hello').read()",
    "an unknown scheme": "urlopen('gopher://other.example')",
    "a redirect that never ends": "urlopen(BASE + '/redirect/100')",
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_what_is_odd_ends_as_without_us(receiver: Receiver, odd: str) -> None:
    code = f"try:\n    print(type({odd}))\nexcept Exception as error:\n    print(type(error), error)\n"

    clients(receiver, code, PLATFORM_TRACE_STRICT="false", OTEL_LOG_LEVEL="error")


@pytest.mark.parametrize("path", ["/endless", "/status/404"])
def test_a_response_that_is_no_more_is_no_secret_of_ours(receiver: Receiver, path: str) -> None:
    code = f"""
import weakref
try:
    response = urlopen(BASE + {path!r})
    gone = weakref.ref(response)
    del response
except HTTPError as error:
    gone = weakref.ref(error)
print(gone())
"""
    assert len(clients(receiver, code)) == 1


def test_what_breaks_off_while_it_is_read_in_pieces_is_an_error() -> None:
    code = """
    import sys, urllib.request
    with urllib.request.urlopen(sys.argv[1] + "/broken") as response:
        response.read(3)
        response.read()
    """
    with AnsweringServer() as server:
        code = f"import contextlib\nwith contextlib.suppress(Exception):\n{code}"
        (span,) = traced(code, server.url).clients

        assert (span.status, span.attributes["error.type"]) == ("error", "http.client.IncompleteRead")


def test_a_service_that_instruments_itself_has_each_span_once() -> None:
    code = """
    import sys, urllib.request
    from opentelemetry.instrumentation.urllib import URLLibInstrumentor
    URLLibInstrumentor().instrument()
    urllib.request.urlopen(sys.argv[1] + "/redirect")
    """
    with AnsweringServer() as server:
        (span,) = traced(code, server.url).clients

        assert span.scope.name == "opentelemetry.instrumentation.urllib"
