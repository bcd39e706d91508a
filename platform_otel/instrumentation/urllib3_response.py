"""When the body of one of urllib3's responses ends: read to its end, broken off, closed, or collected."""

import sys
from inspect import unwrap
from types import FrameType
from typing import Any  # Any: a stand-in for a response may be anything

from urllib3.response import HTTPResponse

from platform_otel.instrumentation import response_end
from platform_otel.instrumentation.client_call import Call
from platform_otel.instrumentation.replacement import replace, restore

# What urllib3 calls when a body has ended, however; and when somebody closes it before.
_ENDS = ("release_conn", "close")
_VERSIONS = {9: "0.9", 10: "1.0", 11: "1.1", 20: "2"}
# Who needs them followed: requests and urllib3 are switched on and off by themselves.
_followers: set[str] = set()


def follow_for(library: str) -> None:
    """Notice from now on how bodies end."""
    if not _followers:
        for name in _ENDS:
            original = getattr(HTTPResponse, name)
            replace(HTTPResponse, name, response_end.ending(original, _end), original)
    _followers.add(library)


def stop_for(library: str) -> None:
    """Let bodies end unnoticed, once nobody needs it any more."""
    _followers.discard(library)
    if not _followers:
        for name in _ENDS:
            restore(HTTPResponse, name)


def answer(call: Call, status: Any, headers: Any, response: Any) -> None:
    """Say what came, and end the call when the body ends: at once, if it has.

    Args:
        call: whose response it is.
        status: as the service gets it. Any: a stand-in may have anything.
        headers: the same.
        response: urllib3's.
    """
    version = response_end.version_of(response, _VERSIONS)
    call.answer(status, version, headers, _resends(getattr(response, "retries", None)))
    if isinstance(response, HTTPResponse) and response.connection is not None:
        response_end.keep(response, call)
    else:
        call.finish()


def _resends(retries: Any) -> int:
    """How often urllib3 itself sent a request again, or went where it was redirected to, before this response."""
    history = getattr(retries, "history", None)
    return len(history) if type(history) is tuple else 0


def _end(call: Call, _: Any) -> None:
    error = sys.exc_info()[1]
    # A generator that is closed before its end is no error.
    if error is None or isinstance(error, GeneratorExit) or not _broke_off_by(error, sys._getframe(2)):
        call.finish()
    else:
        call.fail(error)


def _broke_off_by(error: BaseException, frame: FrameType) -> bool:
    """Whether the body ends in that frame by this error."""
    return frame.f_code is _CATCHER and response_end.came_through(error, lambda each: each is frame)


_CATCHER = unwrap(HTTPResponse._error_catcher).__code__
