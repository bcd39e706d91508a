"""When the body of one of http.client's responses ends: read to its end, broken off, closed, or collected."""

import http.client
import sys
from http.client import HTTPResponse
from types import FrameType
from typing import Any  # Any: a stand-in for a response may be anything

from platform_otel.instrumentation import response_end
from platform_otel.instrumentation.client_call import Call
from platform_otel.instrumentation.replacement import replace, restore

# What a response calls when its body has ended, however, and when somebody closes it before; it closes itself when it
# is collected.
_END = "_close_conn"
_VERSIONS = {10: "1.0", 11: "1.1"}
# Who needs them followed: urllib and http.client are switched on and off by themselves.
_followers: set[str] = set()


def follow_for(library: str) -> None:
    """Notice from now on how bodies end."""
    if not _followers:
        original = getattr(HTTPResponse, _END)
        replace(HTTPResponse, _END, response_end.ending(original, _end), original)
    _followers.add(library)


def stop_for(library: str) -> None:
    """Let bodies end unnoticed, once nobody needs it any more."""
    _followers.discard(library)
    if not _followers:
        restore(HTTPResponse, _END)


def end_with_body(call: Call, response: Any) -> None:
    """End the call when the response's body ends: at once, if it has or if there is none."""
    body = response if isinstance(response, HTTPResponse) else getattr(response, "fp", None)
    if isinstance(body, HTTPResponse) and body.fp is not None and body.length != 0:
        response_end.keep(body, call)
    else:
        call.finish()


def version_of(response: Any) -> str:
    """HTTP's, of a response; "" if it does not say."""
    return response_end.version_of(response, _VERSIONS)


def _end(call: Call, response: Any) -> None:
    if sys.is_finalizing():  # whatever sends spans has stopped, see Call
        return
    error = sys.exc_info()[1]
    if error is not None and response_end.came_through(error, lambda frame: _is_reading(frame, response)):
        call.fail(error)
    else:
        call.finish()


def _is_reading(frame: FrameType, response: Any) -> bool:
    return frame.f_code.co_filename == http.client.__file__ and frame.f_locals.get("self") is response
