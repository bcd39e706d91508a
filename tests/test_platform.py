"""The platform's 14 services, of as many kinds, under load: every trace arrives, complete and once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import pytest

from tests.receiver import ReceivedSpan, Receiver
from tests.support import LAUNCHER, Service, exporting_to, received

UVICORN = "uvicorn one_of_14:app --port {port} --log-level error"
GUNICORN = "gunicorn one_of_14:app --bind 127.0.0.1:{port} --threads 8 --log-level error"
WORKERS = "gunicorn one_of_14:app --bind 127.0.0.1:{port} --workers 2 --threads 4 --log-level error"
HYPERCORN = "hypercorn one_of_14:app --bind 127.0.0.1:{port} --log-level error"
GRANIAN_ASGI = "granian --interface asgi one_of_14:app --port {port} --log-level error"
GRANIAN_WSGI = "granian --interface wsgi one_of_14:app --port {port} --log-level error"
FLASK = "flask --app one_of_14 run --port {port}"
ITSELF = "python one_of_14.py {port}"


class Kind(NamedTuple):
    """A service: what it is made of, how it is served, and by what it calls whom."""

    framework: str
    served: str
    client: str
    calls: tuple[str, ...]


# A chain of eight (gate ... audit) with two fans: the gateway's of four at once, and the gate's of two.
PLATFORM = {
    "gate": Kind("fastapi", UVICORN, "httpx_async", ("identity", "usage")),
    "identity": Kind("flask", GUNICORN, "requests", ("sessions",)),
    "sessions": Kind("django_wsgi", GUNICORN, "urllib3", ("llm-gateway",)),
    "llm-gateway": Kind("starlette", HYPERCORN, "aiohttp", ("prompts", "models", "safety", "search")),
    "prompts": Kind("fastapi_sync", UVICORN, "httpx", ("templates",)),
    "templates": Kind("falcon", GUNICORN, "urllib", ("meter",)),
    "meter": Kind("bare_wsgi", WORKERS, "requests", ("audit",)),
    "audit": Kind("flask", FLASK, "requests", ()),
    "models": Kind("tornado", ITSELF, "httpx_async", ("quota",)),
    "quota": Kind("bare_asgi", GRANIAN_ASGI, "aiohttp", ()),
    "safety": Kind("django_asgi", UVICORN, "httpx_async", ()),
    "search": Kind("aiohttp", ITSELF, "aiohttp", ("index",)),
    "index": Kind("bare_wsgi", GRANIAN_WSGI, "urllib3", ()),
    "usage": Kind("starlette", UVICORN, "httpx_async", ()),
}
# Who is called by whom, for every request: a client span, and the server span below it.
EDGES = Counter((name, called) for name, kind in PLATFORM.items() for called in kind.calls)
SPANS = 1 + 2 * sum(EDGES.values())


@contextmanager
def platform(receiver: Receiver) -> Iterator[Service]:
    """All of them, those that are called first; the gate."""
    with ExitStack() as stack:
        running: dict[str, Service] = {}
        while len(running) < len(PLATFORM):
            name = next(n for n, kind in PLATFORM.items() if n not in running and set(kind.calls) <= set(running))
            running[name] = stack.enter_context(service(name, running, receiver))
        yield running["gate"]


def service(name: str, running: dict[str, Service], receiver: Receiver) -> Service:
    kind = PLATFORM[name]
    calls = ",".join(f"http://127.0.0.1:{running[called].port}/tasks/1" for called in kind.calls)
    variables = exporting_to(receiver, OTEL_SERVICE_NAME=name, OTEL_BSP_SCHEDULE_DELAY="1000")
    command = [LAUNCHER, "--", *kind.served.split()]
    return Service(*command, FRAMEWORK=kind.framework, CLIENT=kind.client, CALLS=calls, **variables)


def edges(spans: list[ReceivedSpan]) -> Counter[tuple[str, str]]:
    """From which service to which, for every server span below a client span below a server span."""
    by_id = {span.span_id: span for span in spans}
    found: Counter[tuple[str, str]] = Counter()
    for span in spans:
        client = by_id.get(span.parent_id)
        caller = by_id.get(client.parent_id) if client else None
        if span.kind == "server" and client and client.kind == "client" and caller and caller.kind == "server":
            found[caller.service, span.service] += 1
    return found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("requests", [40, pytest.param(1000, marks=pytest.mark.matrix)])
def test_every_trace_of_the_platform_under_load_is_complete(receiver: Receiver, requests: int) -> None:
    with platform(receiver) as gate, ThreadPoolExecutor(8) as clients:
        answers = Counter(clients.map(lambda number: gate.get(f"/tasks/{number}"), range(requests)))
    traces: dict[str, list[ReceivedSpan]] = {}
    for span in received(receiver, requests * SPANS):
        traces.setdefault(span.trace_id, []).append(span)

    assert answers == {(200, '"done"'): requests}
    assert len(traces) == requests
    assert Counter(len(spans) for spans in traces.values()) == {SPANS: requests}
    assert all(len({span.span_id for span in spans}) == SPANS for spans in traces.values())
    assert [number for number, spans in enumerate(traces.values()) if edges(spans) != EDGES] == []
