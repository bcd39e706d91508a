"""The context of a call: sent once with each request, to the server it is for, and with what came before."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faults import Authority
from tests.http.clients import traced
from tests.http.server import AnsweringServer, Seen
from tests.instrumentation.comparison import needs
from tests.receiver import ReceivedSpan

# How each library calls URL with HEADERS.
CALLS = {
    "requests": "import requests; requests.get(URL, headers=HEADERS)",
    "requests session": "import requests; s = requests.Session(); s.headers.update(HEADERS); s.get(URL)",
    "urllib": "from urllib.request import *; urlopen(Request(URL, headers=HEADERS))",
    "urllib opener's own": (
        "from urllib.request import *; o = build_opener(); o.addheaders += HEADERS.items(); o.open(URL)"
    ),
    "urllib not redirected": (
        "from urllib.request import *\nrequest = Request(URL)\n"
        "for name, value in HEADERS.items(): request.add_unredirected_header(name, value)\nurlopen(request)"
    ),
    "urllib3": "import urllib3; urllib3.PoolManager().request('GET', URL, headers=HEADERS)",
    "urllib3 pools' own": "import urllib3; urllib3.PoolManager(headers=HEADERS).request('GET', URL)",
    "urllib3 header dictionary": (
        "import urllib3\nfrom urllib3._collections import HTTPHeaderDict\n"
        "urllib3.PoolManager().request('GET', URL, headers=HTTPHeaderDict(HEADERS))"
    ),
    "urllib3 pool": "import urllib3; urllib3.connection_from_url(URL).urlopen('GET', '/hello', None, HEADERS)",
    "httpx": "import httpx; httpx.Client(headers=HEADERS).get(URL)",
    "httpx async": (
        "import asyncio, httpx\n"
        "async def main():\n"
        "    async with httpx.AsyncClient() as client: await client.get(URL, headers=HEADERS)\n"
        "asyncio.run(main())"
    ),
    "httpx custom transport": (
        "import httpx\n"
        "class Transport(httpx.BaseTransport):\n"
        "    inner = httpx.HTTPTransport()\n"
        "    def handle_request(self, request): return self.inner.handle_request(request)\n"
        "httpx.Client(transport=Transport()).get(URL, headers=HEADERS)"
    ),
}
REMOTE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def program(call: str, headers: dict[str, str] | None = None, remote: str = "") -> str:
    around = f"""
