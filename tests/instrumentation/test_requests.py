"""requests: what services do with sessions, adapters and requests works as it does without us."""

from __future__ import annotations

from functools import partial

import pytest

from tests.http.clients import traced
from tests.http.server import AnsweringServer
from tests.instrumentation.comparison import client_spans
from tests.receiver import Receiver

BEGIN = "import requests\nBASE = {base!r}\n"
clients = partial(client_spans, BEGIN)


def test_functions_and_classes_look_as_they_did(receiver: Receiver) -> None:
    code = """
import inspect, pickle, copy
from requests.adapters import HTTPAdapter
for function in (HTTPAdapter.send, requests.Session.send, requests.Session.get_adapter):
    print(inspect.signature(function), function.__name__, function.__qualname__, function.__module__, function.__doc__)
print(pickle.loads(pickle.dumps(HTTPAdapter.send)) is HTTPAdapter.send)
session = pickle.loads(pickle.dumps(requests.Session()))
response = session.get(BASE + "/hello")
print(sorted(vars(response)), type(response.raw), response.raw.closed)
again = pickle.loads(pickle.dumps(response))
print(again.status_code, again.content, copy.copy(response).content)
"""
    assert len(clients(receiver, code)) == 1


def test_adapters_that_were_there_before_or_are_subclasses_are_traced(receiver: Receiver) -> None:
    code = """
class Adapter(requests.adapters.HTTPAdapter):
    def send(self, request, *args, **kwargs):
        request.headers["X-Mine"] = "1"
        response = super().send(request, *args, **kwargs)
        response.mine = True
        return response
session = requests.Session()
session.mount("http://", Adapter())
print(session.get(BASE + "/hello").mine)
prepared = requests.Request("GET", BASE + "/hello").prepare()
print(requests.adapters.HTTPAdapter().send(prepared, True, 5, False, None, {}).content)
"""
    assert len(clients(receiver, code)) == 2


def test_an_adapter_of_the_services_own_is_traced_and_its_applications_spans_are_below(receiver: Receiver) -> None:
    code = """
class Adapter(requests.adapters.BaseAdapter):
    def close(self): pass
    def send(self, request, **options):
        requests.get(BASE + "/status/201")
        response = requests.Response()
        response.status_code = 299
        return response
session = requests.Session()
session.mount("app://", Adapter())
print(session.get("app://here/path").status_code)
print(session.get("app://here/path").status_code)
"""
    spans = clients(receiver, code)

    assert [span.attributes["http.response.status_code"] for span in spans] == [299, 201, 299, 201]
    assert spans[1].parent_id == spans[0].span_id


ADAPTERS = {
    "a static method": "class Adapter(Base):\n    @staticmethod\n    def send(request, **options): return answer()",
    "a method of its class": (
        "class Adapter(Base):\n    @classmethod\n    def send(cls, request, **options): return answer()"
    ),
    "an object that is called": (
        "class Send:\n    def __call__(self, request, **options): return answer()\nclass Adapter(Base): send = Send()"
    ),
    "a slot": (
        "class Adapter(Base):\n    __slots__ = ('send',)\n"
        "    def __init__(self): self.send = lambda request, **options: answer()"
    ),
    "an attribute made when it is needed": (
        "class Adapter:\n    def close(self): pass\n"
        "    def __getattr__(self, name): return lambda request, **options: answer()"
    ),
    "a method with words of its own": (
        "class Adapter(Base):\n    def send(self, asked, **options): return answer()\n"
        "session = requests.Session(); session.mount('app://', Adapter())\n"
        "print(session.get_adapter('app://').send(asked=None).status_code)"
    ),
}


@pytest.mark.parametrize("code", ADAPTERS.values(), ids=ADAPTERS)
def test_an_adapter_sends_by_whatever_it_likes(receiver: Receiver, code: str) -> None:
    begin = """
class Base(requests.adapters.BaseAdapter):
    def __init__(self): pass
    def close(self): pass
def answer():
    response = requests.Response()
    response.status_code = 299
    return response
"""
    end = "\nsession = requests.Session(); session.mount('app://', Adapter()); print(session.get('app://here').status_code)"
    clients(receiver, begin + code + end)


def test_adapters_that_are_made_for_one_call_are_not_kept(receiver: Receiver) -> None:
    code = """
import gc, weakref
def once():
    class Adapter(requests.adapters.BaseAdapter):
        def close(self): pass
        def send(self, request, **options):
            response = requests.Response()
            response.status_code = 299
            return response
    session = requests.Session()
    session.mount("app://", Adapter())
    print(session.get("app://here").status_code)
    return weakref.ref(Adapter)
kept = once()
gc.collect()
print(kept())
"""
    assert len(clients(receiver, code)) == 1


def test_hooks_and_challenges_are_calls_of_their_own(receiver: Receiver) -> None:
    code = """
def hook(response, **options):
    if not response.url.endswith("202"):
        requests.get(BASE + "/status/202")
print(requests.get(BASE + "/hello", hooks={"response": hook}).status_code)
print(requests.get(BASE + "/challenge", auth=requests.auth.HTTPDigestAuth("user", "password")).status_code)
"""
    spans = clients(receiver, code)

    assert [span.attributes["http.response.status_code"] for span in spans] == [200, 202, 401, 200]
    assert [span.attributes.get("http.request.resend_count") for span in spans] == [None, None, None, 1]
    assert {span.parent_id for span in spans} == {""}


