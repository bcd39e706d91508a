"""Finished spans are sent in the background, counted, bounded, and never waited for."""

import signal
import sys
import textwrap
import threading
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from platform_otel.export import export as export_module
from platform_otel.export.export import Batching, Export
from platform_otel.export.outcome import Outcome
from platform_otel.export.queue import TOGETHER, Counts, SpanQueue
from platform_otel.process import threads
from tests.support import PATIENCE, run

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
        self.codec: Plain = Plain()
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

    def abandon(self) -> None:
        self.closed = True


class Busy(Collector):
    """While it takes a message, spans go on ending: those that are given for each."""

    export: Export

    def __init__(self, meanwhile: Iterator[Iterable[int]]) -> None:
        super().__init__()
        self.meanwhile = meanwhile

    def send(self, message: list[int], deadline: float) -> Outcome:
        take(self.export, next(self.meanwhile, ()))
        return super().send(message, deadline)


class PlainNumber(int):
    """A span that may be encoded later."""

    is_plain = True


def plain(numbers: Iterable[int]) -> Iterator[PlainNumber]:
    return map(PlainNumber, numbers)


def as_it_is(span: Any) -> tuple[Any, int]:
    """An encoding for spans that are their own size."""
    return span, span


def take(export: Export, spans: Iterable[int]) -> None:
    for number in spans:
        export.take(number)


def encoding_by(codec: Plain) -> tuple[Collector, Export]:
    """A collector of what is encoded so, and an export to it that waits for a flush, or for many spans."""
    collector = Collector()
    collector.codec = codec
    return collector, Export(collector, Batching(delay=60))


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


def test_what_comes_while_a_full_batch_is_on_its_way_gathers_in_its_turn() -> None:
    collector = Busy(iter([range(10, 15)]))
    export = collector.export = Export(collector, Batching(delay=60, most=10))
    take(export, range(10))
    assert collector.asked.acquire(timeout=PATIENCE)
    take(export, range(15, 20))
    assert collector.asked.acquire(timeout=PATIENCE)

    assert collector.received == [list(range(10)), list(range(10, 20))]
    assert export.flush(PATIENCE)


def test_a_batch_that_fills_after_one_was_sent_on_the_way_is_sent_at_once() -> None:
    collector = Busy(iter([range(10, 20)]))
    export = collector.export = Export(collector, Batching(delay=60, most=10))
    take(export, range(10))
    for _ in range(2):
        assert collector.asked.acquire(timeout=PATIENCE)
    while not export._calls.empty():  # what called during the first one is heard, and nothing is there to send
        sleep(0.001)
    take(export, range(20, 30))
    assert collector.asked.acquire(timeout=PATIENCE)

    assert numbers(collector) == list(range(30))
    assert export.flush(PATIENCE)


def test_a_flush_ends_also_while_full_batches_keep_coming() -> None:
    collector = Busy(repeat(range(20)))
    export = collector.export = Export(collector, Batching(delay=60, most=10))
    take(export, range(10))
    assert collector.asked.acquire(timeout=PATIENCE)

    assert export.flush(PATIENCE)
    export.begin_stop(0.0)()


def test_what_waits_is_sent_when_the_delay_has_passed_also_beside_full_batches() -> None:
    collector = Collector()
    export = Export(collector, Batching(delay=0.05, most=10))
    for number in range(25):
        export.take(number)
    while len(numbers(collector)) < 25:
        assert collector.asked.acquire(timeout=PATIENCE)

    assert numbers(collector) == list(range(25))
    assert export.flush(PATIENCE)


def test_nothing_runs_until_a_span_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    monkeypatch.setattr(export_module, "start", lambda *arguments: started.append(arguments))
    export = Export(Collector(), Batching())

    assert export.flush(0)
    assert not started


