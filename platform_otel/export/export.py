"""One export: encodes a span when it ends, and sends what has gathered in a thread of its own."""

from __future__ import annotations

import _thread
import sys
from _queue import Empty, SimpleQueue
from collections import deque
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, Context, attach, set_value

from platform_otel.export.queue import Batch, SpanQueue
from platform_otel.export.reports import Reports
from platform_otel.export.retry import delays, next_delay
from platform_otel.process.guard import described, guarded, is_the_services, say
from platform_otel.process.import_hooks import own_imports

if TYPE_CHECKING:
    from platform_otel.export.outcome import Outcome

_LARGEST_BATCH = 4 * 1024 * 1024
_FOR_EVER = float("inf")


class Codec(Protocol):
    """Turns spans into what is queued, and what has gathered into one message."""

    def encode(self, span: Any) -> tuple[Any, int]:
        """What is queued of a span, and its size in bytes. Called by the service's thread."""

    def message(self, items: list[Any]) -> Any:
        """What is sent for these spans. Called by the exporter thread."""


class Sender(Protocol):
    """Takes one message to where it goes. Used by the exporter thread only."""

    def send(self, message: Any, deadline: float) -> Outcome:
        """Send it before ``deadline``, a time of ``time.monotonic``."""

    def close(self) -> None:
        """Close connections."""


class Destination(Protocol):
    """Where spans go: how they are encoded, and who sends them."""

    @property
    def name(self) -> str:
        """As it may be shown."""

    @property
    def endpoint(self) -> str:
        """The URL that spans go to, "" if none."""

    @property
    def codec(self) -> Codec:
        """How spans are encoded."""

    def sender(self) -> Sender:
        """Import and make the sender. Called by the exporter thread."""


class Batching(NamedTuple):
    """How spans gather: seconds to wait for others, spans to send at once, spans that may wait."""

    delay: float = 1.0
    most: int = 512
    waiting: int = sys.maxsize


class Export:
    """The service's side is :meth:`take`; everything else happens in the exporter thread."""

    def __init__(self, destination: Destination, batching: Batching) -> None:
        self._destination = destination
        self._batching = batching
        self.name = destination.name
        self.endpoint = destination.endpoint
        self._encode = destination.codec.encode
        self.start_anew()

    def start_anew(self) -> None:
        """As at the start: a child process has neither its parent's thread, nor its spans, nor its connection."""
        self.queue = SpanQueue(most=self._batching.waiting)
        self._reports = Reports(self._destination.name)
        self._starting = _thread.allocate_lock()
        self._thread: Thread | None = None
        self._sender: Sender | None = None
        # What wakes the thread: True where somebody waits for us, so that a retry's pause ends at once. Not an
        # Event: a signal handler may end spans while the code it interrupted is just setting it, and wait for ever.
        self._calls: SimpleQueue[bool] = SimpleQueue()
        self._called = False
        self._flushes: deque[Event] = deque()
        self._deadline = _FOR_EVER
        # Spans that the end of the process left no time for.
        self._given_up = 0

    def take(self, span: Any) -> None:
        """Queue a finished span. Never waits."""
        try:
            item, size = self._encode(span)
        except Exception as error:  # whatever a hostile attribute value raised
            if is_the_services(error):
                raise
            self.queue.drop()
            say(f"a span could not be encoded and is dropped: {described(error)}", type(error))
            return
        if self._deadline != _FOR_EVER:  # the process is ending, and what sends has ended
            self.queue.drop()
            return
        self.queue.put(item, size)
        if self._thread is None:
            self._start()
        elif len(self.queue) >= self._batching.most and not self._called:
            self._called = True
            self._calls.put(False)

    def flush(self, seconds: float) -> bool:
        """Send what has been taken so far; False if that was not done in time."""
        if not self.queue.counts().queued:
            return True
        if self._thread is None and not self._start():
            self._send_all(monotonic() + seconds)
            return not self.queue.counts().queued
        if self._thread is not None and not self._thread.is_alive():
            return False
        done = Event()
        self._flushes.append(done)
        self._calls.put(True)
        return done.wait(seconds) and not self.queue.counts().queued

    def stop(self, deadline: float) -> None:
        """Send what is left before ``deadline``; what is not sent by then is counted as dropped, and said."""
        self._deadline = deadline
        if self._thread is None and self.queue.counts().queued and not self._start():
            self._send_all(deadline)  # none may start any more: the thread that ends the process sends
            self._close()
        elif self._thread is not None:
            self._calls.put(True)
            self._thread.join(max(0.0, deadline - monotonic()))
        if left := self.queue.counts().queued + self._given_up:
            self._reports.lost(left)

    def _start(self) -> bool:
        """Start the thread; False if none can be started. Two callers at once start one."""
        if self._starting.acquire(blocking=False):
            thread = Thread(target=self._run, name="platform-trace exporter", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is shutting down, or the system has no thread left
                self._starting.release()
                return False
            self._thread = thread
        return True

    def _run(self) -> None:
        # Whatever we call to send is not the application's doing: no instrumentation may see it.
        attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True, Context()))
        while self._deadline == _FOR_EVER:
            self._wait_for_a_call(self._batching.delay, urgent_only=False)
            self._called = False
            waiting = [self._flushes.popleft() for _ in range(len(self._flushes))]
            self._send_all(_FOR_EVER)
            for flush in waiting:
                flush.set()
        self._send_all(_FOR_EVER)  # what was put between the last look and the end
        self._close()

    def _wait_for_a_call(self, seconds: float, *, urgent_only: bool) -> None:
        """Return when somebody waits for us, or when enough has gathered unless only the first counts."""
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0:
            try:
                if self._calls.get(timeout=left) or not urgent_only:
                    return
            except Empty:
                return

    def _close(self) -> None:
        if self._sender is not None:
            with guarded(f"close the connection to {self._destination.name}"):
                self._sender.close()

    def _send_all(self, deadline: float) -> None:
        while len(self.queue) and monotonic() < min(deadline, self._deadline):
            batch = self.queue.take(self._batching.most, _LARGEST_BATCH)
            delivered = False
            with guarded(f"send spans to {self._destination.name}"):
                delivered = self._send(batch, deadline)
            if not delivered:
                self.queue.settle(batch, dropped=True)
            self._reports.dropped(self.queue.counts().dropped)

    def _send(self, batch: Batch, deadline: float) -> bool:
        """Whether the batch is settled as sent; retried for as long as the process lives and memory lasts."""
        if self._sender is None:
            with own_imports():
                self._sender = self._destination.sender()
                message = self._destination.codec.message(batch.items)  # its first call imports, too
        else:
            message = self._destination.codec.message(batch.items)
        for delay in delays():
            outcome = self._sender.send(message, min(deadline, self._deadline))
            if outcome.status == "taken":
                self._reports.taken(outcome, self.queue.counts())
                self.queue.settle(batch, rejected=outcome.rejected)
                return True
            if outcome.status == "refused":
                self._reports.refused(outcome, len(batch.items))
                return False
            self._reports.waiting(outcome, self.queue.counts())
            pause = next_delay(delay, outcome.retry_after, min(deadline, self._deadline) - monotonic())
            if pause is None:
                self._given_up += len(batch.items)
                return False
            self._wait_for_a_call(pause, urgent_only=True)
        return False
