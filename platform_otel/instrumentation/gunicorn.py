"""gunicorn: a span for each request to an application of no framework."""

from __future__ import annotations

import functools
from typing import Any  # Any: applications share no type

from gunicorn.app.base import BaseApplication

from platform_otel.config import Config
from platform_otel.instrumentation.bare import kinds, traced_asgi, traced_wsgi
from platform_otel.process.guard import guarded


def instrument(config: Config) -> None:
    """Trace the applications that are loaded from now on. Workers of uvicorn have theirs wrapped by uvicorn."""
    original = BaseApplication.wsgi

    @functools.wraps(original)
    def wsgi(self: Any) -> Any:
        is_new = self.callable is None
        application = original(self)
        if is_new:
            with guarded("trace an application under gunicorn"):
                self.callable = application = _traced(application, self.cfg.worker_class, config)
        return application

    BaseApplication.wsgi = wsgi


# By them and what inherits from them the application is called as the standard says. Other workers, such as aiohttp's
# and tornado's, look at what it is and do as they like; those of uvicorn give it to uvicorn.
_BY_ASGI = frozenset(("gunicorn.workers.gasgi.ASGIWorker",))
_BY_WSGI = frozenset(
    (
        "gunicorn.workers.sync.SyncWorker",
        "gunicorn.workers.gthread.ThreadWorker",
        "gunicorn.workers.base_async.AsyncWorker",
    )
)


def _traced(application: Any, worker: type, config: Config) -> Any:
    names = kinds(worker)
    if not _BY_ASGI.isdisjoint(names):
        return traced_asgi(application, config)
    return application if _BY_WSGI.isdisjoint(names) else traced_wsgi(application, config)
