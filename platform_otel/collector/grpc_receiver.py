"""OTLP over gRPC. It says OK when what it was sent is committed.

https://opentelemetry.io/docs/specs/otlp/#otlpgrpc
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import grpc
from google.protobuf.message import Message

from platform_otel.collector.access import Access
from platform_otel.collector.body import LARGEST_BODY, Budget, Busy
from platform_otel.collector.intake import Intake
from platform_otel.collector.otlp_answers import success
from platform_otel.collector.otlp_decoding import Malformed
from platform_otel.collector.store import Refused

_SERVICES = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "metrics",
}
_THREADS = 8
# No request may take longer from here to its commit; a sender has given up by then.
_SECONDS = 60
_OPTIONS = (
    ("grpc.max_receive_message_length", LARGEST_BODY),
    # Two processes on one port would each get some of the connections.
    ("grpc.so_reuseport", 0),
)


class GrpcReceiver:
    """Listens from the start to the stop.

    Args:
        address: host and port, such as 127.0.0.1:4317.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, address: str, intake: Intake, access: Access, budget: Budget) -> None:
        self._intake = intake
        self._access = access
        self._budget = budget
        self._threads = ThreadPoolExecutor(_THREADS, "grpc")
        self._server = grpc.server(self._threads, options=_OPTIONS)
        self._server.add_generic_rpc_handlers(tuple(map(self._handler, _SERVICES)))
        try:
            self.port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(str(error)) from None

    def start(self) -> None:
        """Answer from now on, in threads."""
        self._server.start()

    def stop(self, seconds: float) -> None:
        """Take no more, and end what goes on within these seconds."""
        self._server.stop(seconds).wait()
        self._threads.shutdown(wait=False)

    def _handler(self, service: str) -> grpc.GenericRpcHandler:
        export: grpc.RpcMethodHandler[bytes, Message] = grpc.unary_unary_rpc_method_handler(
            self._export(_SERVICES[service]), response_serializer=lambda message: message.SerializeToString()
        )
        return grpc.method_handlers_generic_handler(service, {"Export": export})

    def _export(self, signal: str) -> Callable[[bytes, grpc.ServicerContext], Message]:
        def export(body: bytes, context: grpc.ServicerContext) -> Message:
            self._check(context)
            try:
                return self._take(signal, body)
            except Malformed as error:
                _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, error)
            except (Busy, Refused, TimeoutError) as error:
                # The status that every sender takes for "later": the specification's table of retryable codes.
                _refuse(context, grpc.StatusCode.UNAVAILABLE, error)

        return export

    def _check(self, context: grpc.ServicerContext) -> None:
        headers = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        if not self._access.is_authorized(headers):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "authorization: Bearer TOKEN is missing or wrong")

    def _take(self, signal: str, body: bytes) -> Message:
        self._budget.take(len(body))
        try:
            received = self._intake.decode(signal, body)
            self._intake.add(received).result(_SECONDS)
        finally:
            self._budget.give_back(len(body))
        return success(received)


def _refuse(context: grpc.ServicerContext, code: grpc.StatusCode, error: Exception) -> NoReturn:
    context.abort(code, str(error))
    raise AssertionError("abort raises")  # says so to type checkers, whatever types grpcio comes with
