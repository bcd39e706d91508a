"""What a server is given in the place of an application, and takes for the application itself."""

from __future__ import annotations

from typing import Any  # Any: applications share no type

from platform_otel.instrumentation.server import Server

_OURS = frozenset(("_platform_trace_application", "_platform_trace_server"))


class BareApplicationBase:
    """All that is read, written and deleted here is the application's, but for these two."""

    __slots__ = ("__weakref__", "_platform_trace_application", "_platform_trace_server")

    _platform_trace_application: Any
    _platform_trace_server: Server

    def __init__(self, application: Any, server: Server) -> None:
        object.__setattr__(self, "_platform_trace_application", application)
        object.__setattr__(self, "_platform_trace_server", server)

    @property  # type: ignore[misc]  # mypy takes __class__ for an attribute that only object has
    def __class__(self) -> type:
        return self._platform_trace_application.__class__  # type: ignore[no-any-return]  # as it says of itself

    def __getattr__(self, name: str) -> Any:
        if name in _OURS:  # of an object that is not made to its end
            raise AttributeError(name)
        return getattr(self._platform_trace_application, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._platform_trace_application, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._platform_trace_application, name)

    def __copy__(self) -> BareApplicationBase:
        import copy

        return type(self)(copy.copy(self._platform_trace_application), self._platform_trace_server)

    def __deepcopy__(self, memo: dict[int, Any]) -> BareApplicationBase:
        import copy

        return type(self)(copy.deepcopy(self._platform_trace_application, memo), self._platform_trace_server)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _itself, (self._platform_trace_application,)  # another process has servers of its own


def _itself(application: Any) -> Any:
    return application