def test_one_thread_is_started_however_many_threads_end_the_first_span(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def start(work: Callable[..., None], *arguments: Any) -> bool:
        started.append(work)
        return threads.start(work, *arguments)

    monkeypatch.setattr(export_module, "start", start)
    collector = Collector()
    export = Export(collector, Batching(delay=60))
    gate = threading.Barrier(8)

    def end_spans() -> None:
        gate.wait()
        for number in range(100):
            export.take(number)

    ending = [threading.Thread(target=end_spans) for _ in range(8)]
    for thread in ending:
        thread.start()
    for thread in ending:
        thread.join()

    assert len(started) == 1
    assert export.flush(PATIENCE)
    assert sorted(numbers(collector)) == sorted(list(range(100)) * 8)
    assert export.queue.counts() == Counts(exported=800)


def test_a_service_that_counts_its_threads_sees_none_of_ours() -> None:
    collector = Collector()
    before = threading.enumerate()
    export = Export(collector, Batching(delay=60))
    export.take(1)

    assert export.flush(PATIENCE)
    assert threading.enumerate() == before


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
    queue = SpanQueue(as_it_is, largest=1000)
    for number in range(10):
        queue.put(number, 200)
    batch = queue.take(100, 10_000)
    queue.settle(batch)

    assert batch.items == [0, 1, 2]
    assert queue.counts() == Counts(exported=3, dropped=7)


def test_spans_that_find_no_room_take_no_memory() -> None:
    queue = SpanQueue(as_it_is, largest=0)
    tracemalloc.start()
    try:
        for _ in range(50_000):
            queue.put(None, 1)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert queue.counts() == Counts(dropped=50_000)
    assert taken < 10_000


def test_a_span_on_its_way_from_the_queue_into_a_batch_still_waits() -> None:
    class Watched(deque[list[Any]]):
        def popleft(self) -> list[Any]:
            taken = super().popleft()
            waiting.append(queue.counts().queued)
            return taken

    waiting: list[int] = []
    queue = SpanQueue(as_it_is)
    queue._items = Watched()
    for number in range(3):
        queue.put(number, 1)
    queue.take(3, 10)

    assert waiting == [3, 3, 3]


def test_a_batch_is_bounded_in_bytes_but_never_empty() -> None:
    queue = SpanQueue(as_it_is)
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
    export.begin_stop(monotonic() + PATIENCE)()

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
    export.begin_stop(monotonic() + 0.2)()

    counts = export.queue.counts()
    assert counts.exported == 0
    assert counts.dropped + counts.queued == 3
    last = capfd.readouterr().err.splitlines()[-1]
    assert last == "platform-trace: 3 spans were not delivered to the collector: connection refused"


def test_where_no_thread_can_be_started_the_one_that_stops_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(work: Callable[..., None], *arguments: Any) -> bool:
        return False

    monkeypatch.setattr(export_module, "start", refuse)
    collector = Collector()
    export = Export(collector, Batching())
    export.take(1)
    export.begin_stop(monotonic() + PATIENCE)()

    assert numbers(collector) == [1]


def test_a_batch_is_sent_as_soon_as_its_bytes_are_there() -> None:
    class Large(Plain):
        def encode(self, span: Any) -> tuple[Any, int]:
            return span, 1024 * 1024

    collector = Collector()
    collector.codec = Large()
    export = Export(collector, Batching(delay=3600))
    export.take(0)
    assert export.flush(PATIENCE)
    assert collector.asked.acquire(timeout=PATIENCE)
    for number in range(4):
        export.take(number)

    assert collector.asked.acquire(timeout=PATIENCE)


def test_flushes_during_an_outage_leave_nothing_behind_and_do_not_defeat_the_pause_that_was_asked_for() -> None:
    collector = Collector(repeat(Outcome("retry", message="too many", retry_after=60)))
    export = Export(collector, Batching(delay=0.01))
    export.take(1)
    assert collector.asked.acquire(timeout=PATIENCE)
    flushed = [export.flush(0) for _ in range(1000)]

    assert not any(flushed)
    assert not collector.asked.acquire(timeout=0.1)
    assert not export._flushes


def test_a_flush_cuts_a_pause_short_but_not_two_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_module, "delays", lambda: repeat(3600.0))
    collector = Collector(repeat(Outcome("retry", message="connection refused")))
    export = Export(collector, Batching(delay=0.01))
    export.take(1)
    assert collector.asked.acquire(timeout=PATIENCE)
    flush = threading.Thread(target=export.flush, args=(PATIENCE,), daemon=True)
    flush.start()

    assert collector.asked.acquire(timeout=PATIENCE)
    export.flush(0.1)
    assert not collector.asked.acquire(blocking=False)
    export.begin_stop(monotonic() + PATIENCE)
    assert collector.asked.acquire(timeout=PATIENCE)
    flush.join()


