"""A client's response keeps its call until a method of its own says that the body has ended."""

from collections.abc import Callable, Mapping
from functools import wraps
from types import FrameType
from typing import Any  # Any: a stand-in for a response may be anything

from platform_otel.instrumentation.client_call import Call

_CALL = "_platform_trace_call"


def keep(response: Any, call: Call) -> None:
    """Have the response keep its call, so that one is collected with the other."""
    setattr(response, _CALL, call)


def taken(response: Any) -> Call | None:
    """The call that a response has kept, which it has no more; None if it has none."""
    try:
        call: Call | None = response.__dict__.pop(_CALL, None)
    except AttributeError:  # an instance that has room for nothing of ours
        return None
    return call


def ending(original: Any, end: Callable[[Call, Any], None]) -> Any:
    """The method, after which the call of its response has an end: ``end`` takes the call and the response."""

    @wraps(original)
    def ends(self: Any) -> Any:
        if _CALL not in self.__dict__:  # as for most: a response says several times that it has ended
            return original(self)
        try:
            return original(self)
        finally:
            call = taken(self)
            if call is not None:
                end(call, self)

    return ends


def came_through(error: BaseException, is_such: Callable[[FrameType], bool]) -> bool:
    """Whether the error left such a frame.

    What sys.exc_info() shows may have nothing to do with a response: a service may make a call, or close a response,
    while it handles an error of its own.
    """
    trace = error.__traceback__
    while trace is not None:
        if is_such(trace.tb_frame):
            return True
        trace = trace.tb_next
    return False


def version_of(response: Any, versions: Mapping[int, str]) -> str:
    """HTTP's, of a response; "" if it does not say."""
    version = getattr(response, "version", None)
    return versions.get(version, "") if type(version) is int else ""
