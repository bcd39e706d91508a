"""threading: what runs in a thread, or is given to a pool of them, has the context of whoever started or gave it.

No function that services call is replaced, and no frame of ours is in a traceback: what is hooked is where these
modules take a step that only they themselves see.
"""

import sys
from functools import wraps
from threading import Thread
from typing import Any  # Any: what these modules keep to themselves has no types

from platform_otel.config import Config
from platform_otel.instrumentation.context import attach, get_current, leave
from platform_otel.instrumentation.replacement import replace, restore
from platform_otel.process.guard import guarded
from platform_otel.process.import_hooks import when_imported

# gevent puts a subclass in its place, and services may have either.
_THREAD: Any = next(kind for kind in Thread.__mro__ if "start" in vars(kind))
# What a thread does first of all. start() reads its name as the last thing that it does before there is a thread.
_BOOTSTRAP = "_bootstrap"
# What is done first in the thread itself, and does not lead to what the service runs there.
_SET_IDENT = "_set_ident"
# What a pool makes of a function that it is given.
_POOLS, _WORK_ITEM = "concurrent.futures.thread", "_WorkItem"

# In a thread that is on its way: the context to begin with.
_CONTEXT = "_platform_trace_context"


def instrument(config: Config) -> None:  # noqa: ARG001  # there is nothing to set
    """Have contexts go along from now on, also with threads that are there but not started."""
    set_ident, bootstrap = vars(_THREAD)[_SET_IDENT], vars(_THREAD)[_BOOTSTRAP]
    replace(_THREAD, _SET_IDENT, _attaching(set_ident), set_ident)
    replace(_THREAD, _BOOTSTRAP, _Bootstrap(bootstrap), bootstrap)
    when_imported(_POOLS, _follow_pools)


def uninstrument() -> None:
    """Take back what :func:`instrument` did, unless something has been put around it since."""
    restore(_THREAD, _BOOTSTRAP)
    restore(_THREAD, _SET_IDENT)
    if _POOLS in sys.modules:
        restore(sys.modules[_POOLS], _WORK_ITEM)


class _Bootstrap:
    """The method of that name. Whoever asks for it starts the thread, whose context it then notes."""

    def __init__(self, original: Any) -> None:
        self.platform_trace_original = original

    def __get__(self, thread: Any, owner: Any) -> Any:
        if thread is not None:
            with guarded("take a context along into a thread"):
                _note(thread)
        return self.platform_trace_original.__get__(thread, owner)


def _note(thread: Any) -> None:
    context = get_current()
    own = getattr(thread, "_context", None)
    if own is not None:
        # From Python 3.14 on a thread has variables of its own. What is in them already, the service has put there.
        if context and not own.run(get_current):
            own.run(attach, context)
    elif context:
        setattr(thread, _CONTEXT, context)
    else:
        vars(thread).pop(_CONTEXT, None)  # noted when it could not be started


def _attaching(original: Any) -> Any:
    @wraps(original)
    def set_ident(self: Any) -> None:
        context = vars(self).pop(_CONTEXT, None)
        if context is not None:
            attach(context)  # until its end: the thread's variables go with it
        original(self)

    return set_ident


def _follow_pools() -> None:
    pools = sys.modules[_POOLS]
    original = getattr(pools, _WORK_ITEM)
    replace(pools, _WORK_ITEM, _with_context_of_giver(original), original)


def _with_context_of_giver(original: Any) -> Any:
    class _WorkItem(original):  # type: ignore[misc]  # typeshed has it, but it differs from version to version
        """Made by submit(), run by the pool's thread, which keeps the variables that it has."""

        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.platform_trace_context = get_current()

        def run(self, *arguments: Any) -> None:
            # Also an empty one: the thread has the context of whoever gave the pool its first function.
            token = attach(self.platform_trace_context)
            try:
                super().run(*arguments)
            finally:
                leave(token)

    return _WorkItem