def test_the_end_of_the_process_cuts_short_also_a_pause_that_was_asked_for() -> None:
    collector = Collector(chain([Outcome("retry", message="too many", retry_after=30)], repeat(TAKEN)))
    export = Export(collector, Batching(delay=0.01))
    export.take(1)
    assert collector.asked.acquire(timeout=PATIENCE)
    assert export.begin_stop(monotonic() + PATIENCE)()

    assert numbers(collector) == [1]


def test_a_process_that_ends_during_an_outage_keeps_the_pauses_between_attempts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(export_module, "delays", lambda: repeat(0.1))
    asked: list[Outcome] = []

    def down() -> Iterator[Outcome]:
        while True:
            asked.append(Outcome("retry", message="connection refused"))
            yield asked[-1]

    export = Export(Collector(down()), Batching(delay=3600))
    export.take(1)
    export.begin_stop(monotonic() + 0.35)()

    assert 1 < len(asked) <= 5


def test_flushes_while_an_attempt_hangs_leave_nothing_behind() -> None:
    over = threading.Event()

    def hanging() -> Iterator[Outcome]:
        while True:
            over.wait(PATIENCE)
            yield TAKEN

    export = Export(Collector(hanging()), Batching(delay=0.01))
    export.take(1)
    for _ in range(1000):
        export.flush(0)

    assert (len(export._flushes), export._calls.qsize()) == (0, 1)
    over.set()
    assert export.flush(PATIENCE)


def test_what_was_refused_and_not_said_yet_is_said_at_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    collector = Collector(repeat(Outcome("refused", message="no")))
    export = Export(collector, Batching(delay=60))
    for number in range(50):
        export.take(number)
        export.flush(PATIENCE)
    export.begin_stop(monotonic() + PATIENCE)()
    export.say_lost()

    assert capfd.readouterr().err.splitlines() == [
        "platform-trace: the collector refused 1 spans: no",
        "platform-trace: 49 spans were not delivered to the collector: no",
    ]


def test_what_an_outage_left_no_room_for_is_said_at_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    collector = Collector(repeat(Outcome("retry", message="connection refused")))
    export = Export(collector, Batching(delay=0.01, waiting=10))
    export.take(0)
    assert collector.asked.acquire(timeout=PATIENCE)
    for number in range(1, 1000):
        export.take(number)
    export.begin_stop(monotonic() + 0.1)()

    last = capfd.readouterr().err.splitlines()[-1]
    assert last == "platform-trace: 1000 spans were not delivered to the collector: connection refused"


def test_spans_that_end_after_the_provider_was_shut_down_are_said_at_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    export = Export(Collector(), Batching())
    export.take(1)
    export.begin_stop(monotonic() + PATIENCE)()
    export.take(2)
    export.begin_stop(monotonic() + PATIENCE)()

    assert capfd.readouterr().err.splitlines() == [
        "platform-trace: 1 spans were not delivered to the collector: they ended after the end of tracing",
    ]


def test_what_is_raised_into_the_service_while_a_span_is_encoded_passes_and_the_span_is_counted() -> None:
    class TimeLimit(BaseException):
        pass

    class Late(Plain):
        def encode(self, span: Any) -> tuple[Any, int]:
            raise TimeLimit

    collector = Collector()
    collector.codec = Late()
    export = Export(collector, Batching())
    with pytest.raises(TimeLimit):
        export.take(1)

    assert export.queue.counts() == Counts(dropped=1)


