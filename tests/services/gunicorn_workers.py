"""Workers for gunicorn in a module of the service's, and an application that is not of any framework."""

from importlib import import_module
from typing import Any

from bare_asgi import app as bare  # type: ignore[import-not-found]  # services run in this folder


class Around:
    """Middleware that can be called by ASGI only."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await self._application(scope, receive, send)


wrapped = Around(bare)


def __getattr__(name: str) -> Any:
    """A subclass of uvicorn's or of gunicorn's own worker; which of the two is installed depends."""
    if name not in _BASES:
        raise AttributeError(name)
    module, base = _BASES[name]
    return type(name, (getattr(import_module(module), base),), {"__module__": __name__})


_BASES = {
    "OwnUvicornWorker": ("uvicorn.workers", "UvicornWorker"),
    "OwnAsgiWorker": ("gunicorn.workers.gasgi", "ASGIWorker"),
}
