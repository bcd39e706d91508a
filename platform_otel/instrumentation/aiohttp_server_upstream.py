"""aiohttp.web: upstream's middleware in every application, where upstream's subclass breaks legal calls.

That subclass inserts into the caller's own ``middlewares``, which may be a tuple, is warned of by aiohttp, and makes a
second server span, in another trace, for a request to a sub-application.
"""

import functools
from collections.abc import Callable
from typing import Any  # Any: upstream is not typed, and aiohttp's arguments are passed on as they are

from aiohttp import web
from opentelemetry.instrumentation import aiohttp_server

from platform_otel.config import Config


def instrument(upstream: Callable[..., None], _config: Config) -> None:
    """Call upstream's without its subclass, and give its middleware to the applications made from now on."""
    application = web.Application
    aiohttp_server.create_instrumented_application = lambda **_: application
    upstream()
    web.Application = application  # type: ignore[misc]  # older releases put their subclass there
    instrumentor = aiohttp_server.AioHttpServerInstrumentor()
    init = application.__init__

    @functools.wraps(init)
    def traced_init(self: web.Application, *arguments: Any, middlewares: Any = (), **named: Any) -> None:
        if instrumentor.is_instrumented_by_opentelemetry:
            middlewares = (_middleware(), *(middlewares or ()))
        init(self, *arguments, middlewares=middlewares, **named)

    application.__init__ = traced_init  # type: ignore[method-assign]


def _middleware() -> Any:
    create = getattr(aiohttp_server, "create_aiohttp_middleware", None)
    trace = create() if create is not None else aiohttp_server.middleware

    @web.middleware
    async def once(request: web.Request, handler: Any) -> Any:
        # A request to a sub-application passes the middlewares of all the applications around it.
        if request.app is not request.match_info.apps[0]:
            return await handler(request)
        return await trace(request, handler)

    return once
