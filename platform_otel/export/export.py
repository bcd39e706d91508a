"""One export: encodes finished spans, and sends what has gathered in a thread of its own."""

from __future__ import annotations

import sys
from _queue import Empty, SimpleQueue
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, Context, attach, set_value

from platform_otel.export.queue import Batch, SpanQueue
from platform_otel.export.reports import Reports
from platform_otel.export.retry import delays, next_delay
from platform_otel.process.guard import BY_A_VALUE, described, guarded, is_the_services, say
from platform_otel.process.import_hooks import own_imports
from platform_otel.process.threads import Done, allocate_lock, at_once, start, undisturbed

if TYPE_CHECKING:
    from platform_otel.export.destination import Destination, Sender
    from platform_otel.process.threads import Wait

# What a gRPC server takes at once, but for what is sent beside the spans: whose they are, and by which libraries.
_LARGEST_BATCH = 4 * 1024 * 1024 - 64 * 1024
_FOR_EVER = float("inf")
_NOT_ENCODED = "they could not be encoded"


class Batching(NamedTuple):
    """How spans gather: seconds to wait for others, spans to send at once, spans that may wait."""

    delay: float = 1.0
    most: int = 512
    waiting: int = sys.maxsize


class Export:
    """The service's side is :meth:`take`; everything else happens in the exporter thread."""

    _sender: Sender | None = None

    def __init__(self, destination: Destination, batching: Batching) -> None:
        self._destination = destination
        self._batching = batching
        self.name = destination.name
        self.endpoint = destination.endpoint
        self._encode = destination.codec.encode
        self.start_anew()

    def start_anew(self) -> None:
        """As at the start: a child process has neither its parent's thread, nor its spans, nor its connection."""
        self.queue = SpanQueue(self._encode, most=self._batching.waiting)
        self._reports = Reports(self._destination.name)
        # The thread that sends: whether there is one, and its end.
        self._runs = False
        self._starting = allocate_lock()
        self._ended = Done()
        if self._sender is not None:
            self._sender.abandon()
        self._sender = None
        # What wakes the thread, which then looks why. Not an Event: a signal handler may end spans while the code
        # it interrupted is just setting it, and wait for ever.
        self._calls: SimpleQueue[None] = SimpleQueue()
        self._called = False
        # Who waits for a flush; and whether one came since the last attempt to send, and cut the last pause short.
        self._flushes: dict[Done, None] = {}
        self._flushed = False
        self._hurried = False
        self._deadline = _FOR_EVER

    def take(self, span: Any) -> None:
        """Queue a finished span. Never waits."""
        if self._deadline != _FOR_EVER:  # what sends has ended, or is about to
            self._drop("they ended after the end of tracing")
            return
        if getattr(span, "is_plain", False):
            self._take_plain(span)
        elif not self._take_encoded(span):
            return
        if not self._runs:
            self._start()
        elif not self._called and self.queue.holds(self._batching.most, _LARGEST_BATCH):
            self._called = True
            self._call()

    def _take_plain(self, span: Any) -> None:
        try:
            self.queue.put_plain(span)
        except BY_A_VALUE as error:
            if is_the_services(error):
                raise
            # No stack or no memory left here, perhaps: the thread that sends tries again.

    def _take_encoded(self, span: Any) -> bool:
        """Here and now, since what it holds may have code of the service's, or a lock of the SDK's, or be large."""
        try:
            item, size = self._encode(span)
        except BaseException as error:  # whatever a hostile attribute value raised, or a signal's handler meanwhile
            self._drop(_NOT_ENCODED)
            if not isinstance(error, BY_A_VALUE) or is_the_services(error):
                raise
            say(f"a span could not be encoded and is dropped: {described(error)}", type(error))
            return False
        self.queue.put(item, size)
        return True

    def _drop(self, reason: str) -> None:
        self.queue.drop()
        self._reports.because(reason)

    def flush(self, seconds: float) -> bool:
        """Send what has been taken so far; False if that was not done in time."""
        return self.begin_flush(monotonic() + seconds)()

    def begin_flush(self, deadline: float) -> Wait:
        """Begin to send what has been taken so far."""
        if not self.waits():
            return at_once
        if self._is_ending():
            return lambda: self._is_sent(self._ended, deadline)
        done = Done()
        self._flushes[done] = None
        self._flushed = True
        self._wake()
        return lambda: self._is_sent(done, deadline)

    def waits(self) -> bool:
        """Whether a span that was taken is neither sent nor dropped yet."""
        return self.queue.counts().queued > 0

    def begin_stop(self, deadline: float) -> Wait:
        """Begin to send what is left before ``deadline``; what is not sent by then is counted as dropped, and said."""
        self._deadline = deadline
        if self._runs or self.waits():
            self._wake()
        return lambda: self._is_stopped(deadline)

    def _is_stopped(self, deadline: float) -> bool:
        is_sent = self._is_sent(self._ended, deadline)
        if not self._runs:
            self._close()
        self.say_lost()
        return is_sent

    def _is_sent(self, done: Done, deadline: float) -> bool:
        """Wait for the thread; where none can be started, the one that waits sends."""
        try:
            if self._runs:
                # What came since a flush may wait; what waits when sending has ended is not sent.
                return done.wait_until(deadline) and not (self._is_ending() and self.waits())
            self._send_all(deadline)
            return not self.waits()
        finally:
            self._flushes.pop(done, None)

    def say_lost(self) -> None:
        """Say how many spans are lost, as far as that was not said: the process ends."""
        self._reports.ended(self.queue.counts())

    def _is_ending(self) -> bool:
        return self._deadline != _FOR_EVER

    def _start(self) -> None:
        """Start the thread, if one can be started. Two callers at once start one."""
        if self._runs:
            return
        with undisturbed():  # else a handler that raises could have us wait for a thread that never began
            if self._starting.acquire(blocking=False):
                self._runs = True
                if not start(self._run):
                    self._runs = False
                    self._starting.release()

    def _wake(self) -> None:
        """Have the thread look what there is to do."""
        self._start()
        self._call()

    def _call(self) -> None:
        if self._calls.empty():  # one call is enough, however many callers there are
            self._calls.put(None)

    def _run(self) -> None:
        # Whatever we call to send is not the application's doing: no instrumentation may see it.
        attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True, Context()))
        try:
            while not self._is_ending():
                self._send_what_gathers()
            self._send_all(_FOR_EVER)  # what was put between the last look and the end
            self._close()
        finally:
            self._ended.set()
            self._let_go(list(self._flushes))

    def _send_what_gathers(self) -> None:
        is_full = self._wait_until(monotonic() + self._batching.delay, self._is_time_to_send)
        self._called = False
        waiting = list(self._flushes)
        # What comes while a batch is on its way gathers in its turn: sent at once, it would be a handful each time.
        if is_full and not waiting:
            self._send_full_batches()
        else:
            self._send_all(_FOR_EVER, len(self.queue))
        self._let_go(waiting)

    def _send_full_batches(self) -> None:
        while self._is_full() and not self._flushes and not self._is_ending():
            self._send_batch(_FOR_EVER)

    def _is_time_to_send(self) -> bool:
        return self._is_ending() or bool(self._flushes) or self._is_full()

    def _is_full(self) -> bool:
        return self.queue.holds(self._batching.most, _LARGEST_BATCH)

    def _let_go(self, waiting: list[Done]) -> None:
        """They have what they wait for."""
        for done in waiting:
            self._flushes.pop(done, None)
            done.set()

    def _wait_until(self, deadline: float, is_time: Callable[[], bool]) -> bool:
        """Whether it came to be time before the deadline; whoever makes it so calls."""
        while not is_time():
            try:
                self._calls.get(timeout=max(0.0, deadline - monotonic()))
            except Empty:
                return is_time()
            self._called = False  # it looks now, so the next call is not for this one
        return True

    def _pause(self, seconds: float, asked: float, was_ending: bool) -> None:
        """Before the next attempt; that the process's end has begun since the last one cuts it short.

        A flush does, too, but not of what the collector asked for, and not of two pauses in a row: a service that
        flushes often must not keep a collector down.
        """

        def ends() -> bool:
            return self._is_ending() and not was_ending

        now = monotonic()
        self._wait_until(now + min(asked, seconds), ends)
        may_hurry = not self._hurried
        self._hurried = self._wait_until(now + seconds, lambda: ends() or (may_hurry and self._flushed))

    def _close(self) -> None:
        if self._sender is not None:
            with guarded(f"close the connection to {self._destination.name}"):
                self._sender.close()

    def _send_all(self, deadline: float, due: int = sys.maxsize) -> None:
        """Send what waits, or the ``due`` oldest spans of it."""
        while len(self.queue) and due > 0 and monotonic() < min(deadline, self._deadline):
            due -= self._send_batch(deadline)

    def _send_batch(self, deadline: float) -> int:
        """Send the oldest spans, as many as fit into one message; their number."""
        batch = self.queue.take(self._batching.most, _LARGEST_BATCH)
        if batch.left_out:
            self._reports.because(_NOT_ENCODED)
        if batch.items:
            self._deliver(batch, deadline)
        if not self._is_ending():  # then all that are lost are said in one line
            self._reports.dropped(self.queue.counts().dropped)
        return len(batch.items) + batch.left_out

    def _deliver(self, batch: Batch, deadline: float) -> None:
        delivered = None
        with guarded(f"send spans to {self._destination.name}"):
            delivered = self._send(batch, deadline)
        if delivered is None:
            self._reports.because("they could not be sent")
        if not delivered:
            self.queue.settle(batch, dropped=True)

    def _send(self, batch: Batch, deadline: float) -> bool:
        """Whether the batch is settled as sent; retried for as long as the process lives and memory lasts."""
        if self._sender is None:
            with own_imports():
                self._sender = self._destination.sender()
                message = self._destination.codec.message(batch.items)  # its first call imports, too
        else:
            message = self._destination.codec.message(batch.items)
        for delay in delays():
            self._flushed, was_ending = False, self._is_ending()
            outcome = self._sender.send(message, min(deadline, self._deadline))
            if outcome.status == "taken":
                self._reports.taken(outcome, self.queue.counts())
                self.queue.settle(batch, rejected=outcome.rejected)
                return True
            if outcome.status == "refused":
                self._reports.refused(outcome, len(batch.items))
                return False
            self._reports.waiting(outcome, self.queue.counts(), is_ending=self._is_ending())
            pause = next_delay(delay, outcome.retry_after, min(deadline, self._deadline) - monotonic())
            if pause is None:
                return False
            self._pause(pause, outcome.retry_after or 0.0, was_ending)
        return False
