"""A query's time ends while its answer is written, too: the clock is looked at for every few spans."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from platform_otel.collector import answers
from platform_otel.collector.database import MEMORY
from platform_otel.collector.jaeger import v1, v3
from platform_otel.collector.json_pieces import encoded
from platform_otel.collector.outside import Asked
from platform_otel.collector.reader import Reader, TooSlow
from platform_otel.collector.tempo import api as tempo
from tests.collector.running import Made
from tests.collector.test_store import Kept

SPANS = 1000
TRACE = Made(1, 1).trace_id
ASKED = Asked({"trace_id": TRACE}, {})

Answer = Callable[[Reader], object]


def outside(module: object, path: str) -> Answer:
    """What another tool's API answers for the trace."""
    questions = {question.path: question for question in module.QUESTIONS}  # type: ignore[attr-defined]  # each has them
    return lambda reader: questions[path].answer(reader, ASKED)


ANSWERS: dict[str, Answer] = {
    "trace": lambda reader: answers.trace(reader, {"trace_id": bytes.fromhex(TRACE)}),
    "logs": lambda reader: answers.logs(reader, {"trace_id": bytes.fromhex(TRACE)}),
    "jaeger v1": outside(v1, "/api/traces/{trace_id}"),
    "jaeger v3": outside(v3, "/api/v3/traces/{trace_id}"),
    "tempo": outside(tempo, "/api/v2/traces/{trace_id}"),
}


class Clock:
    """The time is up at a look at it, and counts them."""

    def __init__(self, late_at: int) -> None:
        self._late_at = late_at
        self.looks = 0

    def is_late(self) -> bool:
        self.looks += 1
        return self.looks >= self._late_at


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    with Kept(MEMORY) as kept:
        kept.add(*(Made(1, span) for span in range(1, SPANS + 1)))
        kept.add_logs(*("x" for _ in range(SPANS)), trace=1)
        yield kept


def looks(kept: Kept, answer: Answer, late_at: int = 10**9) -> int:
    clock = Clock(late_at)
    with kept.database.writing() as connection:
        answer(Reader(connection, clock.is_late))
    return clock.looks


@pytest.mark.parametrize("name", ANSWERS)
def test_the_clock_is_looked_at_for_every_few_spans(kept: Kept, name: str) -> None:
    assert looks(kept, ANSWERS[name]) > SPANS / 10


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_given_up_when_the_time_ends_while_it_is_written(kept: Kept, name: str) -> None:
    last = looks(kept, ANSWERS[name])

    with pytest.raises(TooSlow):
        looks(kept, ANSWERS[name], late_at=last)


def test_any_json_is_given_up_when_the_time_ends_while_it_is_written() -> None:
    clock = Clock(late_at=50)

    def check() -> None:
        if clock.is_late():
            raise TooSlow

    with pytest.raises(TooSlow):
        encoded({"traces": [{"spans": [{"id": number} for number in range(SPANS)]}] * 100}, check)