STEPS = """
import sys, requests, urllib3
tokens = urllib3.PoolManager()
class Adapter(requests.adapters.HTTPAdapter):
    def add_headers(self, request, **options):
        tokens.request("GET", sys.argv[1] + "/before")
    def build_response(self, request, raw):
        tokens.request("GET", sys.argv[1] + "/after")
        return super().build_response(request, raw)
session = requests.Session()
session.mount("http://", Adapter(max_retries=urllib3.Retry(1, status_forcelist=[503], backoff_factor=0)))
session.get(sys.argv[1] + "/flaky/1")
"""


def test_what_an_adapter_asks_for_before_and_after_it_sends_are_calls_below_its_own() -> None:
    with AnsweringServer() as server:
        outer, before, after = traced(STEPS, server.url).clients
        sent = [[value.split("-")[2] for value in seen.values("traceparent")] for seen in server.seen]

    assert [before.parent_id, after.parent_id] == [outer.span_id] * 2
    assert sent == [[span.span_id] for span in (before, outer, outer, after)]


ODD = {
    "a request that is sent twice": (
        "r = requests.Request('GET', BASE + '/hello').prepare(); s = requests.Session()\n"
        "print(s.send(r).status_code, s.send(r).status_code)"
    ),
    "a request that was never prepared": (
        "r = requests.PreparedRequest(); r.method, r.url = 'GET', BASE + '/hello'\n"
        "print(requests.adapters.HTTPAdapter().send(r).content)"
    ),
    "headers that are a plain dictionary": (
        "r = requests.Request('GET', BASE + '/hello').prepare(); r.headers = {'Traceparent': 'mine', 'A': 'b'}\n"
        "print(requests.Session().send(r).status_code)"
    ),
    "a method of bytes": "print(requests.request(b'GET', BASE + '/hello').status_code)",
    "an address of bytes": "print(requests.get(BASE.encode() + b'/hello').status_code)",
    "an address that is made when it is needed": (
        "class Url:\n    def __str__(self): return BASE + '/hello'\nprint(requests.get(Url()).status_code)"
    ),
    "a response whose text cannot be made": (
        "class Adapter(requests.adapters.HTTPAdapter):\n"
        "    def build_response(self, request, raw):\n"
        "        response = super().build_response(request, raw)\n"
        "        response.raw = response.raw.read()\n"
        "        return response\n"
        "s = requests.Session(); s.mount('http://', Adapter()); print(s.get(BASE + '/hello', stream=True).raw)"
    ),
    "a path that is not ASCII": "print(requests.get(BASE + '/h\\u00e9llo?k=\\u00e9').status_code)",
}


@pytest.mark.parametrize("code", ODD.values(), ids=ODD)
def test_what_is_odd_and_legal_is_traced_and_ends_as_without_us(receiver: Receiver, code: str) -> None:
    assert all(span.attributes["http.response.status_code"] == 200 for span in clients(receiver, code))
    assert len(receiver.spans()) >= 1


HOSTILE = {
    "a method whose text cannot be made": (
        "class Method(str):\n    def upper(self): return self\n    def __str__(self): raise KeyError('mine')\n"
        "try: requests.request(Method('GET'), BASE + '/hello')\nexcept KeyError as error: print(error)"
    ),
    "an adapter that returns nothing": (
        "class Adapter(requests.adapters.BaseAdapter):\n    def send(self, *a, **k): pass\n    def close(self): pass\n"
        "a = Adapter(); s = requests.Session(); s.mount('x://', a); print(s.get_adapter('x://').send(\n"
        "    requests.Request('GET', 'x://y').prepare()))"
    ),
    "headers that cannot be written": (
        "class Headers(dict):\n    def __setitem__(self, k, v): raise KeyError('mine')\n"
        "r = requests.Request('GET', BASE + '/hello').prepare(); r.headers = Headers(A='b')\n"
        "print(requests.Session().send(r).status_code)"
    ),
}


@pytest.mark.parametrize("code", HOSTILE.values(), ids=HOSTILE)
def test_what_is_hostile_ends_as_without_us(receiver: Receiver, code: str) -> None:
    clients(receiver, code, PLATFORM_TRACE_STRICT="false", OTEL_LOG_LEVEL="error")


def test_the_secrets_of_an_address_are_in_no_part_of_a_span(receiver: Receiver) -> None:
    code = """
for url in (
    "http://user:hunter2@127.0.0.1:9/p?token=hunter2&q=kept",
    BASE + "/hello?password=hunter2#access_token=hunter2",
):
    try:
        print(requests.get(url).status_code)
    except requests.ConnectionError:
        print("refused")
"""
    spans = clients(receiver, code)

    assert len(spans) == 2
    assert "hunter2" not in str(spans)
    assert "q=kept" in str(spans[0].events[0].attributes["exception.stacktrace"])


def test_a_service_that_instruments_itself_has_each_span_once() -> None:
    code = """
    import sys, requests
    from opentelemetry.instrumentation.requests import RequestsInstrumentor
    requests.get(sys.argv[1] + "/hello")
    RequestsInstrumentor().instrument(request_hook=lambda span, request: span.set_attribute("mine", True))
    requests.get(sys.argv[1] + "/hello")
    """
    with AnsweringServer() as server:
        first, second = traced(code, server.url).clients

        assert "mine" not in first.attributes
        assert second.attributes["mine"] is True
        assert second.scope.name == "opentelemetry.instrumentation.requests"
        assert all(len(seen.values("traceparent")) == 1 for seen in server.seen)
