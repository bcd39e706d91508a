"""SIGTERM where nobody handles it: the process dies of it as before, after what is there has been sent."""

import _signal  # type: ignore[import-not-found]  # typeshed has none, and signal would import enum
import os
from _thread import get_ident

from platform_otel.process.lifecycle import finish, named_like

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any


class _Default(int):
    """What SIGTERM does where nobody handles it: it ends the process; but first what is there is sent.

    A number, SIG_DFL's, that can be called: so signal.getsignal and signal.signal say SIG_DFL, as if we were not
    there, and nobody who asks for the handler before his own will call ours.
    """

    def __call__(self, number: int, frame: "FrameType | None") -> None:
        # First of all: a second signal ends the process at once.
        _signal.signal(number, _signal.SIG_DFL)
        try:
            finish()
        finally:
            os.kill(os.getpid(), number)
            # Still there: process 1 of a container is not ended by a signal that it does not handle.
            _signal.signal(number, self)


_default = _Default(_signal.SIG_DFL)


def stand_for_the_default() -> None:
    """Stand for the default, where it is in force. Only the main thread may; another one leaves it."""
    if _is_default(_signal.getsignal(_signal.SIGTERM)):
        try:
            _signal.signal(_signal.SIGTERM, _default)
        except ValueError:
            pass


def _is_default(handler: object) -> bool:
    return isinstance(handler, int) and handler == _signal.SIG_DFL


def be_the_default_from_now_on(is_wanted: "Callable[[], bool]") -> None:
    """Whoever sets SIG_DFL for SIGTERM, such as a server that puts back what it found, sets ours."""
    import signal

    original = signal.signal

    def set_handler(signalnum: "Any", handler: "Any") -> "Any":
        if signalnum == _signal.SIGTERM and _is_default(handler) and is_wanted():
            previous = signal.getsignal(signalnum)
            _signal.signal(signalnum, _default)
            return previous
        return original(signalnum, handler)

    signal.signal = named_like(set_handler, original)


# Thread id -> the signals that it blocked before it began to fork.
_blocked: "dict[int, Any]" = {}


def _hold() -> None:
    """Python forgets the signals that a child gets before it is set up; without us SIGTERM would end it there."""
    if _signal.getsignal(_signal.SIGTERM) is _default:
        _blocked[get_ident()] = _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGTERM,))


def _release() -> None:
    blocked = _blocked.pop(get_ident(), None)
    if blocked is not None:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, blocked)


# After what starts the child anew: once released, a signal may end it at once.
os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_release)
