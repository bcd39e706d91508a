"""Ctrl-C, SIGTERM and SIGHUP as one exception that never falls between starting a process and knowing it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody wants us to end. Not an Exception, so that nothing on the way takes it for a mere error."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Interruption:
    """While entered, the first of the signals raises Interrupted in the main thread, and later ones do nothing.

    A signal that our parent ignores (nohup, a shell's background job) stays ignored.
    """

    def __init__(self) -> None:
        self._pending: int | None = None
        self._held = 0
        self._over = False
        self._before: dict[int, Any] = {}  # Any: what signal() returns is a handler, a number or None

    def __enter__(self) -> Interruption:
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Until the end of the block a signal waits."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        self._raise_pending()

    def ignore(self) -> None:
        """From now on signals do nothing: we are ending anyway."""
        self._over = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._pending is None:
            self._pending = number
            self._raise_pending()

    def _raise_pending(self) -> None:
        if self._pending is not None and not self._held and not self._over:
            self._over = True
            raise Interrupted(self._pending)
