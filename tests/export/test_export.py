"""Finished spans are sent in the background, counted, bounded, and never waited for."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from platform_otel.export.export import Batching, Export
from platform_otel.export.outcome import Outcome
from platform_otel.export.queue import Counts, SpanQueue
from tests.support import PATIENCE

TAKEN = Outcome("taken")


class Plain:
    """Numbers as spans."""

    def encode(self, span: Any) -> tuple[Any, int]:
        return span + 0, 100  # a span that is no number cannot be encoded

    def message(self, items: list[Any]) -> list[Any]:
        return items


class Collector:
    """A destination in this process that answers as it is told, and says when it was asked."""

    name = "the collector"
    endpoint = ""

    def __init__(self, answers: Iterator[Outcome] | None = None) -> None:
        self.codec = Plain()
        self.received: list[list[int]] = []
        self.asked = threading.Semaphore(0)
        self.answers = answers
        self.closed = False

    def sender(self) -> "Collector":
        return self

    def send(self, message: list[int], deadline: float) -> Outcome:
        answer = next(self.answers) if self.answers is not None else TAKEN
        if answer.status == "taken":
            self.received.append(message)
        self.asked.release()
        return answer

    def close(self) -> None:
        self.closed = True


def numbers(collector: Collector) -> list[int]:
    return [number for message in collector.received for number in message]


def test_spans_arrive_in_order_and_in_batches() -> None:
    collector = Collector()
    export = Export(collector, Batching(delay=60, most=10))
    for number in range(95):
        export.take(number)

    assert export.flush(PATIENCE)
    assert numbers(collector) == list(range(95))
    assert max(len(message) for message in collector.received) <= 10
    assert export.queue.counts() == Counts(exported=95)


def test_nothing_runs_until_a_span_has_ended() -> None:
    before = threading.active_count()
    export = Export(Collector(), Batching())

    assert threading.active_count() == before
    assert export.flush(0)


def test_one_thread_is_started_however_many_threads_end_the_first_span() -> None:
    collector = Collector()
    export = Export(collector, Batching(delay=60))
    gate = threading.Barrier(8)

    def end_spans() -> None:
        gate.wait()
        for number in range(100):
            export.take(number)

    threads = [threading.Thread(target=end_spans) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(thread.name == "platform-trace exporter" and thread.is_alive() for thread in threading.enumerate()) >= 1
    assert export.flush(PATIENCE)
    assert sorted(numbers(collector)) == sorted(list(range(100)) * 8)
    assert export.queue.counts() == Counts(exported=800)


def test_a_batch_that_was_not_taken_is_sent_again() -> None:
    collector = Collector(iter([Outcome("retry", message="refused", retry_after=0), TAKEN]))
    export = Export(collector, Batching(delay=0.01))
    export.take(1)

    assert export.flush(PATIENCE)
    assert numbers(collector) == [1]


def test_a_refused_batch_is_dropped_and_counted() -> None:
    collector = Collector(iter([Outcome("refused", message="no"), TAKEN]))
    export = Export(collector, Batching(delay=60))
    export.take(1)
    export.flush(PATIENCE)
    export.take(2)
    export.flush(PATIENCE)

    assert numbers(collector) == [2]
    assert export.queue.counts() == Counts(exported=1, dropped=1)


def test_a_partial_success_is_counted() -> None:
    collector = Collector(iter([Outcome("taken", rejected=2, message="too old")]))
    export = Export(collector, Batching(delay=60))
    for number in range(5):
        export.take(number)
    export.flush(PATIENCE)

    assert export.queue.counts() == Counts(exported=3, rejected=2)


def test_a_span_that_cannot_be_encoded_is_counted_and_the_others_arrive(capfd: pytest.CaptureFixture[str]) -> None:
    collector = Collector()
    export = Export(collector, Batching(delay=60))
    export.take("no number")
    export.take(1)
    export.flush(PATIENCE)

    assert export.queue.counts() == Counts(exported=1, dropped=1)
    assert capfd.readouterr().err.count("platform-trace: a span could not be encoded") == 1


def test_a_full_queue_drops_the_newest_and_counts_them() -> None:
    queue = SpanQueue(largest=1000)
    for number in range(10):
        queue.put(number, 200)
    batch = queue.take(100, 10_000)
    queue.settle(batch)

    assert batch.items == [0, 1, 2]
    assert queue.counts() == Counts(exported=3, dropped=7)


def test_a_batch_is_bounded_in_bytes_but_never_empty() -> None:
    queue = SpanQueue()
    for size in (10, 5000, 10, 10):
        queue.put(size, size)
    taken = []
    while len(queue):
        batch = queue.take(100, 100)
        taken.append(batch.items)
        queue.settle(batch)

    assert taken == [[10], [5000], [10, 10]]


def test_stopping_sends_what_is_left_and_closes() -> None:
    collector = Collector()
    export = Export(collector, Batching(delay=60))
    for number in range(3):
        export.take(number)
    from time import monotonic

    export.stop(monotonic() + PATIENCE)

    assert numbers(collector) == [0, 1, 2]
    assert collector.closed


def test_what_cannot_be_sent_before_the_end_is_dropped_counted_and_said(capfd: pytest.CaptureFixture[str]) -> None:
    def never() -> Iterator[Outcome]:
        while True:
            yield Outcome("retry", message="connection refused")

    collector = Collector(never())
    export = Export(collector, Batching(delay=0.01))
    for number in range(3):
        export.take(number)
    assert collector.asked.acquire(timeout=PATIENCE)
    from time import monotonic

    export.stop(monotonic() + 0.2)

    counts = export.queue.counts()
    assert counts.exported == 0
    assert counts.dropped + counts.queued == 3
    last = capfd.readouterr().err.splitlines()[-1]
    assert last == "platform-trace: 3 spans were not delivered to the collector: connection refused"


def test_where_no_thread_can_be_started_the_one_that_stops_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    collector = Collector()
    export = Export(collector, Batching())
    export.take(1)
    from time import monotonic

    export.stop(monotonic() + PATIENCE)

    assert numbers(collector) == [1]


def test_an_outage_is_said_once_and_its_end_too(capfd: pytest.CaptureFixture[str]) -> None:
    down = [Outcome("retry", message="connection refused", retry_after=0)] * 3
    collector = Collector(iter([*down, TAKEN]))
    export = Export(collector, Batching(delay=0.01))
    export.take(1)
    while not export.flush(0.2):
        pass

    assert capfd.readouterr().err.splitlines() == [
        "platform-trace: the collector takes no spans: connection refused; 1 wait",
        "platform-trace: the collector takes spans again",
    ]