def test_plain_spans_are_encoded_together_in_the_thread_of_the_last_and_all_arrive_in_order() -> None:
    class Telling(Plain):
        def encode(self, span: Any) -> tuple[Any, int]:
            encoded.append((int(span), threading.current_thread() is threading.main_thread()))
            return super().encode(span)

    encoded: list[tuple[int, bool]] = []
    collector, export = encoding_by(Telling())
    take(export, plain(range(TOGETHER - 1)))
    assert encoded == []
    export.take(TOGETHER - 1)  # one that is not plain
    assert encoded == [(TOGETHER - 1, True)]
    export.take(PlainNumber(TOGETHER))
    assert encoded[1:] == [(number, True) for number in (*range(TOGETHER - 1), TOGETHER)]
    export.take(PlainNumber(TOGETHER + 1))
    assert export.queue.counts() == Counts(queued=TOGETHER + 2)

    assert export.flush(PATIENCE)
    assert encoded[-1] == (TOGETHER + 1, False)
    assert numbers(collector) == list(range(TOGETHER + 2))


def test_what_is_raised_into_the_service_while_plain_spans_are_encoded_passes_and_loses_none() -> None:
    class TimeLimit(BaseException):
        pass

    class Late(Plain):
        def encode(self, span: Any) -> tuple[Any, int]:
            if span in late:
                late.remove(span)
                raise TimeLimit
            return super().encode(span)

    late = {0, 5}
    collector, export = encoding_by(Late())
    with pytest.raises(TimeLimit):
        take(export, plain(range(TOGETHER)))
    with pytest.raises(TimeLimit):
        export.take(PlainNumber(TOGETHER))
    assert export.queue.counts() == Counts(queued=TOGETHER + 1)

    assert export.flush(PATIENCE)
    assert numbers(collector) == list(range(TOGETHER + 1))


def test_an_exception_of_a_signals_handler_passes_too_and_loses_no_plain_span() -> None:
    class Late(Exception):
        pass

    class Alarming(Plain):
        def encode(self, span: Any) -> tuple[Any, int]:
            if alarms:
                signal.raise_signal(alarms.pop())
            return super().encode(span)

    def handle(*_: object) -> None:
        raise Late

    alarms = [signal.SIGALRM]
    collector, export = encoding_by(Alarming())
    former = signal.signal(signal.SIGALRM, handle)
    try:
        with pytest.raises(Late):
            take(export, plain(range(TOGETHER)))
    finally:
        signal.signal(signal.SIGALRM, former)

    assert export.flush(PATIENCE)
    assert numbers(collector) == list(range(TOGETHER))


def test_plain_spans_that_find_no_stack_are_encoded_by_the_thread_that_sends() -> None:
    class Shallow(Plain):
        def encode(self, span: Any) -> tuple[Any, int]:
            if threading.current_thread() is threading.main_thread():
                raise RecursionError
            return super().encode(span)

    collector, export = encoding_by(Shallow())
    take(export, plain(range(TOGETHER)))

    assert export.flush(PATIENCE)
    assert numbers(collector) == list(range(TOGETHER))


def test_plain_spans_that_nobody_can_encode_are_dropped_and_said_and_no_empty_message_is_sent(
    capfd: pytest.CaptureFixture[str],
) -> None:
    class Without(Plain):
        def encode(self, span: Any) -> tuple[Any, int]:
            raise MemoryError

    collector, export = encoding_by(Without())
    take(export, plain(range(3)))

    assert export.flush(PATIENCE)
    assert collector.received == []
    assert export.queue.counts() == Counts(dropped=3)
    assert export.queue._bytes == 0
    assert (
        capfd.readouterr().err
        == "platform-trace: 3 spans were dropped on their way to the collector: they could not be encoded\n"
    )


