"""When the body of one of http.client's responses ends: read to its end, broken off, closed, or collected."""

import http.client
import sys
from functools import wraps
from http.client import HTTPResponse
from typing import Any  # Any: a stand-in for a response may be anything

from platform_otel.instrumentation.client_call import Call

_CALL = "_platform_trace_call"
# What a response calls when its body has ended, however, and when somebody closes it before; it closes itself when it
# is collected.
_END = "_close_conn"
_VERSIONS = {10: "1.0", 11: "1.1"}


def follow() -> None:
    """Notice from now on how bodies end."""
    setattr(HTTPResponse, _END, _ending(getattr(HTTPResponse, _END)))


def stop() -> None:
    """Let bodies end unnoticed."""
    function = getattr(HTTPResponse, _END)
    if hasattr(function, "platform_trace_original"):
        setattr(HTTPResponse, _END, function.platform_trace_original)


def end_with_body(call: Call, response: Any) -> None:
    """End the call when the response's body ends: at once, if it has or if there is none."""
    body = response if isinstance(response, HTTPResponse) else getattr(response, "fp", None)
    if isinstance(body, HTTPResponse) and body.fp is not None and body.length != 0:
        # The response keeps the call, so that one is collected with the other.
        setattr(body, _CALL, call)
    else:
        call.finish()


def version_of(response: Any) -> str:
    """HTTP's, of a response; "" if it does not say."""
    version = getattr(response, "version", None)
    return _VERSIONS.get(version, "") if type(version) is int else ""


def _ending(original: Any) -> Any:
    @wraps(original)
    def ending(self: Any) -> Any:
        try:
            return original(self)
        finally:
            call = self.__dict__.pop(_CALL, None)
            # At the very end of the process whatever sends spans has stopped, see Call.
            if call is not None and not sys.is_finalizing():
                _end(call, self)

    ending.platform_trace_original = original  # type: ignore[attr-defined]  # functions have a __dict__
    return ending


def _end(call: Call, response: Any) -> None:
    error = sys.exc_info()[1]
    # Others may close a response while they handle an error of theirs.
    if error is not None and _was_raised_by(response, error):
        call.fail(error)
    else:
        call.finish()


def _was_raised_by(response: Any, error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_code.co_filename == http.client.__file__ and frame.f_locals.get("self") is response:
            return True
        trace = trace.tb_next
    return False
