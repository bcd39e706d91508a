"""What the receivers hand in is counted once it is committed, and then let go."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from platform_otel.collector.database import MEMORY, Database
from platform_otel.collector.intake import Intake
from platform_otel.collector.model import Received, SpanBatch
from platform_otel.collector.otlp_decoding import decode
from platform_otel.collector.store import Refused, Retention, Store
from tests.collector.running import Made, body, eventually


@pytest.fixture
def intake() -> Iterator[Intake]:
    with Store(Database(MEMORY), Retention(age=10**18, size=2**40)) as store:
        yield Intake(store)


@pytest.fixture
def no_collection() -> Iterator[None]:
    """What only Python's garbage collector would find stays."""
    gc.disable()
    yield
    gc.enable()


class Traces(dict):  # type: ignore[type-arg]  # as a batch has them, but one can see when they go
    pass


def request(first: int, parts: int) -> tuple[Received, list[weakref.ref[Traces]]]:
    """A request in several parts, and what tells whether they are still there."""
    parts_of = [decode("traces", body(Made(first + part, 1))) for part in range(parts)]
    traces = [Traces(each.batches[0].traces) for each in parts_of]  # type: ignore[union-attr]  # they have spans
    batches = [SpanBatch(part.batches[0].raw, mapping) for part, mapping in zip(parts_of, traces, strict=True)]
    return Received("traces", batches, parts, 0), [weakref.ref(each) for each in traces]


@pytest.mark.parametrize("parts", [1, 3])
def test_a_committed_request_is_let_go_without_the_garbage_collector(
    intake: Intake, no_collection: None, parts: int
) -> None:
    received, kept = request(1, parts)
    intake.add(received).result(10)
    del received

    eventually(lambda: [each() for each in kept] == [None] * parts)


def test_a_request_is_counted_when_all_of_it_is_committed(intake: Intake) -> None:
    intake.add(request(1, 3)[0]).result(10)
    intake.add(request(4, 1)[0]).result(10)
    intake.add(Received("metrics", (), 5, 1)).result(10)

    counts = intake.counts()
    assert counts["traces"] == {"requests": 2, "accepted": 4, "rejected": 0}
    assert counts["metrics"] == {"requests": 1, "accepted": 5, "rejected": 1}


def test_a_request_of_which_a_part_is_refused_is_not_counted(intake: Intake) -> None:
    received, _ = request(1, 3)
    first, second, third = received.batches
    assert isinstance(second, SpanBatch)
    no_column_takes_it = {
        trace_id: [span._replace(start=2**64) for span in spans] for trace_id, spans in second.traces.items()
    }
    parts = [first, second._replace(traces=no_column_takes_it), third]
    future = intake.add(received._replace(batches=parts))

    assert isinstance(future.exception(10), Refused)
    assert intake.counts()["traces"]["requests"] == 0
