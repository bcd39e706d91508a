"""http.client: a request is a span where no library above has one, and connections work as they do without us."""

from __future__ import annotations

from functools import partial

import pytest

from tests.http.clients import traced
from tests.http.server import AnsweringServer
from tests.instrumentation.comparison import cases, client_spans
from tests.receiver import ReceivedSpan, Receiver

BEGIN = """
import http.client
from http.client import *
BASE = {base!r}
connection = HTTPConnection(BASE.partition("//")[2])
def get(path, **headers):
    connection.request("GET", path, headers=headers)
    return connection.getresponse()
"""
clients = partial(client_spans, BEGIN)


def test_functions_and_classes_look_as_they_did(receiver: Receiver) -> None:
    code = """
import inspect, pickle
for function in (HTTPConnection.endheaders, HTTPConnection.getresponse, HTTPConnection.close):
    print(list(inspect.signature(function).parameters), function.__qualname__, function.__module__, function.__doc__)
    print(pickle.loads(pickle.dumps(function)) is function)
response = get("/hello")
print(response.read(), response.isclosed(), sorted(vars(response)), sorted(vars(connection)))
"""
    assert len(clients(receiver, code)) == 1


def test_each_request_of_a_connection_is_a_span_with_its_address(receiver: Receiver) -> None:
    code = "for path in ('/hello?token=secret', '/status/404', '/status/503'): print(get(path).read())"
    spans = clients(receiver, code)

    assert [(span.name, span.status) for span in spans] == [("GET", "unset"), ("GET", "error"), ("GET", "error")]
    assert [span.attributes["http.response.status_code"] for span in spans] == [200, 404, 503]
    assert str(spans[0].attributes["url.full"]).endswith("/hello?token=REDACTED")
    assert {span.attributes["server.address"] for span in spans} == {"127.0.0.1"}
    assert {span.scope.name for span in spans} == {"platform_otel.http_client"}


WAYS = {
    "step by step": (
        "connection.putrequest('POST', '/hello'); connection.putheader('Content-Length', '2')\n"
        "connection.endheaders(); connection.send(b'ab'); print(connection.getresponse().read())"
    ),
    "with the body": "connection.request('POST', '/hello', b'ab'); print(connection.getresponse().read())",
    "by a proxy": "connection.request('GET', 'http://other.example/hello'); print(connection.getresponse().read())",
    "without a body": "connection.request('HEAD', '/hello'); print(connection.getresponse().read())",
}


@pytest.mark.parametrize("way", cases(WAYS, "step by step", "by a proxy"))
def test_a_request_is_a_span_however_it_is_made(receiver: Receiver, way: str) -> None:
    (span,) = clients(receiver, way)

    assert (span.status, str(span.attributes["url.full"]).endswith("/hello")) == ("unset", True)


ABOVE = {
    "urllib": "import urllib.request; urllib.request.urlopen(BASE + '/redirect').read()",
    "urllib3": "import urllib3; urllib3.PoolManager().request('GET', BASE + '/hello')",
    "requests": "import requests; requests.get(BASE + '/hello')",
}


@pytest.mark.parametrize("library, code", ABOVE.items(), ids=ABOVE)
def test_what_a_library_above_sends_is_its_own(receiver: Receiver, library: str, code: str) -> None:
    spans = clients(receiver, code)

    assert {span.scope.name for span in spans} == {f"platform_otel.{library}"}
    assert len(spans) == (2 if library == "urllib" else 1)


@pytest.mark.parametrize("library, code", ABOVE.items(), ids=ABOVE)
def test_what_a_library_above_sends_is_no_span_where_that_is_switched_off(
    receiver: Receiver, library: str, code: str
) -> None:
    off = "requests,urllib3" if library == "requests" else library

    assert clients(receiver, code, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=off) == []
    assert clients(receiver, code, OTEL_PYTHON_EXCLUDED_URLS="127") == []


