"""When the body of one of urllib3's responses ends: read to its end, broken off, closed, or collected."""

import sys
from functools import wraps
from inspect import unwrap
from typing import Any  # Any: a stand-in for a response may be anything

from urllib3.response import HTTPResponse

from platform_otel.instrumentation.client_call import Call

_CALL = "_platform_trace_call"
# What urllib3 calls when a body has ended, however; and when somebody closes it before.
_ENDS = ("release_conn", "close")
_VERSIONS = {9: "0.9", 10: "1.0", 11: "1.1", 20: "2"}
# Who needs them followed: requests and urllib3 are switched on and off by themselves.
_followers: set[str] = set()


def follow_for(library: str) -> None:
    """Notice from now on how bodies end."""
    if not _followers:
        for name in _ENDS:
            setattr(HTTPResponse, name, _ending(getattr(HTTPResponse, name)))
    _followers.add(library)


def stop_for(library: str) -> None:
    """Let bodies end unnoticed, once nobody needs it any more."""
    _followers.discard(library)
    if not _followers:
        for name in _ENDS:
            restore(HTTPResponse, name)


def restore(owner: Any, name: str) -> None:
    """Take our wrapper off, unless something has been put around it since."""
    function = getattr(owner, name)
    if hasattr(function, "platform_trace_original"):
        setattr(owner, name, function.platform_trace_original)


def end_with_body(call: Call, response: Any) -> None:
    """End the call when the response's body ends: at once, if it has."""
    if isinstance(response, HTTPResponse) and response.connection is not None:
        # The response keeps the call, so that one is collected with the other.
        setattr(response, _CALL, call)
    else:
        call.finish()


def version_of(response: Any) -> str:
    """HTTP's, of a response; "" if it does not say."""
    version = getattr(response, "version", None)
    return _VERSIONS.get(version, "") if type(version) is int else ""


def resends_of(response: Any) -> int:
    """How often urllib3 itself sent a request again, or went where it was redirected to, before this response."""
    history = getattr(getattr(response, "retries", None), "history", None)
    return len(history) if type(history) is tuple else 0


def _ending(original: Any) -> Any:
    @wraps(original)
    def ending(self: Any) -> Any:
        try:
            return original(self)
        finally:
            call = self.__dict__.pop(_CALL, None)
            if call is not None:
                _end(call)

    ending.platform_trace_original = original  # type: ignore[attr-defined]  # functions have a __dict__
    return ending


def _end(call: Call) -> None:
    error = sys.exc_info()[1]
    # Others may close a response while they handle an error of theirs: what broke off the body comes from here. A
    # generator that is closed before its end is no error.
    if error is None or isinstance(error, GeneratorExit) or sys._getframe(2).f_code is not _CATCHER:
        call.finish()
    else:
        call.fail(error)


_CATCHER = unwrap(HTTPResponse._error_catcher).__code__