def test_a_flush_does_not_wait_for_a_thread_that_hangs_in_encoding_and_sends_its_spans_once() -> None:
    encodes, goes_on = threading.Event(), threading.Event()

    class Hanging(Plain):
        def encode(self, span: Any) -> tuple[Any, int]:
            if threading.current_thread() is other:
                encodes.set()
                assert goes_on.wait(PATIENCE)
            return super().encode(span)

    collector, export = encoding_by(Hanging())
    other = threading.Thread(target=take, args=(export, plain(range(TOGETHER))))
    other.start()
    assert encodes.wait(PATIENCE)

    assert export.flush(PATIENCE)
    assert numbers(collector) == list(range(TOGETHER))
    goes_on.set()
    other.join(PATIENCE)
    assert export.flush(PATIENCE)
    assert export.queue.counts() == Counts(exported=TOGETHER)
    assert numbers(collector) == list(range(TOGETHER))


def test_a_queue_of_plain_spans_is_bounded_in_bytes_and_in_number() -> None:
    by_bytes, by_number = SpanQueue(lambda _: (0, 1000), largest=50_000), SpanQueue(as_it_is, most=5)
    for number in range(100):
        by_bytes.put_plain(number)
        by_number.put_plain(number)

    # All that are encoded count with their bytes, and a handful is not encoded yet.
    assert 50_000 / 1000 - TOGETHER < by_bytes.counts().queued < 50_000 / 1000 + TOGETHER
    assert by_number.counts() == Counts(queued=5, dropped=95)


def test_several_who_send_at_once_where_no_thread_can_be_started_do_not_disturb_one_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(export_module, "start", lambda *_: False)
    collector = Collector()
    export = Export(collector, Batching(most=1))
    failures: list[BaseException] = []
    monkeypatch.setattr(threading, "excepthook", lambda failure: failures.append(failure.exc_value))
    take(export, plain(range(500)))
    flushing = [threading.Thread(target=export.flush, args=(PATIENCE,)) for _ in range(8)]
    for each in flushing:
        each.start()
    for each in flushing:
        each.join(PATIENCE)

    assert failures == []
    assert sorted(numbers(collector)) == list(range(500))


def test_a_handler_may_raise_at_any_moment_while_the_thread_is_started() -> None:
    """In a process of its own: it raises at the first moment, in the next attempt at the second, and so on."""
    code = """
        import itertools, os, signal, sys
        from tests.export.test_export import Batching, Collector, Export

        class TimeLimit(Exception): pass
        def handle(number, frame): raise TimeLimit
        def profile(frame, event, argument):
            if frame.f_code.co_filename.endswith(("threads.py", "export.py")):
                seen.append(frame.f_code.co_name)
                if len(seen) == moment:
                    os.kill(os.getpid(), signal.SIGALRM)

        signal.signal(signal.SIGALRM, handle)
        for moment in itertools.count(1):
            export, seen = Export(Collector(), Batching()), []
            sys.setprofile(profile)
            try:
                export.take(1)
                break
            except TimeLimit:
                pass
            finally:
                sys.setprofile(None)
            if not export.flush(5) or signal.pthread_sigmask(signal.SIG_BLOCK, ()):
                print(moment, seen[-1])
        print("start" in seen)
    """
    outcome = run(sys.executable, "-c", textwrap.dedent(code), cwd=Path(__file__).parents[2])

    assert (outcome.stdout, outcome.stderr) == ("True\n", "")


def test_why_spans_are_lost_is_not_guessed_where_sending_them_raises(capfd: pytest.CaptureFixture[str]) -> None:
    class Broken(Collector):
        def sender(self) -> "Collector":
            raise OSError("too many open files")

    export = Export(Broken(), Batching())
    export.take(1)
    export.begin_stop(monotonic() + PATIENCE)()

    assert capfd.readouterr().err.splitlines() == [
        "platform-trace: could not send spans to the collector: OSError: too many open files",
        "platform-trace: 1 spans were not delivered to the collector: they could not be sent",
    ]


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
