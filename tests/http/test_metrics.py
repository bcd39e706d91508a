"""How long requests take, measured where OTEL_METRICS_EXPORTER asks, by real services and to a real receiver."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import pytest

from tests.faults import refusing
from tests.http.clients import PROGRAMS
from tests.http.exchanges import exchange, request, traceparent
from tests.http.measured import CLIENT, SERVER, MetricsReceiver, Series
from tests.http.server import AnsweringServer
from tests.http.test_server_oracle import CASES, COMMANDS
from tests.instrumentation.uses import USES
from tests.support import LAUNCHER, NOT_SAMPLED, Service, launch_code, run, run_code

OURS = "platform_otel.http"
# What the conventions advise. Source: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)

FASTAPI = ("uvicorn", "fastapi_service:app", "--port", "{port}", "--log-level", "warning")
FLASK = ("gunicorn", "flask_service:app", "-b", "127.0.0.1:{port}", "--log-level", "error")
BARE_ASGI = ("uvicorn", "bare_asgi:app", "--port", "{port}", "--log-level", "warning")
BARE_WSGI = ("gunicorn", "bare_wsgi:app", "-b", "127.0.0.1:{port}", "--log-level", "error")
each_service = pytest.mark.parametrize("command", [FASTAPI, FLASK], ids=["fastapi", "flask"])


def measured(*command: str, sent: Iterable[bytes], **variables: str) -> list[Series]:
    """The series of a service that was sent this."""
    with MetricsReceiver() as receiver:
        with Service("platform-trace", *command, **receiver.variables(**variables)) as service:
            for each in sent:
                exchange(service.port, each)
            service.stop()
        # The first is not sampled, and asks whether the service is up.
        return [each for each in receiver.series(SERVER) if each.attributes.get("http.response.status_code") != 404]


def measured_code(code: str, metric: str, *arguments: str, **variables: str) -> list[Series]:
    """The series of a program, which nothing may be said about."""
    with MetricsReceiver() as receiver:
        command = [LAUNCHER, "--", sys.executable, "-c", code, *arguments]
        outcome = run(*command, PYTHONWARNINGS="ignore", **receiver.variables(**variables))
        assert (outcome.returncode, outcome.stderr) == (0, "")
        return receiver.series(metric)


@pytest.mark.parametrize(
    "command, route",
    [
        (FASTAPI, "/hello/{name}"),
        (FLASK, "/hello/<name>"),
        (COMMANDS["django"], "/hello/<str:name>"),
        (COMMANDS["aiohttp"], "/hello/{name}"),
        (BARE_ASGI, ""),
        (BARE_WSGI, ""),
    ],
    ids=["fastapi", "flask", "django", "aiohttp", "bare ASGI", "bare WSGI"],
)
def test_a_service_measures_its_requests_and_an_exemplar_leads_to_a_trace(command: tuple[str, ...], route: str) -> None:
    sent = [request(f"/hello/{name}", f"traceparent: {traceparent(7)}") for name in ("ada", "bob", "eve")]
    found = [each for each in measured(*command, sent=sent) if each.traces]

    [series] = found
    assert (series.unit, series.scope, series.bounds) == ("s", OURS, BOUNDS)
    assert series.attributes == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "http.response.status_code": 200,
        **({"http.route": route} if route else {}),
    }
    assert series.number >= 3
    assert 0 < series.seconds < 60
    assert series.traces == {f"{7:032x}"}


@each_service
def test_a_request_that_is_not_sampled_is_measured_without_an_exemplar(command: tuple[str, ...]) -> None:
    [series] = measured(*command, sent=[request("/hello/ada", f"traceparent: {NOT_SAMPLED}")] * 2)

    assert (series.number, series.traces) == (2, frozenset())
    assert "http.route" in series.attributes


@each_service
def test_an_excluded_request_is_not_measured(command: tuple[str, ...]) -> None:
    sent = [request("/hello/ada")] * 2

    assert measured(*command, sent=sent, OTEL_PYTHON_EXCLUDED_URLS="/hello/") == []


def test_every_worker_measures_its_requests() -> None:
    for command in ((*FLASK, "-w", "2"), (*FASTAPI, "--workers", "2")):
        series = measured(*command, sent=[request("/hello/ada")] * 10)

        assert sum(each.number for each in series) == 10


def test_a_websocket_is_not_measured_and_a_request_beside_it_is() -> None:
    code = """
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.websockets import WebSocket
app = FastAPI()
@app.websocket("/ws")
async def socket(websocket: WebSocket):
    await websocket.accept()
    await websocket.close()
