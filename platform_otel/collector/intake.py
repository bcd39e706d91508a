"""What both receivers do with the body of a request: decode it, hand it to the store, count it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from threading import Lock

from platform_otel.collector.json_process import JsonProcesses
from platform_otel.collector.model import SIGNALS, Received
from platform_otel.collector.otlp_decoding import decode
from platform_otel.collector.otlp_json import to_protobuf
from platform_otel.collector.store import Refused, Store

# Parsing JSON of this size holds the interpreter for some 10 ms.
_LARGEST_JSON = 1024 * 1024


class Intake:
    """Takes requests for a store, and counts what they had since the process began."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._processes = JsonProcesses()
        self._stopped = False
        self._lock = Lock()
        self._counts = {signal: {"requests": 0, "accepted": 0, "rejected": 0} for signal in SIGNALS}

    def decode(self, signal: str, body: bytes, is_json: bool = False) -> Received:
        """What a request has; large ones take a while, in which other threads go on.

        Raises:
            Malformed
            Refused: the collector stops.
        """
        if is_json:
            self._check()
            convert = to_protobuf if len(body) <= _LARGEST_JSON else self._processes.to_protobuf
            body = convert(signal, body)
        return decode(signal, body, self._check)

    def add(self, received: Received) -> Future[None]:
        """Hand in a request; the future is done when it is committed. Metrics are counted, and that is all."""
        future = _All([self._store.add(batch) for batch in received.batches]).future
        counted = received._replace(batches=())
        future.add_done_callback(lambda done: None if done.exception() else self._count(counted))
        return future

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """By signal: requests, and the spans, log records or data points accepted and rejected."""
        with self._lock:
            return {signal: dict(counts) for signal, counts in self._counts.items()}

    def stop(self) -> None:
        """Give up what is being decoded."""
        self._stopped = True
        self._processes.stop()

    def _check(self) -> None:
        if self._stopped:
            raise Refused("the collector stops")

    def _count(self, received: Received) -> None:
        with self._lock:
            counts = self._counts[received.signal]
            counts["requests"] += 1
            counts["accepted"] += received.items
            counts["rejected"] += received.rejected


class _All:
    """One future for several: done when all of them are; its exception is one of theirs.

    It does not keep the several, which keep it: in a cycle whole batches would stay until Python's garbage collector
    comes for them, and it lets nothing else go on for 30 ms then.
    """

    def __init__(self, several: Sequence[Future[None]]) -> None:
        self.future: Future[None] = Future()
        self._left = len(several)
        self._error: BaseException | None = None
        self._lock = Lock()
        if not several:
            self.future.set_result(None)
        for each in several:
            each.add_done_callback(self._one_is_done)

    def _one_is_done(self, one: Future[None]) -> None:
        with self._lock:
            self._left -= 1
            self._error = self._error or one.exception()
            are_all_done = not self._left
        if are_all_done:
            self._finish()

    def _finish(self) -> None:
        if self._error is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(self._error)
