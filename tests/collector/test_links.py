"""A span says which spans it leads to, and the collector which ones lead to it."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from platform_otel.collector import schema
from platform_otel.collector.database import Database
from platform_otel.collector.store import Retention, Store
from tests.collector.running import BASE, Collector, Made, body, eventually, log_body, request

PRODUCER, CONSUMER = 4, 5
FOREVER = Retention(age=10**18, size=2**40)


def linking(made: Made, *to: tuple[int, int]) -> bytes:
    """A request with one span that links to these: traces and spans, by number."""
    message = request(made)
    for trace, span in to:
        link = message.resource_spans[0].scope_spans[0].spans[0].links.add()
        link.trace_id, link.span_id = trace.to_bytes(16, "big"), span.to_bytes(8, "big")
    return message.SerializeToString()


def linked(collector: Collector, trace: int, **parameters: object) -> list[tuple[int, int, int]]:
    """The spans that link to a trace: which of its spans they link to, and the trace and span that they are."""
    found = collector.get(f"/query/traces/{trace:032x}/links", **parameters)["links"]
    return [(int(each["linkedSpanId"], 16), int(each["traceId"], 16), int(each["spanId"], 16)) for each in found]


@pytest.fixture(scope="module")
def filled() -> Iterator[Collector]:
    """One message that three consumers take together with others, one of them twice."""
    with Collector() as collector:
        collector.send(body(Made(1, 1), Made(1, 2, parent=1, kind=PRODUCER, name="send orders")))
        for trace in (2, 3, 4):
            consumer = Made(trace, 1, service="billing", name="process orders", kind=CONSUMER, start=trace)
            collector.send(linking(consumer, (1, 2), (9, 9), (1, 2)))
        collector.send(linking(Made(5, 7), (1, 1)))
        yield collector


def test_the_spans_of_other_traces_that_link_to_one_are_found_the_newest_first(filled: Collector) -> None:
    assert linked(filled, 1, span=f"{2:016x}") == [(2, 4, 1), (2, 3, 1), (2, 2, 1)]
    assert linked(filled, 1) == [(1, 5, 7), (2, 4, 1), (2, 3, 1), (2, 2, 1)]


def test_a_link_says_who_has_it_and_when_that_began(filled: Collector) -> None:
    answer = filled.get(f"/query/traces/{1:032X}/links", span=f"{2:016X}", limit=1)

    assert answer == {
        "count": 3,
        "complete": True,
        "links": [
            {
                "linkedSpanId": f"{2:016x}",
                "traceId": f"{4:032x}",
                "spanId": f"{1:016x}",
                "service": "billing",
                "operation": "process orders",
                "startTimeUnixNano": str(BASE + 4 * 10**6),
            }
        ],
    }


def test_links_to_a_trace_that_is_not_here_are_known(filled: Collector) -> None:
    assert filled.ask(f"/query/traces/{9:032x}").status == 404
    assert [trace for _, trace, _ in linked(filled, 9)] == [4, 3, 2]


def test_a_trace_that_nothing_links_to_has_none(filled: Collector) -> None:
    assert filled.get(f"/query/traces/{77:032x}/links") == {"count": 0, "links": [], "complete": True}


def test_what_is_no_span_id_is_refused(filled: Collector) -> None:
    answer = filled.ask(f"/query/traces/{1:032x}/links", span="1")

    assert (answer.status, answer.json["error"]) == (400, "span: 16 hexadecimal digits are expected")


def test_a_span_that_comes_again_links_as_it_did_first(collector: Collector) -> None:
    for to in ((1, 1), (1, 1), (1, 2)):
        assert collector.send(linking(Made(2, 1), to)).status == 200

    assert linked(collector, 1) == [(1, 2, 1)]


def test_a_link_that_names_no_span_is_none_and_the_span_stays(collector: Collector) -> None:
    message = request(Made(2, 1), Made(2, 2))
    first, second = (of.scope_spans[0].spans[0] for of in message.resource_spans)
    first.links.add(trace_id=bytes(16), span_id=bytes(8))
    first.links.add(trace_id=b"short", span_id=b"too")
    second.links.add(trace_id=(1).to_bytes(16, "big"), span_id=(1).to_bytes(8, "big"))
    answer = collector.send(message.SerializeToString())

    assert (answer.status, answer.body) == (200, b"")
    assert len(collector.spans(f"{2:032x}")) == 2
    assert linked(collector, 1) == [(1, 2, 2)]


def test_of_a_span_that_links_to_thousands_the_first_128_links_are_known(collector: Collector) -> None:
    collector.send(linking(Made(2, 1), *((1, span) for span in range(1, 2001))))

    assert collector.get(f"/query/traces/{1:032x}/links")["count"] == 128
    assert len(collector.spans(f"{2:032x}")[0]["links"]) == 2000


def test_the_links_of_a_trace_go_with_it(tmp_path: Path) -> None:
    with Collector(db=tmp_path / "db") as collector:
        collector.send(linking(Made(2, 1), (1, 1)))
        collector.send(linking(Made(3, 1), (1, 1)))
    change(tmp_path / "db", "UPDATE traces SET arrived = 1 WHERE id = 1")

    with Collector(db=tmp_path / "db") as collector:
        eventually(lambda: linked(collector, 1) == [(1, 3, 1)])


def test_the_links_that_a_file_of_an_earlier_schema_has_are_entered(tmp_path: Path) -> None:
    as_before_links(tmp_path / "db", broken=False)

    with Collector(db=tmp_path / "db") as collector:
        eventually(lambda: bool(collector.get(f"/query/traces/{1:032x}/links")["complete"]))
        assert linked(collector, 1) == [(1, 3, 1), (1, 2, 1)]


def test_a_damaged_batch_of_an_earlier_schema_keeps_no_other_from_being_entered(tmp_path: Path) -> None:
    as_before_links(tmp_path / "db", broken=True)

    with Collector(db=tmp_path / "db") as collector:
        eventually(lambda: bool(collector.get(f"/query/traces/{1:032x}/links")["complete"]))
        assert linked(collector, 1) == [(1, 2, 1)]
        assert collector.send(body(Made(4, 1))).status == 200


def as_before_links(path: Path, broken: bool) -> None:
    """A file of the second schema with two linking traces, a span that went, and a batch of logs last."""
    with Collector(db=path) as collector:
        collector.send(linking(Made(2, 1), (1, 1)))
        collector.send(body(Made(4, 1)))
        collector.send(linking(Made(3, 1), (1, 1)))
        collector.send(linking(Made(5, 1), (1, 1)))
        collector.send(log_body("the last one"), "logs")
    change(path, "DROP TABLE links")
    change(path, "DROP TABLE linking")
    change(path, "DELETE FROM spans WHERE trace = 4")
    change(path, "PRAGMA user_version = 2")
    if broken:
        change(path, "UPDATE batches SET raw = ? WHERE id = 3", zlib.compress(b"no message"))


def change(path: Path, sql: str, *parameters: Any) -> None:
    connection = sqlite3.connect(path)
    connection.execute(sql, parameters)
    connection.commit()
    connection.close()


def test_a_new_file_has_no_links_to_enter(tmp_path: Path) -> None:
    database = Database(str(tmp_path / "db"))
    with Store(database, FOREVER), database.reading(10) as reader:
        assert reader.rows("SELECT batch FROM linking") == [(0,)]
        assert reader.rows("PRAGMA user_version") == [(len(schema.migrations()),)]