@app.get("/beside")
async def beside(): return {}
client = TestClient(app)
with client.websocket_connect("/ws"): pass
client.get("/beside")
"""
    [series] = measured_code(code, SERVER, PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS="fastapi")

    assert series.attributes["http.route"] == "/beside"


# --- beside upstream's ------------------------------------------------------------------------------------------------


@cache
def by_framework(framework: str, upstream: bool) -> Counter[str]:
    variables = {"PLATFORM_TRACE_UPSTREAM": "all"} if upstream else {}
    with MetricsReceiver() as receiver:
        with Service("platform-trace", *COMMANDS[framework], **receiver.variables(**variables)) as service:
            for sent, at_most in CASES.values():
                exchange(service.port, sent, at_most)
            service.stop()
        series = receiver.series(SERVER)
    of = {"aiohttp": "aiohttp_server"}.get(framework, framework.partition(" ")[0])
    assert {each.scope for each in series} == {f"opentelemetry.instrumentation.{of}" if upstream else OURS}
    if upstream:
        for each in series:
            even_out(framework, each.attributes)
    return counted(series)


def even_out(framework: str, attributes: dict[str, object]) -> None:
    """Upstream's for Django leaves out the slash at its beginning, and that for aiohttp says "" where there is none."""
    if "http.route" in attributes and framework.startswith("django"):
        attributes["http.route"] = f"/{attributes['http.route']}"
    if attributes.get("http.route") == "":
        del attributes["http.route"]
    # Which of aiohttp's exceptions it is where the client has gone depends on when that is noticed.
    if "Connection" in str(attributes.get("error.type")):
        attributes["error.type"] = "ConnectionError"


@cache
def by_library(library: str, upstream: bool) -> Counter[str]:
    """Without the servers: see below."""
    variables = {"PLATFORM_TRACE_UPSTREAM": "all"} if upstream else {}
    series = series_of_library(library, **variables)
    of = {"aiohttp": "aiohttp_client"}.get(library, library.partition(" ")[0])
    assert {each.scope for each in series} == {f"opentelemetry.instrumentation.{of}" if upstream else OURS}
    for each in series:
        each.attributes.pop("server.address", None)
        each.attributes.pop("server.port", None)
        if library == "aiohttp":  # upstream's does not say it
            each.attributes.pop("network.protocol.version", None)
        if "error.type" in each.attributes:  # upstream's is the type's name alone
            each.attributes["error.type"] = str(each.attributes["error.type"]).rpartition(".")[2]
    return counted(series)


def series_of_library(library: str, **variables: str) -> list[Series]:
    code = PROGRAMS[library]
    names = ",".join(re.findall(r'^    "([a-z ]+)": ', code, re.MULTILINE))
    with AnsweringServer() as server, refusing() as port:
        return measured_code(code, CLIENT, server.url, f"http://127.0.0.1:{port}", names, **variables)


def counted(series: list[Series]) -> Counter[str]:
    """How many requests had which attributes; units and boundaries must be the same for all."""
    assert {each.unit for each in series} == {"s"}
    assert {each.bounds for each in series} <= {BOUNDS, *SDKS}
    counter: Counter[str] = Counter()
    for each in series:
        counter[shown(**each.attributes)] += each.number
    return counter


# The SDK's own, for milliseconds: upstream's for requests asks for none.
SDKS = {(0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000)}


def shown(**attributes: object) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(attributes.items()) if value is not None)


class Told(NamedTuple):
    """What tells a series apart, beside what all of these have in common."""

    route: str | None
    status: int | None
    error: str | None = None
    method: str = "GET"

    def series(self) -> str:
        known = {"http.request.method": self.method, "url.scheme": "http", "network.protocol.version": "1.1"}
        own = {"http.route": self.route, "http.response.status_code": self.status, "error.type": self.error}
        return shown(**known, **own)


