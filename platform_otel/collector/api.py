"""The query port: a table of what can be asked, and the application that answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from http import HTTPStatus
from typing import NamedTuple, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from platform_otel import __version__
from platform_otel.collector import (
    answers,
    finding_schemas,
    findings,
    links,
    maps,
    openapi,
    pages,
    summaries,
    trace_analysis,
)
from platform_otel.collector.access import Access
from platform_otel.collector.answers import Answer, NotThere, Values
from platform_otel.collector.database import Database
from platform_otel.collector.intake import Intake
from platform_otel.collector.jaeger import v1, v3
from platform_otel.collector.json_pieces import Written, encoded
from platform_otel.collector.live import Hub, TooManyWatchers
from platform_otel.collector.outside import Asked, OutsideQuestion
from platform_otel.collector.parameters import (
    END,
    LIMIT,
    OPERATION,
    PATH,
    SEARCH,
    SERVICE,
    SPAN_ID,
    START,
    TRACE_ID,
    BadParameter,
    Parameter,
    read_all,
)
from platform_otel.collector.query_guard import QueryGuard
from platform_otel.collector.reader import Reader, TooSlow
from platform_otel.collector.tempo import api as tempo

_SECONDS = 5.0
# More than these would only wait for one another.
_MOST_AT_ONCE = 64
_STREAM = "text/event-stream"

_Made = TypeVar("_Made")


class Question(NamedTuple):
    """Something that can be asked, and what answers."""

    path: str
    summary: str
    parameters: tuple[Parameter, ...]
    schema: openapi.Schema
    answer: Callable[[Reader, Values], Answer | Written]


QUESTIONS = (
    Question("/query/services", "The services.", (START, END), openapi.SERVICES, answers.services),
    Question(
        "/query/operations",
        "The operations of one service or all.",
        (SERVICE, START, END),
        openapi.OPERATIONS,
        answers.operations,
    ),
    Question("/query/graph", "Which services call which.", (START, END), finding_schemas.GRAPH, maps.graph),
    Question(
        "/query/traces/{trace_id}/graph",
        "Which services call which in a trace.",
        (TRACE_ID,),
        finding_schemas.TRACE_GRAPH,
        maps.trace_graph,
    ),
    Question(
        "/query/errors",
        "Errors by where they began.",
        (SERVICE, START, END, LIMIT),
        finding_schemas.ERRORS,
        findings.errors,
    ),
    Question("/query/broken", "Where context got lost.", (START, END, LIMIT), finding_schemas.BROKEN, findings.broken),
    Question(
        "/query/slow",
        "Where the time goes that need not go.",
        (START, END, LIMIT),
        finding_schemas.SLOW,
        findings.slow,
    ),
    Question(
        "/query/hops",
        "A path of services over the traces that begin with an operation.",
        (SERVICE, OPERATION, PATH, START, END),
        finding_schemas.HOPS,
        findings.hops,
    ),
    Question("/query/traces", "Search for traces with a span as asked.", SEARCH, openapi.TRACES, answers.traces),
    Question("/query/traces/{trace_id}", "A trace.", (TRACE_ID,), openapi.TRACE, answers.trace),
    Question(
        "/query/traces/{trace_id}/analysis",
        "Who waited for whom in a trace, and its critical path.",
        (TRACE_ID,),
        trace_analysis.SCHEMA,
        trace_analysis.analysis,
    ),
    Question(
        "/query/traces/{trace_id}/links",
        "The spans that link to a trace.",
        (TRACE_ID, SPAN_ID, LIMIT),
        links.SCHEMA,
        links.links,
    ),
    Question("/query/traces/{trace_id}/logs", "The log records of a trace.", (TRACE_ID,), openapi.LOGS, answers.logs),
)


class Api:
    """The query port's application.

    Args:
        threads: where the store is read, so that the event loop goes on.
        live_threads: the same for those who watch, who do not wait for those who ask.
        otlp_port: where spans go over HTTP, for those who ask how.
    """

    def __init__(
        self,
        database: Database,
        intake: Intake,
        hub: Hub,
        access: Access,
        threads: Executor,
        live_threads: Executor,
        otlp_port: int,
    ) -> None:
        self._database = database
        self._intake = intake
        self._hub = hub
        self._access = access
        self._threads = threads
        self._live_threads = live_threads
        self._otlp_port = otlp_port
        self._asking = 0

    def application(self) -> QueryGuard:
        """The ASGI application."""
        routes = [Route(question.path, self._endpoint(question)) for question in QUESTIONS]
        routes += [
            *pages.routes(),
            *(Route(each.path, self._outside(each)) for each in (*v1.QUESTIONS, *v3.QUESTIONS, *tempo.QUESTIONS)),
            Route("/query/live", self._live),
            Route("/query/status", self._status),
            Route("/openapi.json", self._description),
        ]
        handlers = dict.fromkeys((*_STATUSES, HTTPException), _failed)
        return QueryGuard(Starlette(routes=routes, exception_handlers=handlers), self._access)

    def stop(self) -> None:
        """End what goes on: streams and queries."""
        self._hub.close()
        self._database.stop_reading()

    def _endpoint(self, question: Question) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            values = read_all(question.parameters, {**request.query_params, **request.path_params})
            return Response(await self._read(question.answer, values), media_type="application/json")

        return endpoint

    def _outside(self, question: OutsideQuestion) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of another tool's API, which words its failures itself."""

        async def endpoint(request: Request) -> Response:
            query = {name: request.query_params.getlist(name) for name in request.query_params}
            asked = Asked(request.path_params, query, request.headers.get("accept", ""))
            try:
                reply = await self._in_thread(lambda reader: question.answer(reader, asked))
            except tuple(_STATUSES) as error:
                reply = question.failed(_STATUSES[type(error)], str(error))
            return Response(reply.body, reply.status, {"content-type": reply.content_type})

        return endpoint

    async def _read(self, answer: Callable[[Reader, Values], Answer | Written], values: Values) -> bytes:
        """The answer as JSON."""
        return await self._in_thread(lambda reader: encoded(answer(reader, values), reader.check))

    async def _in_thread(self, answer: Callable[[Reader], _Made]) -> _Made:
        """What is made of the store in a thread."""
        if self._asking >= _MOST_AT_ONCE:
            raise _Busy("too many ask at once")
        self._asking += 1
        try:
            return await self._run(self._threads, answer)
        finally:
            self._asking -= 1

    async def _run(self, threads: Executor, answer: Callable[[Reader], _Made]) -> _Made:
        def read() -> _Made:
            with self._database.reading(_SECONDS) as reader:
                return answer(reader)

        return await asyncio.get_running_loop().run_in_executor(threads, read)

    async def _description(self, request: Request) -> Response:
        return JSONResponse(description())

    async def _status(self, request: Request) -> Response:
        received = self._intake.counts()
        database = {"database": self._database.path, "bytes": self._database.last_size}
        return JSONResponse({"version": __version__, **database, "otlpPort": self._otlp_port, "received": received})

    async def _live(self, request: Request) -> Response:
        self._hub.check()
        return StreamingResponse(self._changes(), media_type=_STREAM, headers={"cache-control": "no-store"})

    async def _changes(self) -> AsyncIterator[bytes]:
        with self._hub.watching() as watcher:
            yield b": watching\n\n"
            async for numbers in watcher:
                try:
                    yield await self._event(numbers) if numbers else b": quiet\n\n"
                except TooSlow:
                    # The collector stops, or is too busy: who watches begins again.
                    return

    async def _event(self, numbers: list[int]) -> bytes:
        data = await self._run(
            self._live_threads, lambda reader: encoded({"traces": summaries.of_traces(reader, numbers)}, reader.check)
        )
        return b"event: traces\ndata: " + data + b"\n\n"


def description() -> openapi.Schema:
    """The OpenAPI document."""
    return openapi.description(
        [
            *(openapi.Operation(each.path, each.summary, each.parameters, each.schema) for each in QUESTIONS),
            openapi.Operation("/query/live", "The traces that change, as they do.", (), openapi.CHANGES, _STREAM),
            openapi.Operation("/query/status", "What was received, and how much is kept.", (), openapi.STATUS),
        ]
    )


class _Busy(Exception):
    """Too many ask at once."""


_STATUSES: dict[type[Exception], HTTPStatus] = {
    BadParameter: HTTPStatus.BAD_REQUEST,
    NotThere: HTTPStatus.NOT_FOUND,
    _Busy: HTTPStatus.SERVICE_UNAVAILABLE,
    TooManyWatchers: HTTPStatus.SERVICE_UNAVAILABLE,
    TooSlow: HTTPStatus.GATEWAY_TIMEOUT,
}


async def _failed(_: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)
    return JSONResponse({"error": str(error)}, _STATUSES[type(error)])
