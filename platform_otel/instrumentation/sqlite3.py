"""sqlite3: connections that are real ones, where upstream's proxies are refused by sqlite3's own C code.

``a.backup(b)`` and ``sqlite3.Cursor(connection)`` raise TypeError for a proxy.
"""

import functools
import sqlite3
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any  # Any: upstream is not typed, and connect()'s arguments are passed on as they are

from opentelemetry.instrumentation import dbapi
from opentelemetry.instrumentation import sqlite3 as instrumentation

from platform_otel.config import Config
from platform_otel.process.guard import guarded

# Its place among the positional arguments of connect().
_FACTORY = 5


def instrument(upstream: Callable[..., None], _config: Config) -> None:
    """Have upstream make connections our way."""
    wrap_connect = functools.partial(dbapi.wrap_connect, db_api_integration_factory=_Integration)
    instrumentation.dbapi = SimpleNamespace(**{**vars(dbapi), "wrap_connect": wrap_connect})
    upstream()


class _Integration(dbapi.DatabaseApiIntegration):  # type: ignore[misc]  # upstream is not typed
    def wrapped_connection(self, connect_method: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if len(args) > _FACTORY:
            args = (*args[:_FACTORY], self._traced(args[_FACTORY]), *args[_FACTORY + 1 :])
        else:
            kwargs = {**kwargs, "factory": self._traced(kwargs.get("factory", sqlite3.Connection))}
        return connect_method(*args, **kwargs)

    def _traced(self, factory: Any) -> Any:
        with guarded("trace connections of sqlite3"):
            # What a function makes stays untraced: its class is settled.
            if isinstance(factory, type) and issubclass(factory, sqlite3.Connection):
                factory = _subclass(factory)  # type: ignore[arg-type]  # typeshed takes the class for unhashable
                factory._integration = self
        return factory


@functools.lru_cache(maxsize=64)
def _subclass(kind: Any) -> Any:
    """A subclass whose cursors are traced, and that looks like the class itself."""

    def cursor(self: Any, *args: Any, **kwargs: Any) -> Any:
        return dbapi.get_traced_cursor_proxy(super(subclass, self).cursor(*args, **kwargs), subclass._integration)

    names = {"__slots__": (), "__module__": kind.__module__, "__qualname__": kind.__qualname__, "cursor": cursor}
    subclass: Any = type(kind)(kind.__name__, (kind,), names)
    return subclass