# What is told apart otherwise, as docs/reference/http-differences-servers.md says: (ours, upstream's).
DJANGOS: list[tuple[Told, Told | None]] = [
    (Told("/", 200), Told(None, 200)),
    (Told("/broken", 500, "ValueError"), Told("/broken", 500, "500")),
    (Told("/broken-stream", 200, "ValueError"), Told("/broken-stream", 200)),
    (Told("/expected", 503, "LookupError"), Told("/expected", 503, "503")),
]
SERVER_DIFFERENCES: dict[str, list[tuple[Told, Told | None]]] = {
    "fastapi": [
        (Told("/broken", 500, "KeyError"), Told("/broken", 500, "500")),
        (Told("/broken-stream", 200, "ValueError"), Told("/broken-stream", 200)),
        (Told("/expected", 503, "every_route_fastapi.Expected"), Told("/expected", 503, "503")),
        (Told("/unavailable", 503, "fastapi.exceptions.HTTPException"), Told("/unavailable", 503, "503")),
        (Told("/upload", None, method="POST"), Told("/upload", 500, "500", "POST")),
    ],
    "starlette": [
        (Told("/broken", 500, "ValueError"), Told("/broken", None)),
        (Told("/broken-stream", 200, "ValueError"), Told("/broken-stream", 200)),
        (Told("/expected", 503, "LookupError"), Told("/expected", 503, "503")),
        (Told("/unavailable", 503, "starlette.exceptions.HTTPException"), Told("/unavailable", 503, "503")),
        (Told("/api/v1/items/{item:int}", 200), Told("/api", 200)),
    ],
    "flask": [
        (Told("/broken", 500, "ValueError"), Told("/broken", 500, "500")),
        (Told("/broken-stream", 200, "ValueError"), Told("/broken-stream", 200)),
        (Told("/expected", 503, "LookupError"), Told("/expected", 503, "503")),
        (Told("/unavailable", 503, "werkzeug.exceptions.ServiceUnavailable"), Told("/unavailable", 503, "503")),
    ],
    "django": DJANGOS,
    "django by asgi": [*DJANGOS, (Told(None, None, method="POST"), None)],
    "aiohttp": [
        (Told("/broken", 500, "ValueError"), Told("/broken", None, "ValueError")),
        (Told("/broken-stream", 200, "ValueError"), Told("/broken-stream", None, "ValueError")),
        (Told("/endless", 200), Told("/endless", None, "ConnectionError")),
        (Told("/unavailable", 503, "aiohttp.web_exceptions.HTTPServiceUnavailable"), Told("/unavailable", 503, "503")),
        (Told("/upload", None, method="POST"), Told("/upload", None, "ConnectionError", "POST")),
    ],
}


@pytest.mark.parametrize(
    "framework",
    [pytest.param(name, marks=pytest.mark.matrix) if name == "django by asgi" else name for name in SERVER_DIFFERENCES],
)
def test_the_series_of_a_server_are_upstreams_but_for_the_differences_that_the_page_lists(framework: str) -> None:
    expected = by_framework(framework, upstream=True).copy()
    for ours, theirs in SERVER_DIFFERENCES[framework]:
        if theirs is not None:
            expected[theirs.series()] -= 1
        expected[ours.series()] += 1

    assert by_framework(framework, upstream=False) == expected


class Call(NamedTuple):
    """A GET of HTTP/1.1, as its series tells it."""

    status: int | None
    error: str | None = None

    def series(self, library: str) -> str:
        version = "1.1" if self.status and library != "aiohttp" else None
        own = {"http.response.status_code": self.status, "error.type": self.error, "network.protocol.version": version}
        return shown(**{"http.request.method": "GET"}, **own)


# What docs/reference/http-differences-clients.md says of spans, a call each: (ours, upstream's); None counts none.
FOLLOWED = [(Call(302), None)] * 2
CLIENT_DIFFERENCES: dict[str, list[tuple[Call | None, Call | None]]] = {
    "aiohttp": [(Call(200, "ClientPayloadError"), Call(200)), *FOLLOWED],
    "requests": [
        (Call(200, "ProtocolError"), Call(None, "ChunkedEncodingError")),
        (None, Call(None, "InvalidSchema")),
        *FOLLOWED,
    ],
    "urllib": [
        (Call(200, "IncompleteRead"), Call(200)),
        (Call(302), Call(302, "HTTPError")),
        (Call(401, "401"), None),
        (Call(404, "404"), Call(404, "HTTPError")),
        (Call(503, "503"), Call(503, "HTTPError")),
        (None, Call(None, "URLError")),  # an unknown scheme
        *[(None, Call(None))] * 2,  # a file, and data
        *FOLLOWED,
    ],
    "urllib3": [(Call(None, error), None) for error in ("NewConnectionError", "ProtocolError", "ReadTimeoutError")],
    "httpx": [
        (Call(200, "RemoteProtocolError"), Call(200)),
        *((Call(None, error), None) for error in ("ConnectError", "ReadTimeout", "UnsupportedProtocol")),
    ],
}
CLIENT_DIFFERENCES["httpx async"] = [*CLIENT_DIFFERENCES["httpx"], (Call(None, "CancelledError"), None)]


