"""The rules of W3C Trace Context from wire to wire: what a service is sent, and what it sends to those it calls.

Source: https://github.com/w3c/trace-context/blob/main/test/test.py
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.http.exchanges import exchange, request, status_of
from tests.http.server import AnsweringServer
from tests.support import Service

TRACE = "12345678901234567890123456789012"
PARENT = f"00-{TRACE}-1234567890123456-01"
SERVICES = {
    "fastapi and httpx": "uvicorn calls_on_fastapi:app --port {port} --log-level warning",
    "flask and requests": "gunicorn calls_on_flask:app -b 127.0.0.1:{port} --log-level error",
    "django and http.client": "gunicorn calls_on_django:app -b 127.0.0.1:{port} --log-level error",
    "aiohttp": "gunicorn calls_on_aiohttp:app -k aiohttp.GunicornWebWorker -b 127.0.0.1:{port} --log-level error",
}
# Headers of the request, and what of them goes on.
GOES_ON = {
    "valid": [f"traceparent: {PARENT}"],
    "name in another case": [f"TraceParent: {PARENT}"],
    "not sampled": [f"traceparent: 00-{TRACE}-1234567890123456-00"],
    "unknown flags": [f"traceparent: 00-{TRACE}-1234567890123456-ff"],
    "whitespace around": [f"traceparent:  {PARENT} \t"],
    "higher version": [f"traceparent: cc-{TRACE}-1234567890123456-01"],
    "higher version with more": [f"traceparent: cc-{TRACE}-1234567890123456-01-what-the-future-will-be"],
}
STARTS_ANEW = {
    "none": [],
    "two": [f"traceparent: {PARENT}", "traceparent: 00-12345678901234567890123456789011-1234567890123456-01"],
    "twice the same": [f"traceparent: {PARENT}", f"traceparent: {PARENT}"],
    "forbidden version": [f"traceparent: ff-{TRACE}-1234567890123456-01"],
    "version 00 with more": [f"traceparent: {PARENT}-what"],
    "higher version without a dash": [f"traceparent: cc-{TRACE}-1234567890123456-01.what"],
    "capital letters": ["traceparent: 00-ABCDEF78901234567890123456789012-1234567890123456-01"],
    "trace id of zeros": [f"traceparent: 00-{'0' * 32}-1234567890123456-01"],
    "parent id of zeros": [f"traceparent: 00-{TRACE}-{'0' * 16}-01"],
    "too short": [f"traceparent: 00-{TRACE[1:]}-1234567890123456-01"],
    "not hexadecimal": [f"traceparent: 00-{TRACE[1:]}.-1234567890123456-01"],
    "empty": ["traceparent: "],
    "odd bytes": [f"traceparent: 00-{TRACE}-1234567890123456-0\xff"],
    "tracestate alone": ["tracestate: a=1"],
}
TRACESTATES = {
    "as it came": (["tracestate: foo=1,bar=2"], "foo=1,bar=2"),
    "two headers": (["tracestate: foo=1,bar=2", "tracestate: rojo=1,congo=2"], "foo=1,bar=2,rojo=1,congo=2"),
    "whitespace": (["tracestate: foo=1 \t , \t bar=2"], "foo=1,bar=2"),
    "empty members": (["tracestate: foo=1,,,bar=2,"], "foo=1,bar=2"),
    "32 members": (
        [f"tracestate: {','.join(f'k{n}={n}' for n in range(32))}"],
        ",".join(f"k{n}={n}" for n in range(32)),
    ),
    "33 members": ([f"tracestate: {','.join(f'k{n}={n}' for n in range(33))}"], None),
    "illegal key": (["tracestate: foo =1"], None),
    "illegal value": (["tracestate: foo=bar=baz"], None),
    "vendor with a tenant": (["tracestate: t-0000@v=1"], "t-0000@v=1"),
}


@pytest.fixture(scope="module", params=SERVICES)
def chain(request: pytest.FixtureRequest) -> Iterator[tuple[Service, AnsweringServer]]:
    """A traced service, and the server that it calls."""
    command = ("platform-trace", *SERVICES[request.param].split())
    with (
        AnsweringServer() as server,
        Service(*command, UPSTREAM=server.url, OTEL_TRACES_EXPORTER="none") as service,
    ):
        yield service, server


def sent_on(chain: tuple[Service, AnsweringServer], headers: list[str]) -> tuple[str, str | None]:
    """The traceparent and the tracestate of the call that a request leads to."""
    service, server = chain
    before = len(server.seen)
    assert status_of(exchange(service.port, request("/call", *headers))) == 200

    [call] = server.seen[before:]
    [parent], states = call.values("traceparent"), call.values("tracestate")
    return parent, ",".join(states) if states else None


@pytest.mark.parametrize("headers", GOES_ON.values(), ids=GOES_ON)
def test_a_valid_traceparent_goes_on_with_another_parent_id(
    chain: tuple[Service, AnsweringServer], headers: list[str]
) -> None:
    version, trace, parent, flags = sent_on(chain, headers)[0].split("-")

    assert (version, trace) == ("00", TRACE)
    assert parent != "1234567890123456"
    assert int(flags, 16) & 1 == int(headers[0].split("-")[3][:2], 16) & 1


@pytest.mark.parametrize("headers", STARTS_ANEW.values(), ids=STARTS_ANEW)
def test_any_other_starts_a_trace(chain: tuple[Service, AnsweringServer], headers: list[str]) -> None:
    parent, state = sent_on(chain, headers)
    _, trace, _, flags = parent.split("-")

    assert trace != TRACE
    assert (int(flags, 16) & 1, state) == (1, None)


@pytest.mark.parametrize("headers, expected", TRACESTATES.values(), ids=TRACESTATES)
def test_a_tracestate_goes_on_whole_or_not_at_all(
    chain: tuple[Service, AnsweringServer], headers: list[str], expected: str | None
) -> None:
    parent, state = sent_on(chain, [f"traceparent: {PARENT}", *headers])

    assert (parent.split("-")[1], state) == (TRACE, expected)
