"""The end of a process: whatever waits is sent, however the process ends, within one limit of time."""

import atexit
import os
from time import monotonic

from platform_otel.process.guard import guarded
from platform_otel.process.import_hooks import when_imported
from platform_otel.process.threads import wait_for_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from platform_otel.config import Config
    from platform_otel.process.threads import Wait

    class Sends(Protocol):
        """Something that has to be sent before the process ends. Nothing here raises."""

        def waits(self) -> bool:
            """Whether something would be lost if the process became another program now."""

        def begin_flush(self, deadline: float) -> Wait:
            """Begin to send what is there; the process may go on."""

        def begin_stop(self, deadline: float) -> Wait:
            """Begin to send what is there; nothing comes after it."""

        def say_lost(self) -> None:
            """Say what could not be sent before the process ended."""


# Of the time that the end may take, what the interpreter needs to take apart what we imported.
_ITS_OWN_END = 0.25
# A process that goes on for so many seconds was not ending.
_GOES_ON = 60.0


class Patience:
    """How long the end of this process may be delayed in all, in how many steps it may come. A context manager."""

    def __init__(self, seconds: float) -> None:
        self.allow(seconds)

    def allow(self, seconds: float) -> None:
        """This long, from now on."""
        self._seconds = seconds
        self.renew()

    def renew(self) -> None:
        """As if nothing had waited yet: in a child after a fork."""
        self._left = self._seconds
        self._deadline = 0.0
        self._waiting = 0
        self._waited_at = float("-inf")

    def __enter__(self) -> float:
        """The deadline, by ``time.monotonic``. Whoever comes while another waits has the same."""
        if not self._waiting:
            now = monotonic()
            if now - self._waited_at > _GOES_ON:
                self._left = self._seconds
            self._deadline = now + self._left
        self._waiting += 1
        return self._deadline

    def __exit__(self, *_: object) -> None:
        self._waiting -= 1
        if not self._waiting:
            self._waited_at = monotonic()
            self._left = max(0.0, self._deadline - self._waited_at)


patience = Patience(3.0)
_watched: "list[Sends]" = []
_anew: "list[Callable[[], None]]" = []
# Libraries whose processes end without running exit handlers, or not at all, and the function of process_exits that
# helps.
_PROCESSES = (
    ("multiprocessing.process", "finish_after_bootstrap"),
    ("multiprocessing.synchronize", "look_for_signals_while_waiting"),
    ("billiard.process", "finish_after_bootstrap"),
    ("billiard.pool", "finish_after_the_last_task"),
    ("billiard.synchronize", "look_for_signals_while_waiting"),
)


def arm(config: "Config") -> None:
    """Be there when the process ends, whichever way. Before the service has registered anything for its end."""
    seconds = config.get("PLATFORM_TRACE_SHUTDOWN_TIMEOUT") / 1000
    patience.allow(seconds - min(_ITS_OWN_END, seconds / 10))
    # What is registered first runs last, after spans of the service's own handlers.
    atexit.register(stop)
    os.register_at_fork(after_in_child=_in_the_child)
    _flush_before_exec()
    when_imported("signal", _be_the_default)
    for module, change in _PROCESSES:
        when_imported(module, _changed(module, change))


def watch(sends: "Sends") -> None:
    """Have this send what is there before the process ends."""
    from platform_otel.process import sigterm

    _watched.append(sends)
    sigterm.stand_for_the_default()


def _be_the_default() -> None:
    from platform_otel.process import sigterm

    sigterm.be_the_default_from_now_on(lambda: bool(_watched))


def flush() -> bool:
    """Send what is there, out of the time that the process's end may take in all; the process may go on."""
    with patience as deadline:
        return wait_for_all([each.begin_flush(deadline) for each in _watched])


def finish() -> None:
    """Send what is there; what is lost is said, since the process ends now without running exit handlers."""
    with guarded("send what is left before the process ends"):
        flush()
        _say_lost()


def stop() -> None:
    """Send what is left; nothing comes after it."""
    with guarded("send what is left before the process ends"), patience as deadline:
        try:
            wait_for_all([each.begin_stop(deadline) for each in _watched])
        except KeyboardInterrupt:  # once more: only our waiting is left that it can be meant for
            _say_lost()


def _say_lost() -> None:
    for each in _watched:
        each.say_lost()


def when_forked(start_anew: "Callable[[], None]") -> None:
    """Call this in every child after a fork, before anything else of ours happens there."""
    _anew.append(start_anew)


def _in_the_child() -> None:
    patience.renew()
    for start_anew in _anew:
        start_anew()


def _changed(module: str, change: str) -> "Callable[[], None]":
    def hook() -> None:
        from platform_otel.process import process_exits

        getattr(process_exits, change)(module)

    return hook


# --- exec: the process goes on as another program ---------------------------------------------------------------------


def _flush_before_exec() -> None:
    """The other functions of os that replace the process call these two."""
    os.execv = _flushed(os.execv)
    original, os.execve = os.execve, _flushed(os.execve)
    if original in os.supports_fd:
        os.supports_fd.add(os.execve)


def _flushed(execute: "Callable[..., Any]") -> "Callable[..., Any]":
    def flushed(*arguments: "Any", **named: "Any") -> "Any":
        # Not in a child that was forked only to become another program: what its parent measured is its parent's.
        if any(each.waits() for each in _watched):
            finish()
        return execute(*arguments, **named)

    return named_like(flushed, execute)


def named_like(ours: "Callable[..., Any]", original: "Callable[..., Any]") -> "Callable[..., Any]":
    """Ours, described as what it stands for. functools.wraps would import functools."""
    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(ours, name, getattr(original, name))
    ours.__wrapped__ = original  # type: ignore[attr-defined]  # as functools.wraps does
    return ours