@pytest.mark.parametrize("library", PROGRAMS)
def test_the_series_of_a_client_are_upstreams_but_for_the_differences_that_the_page_lists(library: str) -> None:
    expected = by_library(library, upstream=True).copy()
    for ours, theirs in CLIENT_DIFFERENCES[library]:
        expected.subtract([theirs.series(library)] if theirs else [])
        expected.update([ours.series(library)] if ours else [])

    assert by_library(library, upstream=False) == expected


@pytest.mark.parametrize("library", PROGRAMS)
def test_every_series_of_a_client_says_its_server(library: str) -> None:
    series = series_of_library(library)
    hosts = {each.attributes["server.address"] for each in series}

    assert hosts == {"127.0.0.1", "other.example"}
    assert all("server.port" in each.attributes for each in series if "UnsupportedProtocol" not in str(each))


BELOW_A_KNOWN_SPAN = """
from opentelemetry import context, trace
known = trace.SpanContext(7, 7, True, trace.TraceFlags(trace.TraceFlags.SAMPLED))
context.attach(trace.set_span_in_context(trace.NonRecordingSpan(known)))
"""


@pytest.mark.parametrize("library", ["aiohttp-client", "http_client", "httpx", "requests", "urllib", "urllib3"])
def test_an_exemplar_of_a_client_leads_to_the_trace_of_its_call(library: str) -> None:
    [series] = measured_code(BELOW_A_KNOWN_SPAN + USES[library].code, CLIENT)

    assert (series.number, set(series.traces)) == (1, {f"{7:032x}"})


# --- bounds -----------------------------------------------------------------------------------------------------------

OVERFLOW = {"otel.metric.overflow": True}
# At a process's end there are three seconds for it, which on a busy machine are few for so many series.
SEND = "from opentelemetry.metrics import get_meter_provider; get_meter_provider().force_flush(60_000)"


# By each library: "call" of an address, of which a server that stands for all hosts is "argv[1]".
CALLING = {
    "httpx": """
import httpx
client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
call = client.get
""",
    "urllib": """
import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": sys.argv[1]}))
def call(address):
    with opener.open(address) as response: response.read()
""",
    "aiohttp": """
import aiohttp, asyncio, sys
loop = asyncio.new_event_loop()
async def begin(): return aiohttp.ClientSession()
session = loop.run_until_complete(begin())
async def ask(address):
    async with session.get(address, proxy=sys.argv[1]) as response: await response.read()
def call(address): loop.run_until_complete(ask(address))
import atexit; atexit.register(lambda: loop.run_until_complete(session.close()))
""",
}


@pytest.mark.parametrize(
    "library", ["httpx", *(pytest.param(n, marks=pytest.mark.matrix) for n in ("urllib", "aiohttp"))]
)
def test_made_up_hosts_make_2000_series_at_most(library: str) -> None:
    code = f"""{CALLING[library]}
for number in range(2500):
    call(f"http://host{{number}}.example/hello")
call("http://host0.example/hello")
{SEND}"""
    with AnsweringServer() as server:
        series = measured_code(code, CLIENT, server.url)
    by_host = {each.attributes.get("server.address"): each.number for each in series}

    assert len(series) == 2000
    assert by_host["host0.example"] == 2
    assert [each.number for each in series if each.attributes == OVERFLOW] == [501]


def test_made_up_methods_are_one_series() -> None:
    sent = [request("/hello/ada", method=f"MADEUP{number}") for number in range(30)]
    series = measured(*FLASK, sent=sent)

    assert [(each.attributes["http.request.method"], each.number) for each in series] == [("_OTHER", 30)]


# By each framework: "ask" with a method.
ASKING = {
    "flask": """
from flask import Flask
client = Flask(__name__).test_client()
def ask(method): client.open("/", method=method).close()
""",
    "django": """
from io import BytesIO
from every_route_django import app
ENVIRON = {"PATH_INFO": "/nowhere", "SERVER_NAME": "x", "SERVER_PORT": "80", "wsgi.url_scheme": "http"}
import logging; logging.disable()
def ask(method): app({**ENVIRON, "REQUEST_METHOD": method, "wsgi.input": BytesIO()}, lambda *_: None).close()
""",
}


