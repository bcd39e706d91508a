"""Processes that others start and end: what they have is sent before, and they do end."""

import sys

from platform_otel.process.lifecycle import finish, named_like

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def finish_after_bootstrap(module: str) -> None:
    """A process's whole life, with its finalizers and the end of its threads, is one call of this method."""
    process = sys.modules[module].BaseProcess
    bootstrap = process._bootstrap

    def finished(self: "Any", *arguments: "Any", **named: "Any") -> "Any":
        try:
            return bootstrap(self, *arguments, **named)
        finally:
            finish()

    process._bootstrap = named_like(finished, bootstrap)


def finish_after_the_last_task(module: str) -> None:
    """Celery's prefork workers leave their pool by a method that ends the process: after its callback we are next."""
    worker = sys.modules[module].Worker
    leave = worker._do_exit

    def finished(self: "Any", *arguments: "Any", **named: "Any") -> "Any":
        self.on_exit = _then_finish(self.on_exit)
        return leave(self, *arguments, **named)

    worker._do_exit = named_like(finished, leave)


# A process that waits for a lock looks so often, in seconds, whether a signal came.
_LOOK = 0.5


def look_for_signals_while_waiting(module: str) -> None:
    """A process that is woken for a lock, and finds that another one was quicker, waits on without returning to Python.

    If SIGTERM comes in that moment, the handler that stands for the default would wait with it, for ever: a pool that
    is terminated right after its last result does that to one in fifty of its workers, and a bounded queue that
    several processes fill to as many of them.
    """
    if sys.platform == "darwin":  # there Python can only poll for a lock with a limit of time
        return
    lock = sys.modules[module].SemLock
    make_methods = lock._make_methods

    def make_ours(self: "Any") -> None:
        make_methods(self)
        self.acquire = _looking(self.acquire)

    def enter(self: "Any") -> bool:
        taken: bool = self.acquire()
        return taken

    lock._make_methods = named_like(make_ours, make_methods)
    lock.__enter__ = named_like(enter, lock.__enter__)


def _looking(acquire: "Callable[[bool, float | None], bool]") -> "Callable[..., bool]":
    def looking(block: bool = True, timeout: float | None = None) -> bool:
        if not block or timeout is not None:
            return acquire(block, timeout)
        while not acquire(True, _LOOK):
            pass
        return True

    return named_like(looking, acquire)


def _then_finish(callback: "Callable[..., object] | None") -> "Callable[..., None]":
    def on_exit(*arguments: "Any") -> None:
        try:
            if callback is not None:
                callback(*arguments)
        finally:
            finish()

    return on_exit