import sys
URL, HEADERS = sys.argv[1] + "/hello", {headers or {}!r}
from opentelemetry import context, propagate
context.attach(propagate.extract({{"traceparent": {remote!r}, "tracestate": "a=1,b=2", "baggage": "k=v"}}))
"""
    return f"{around if remote else around.partition('from opentelemetry')[0]}\n{call}\n"


def called(
    call: str, headers: dict[str, str] | None = None, remote: str = "", **variables: str
) -> tuple[Seen, list[ReceivedSpan]]:
    with AnsweringServer() as server:
        outcome = traced(program(call, headers, remote), server.url, **variables)
        (seen,) = server.seen
        return seen, outcome.clients


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_request_has_one_traceparent_that_is_its_spans(call: str) -> None:
    seen, (span,) = called(call)

    assert seen.values("traceparent") == [f"00-{span.trace_id}-{span.span_id}-03"]
    assert seen.values("tracestate") == []


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_state_and_baggage_of_the_trace_go_on(call: str) -> None:
    seen, (span,) = called(call, remote=REMOTE)

    assert seen.values("traceparent") == [f"00-0af7651916cd43dd8448eb211c80319c-{span.span_id}-01"]
    assert seen.values("tracestate") == ["a=1,b=2"]
    assert seen.values("baggage") == ["k=v"]
    assert span.parent_id == "b7ad6b7169203331"


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("name", ["traceparent", "Traceparent", "TRACEPARENT"])
def test_a_traceparent_of_the_services_own_is_replaced(call: str, name: str) -> None:
    seen, (span,) = called(call, {name: REMOTE, "X-Other": "1"})

    assert seen.values("traceparent") == [f"00-{span.trace_id}-{span.span_id}-03"]
    assert seen.values("x-other") == ["1"]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_is_not_sampled_passes_its_context_on(call: str) -> None:
    seen, spans = called(call, remote=REMOTE.removesuffix("01") + "00")
    (sent,) = seen.values("traceparent")

    assert re.fullmatch("00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-00", sent)
    assert seen.values("tracestate") == ["a=1,b=2"]
    assert spans == []


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_excluded_address_is_left_alone(call: str) -> None:
    seen, spans = called(call, OTEL_PYTHON_EXCLUDED_URLS="other,hel+o")

    assert seen.values("traceparent") == []
    assert spans == []


@pytest.mark.parametrize("library", ["requests", "urllib", "urllib3", "httpx"])
def test_a_librarys_own_exclusion_wins(library: str) -> None:
    own = f"OTEL_PYTHON_{library.upper()}_EXCLUDED_URLS"

    assert called(CALLS[library], None, "", **{own: "hello"})[1] == []
    assert len(called(CALLS[library], None, "", **{own: "other", "OTEL_PYTHON_EXCLUDED_URLS": "hello"})[1]) == 1


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("how", ["suppress_instrumentation", "suppress_http_instrumentation"])
def test_what_is_suppressed_is_left_alone(call: str, how: str) -> None:
    inside = "\n".join(f"    {line}" for line in call.splitlines())
    seen, spans = called(f"from opentelemetry.instrumentation.utils import {how}\nwith {how}():\n{inside}")

    assert seen.values("traceparent") == []
    assert spans == []


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_other_propagators_write_their_own_headers(call: str) -> None:
    seen, spans = called(call, OTEL_PROPAGATORS="none")

    assert seen.values("traceparent") == []
    assert len(spans) == 1


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_headers_that_the_settings_ask_for_are_recorded(call: str) -> None:
    _, (span,) = called(
        call,
        {"X-Wanted": "1", "X-Sanitized": "2", "Authorization": "Bearer 3"},
        OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST="X-.*,authorization",
        OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE="content-length",
        OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS="sanitized",
    )
    captured = {key: value for key, value in span.attributes.items() if ".header." in key}

    assert list(captured) == [
        "http.request.header.x-wanted",
        "http.request.header.x-sanitized",
        "http.response.header.content-length",
    ]
    assert "3" not in str(captured)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_method_that_the_settings_do_not_know_is_another(call: str) -> None:
    _, (span,) = called(call, OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS="POST")

    assert span.name == "HTTP"
    assert span.attributes["http.request.method"] == "_OTHER"
    assert span.attributes["http.request.method_original"] == "GET"


TUNNELS = {
    "urllib": (
        "import ssl\nfrom urllib.request import *\n"
        "secure = ssl.create_default_context(cafile=CA)\n"
        "secure.load_cert_chain(CERTIFICATE, KEY)\n"
        "build_opener(ProxyHandler({'https': PROXY}), HTTPSHandler(context=secure)).open(URL)"
    ),
    "requests": "import requests; requests.get(URL, proxies={'https': PROXY}, verify=CA, cert=(CERTIFICATE, KEY))",
    "urllib3": (
        "import urllib3\n"
        "pools = urllib3.ProxyManager(PROXY, ca_certs=CA, cert_file=CERTIFICATE, key_file=KEY)\n"
        "pools.request('GET', URL)"
    ),
    "httpx": (
        "import httpx, ssl\n"
        "secure = ssl.create_default_context(cafile=CA)\n"
        "secure.load_cert_chain(CERTIFICATE, KEY)\n"
        "httpx.Client(mounts={'https://': httpx.HTTPTransport(proxy=httpx.Proxy(PROXY), verify=secure)}).get(URL)"
    ),
}


@pytest.mark.parametrize("call", TUNNELS.values(), ids=TUNNELS)
def test_a_tunnel_carries_the_context_to_the_server_and_shows_none_to_the_proxy(call: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    key, certificate = authority.client()
    begin = "import sys\nBASE, PROXY, CA, CERTIFICATE, KEY = sys.argv[1:]\nURL = BASE + '/hello'\n"
    with AnsweringServer(authority.server(client=authority)) as server, AnsweringServer() as proxy:
        arguments = server.url, proxy.url, authority.certificate, certificate, key
        (span,) = traced(begin + call, *arguments).clients

        assert [seen.method for seen in proxy.seen] == ["CONNECT"]
        assert proxy.seen[0].values("traceparent") == []
        assert [seen.values("traceparent") for seen in server.seen] == [[f"00-{span.trace_id}-{span.span_id}-03"]]
        assert span.attributes["server.address"] == "localhost"
        assert span.attributes["server.port"] == server.port


LAYERS = {
    "requests over urllib3": "import requests, urllib3; requests.get(URL)",
    "an adapter that sends by urllib3": (
        "import requests, urllib3\n"
        "class Adapter(requests.adapters.BaseAdapter):\n"
        "    def close(self): pass\n"
        "    def send(self, request, **options):\n"
        "        answer = urllib3.PoolManager().request(request.method, request.url, headers=dict(request.headers))\n"
        "        response = requests.Response()\n"
        "        response.status_code, response._content = answer.status, answer.data\n"
        "        return response\n"
        "session = requests.Session()\n"
        "session.mount('http://', Adapter())\n"
        "session.get(URL)\n"
    ),
    "a handler that sends by requests": (
        "import io, requests\nfrom urllib.request import *\nfrom urllib.response import addinfourl\n"
        "class Handler(HTTPHandler):\n"
        "    def http_open(self, request):\n"
        "        answer = requests.get(request.full_url, headers=dict(request.header_items()))\n"
        "        response = addinfourl(io.BytesIO(answer.content), answer.headers, answer.url, answer.status_code)\n"
        "        response.msg = answer.reason\n"
        "        return response\n"
        "build_opener(Handler).open(URL)\n"
    ),
    "a transport that sends by requests": (
        "import httpx, requests\n"
        "class Transport(httpx.BaseTransport):\n"
        "    def handle_request(self, request):\n"
        "        answer = requests.get(str(request.url), headers=dict(request.headers))\n"
        "        return httpx.Response(answer.status_code, content=answer.content)\n"
        "httpx.Client(transport=Transport()).get(URL)\n"
    ),
    "a transport that sends by a client": (
        "import httpx\n"
        "class Transport(httpx.BaseTransport):\n"
        "    inner = httpx.Client()\n"
        "    def handle_request(self, request):\n"
        "        return self.inner.send(request, stream=True)\n"
        "httpx.Client(transport=Transport()).get(URL)\n"
    ),
}


@pytest.mark.parametrize("call", LAYERS.values(), ids=LAYERS)
def test_a_call_is_one_span_however_many_libraries_take_part(call: str) -> None:
    seen, (span,) = called(call)

    assert seen.values("traceparent") == [f"00-{span.trace_id}-{span.span_id}-03"]


def test_what_a_transport_fetches_for_itself_is_a_call_of_its_own() -> None:
    code = """
    import sys, httpx, requests
    BASE = sys.argv[1]
    class Transport(httpx.HTTPTransport):
        def handle_request(self, request):
            requests.get(BASE + "/status/201")
            return super().handle_request(request)
    httpx.Client(transport=Transport()).get(BASE + "/hello")
    """
    with AnsweringServer() as server:
        outer, inner = traced(code, server.url).clients

        assert [seen.values("traceparent")[0][36:52] for seen in server.seen] == [inner.span_id, outer.span_id]
        assert inner.parent_id == outer.span_id


@pytest.mark.parametrize("call", ["requests; requests.get", "urllib.request; urllib.request.urlopen"])
def test_a_redirect_has_the_context_of_its_own_call(call: str) -> None:
    code = f"import sys, {call}(sys.argv[1] + '/redirect/2')"
    with AnsweringServer() as server:
        spans = traced(code, server.url).clients

        assert [seen.values("traceparent") for seen in server.seen] == [
            [f"00-{span.trace_id}-{span.span_id}-03"] for span in spans
        ]
        assert len(spans) == 3


# How a library sends a request whose BODY makes calls while it is sent.
SENDERS = {
    "requests": "requests.post(URL + '/outer', data=BODY)",
    "urllib3": "pools.request('POST', URL + '/outer', body=BODY, headers=LENGTH)",
    "httpx": "httpx.post(URL + '/outer', content=BODY, headers=LENGTH)",
    "urllib": "urlopen(Request(URL + '/outer', BODY, LENGTH)).read()",
    "http.client": "connected().request('POST', '/outer', BODY, LENGTH)",
}
BODY = """
import sys, httpx, requests, urllib3
from http.client import HTTPConnection
from urllib.request import *
URL, LENGTH = sys.argv[1], {"Content-Length": "5"}
pools = urllib3.PoolManager()
def connected(): return HTTPConnection(URL.partition("://")[2])
class Body:
    def __len__(self): return 5
    def __iter__(self):
        requests.get(URL + "/requests")
        pools.request("GET", URL + "/urllib3")
        pools.connection_from_url(URL).urlopen("GET", "/pool")
        pools.request("GET", URL + "/flaky/1", retries=urllib3.Retry(1, status_forcelist=[503], backoff_factor=0))
        httpx.get(URL + "/httpx")
        urlopen(URL + "/urllib").read()
        connection = connected()
        connection.request("GET", "/http.client")
        connection.getresponse().read()
        yield b"hello"
