"""Stands before a collector, passes on the traces that are sent to it, and keeps them as they were on the wire."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Lock, Thread
from typing import Any

import grpc
import uvicorn
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.collector.running import PROTOBUF, Collector
from tests.support import PATIENCE

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Relay:
    """OTLP over gRPC, and over HTTP in protobuf. A context manager; ``grpc`` and ``http`` are its addresses."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._lock = Lock()
        self._kept = ExportTraceServiceRequest()
        self._stack = ExitStack()

    def __enter__(self) -> Relay:
        channel = self._stack.enter_context(grpc.insecure_channel(self._collector.grpc))
        self._pass_on: Callable[..., bytes] = channel.unary_unary(_EXPORT)
        self.grpc = self._stack.enter_context(_grpc_server(self._export))
        self.http = self._stack.enter_context(_http_server(self._post))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def kept(self) -> ExportTraceServiceRequest:
        """All requests so far, as one."""
        with self._lock:
            return ExportTraceServiceRequest.FromString(self._kept.SerializeToString())

    def _keep(self, body: bytes) -> None:
        with self._lock:
            self._kept.MergeFromString(body)

    def _export(self, body: bytes, _: grpc.ServicerContext) -> bytes:
        self._keep(body)
        return self._pass_on(body, timeout=PATIENCE)

    async def _post(self, request: Request) -> Response:
        body, encoding = await request.body(), request.headers.get("content-encoding", "identity")
        self._keep(gzip.decompress(body) if encoding == "gzip" else body)
        answer = await asyncio.to_thread(self._collector.send, body, content_encoding=encoding)
        return Response(answer.body, answer.status, media_type=PROTOBUF)


@contextmanager
def _grpc_server(export: Callable[[bytes, grpc.ServicerContext], bytes]) -> Iterator[str]:
    service, method = _EXPORT.strip("/").split("/")
    handlers: dict[str, Any] = {method: grpc.unary_unary_rpc_method_handler(export)}  # Any: grpcio's types vary
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait(PATIENCE)


@contextmanager
def _http_server(post: Callable[[Request], Any]) -> Iterator[str]:  # Any: a coroutine of a response
    application = Starlette(routes=[Route("/v1/traces", post, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(application, lifespan="off", log_config=None))
    # It listens from here on: who comes before the thread is ready waits.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=server.run, args=([listener],), name="uvicorn", daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