def test_the_context_is_sent_once_in_place_of_the_services_own() -> None:
    code = """
    import sys
    from http.client import HTTPConnection
    connection = HTTPConnection(sys.argv[1].partition("//")[2])
    for _ in range(2):
        connection.request("GET", "/hello", headers={"TraceParent": "mine", "tracestate": "a=1"})
        connection.getresponse().read()
    """
    with AnsweringServer() as server:
        spans = traced(code, server.url).clients
        sent = [(seen.values("traceparent"), seen.values("tracestate")) for seen in server.seen]

    assert [[parent.split("-")[2] for parent in parents] for parents, _ in sent] == [[span.span_id] for span in spans]


def moments(body: str) -> dict[str, ReceivedSpan]:
    code = f"""
import sys
from http.client import HTTPConnection
from opentelemetry import trace
def moment(name): trace.get_tracer("moments").start_span(name).end()
connection = HTTPConnection(sys.argv[1].partition("//")[2])
{body}
moment("over")
"""
    with AnsweringServer() as server:
        return {span.name: span for span in traced(code, server.url).spans}


ENDS = {
    "read": ("response.read()", "/hello"),
    "in pieces": ("while response.read(2): pass", "/stream/3"),
    "closed": ("response.close()", "/endless"),
    "collected": ("connection.close(); del response, connection", "/endless"),
}


@pytest.mark.parametrize("ending, path", ENDS.values(), ids=ENDS)
def test_the_span_ends_with_the_response_and_is_current_for_nobody(ending: str, path: str) -> None:
    spans = moments(
        f"connection.request('GET', {path!r})\nmoment('sent')\nresponse = connection.getresponse()\n"
        f"moment('open')\n{ending}"
    )

    assert spans["open"].start < spans["GET"].end <= spans["over"].start
    assert (spans["sent"].parent_id, spans["open"].parent_id, spans["GET"].status) == ("", "", "unset")


def test_a_request_whose_response_nobody_wants_ends_with_its_connection() -> None:
    spans = moments("connection.request('GET', '/hello')\nmoment('sent')\nconnection.close()")

    assert spans["sent"].start < spans["GET"].end <= spans["over"].start


ODD = {
    "nobody there": "HTTPConnection('127.0.0.1', 1).request('GET', '/')",
    "no response yet": "connection.getresponse()",
    "two requests at once": "connection.request('GET', '/hello'); connection.request('GET', '/hello')",
    "a method of bytes": "connection.putrequest(b'GET', '/')",
    "an odd target": "connection.request('GET', '*'); print(connection.getresponse().status)",
    "a control character": "connection.request('GET', '/a b')",
    "a class that cannot be looked up": (
        "type('Kind', (type,), {'__eq__': lambda a, b: a is b})('Own', (HTTPConnection,), {})"
        "(BASE.partition('//')[2]).request('GET', '/hello')"
    ),
    "a connection that keeps nothing of ours": (
        "class Own(HTTPConnection):\n"
        "        def __setattr__(self, name, value):\n"
        "            if 'platform' in name: raise KeyError(name)\n"
        "            super().__setattr__(name, value)\n"
        "    own = Own(BASE.partition('//')[2]); own.request('GET', '/hello'); print(own.getresponse().status)"
    ),
    "a connection of its own": (
        "type('Own', (HTTPConnection,), {'endheaders': lambda self, *a, **k: HTTPConnection.endheaders(self, *a, **k),"
        " 'putheader': lambda *_: None})(BASE.partition('//')[2]).request('GET', '/hello')"
    ),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_what_is_odd_ends_as_without_us(receiver: Receiver, odd: str) -> None:
    code = f"try:\n    {odd}\nexcept Exception as error:\n    print(type(error), error)\n"

    clients(receiver, code, PLATFORM_TRACE_STRICT="false", OTEL_LOG_LEVEL="error")


def test_a_connection_of_no_module_is_traced(receiver: Receiver) -> None:
    code = """
connection = type("Own", (HTTPConnection,), {"__module__": None})(BASE.partition("//")[2])
print(get("/hello").read())
"""
    [span] = clients(receiver, code)

    assert span.status == "unset"


def test_a_refused_connection_is_an_error() -> None:
    spans = moments(
        "import contextlib\nwith contextlib.suppress(OSError): HTTPConnection('127.0.0.1', 1).request('GET', '/')"
    )

    assert (spans["GET"].status, spans["GET"].attributes["error.type"]) == ("error", "ConnectionRefusedError")
