"""How long requests take, measured where OTEL_METRICS_EXPORTER asks, by real services and to a real receiver."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from functools import cache

import pytest

from tests.faults import refusing
from tests.http.clients import PROGRAMS
from tests.http.exchanges import exchange, request, traceparent
from tests.http.measured import CLIENT, SERVER, MetricsReceiver, Series
from tests.http.server import AnsweringServer
from tests.http.test_server_oracle import CASES, COMMANDS
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
    [(FASTAPI, "/hello/{name}"), (FLASK, "/hello/<name>"), (BARE_ASGI, ""), (BARE_WSGI, "")],
    ids=["fastapi", "flask", "bare ASGI", "bare WSGI"],
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
    assert {each.scope for each in series} == {f"opentelemetry.instrumentation.{framework}" if upstream else OURS}
    return counted(series)


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


def server_series(route: str, status: int | None, error: str | None = None) -> str:
    known = {"http.request.method": "GET", "url.scheme": "http", "network.protocol.version": "1.1"}
    return shown(**known, **{"http.route": route, "http.response.status_code": status, "error.type": error})


# What is told apart otherwise, as docs/reference/http-differences-servers.md says: (ours, upstream's).
SERVER_DIFFERENCES = {
    "fastapi": [
        (("/broken", 500, "KeyError"), ("/broken", 500, "500")),
        (("/broken-stream", 200, "ValueError"), ("/broken-stream", 200)),
        (("/expected", 503, "every_route_fastapi.Expected"), ("/expected", 503, "503")),
        (("/unavailable", 503, "fastapi.exceptions.HTTPException"), ("/unavailable", 503, "503")),
    ],
    "starlette": [
        (("/broken", 500, "ValueError"), ("/broken", None)),
        (("/broken-stream", 200, "ValueError"), ("/broken-stream", 200)),
        (("/expected", 503, "LookupError"), ("/expected", 503, "503")),
        (("/unavailable", 503, "starlette.exceptions.HTTPException"), ("/unavailable", 503, "503")),
        (("/api/v1/items/{item:int}", 200), ("/api", 200)),
    ],
    "flask": [
        (("/broken", 500, "ValueError"), ("/broken", 500, "500")),
        (("/broken-stream", 200, "ValueError"), ("/broken-stream", 200)),
        (("/expected", 503, "LookupError"), ("/expected", 503, "503")),
        (("/unavailable", 503, "werkzeug.exceptions.ServiceUnavailable"), ("/unavailable", 503, "503")),
    ],
}


@pytest.mark.parametrize("framework", SERVER_DIFFERENCES)
def test_the_series_of_a_server_are_upstreams_but_for_the_differences_that_the_page_lists(framework: str) -> None:
    differences: list[tuple[tuple[str, ...], tuple[str, ...]]] = SERVER_DIFFERENCES[framework]  # type: ignore[assignment]  # a route and more
    expected = by_framework(framework, upstream=True).copy()
    for ours, theirs in differences:
        expected[server_series(*theirs)] -= 1  # type: ignore[arg-type]  # a route, a status, an error
        expected[server_series(*ours)] += 1  # type: ignore[arg-type]  # the same

    assert +by_framework(framework, upstream=False) == +expected


# Of these, upstream's has no series or another one: see docs/reference/http-differences-clients.md.
NO_ANSWER = re.compile(r"error\.type=(?!\d)")
REDIRECTED = "http.response.status_code=302"
# The answers whose bodies break off, which ours does not count among the complete ones.
BREAKS_OFF = {"aiohttp": 1, "requests": 0, "urllib": 1, "urllib3": 0, "httpx": 1, "httpx async": 1}


@pytest.mark.parametrize("library", PROGRAMS)
def test_the_series_of_a_client_are_upstreams_but_for_the_differences_that_the_page_lists(library: str) -> None:
    ours, theirs = answered(library, upstream=False), answered(library, upstream=True)
    [complete] = [series for series in ours if "=GET" in series and "status_code=200" in series]
    ours[complete] += BREAKS_OFF[library]

    assert ours == theirs


def answered(library: str, upstream: bool) -> Counter[str]:
    """The calls that had an answer."""
    counter = by_library(library, upstream)
    return Counter({series: number for series, number in counter.items() if is_compared(library, series)})


def is_compared(library: str, series: str) -> bool:
    if NO_ANSWER.search(series):
        return False
    # Upstream's for these counts a redirect and what it leads to as one call.
    if library in ("aiohttp", "requests", "urllib") and REDIRECTED in series:
        return False
    # And for urllib names the class that the status is raised by, and counts calls of files.
    return library != "urllib" or ("error.type" not in series and "status_code" in series)


@pytest.mark.parametrize("library", PROGRAMS)
def test_every_series_of_a_client_says_its_server(library: str) -> None:
    series = series_of_library(library)
    hosts = {each.attributes["server.address"] for each in series}

    assert hosts == {"127.0.0.1", "other.example"}
    assert all("server.port" in each.attributes for each in series if "UnsupportedProtocol" not in str(each))


@pytest.mark.parametrize("library", ["httpx", "requests"])
def test_calls_that_had_no_answer_are_told_apart_by_their_errors(library: str) -> None:
    errors = {
        series.split(" ")[0].rpartition(".")[2]
        for series in by_library(library, upstream=False)
        if NO_ANSWER.search(series)
    }

    assert errors >= ({"ConnectError", "ReadTimeout"} if library == "httpx" else {"ConnectionError", "ReadTimeout"})


# --- bounds -----------------------------------------------------------------------------------------------------------

OVERFLOW = {"otel.metric.overflow": True}


def test_made_up_hosts_make_2000_series_at_most() -> None:
    code = """
import httpx
client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
for number in range(2500):
    client.get(f"http://host{number}.example/")
client.get("http://host0.example/")
"""
    series = measured_code(code, CLIENT)
    by_host = {each.attributes.get("server.address"): each.number for each in series}

    assert len(series) == 2000
    assert by_host["host0.example"] == 2
    assert [each.number for each in series if each.attributes == OVERFLOW] == [501]


def test_made_up_methods_are_one_series() -> None:
    sent = [request("/hello/ada", method=f"MADEUP{number}") for number in range(30)]
    series = measured(*FLASK, sent=sent)

    assert [(each.attributes["http.request.method"], each.number) for each in series] == [("_OTHER", 30)]


def test_methods_that_the_user_knows_make_2000_series_at_most() -> None:
    code = """
from flask import Flask
app = Flask(__name__)
client = app.test_client()
for number in range(2500):
    client.open("/", method=f"M{number}").close()
"""
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
