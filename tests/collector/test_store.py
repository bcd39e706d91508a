"""What the store was given is there once, its rollups are right in whatever order it came, and what is old goes."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_otel.collector import histogram, overviews, reading
from platform_otel.collector.database import MEMORY, Database
from platform_otel.collector.model import Operation, Span, SpanBatch
from platform_otel.collector.names import MOST_OPERATIONS, OTHERS
from platform_otel.collector.otlp_decoding import decode
from platform_otel.collector.overviews import Window
from platform_otel.collector.reader import TooSlow
from platform_otel.collector.schema import ForeignDatabase, NewerSchema, migrations
from platform_otel.collector.search import Query, search
from platform_otel.collector.store import Refused, Retention, Store
from platform_otel.errors import PlatformTraceError
from tests.collector.running import BASE, Made, body, eventually, log_body

FOREVER = Retention(age=10**18, size=2**40)
ALWAYS = Window(0, 2**62)


class Kept:
    """A store in this process, and what is read from it."""

    def __init__(self, path: Path | str = MEMORY, retention: Retention = FOREVER) -> None:
        self.said: list[str] = []
        self.database = Database(str(path), say=self.said.append)
        self._store = Store(self.database, retention, say=self.said.append)

    def __enter__(self) -> Kept:
        self._store.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._store.__exit__()

    def add(self, *spans: Made) -> None:
        for batch in decode("traces", body(*spans)).batches:
            self._store.add(batch).result(10)

    def add_logs(self, *texts: str, trace: int = 0) -> None:
        for batch in decode("logs", log_body(*texts, trace=trace)).batches:
            self._store.add(batch).result(10)

    def rows(self, sql: str, *parameters: object) -> list[Any]:
        with self.database.reading(10) as reader:
            return reader.rows(sql, parameters)

    def count(self, table: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])

    def counts(self) -> dict[str, int]:
        tables = ("traces", "spans", "trace_operations", "orphans", "logs", "batches")
        return {table: self.count(table) for table in tables}

    def operations(self) -> dict[tuple[str, str], tuple[int, int, float]]:
        with self.database.reading(10) as reader:
            rows: list[Any] = overviews.operations(reader, ALWAYS)
        return {(row["service"], row["operation"]): (row["count"], row["errorCount"], row["p50Nano"]) for row in rows}

    def calls(self) -> dict[tuple[str, str], tuple[int, int]]:
        with self.database.reading(10) as reader:
            rows: list[Any] = overviews.calls(reader, ALWAYS)
        return {(row["caller"], row["callee"]): (row["count"], row["errorCount"]) for row in rows}


@pytest.fixture
def kept() -> Iterator[Kept]:
    with Kept() as store:
        yield store


# --- Once, in any order -----------------------------------------------------------------------------------------------


def test_a_span_that_comes_again_is_the_same_span(kept: Kept) -> None:
    kept.add(Made(1, 1), Made(1, 1))
    kept.add(Made(1, 1))
    kept.add(Made(1, 1), Made(1, 2))

    assert kept.rows("SELECT spans FROM traces") == [(2,)]
    assert kept.count("spans") == 2
    assert kept.operations()["shop", "GET /"][0] == 2


def test_a_batch_without_anything_new_is_not_kept(kept: Kept) -> None:
    kept.add(Made(1, 1))
    kept.add(Made(1, 1))

    assert kept.count("batches") == 1


def test_the_same_span_id_in_another_trace_is_another_span(kept: Kept) -> None:
    kept.add(Made(1, 1), Made(2, 1))

    assert kept.count("spans") == 2


def test_a_trace_grows_with_what_comes_late(kept: Kept) -> None:
    kept.add(Made(1, 2, parent=1, name="later", start=50, milliseconds=20))
    kept.add(Made(1, 1, name="root", start=10, milliseconds=30, status=2))
    row = kept.rows("SELECT start, duration, spans, errors FROM traces")
    names = kept.rows(
        "SELECT r.name, e.name FROM traces JOIN operations r ON r.id = root JOIN operations e ON e.id = earliest"
    )

    assert row == [(BASE + 10 * 10**6, 60 * 10**6, 2, 1)]
    assert names == [("root", "root")]


def test_a_trace_whose_root_is_missing_is_known_by_its_earliest_span(kept: Kept) -> None:
    kept.add(Made(1, 3, parent=9, name="second", start=5), Made(1, 2, parent=9, name="first", start=1))

    assert kept.rows("SELECT root, name FROM traces JOIN operations ON operations.id = earliest") == [(None, "first")]


SERVICES = st.sampled_from(["gate", "identity", "meter"])
SPANS = st.lists(
    st.builds(
        Made,
        trace=st.integers(1, 2),
        span=st.integers(1, 8),
        parent=st.integers(0, 9),
        service=SERVICES,
        name=st.sampled_from(["GET /", "POST /"]),
        start=st.sampled_from([0, 1, 59_999, 60_000, 200_000]),
        milliseconds=st.sampled_from([0, 1, 3, 1000]),
        status=st.sampled_from([0, 2]),
        kind=st.just(2),
        attributes=st.just({}),
    ),
    max_size=14,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(SPANS, max_size=6), st.randoms(use_true_random=False))
def test_rollups_are_those_of_the_spans_however_they_come(batches: list[list[Made]], random: Any) -> None:
    batches = [*batches, *random.sample(batches, len(batches) // 2)]
    unique: dict[tuple[int, int], Made] = {}
    for made in (made for batch in batches for made in batch):
        unique.setdefault((made.trace, made.span), made)
    with Kept() as kept:
        for batch in batches:
            kept.add(*batch)
        stored = (minutes_of(kept), kept.calls())

    assert stored == (expected_minutes(unique.values()), expected_calls(unique))


def minutes_of(kept: Kept) -> dict[Any, Any]:
    rows = kept.rows(
        """SELECT minute, services.name, operations.name, count, errors, durations FROM operation_minutes
           JOIN operations ON operations.id = operation JOIN services ON services.id = service"""
    )
    return {tuple(row[:3]): (row[3], row[4], histogram.decode(row[5])) for row in rows}


def expected_minutes(spans: Any) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for made in spans:
        minute = (BASE + made.start * 10**6) // (60 * 10**9)
        count, errors, buckets = found.get((minute, made.service, made.name), (0, 0, Counter()))
        buckets[histogram.bucket_of(made.milliseconds * 10**6)] += 1
        found[minute, made.service, made.name] = (count + 1, errors + (made.status == 2), buckets)
    return found


def expected_calls(unique: dict[tuple[int, int], Made]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for made in unique.values():
        parent = unique.get((made.trace, made.parent))
        if parent is not None and parent.service != made.service:
            count, errors = found.get((parent.service, made.service), (0, 0))
            found[parent.service, made.service] = (count + 1, errors + (made.status == 2))
    return found


def test_more_names_of_operations_than_fit_share_one(kept: Kept) -> None:
    kept.add(*(Made(1, number, name=f"GET /{number}") for number in range(1, MOST_OPERATIONS + 11)))
    kept.add(Made(1, 5000, service="other", name="GET /"))
    operations = kept.operations()

    assert operations["shop", OTHERS][0] == 10
    assert operations["other", "GET /"][0] == 1
    assert len(operations) == MOST_OPERATIONS + 2


def test_the_names_survive_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        with Kept(tmp_path / "db") as kept:
            kept.add(Made(1, 1), Made(1, 2))

    with Kept(tmp_path / "db") as kept:
        assert kept.count("operations") == 1
        kept.add(Made(2, 1), Made(1, 1))
        assert kept.operations()["shop", "GET /"][0] == 3


NO_SUCH_NUMBER = Span(b"", b"", b"", Operation("", "", 0), 2**64, 0, 0, 0)


@pytest.mark.parametrize(
    "span", [NO_SUCH_NUMBER, None], ids=["a number that SQLite does not take", "what nobody thought of"]
)
def test_a_request_that_cannot_be_written_leaves_the_others_of_its_transaction_alone(kept: Kept, span: Any) -> None:
    one, three = (decode("traces", body(Made(number, 1))).batches[0] for number in (1, 3))
    broken = SpanBatch(b"", {bytes(16): [span]})
    futures = [kept._store.add(each) for each in (one, broken, three)]

    assert futures[0].exception(10) is None
    assert isinstance(futures[1].exception(10), Refused)
    assert futures[2].exception(10) is None
    assert kept.counts()["traces"] == 2
    assert kept.operations()["shop", "GET /"][0] == 2


def test_who_sent_what_cannot_be_written_is_answered_before_anybody_is_told() -> None:
    answered: list[bool] = []
    with Store(Database(MEMORY), FOREVER, say=lambda _: answered.append(future.done())) as store:
        future = store.add(SpanBatch(b"", {bytes(16): [NO_SUCH_NUMBER]}))

    assert isinstance(future.exception(), Refused)
    assert answered == [True]


# --- Retention --------------------------------------------------------------------------------------------------------


def test_traces_older_than_the_retention_go_whole_with_their_logs_and_minutes(tmp_path: Path) -> None:
    with Kept(tmp_path / "db") as kept:
        kept.add(Made(1, 1), Made(2, 1), Made(2, 2, parent=7))
        kept.add_logs("one", trace=1)
        kept.add_logs("of no trace")
        kept.database._writer.execute("UPDATE operation_minutes SET minute = 1")
        kept.database._writer.execute("UPDATE traces SET arrived = 1 WHERE id = 1")

    with Kept(tmp_path / "db", Retention(age=3600 * 10**9, size=2**40)) as kept:
        eventually(lambda: kept.count("traces") == 1)
        eventually(lambda: kept.count("operation_minutes") == 0)
        assert kept.counts() == {"traces": 1, "spans": 2, "trace_operations": 0, "orphans": 1, "logs": 1, "batches": 2}


def test_what_is_too_old_altogether_leaves_nothing_behind(tmp_path: Path) -> None:
    with Kept(tmp_path / "db") as kept:
        kept.add(*(Made(trace, span, parent=span - 1) for trace in range(1, 900) for span in range(1, 5)))
        kept.add_logs("one", trace=1)
        kept.add_logs("of no trace")

    time.sleep(0.01)
    with Kept(tmp_path / "db", Retention(age=10**6, size=2**40)) as kept:
        eventually(lambda: not any(kept.counts().values()))
        kept.add(Made(1, 1))
        assert kept.rows("SELECT id FROM traces") == [(900,)] or kept.counts()["traces"] <= 1


def test_the_oldest_traces_go_when_the_file_would_grow_too_large(tmp_path: Path) -> None:
    limit = 2 * 2**20
    with Kept(tmp_path / "db", Retention(age=10**18, size=limit)) as kept:
        for trace in range(1, 41):
            noise = {f"key {number}": os.urandom(1000).hex() for number in range(5)}
            kept.add(*(Made(trace, span, attributes=noise) for span in range(1, 30)))
        left = [int.from_bytes(trace_id, "big") for (trace_id,) in kept.rows("SELECT trace_id FROM traces ORDER BY id")]
        kept.add(Made(50, 1))
        assert kept.database.size() <= limit + 300_000

    assert left
    assert left == list(range(left[0], 41))
    assert os.path.getsize(tmp_path / "db") <= limit + 600_000


def test_the_oldest_logs_go_when_they_are_what_grows(tmp_path: Path) -> None:
    with Kept(tmp_path / "db", Retention(age=10**18, size=2**20)) as kept:
        for _ in range(40):
            kept.add_logs(*(os.urandom(1000).hex() for _ in range(50)))
        kept.add_logs("the last one")
        kept.add(Made(1, 1))
        assert kept.database.size() <= 2**20 + 300_000

    assert kept.said == []


def test_a_trace_that_grows_again_after_it_went_is_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform_otel.collector.store._SECONDS_BETWEEN_LOOKS", 0.05)
    with Kept(tmp_path / "db", Retention(age=10**6, size=2**40)) as kept:
        kept.add(Made(1, 1))
        eventually(lambda: kept.count("traces") == 0)
        kept._store._retention = FOREVER
        kept.add(Made(1, 2, parent=1))

        eventually(lambda: kept.count("traces") == 1)
        assert kept.count("orphans") == 1


# --- The file ---------------------------------------------------------------------------------------------------------


def test_the_file_and_what_is_beside_it_are_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "db"
    with Kept(path) as kept:
        kept.add(Made(1, 1))
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}

    assert set(modes) >= {"db", "db-wal"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "db"
    path.touch(0o644)
    with Kept(path):
        pass

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_later_schema_is_refused(tmp_path: Path) -> None:
    with Kept(tmp_path / "db"):
        pass
    connection = sqlite3.connect(tmp_path / "db")
    connection.execute(f"PRAGMA user_version = {len(migrations()) + 1}")
    connection.close()

    with pytest.raises(NewerSchema, match="written by a later version"):
        Kept(tmp_path / "db")


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "db")
    connection.execute("CREATE TABLE precious (thing)")
    connection.close()

    with pytest.raises(ForeignDatabase, match="something else"):
        Kept(tmp_path / "db")
    assert sqlite3.connect(tmp_path / "db").execute("SELECT name FROM sqlite_master").fetchall() == [("precious",)]


@pytest.mark.parametrize("damage", ["header", "pages", "text"])
def test_a_damaged_file_is_set_aside_with_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "db"
    with Kept(path) as kept:
        kept.add(*(Made(trace, 1) for trace in range(1, 500)))
    content = path.read_bytes()
    path.write_bytes(
        {"header": b"\xff" * 100 + content[100:], "pages": content[:4096] + b"\xff" * 20000, "text": b"hello\n" * 999}[
            damage
        ]
    )

    # What was left behind by an end that was not ours makes it look closer.
    (tmp_path / "db-wal").touch()
    with Kept(path) as kept:
        kept.add(Made(1, 1))
        assert kept.count("traces") == 1
    aside = [each.name for each in tmp_path.iterdir() if ".damaged-" in each.name]

    assert len(kept.said) == 1
    assert "is damaged" in kept.said[0]
    assert len([name for name in aside if not name.endswith(("-wal", "-shm"))]) == 1


def test_a_second_collector_on_the_same_file_is_refused(tmp_path: Path) -> None:
    with Kept(tmp_path / "db"), pytest.raises(PlatformTraceError, match="another collector uses"):
        Kept(tmp_path / "db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(PlatformTraceError, match="cannot write"):
        Kept(tmp_path / "db")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["a folder", "a pipe, as a device is no file either"])
def test_what_is_no_file_is_refused_and_stays_as_it_is(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "db")
    (tmp_path / "db").chmod(0o666)

    with pytest.raises(PlatformTraceError, match="is no file"):
        Kept(tmp_path / "db")
    assert (tmp_path / "db").stat().st_mode & 0o777 == 0o666
    assert [path.name for path in tmp_path.iterdir()] == ["db"]


def test_a_full_disk_is_said_once_and_its_end_too(tmp_path: Path) -> None:
    with Kept(tmp_path / "db") as kept:
        kept.add(Made(1, 1))
        pages = kept.database._writer.execute("PRAGMA page_count").fetchone()[0]
        kept.database._writer.execute(f"PRAGMA max_page_count = {pages + 2}")
        noise = {"key": os.urandom(20_000).hex()}
        for trace in (2, 3):
            with pytest.raises(Refused, match="full"):
                kept.add(Made(trace, 1, attributes=noise))
        kept.database._writer.execute("PRAGMA max_page_count = 1000000")
        kept.add(Made(2, 1, attributes=noise))

        assert kept.operations()["shop", "GET /"][0] == 2
        assert [line.partition(":")[0] for line in kept.said] == [
            f"cannot write to {tmp_path / 'db'}",
            f"writing to {tmp_path / 'db'} works again",
        ]


def test_every_table_and_column_of_the_schema_is_described(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "collector-schema.md").read_text(encoding="utf-8")
    with Kept() as kept:
        names = [name for (name,) in kept.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        missing = [
            f"{table}.{column}"
            for table in names
            for (column,) in kept.rows(f"SELECT name FROM pragma_table_info('{table}')")
            if f"`{column}`" not in page.partition(f"## `{table}`")[2].partition("\n## ")[0]
        ]

    assert missing == []


# --- Reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["memory", "file"])
def test_a_query_ends_at_its_limit_and_the_store_goes_on(tmp_path: Path, place: str) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with Kept(MEMORY if place == "memory" else tmp_path / "db") as kept:
        with pytest.raises(TooSlow), kept.database.reading(0.05) as reader:
            reader.rows(endless)
        kept.add(Made(1, 1))

        assert kept.count("spans") == 1


def test_what_is_done_with_many_rows_ends_at_the_limit_too(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    with Kept(tmp_path / "db") as kept, kept.database.reading(0.05) as reader, pytest.raises(TooSlow):
        sum(number for (number,) in reader.each(endless))


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    with (
        Kept(tmp_path / "db") as kept,
        kept.database.reading(5) as reader,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        reader.rows("DELETE FROM traces")


def test_a_reader_sees_one_state_of_the_store(tmp_path: Path) -> None:
    with Kept(tmp_path / "db") as kept, kept.database.reading(5) as reader:
        before = reader.rows("SELECT count(*) FROM spans")
        kept.add(Made(1, 1))

        assert reader.rows("SELECT count(*) FROM spans") == before


def test_a_trace_is_put_together_from_all_its_batches(kept: Kept) -> None:
    kept.add(Made(1, 1, attributes={"n": 1}), Made(2, 1))
    kept.add(Made(2, 2), Made(1, 2, service="meter", attributes={"n": 2}))
    kept.add(Made(1, 3), Made(1, 1))
    with kept.database.reading(5) as reader:
        message: Any = reading.trace(reader, (1).to_bytes(16, "big"))
    found = [
        (of_resource.resource.attributes[0].value.string_value, span.span_id[-1])
        for of_resource in message.resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    ]

    assert sorted(found) == [("meter", 2), ("shop", 1), ("shop", 3)]
    assert len(message.resource_spans) == 2


def found_by(kept: Kept, query: Query) -> Sequence[int]:
    with kept.database.reading(5) as reader:
        return [int(str(each["traceId"]), 16) for each in search(reader, query).traces]


def test_a_search_for_a_common_operation_finds_what_one_for_a_rare_one_does(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.add(*(Made(trace, 1, name=f"GET /{trace % 7}", start=trace) for trace in range(1, 60)))
    query = Query(operation="GET /3", limit=100)
    rare = found_by(kept, query)
    monkeypatch.setattr("platform_otel.collector.search._RARE", 0)

    assert found_by(kept, query) == rare == [trace for trace in range(59, 0, -1) if trace % 7 == 3]


def test_a_search_finds_a_rare_operation_whether_its_traces_are_indexed_yet_or_not(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform_otel.collector.ingestion._SPANS_TO_INDEX", 10)
    for trace in range(1, 26):
        kept.add(Made(trace, 1, name=f"GET /{trace % 5}", start=trace))
    kept.add(Made(3, 2, name="GET /late"), Made(25, 2, name="GET /late"))

    eventually(lambda: kept.rows("SELECT trace FROM indexing") == [(20,)])
    assert kept.count("trace_operations") == 21
    assert found_by(kept, Query(operation="GET /3")) == [23, 18, 13, 8, 3]
    assert found_by(kept, Query(operation="GET /late")) == [25, 3]


def test_a_search_that_takes_long_says_how_far_it_looked_and_goes_on_from_there(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.add(*(Made(trace, 1, start=trace) for trace in range(1, 30)))
    monkeypatch.setattr("platform_otel.collector.search._SECONDS", -1.0)
    with kept.database.reading(5) as reader:
        first = search(reader, Query())
        second = search(reader, Query(after=first.next))

    assert (first.looked_at, first.reached) == (1, BASE + 29 * 10**6)
    assert (second.looked_at, second.reached) == (1, BASE + 28 * 10**6)