BODY = Body()
"""


@pytest.mark.parametrize("sender", SENDERS)
def test_a_call_that_makes_the_body_of_another_is_a_span_below_it(sender: str) -> None:
    with AnsweringServer() as server:
        outer, *inner = traced(BODY + SENDERS[sender], server.url).clients
        sent = [seen.values("traceparent") for seen in server.seen]
        targets = [seen.target for seen in server.seen]

    assert [span.parent_id for span in inner] == [outer.span_id] * 7
    assert len(set(targets)) == 8
    again = targets.index("/flaky/1")
    assert sent.pop(again) == sent[again]
    assert sorted(sent) == sorted([f"00-{span.trace_id}-{span.span_id}-03"] for span in (outer, *inner))


def test_a_call_that_makes_the_body_of_an_excluded_one_has_its_span() -> None:
    with AnsweringServer() as server:
        code = BODY + SENDERS["requests"]
        spans = traced(code, server.url, OTEL_PYTHON_EXCLUDED_URLS="/outer").clients
        unsent = [seen.target for seen in server.seen if not seen.values("traceparent")]

    assert (len(spans), unsent) == (7, ["/outer"])


@needs("opentelemetry-instrumentation-urllib3")
def test_a_call_is_one_span_also_where_upstreams_instrumentation_of_urllib3_is_below() -> None:
    code = "import sys, requests; requests.get(sys.argv[1] + '/hello')"
    with AnsweringServer() as server:
        (span,) = traced(code, server.url, PLATFORM_TRACE_UPSTREAM="urllib3").clients

    assert span.scope.name == "platform_otel.requests"


HEALTH = """
import sys, asyncio, aiohttp, httpx, requests, urllib3, http.client
from urllib.request import *
from flask import Flask
URL = sys.argv[1]
app = Flask("shop")
async def by_aiohttp():
    async with aiohttp.ClientSession() as session, session.get(URL + "/aiohttp") as response:
        await response.read()
