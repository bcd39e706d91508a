"""A thread that waits to call what is not ours, while a process ends."""

from _queue import SimpleQueue
from collections.abc import Callable
from typing import TYPE_CHECKING

from platform_otel.process.lifecycle import when_forked
from platform_otel.process.threads import Done, start

if TYPE_CHECKING:
    from platform_otel.process.threads import Wait


class Helper:
    """A thread that waits for calls into code that is not ours, and may take them longer than we can wait.

    It is there from the start, since a process that ends starts none, and again after a fork.
    """

    def __init__(self) -> None:
        self.start_anew()
        when_forked(self.start_anew)

    def start_anew(self) -> None:
        """In a child after a fork."""
        self._work: SimpleQueue[tuple[Callable[[], object], Done]] = SimpleQueue()
        self._is_there = start(self._run, self._work)

    def begin(self, work: Callable[[], object], deadline: float) -> "Wait":
        """Have this done; where there is no thread, by the one that waits. ``work`` raises nothing."""
        if not self._is_there:
            return lambda: work() is not False
        done = Done()
        self._work.put((work, done))
        return lambda: done.wait_until(deadline)

    @staticmethod
    def _run(waiting: "SimpleQueue[tuple[Callable[[], object], Done]]") -> None:
        while True:
            work, done = waiting.get()
            try:
                work()
            finally:
                done.set()