@pytest.mark.parametrize("framework", ["flask", pytest.param("django", marks=pytest.mark.matrix)])
def test_methods_that_the_user_knows_make_2000_series_at_most(framework: str) -> None:
    code = f"""{ASKING[framework]}
for number in range(2500):
    ask(f"M{{number}}")
{SEND}"""
    known = ",".join(f"M{number}" for number in range(2500))
    series = measured_code(code, SERVER, OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS=known)

    assert len(series) == 2000
    assert [each.number for each in series if each.attributes == OVERFLOW] == [501]


# --- harmless ---------------------------------------------------------------------------------------------------------

ONE_OF_EACH = """
import gc, sys
import flask, requests, httpx
app = flask.Flask(__name__)
app.test_client().get("/").close()
loaded = {"opentelemetry.metrics", "opentelemetry.sdk.metrics", "platform_otel.instrumentation.http_metrics"}
print(sorted(loaded & set(sys.modules)), len(gc.callbacks))
"""


@pytest.mark.parametrize("value", ["", "none", "NONE"])
def test_nothing_is_imported_and_nothing_is_measured_unless_it_is_asked_for(value: str) -> None:
    only = {"PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS": "flask,requests,httpx,urllib3"}
    outcome = launch_code(ONE_OF_EACH, OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER=value, **only)

    assert (outcome.stdout, outcome.stderr) == ("[] 0\n", "")


def test_a_service_answers_though_the_exporter_of_its_metrics_is_not_installed() -> None:
    code = ONE_OF_EACH + "print(app.test_client().get('/').status_code)"
    outcome = launch_code(code, OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="abacus")

    assert outcome.stdout.splitlines()[-1] == "404"
    [line] = outcome.stderr.splitlines()
    assert line.startswith("platform-trace: OTEL_METRICS_EXPORTER: no installed package offers 'abacus'")


def test_what_the_exporter_itself_imports_does_not_come_in_the_way() -> None:
    """It imports urllib3 and requests while the first application asks for its metric."""
    only = {"PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS": "gunicorn,requests,urllib3"}
    series = measured(*BARE_WSGI, sent=[request("/hello/ada")], **only)

    assert [each.scope for each in series] == [OURS]


# A response that nobody has closed is collected while the SDK holds the lock that a new series needs.
COLLECTED_WITHIN_THE_SDK = """
import gc
from opentelemetry.context import Context
from opentelemetry.metrics import set_meter_provider
from opentelemetry.sdk.metrics import AlignedHistogramBucketExemplarReservoir, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import View
from platform_otel.instrumentation.http_metrics import durations

class Reservoir(AlignedHistogramBucketExemplarReservoir):
    def collect(self, attributes):
        gc.collect()
        return super().collect(attributes)

def begin(host):
    return durations("client").begin({"http.request.method": "GET", "server.address": host}, Context())

class Response:
    def __init__(self, host):
        self.itself, self.measurement = self, begin(host)
    def __del__(self):
        self.measurement.end()

def hosts():
    [of_resource] = reader.get_metrics_data().resource_metrics
    [metric] = of_resource.scope_metrics[0].metrics
    return sorted(point.attributes["server.address"] for point in metric.data.data_points)

reader = InMemoryMetricReader()
view = View(instrument_name="*", exemplar_reservoir_factory=lambda aggregation: Reservoir)
set_meter_provider(MeterProvider([reader], views=[view]))
gc.disable()
begin("first").end()
Response("thrown away")
print(hosts())
begin("first").end()
print(hosts())
"""


def test_a_response_that_the_garbage_collector_ends_waits_for_no_lock() -> None:
    outcome = run_code(COLLECTED_WITHIN_THE_SDK)

    assert outcome.stderr == ""
    assert outcome.stdout.splitlines() == ["['first']", "['first', 'thrown away']"]


# --- FastAPI's own ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "telemetry, scope",
    [("", OURS), ("telemetry={'logs': False}", OURS), ("telemetry={'tracing': True}", "fastapi")],
    ids=["as it is", "without its logs", "with its spans"],
)
def test_a_request_to_fastapi_is_measured_once(telemetry: str, scope: str) -> None:
    fastapi = pytest.importorskip("fastapi")
    if tuple(map(int, fastapi.__version__.split(".")[:2])) < (0, 142):
        pytest.skip("FastAPI measures from 0.142 on")
    code = f"""
from fastapi import FastAPI
from fastapi.testclient import TestClient
app = FastAPI({telemetry})
@app.get("/")
async def root(): return {{}}
TestClient(app).get("/")
"""
    [series] = measured_code(code, SERVER)

    assert (series.scope, series.number) == (scope, 1)