@app.get("/health")
def health():
    requests.get(URL + "/requests")
    urllib3.PoolManager().request("GET", URL + "/urllib3")
    httpx.get(URL + "/httpx")
    urlopen(URL + "/urllib").read()
    asyncio.run(by_aiohttp())
    connection = http.client.HTTPConnection(URL.partition("://")[2])
    connection.request("GET", "/http.client")
    connection.getresponse().read()
    return "ok"
print(app.test_client().get("/health", headers=eval(sys.argv[2])).text)
"""
OWN_PROVIDER = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
"""
PROVIDERS = {
    "ours": HEALTH,
    "its own": OWN_PROVIDER + HEALTH,
    "its own, set late": HEALTH.replace("app =", f"{OWN_PROVIDER}app ="),
}


@needs("aiohttp")
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("headers", [{}, {"traceparent": REMOTE}], ids=["without a context", "with a context"])
def test_calls_of_an_excluded_request_have_no_span_and_pass_its_context_on(
    provider: str, headers: dict[str, str]
) -> None:
    with AnsweringServer() as server:
        outcome = traced(PROVIDERS[provider], server.url, repr(headers))
        sent = [seen.values("traceparent") for seen in server.seen]

    assert (outcome.lines, outcome.spans) == (["ok"], [])
    assert sent == [list(headers.values())] * 6
