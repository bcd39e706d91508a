"""One service on PostgreSQL, Redis and Celery: queries, commands and tasks are in the request's trace."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from tests.receiver import ReceivedSpan, Receiver
from tests.servers import postgresql, redis
from tests.support import LAUNCHER, PATIENCE, SERVICES, Service, environment, exporting_to, received

pytestmark = pytest.mark.timeout(180)


@contextmanager
def worker(variables: Mapping[str, str]) -> Iterator[None]:
    """A worker of Celery: what is sent before it is up waits for it in Redis."""
    process = subprocess.Popen(
        [LAUNCHER, "--", "celery", "-A", "everyday:tasks", "worker", "--concurrency", "1", "--loglevel", "ERROR"],
        cwd=SERVICES,
        env=environment(OTEL_SERVICE_NAME="worker", **variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def spans_of_an_order(receiver: Receiver) -> list[ReceivedSpan]:
    with postgresql() as database, redis() as cache:
        variables = {"DATABASE_PORT": str(database.port), "CACHE_PORT": str(cache.port), **exporting_to(receiver)}
        served = [LAUNCHER, "--", "uvicorn", "everyday:app", "--port", "{port}", "--log-level", "error"]
        with worker(variables), Service(*served, OTEL_SERVICE_NAME="orders", **variables) as service:
            assert service.get("/orders/21") == (200, '{"billed":42,"cached":"new"}')
            assert service.get("/prices/21") == (200, '{"price":3}')
    return received(receiver, 1)


def below(spans: list[ReceivedSpan], root: ReceivedSpan) -> list[ReceivedSpan]:
    """All that leads to it by parents."""
    children = [span for span in spans if span.parent_id == root.span_id]
    return [each for child in children for each in (child, *below(spans, child))]


def seen(spans: list[ReceivedSpan]) -> set[tuple[str, str]]:
    """Service and library."""
    return {(span.service, span.scope.name.removeprefix("opentelemetry.instrumentation.")) for span in spans}


def queries(spans: list[ReceivedSpan], library: str) -> list[object]:
    return [span.attributes.get("db.query.text") for span in spans if span.scope.name.endswith(f".{library}")]


def test_queries_commands_and_tasks_are_in_the_requests_trace(receiver: Receiver) -> None:
    spans = spans_of_an_order(receiver)
    [order] = [span for span in spans if span.name == "GET /orders/{order}"]
    [price] = [span for span in spans if span.name == "GET /prices/{order}"]
    [sent] = [span for span in spans if span.kind == "producer"]
    [task] = [span for span in spans if span.kind == "consumer"]
    of_the_order, of_the_price = below(spans, order), below(spans, price)

    libraries = {("orders", name) for name in ("psycopg", "sqlalchemy", "redis", "celery")}
    assert seen(of_the_order) == libraries | {("worker", name) for name in ("psycopg", "redis", "celery")}
    assert len(of_the_order) + 1 == len([span for span in spans if span.trace_id == order.trace_id])
    assert {"SELECT 'psycopg'", "SELECT %s::int * 2"} <= set(queries(of_the_order, "psycopg"))
    assert "SELECT 'sqlalchemy'" in queries(of_the_order, "sqlalchemy")
    assert (sent.parent_id, task.parent_id) == (order.span_id, sent.span_id)
    assert queries(of_the_price, "asyncpg") == ["SELECT 3"]
