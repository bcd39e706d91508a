"""Threads of the system, also where gevent or eventlet has put its own in their place."""

# Taken when tracing starts, before the service can patch them: a greenlet of ours that waits for a collector would
# stop the whole service. Nor does threading know these threads: gevent's late patch, and a service that counts its
# threads, see what they would see without us.
import _signal  # type: ignore[import-not-found]  # typeshed has none, and signal would import enum
from _thread import TIMEOUT_MAX, allocate_lock, start_new_thread
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    # Waits until a deadline that it knows; whether what was begun is done.
    Wait = Callable[[], bool]

__all__ = ("Done", "allocate_lock", "at_once", "start", "undisturbed", "wait_for_all")


# A thread that breaks one of the machine's rules gets these itself, and faulthandler may want to tell.
_FAULTS = (_signal.SIGABRT, _signal.SIGBUS, _signal.SIGFPE, _signal.SIGILL, _signal.SIGSEGV)


class undisturbed:  # noqa: N801  # used as a context manager, read as a phrase: with undisturbed()
    """Inside, this thread gets no signal. A handler may raise before and after it, and not in between."""

    def __enter__(self) -> None:
        self._blocked = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
        try:
            _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals().difference(_FAULTS))
        except BaseException:  # raised by the handler of a signal that came before
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self._blocked)


def start(work: "Callable[..., None]", *arguments: "Any") -> bool:
    """Start a thread; False if none can be: from Python 3.12 on a process that ends starts none."""
    # A service that blocks a signal in all its threads, to wait for it in one, does not know of this one. The new
    # thread inherits what is blocked here: there is no moment in which a signal may be its.
    with undisturbed():
        try:
            start_new_thread(work, arguments)
        except RuntimeError:
            return False
        return True


def at_once() -> bool:
    """Nothing to wait for."""
    return True


def wait_for_all(waits: "Sequence[Wait]") -> bool:
    """Wait for one after the other, also where one was not done: all have begun, so none waits for another's turn."""
    done = [wait() for wait in waits]
    return all(done)


class Done:
    """Set once, by one thread; others wait for it."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()

    def set(self) -> None:
        """Let those go on who wait."""
        self._lock.release()

    def wait_until(self, deadline: float) -> bool:
        """Whether it was set before ``deadline``, a time of ``time.monotonic``."""
        left = min(max(0.0, deadline - monotonic()), TIMEOUT_MAX)
        if not self._lock.acquire(timeout=left):
            return False
        self._lock.release()
        return True
