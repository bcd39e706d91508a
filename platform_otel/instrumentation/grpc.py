"""gRPC: legal calls that upstream's wrappers and interceptors would break.

They take ``interceptors`` by name only; give a client a generator for a stream of responses, which can neither be
cancelled nor asked for its code (contrib issue 2014); and fail handlers of an asyncio server that are plain
functions or write their responses themselves.
"""

import inspect
from collections.abc import Callable
from typing import Any  # Any: upstream is not typed

import grpc
import grpc.aio
from opentelemetry.instrumentation.grpc import _aio_server, _client, _server

from platform_otel.config import Config
from platform_otel.instrumentation.by_name import by_name

_REPLACED = ((grpc, "server"), (grpc.aio, "server"), (grpc.aio, "insecure_channel"), (grpc.aio, "secure_channel"))


def instrument(upstream: Callable[..., None], _config: Config) -> None:
    """Let upstream use the interceptors of this module, and whatever it replaces take positional arguments again."""
    _client.OpenTelemetryClientInterceptor = ClientInterceptor
    _aio_server.OpenTelemetryAioServerInterceptor = AioServerInterceptor
    _server._OpenTelemetryServicerContext.disable_next_message_compression = _disable_next_message_compression
    originals = [getattr(module, name) for module, name in _REPLACED]
    upstream()
    for (module, name), original in zip(_REPLACED, originals, strict=True):
        replacement = getattr(module, name)
        if replacement is not original:
            setattr(module, name, by_name(replacement, original))


class ClientInterceptor(_client.OpenTelemetryClientInterceptor):  # type: ignore[misc]  # upstream is not typed
    """Upstream's, which ends the span of a stream of responses when the call is done."""

    def _intercept_server_stream(self, *arguments: Any) -> Any:
        return self._intercept(*arguments)


class AioServerInterceptor(_aio_server.OpenTelemetryAioServerInterceptor):  # type: ignore[misc]  # upstream is not typed
    """Upstream's, for every kind of handler that an asyncio server takes."""

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        """See :meth:`grpc.aio.ServerInterceptor.intercept_service`."""
        handler = await continuation(details)
        if handler is not None and not _is_asynchronous(handler):  # it runs in a thread
            return _server.OpenTelemetryServerInterceptor.intercept_service(self, lambda _: handler, details)

        async def continued(_: Any) -> Any:
            return handler

        return await super().intercept_service(continued, details)

    def _intercept_aio_server_stream(self, behavior: Any, details: Any) -> Any:
        if inspect.iscoroutinefunction(behavior):  # it writes its responses and returns none
            return self._intercept_aio_server_unary(behavior, details)
        return super()._intercept_aio_server_stream(behavior, details)


def _is_asynchronous(handler: Any) -> bool:
    """Whether grpcio would run it in the event loop."""
    behaviors = (handler.unary_unary, handler.unary_stream, handler.stream_unary, handler.stream_stream)
    return any(inspect.iscoroutinefunction(behavior) or inspect.isasyncgenfunction(behavior) for behavior in behaviors)


def _disable_next_message_compression(self: Any) -> None:
    self._servicer_context.disable_next_message_compression()  # upstream's has a typing error
