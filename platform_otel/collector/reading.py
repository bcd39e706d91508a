"""A trace, and a trace's logs, from the store: rows say where, batches have the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from google.protobuf.message import Message

from platform_otel.collector.messages import Item, Unpacked, put_together
from platform_otel.collector.reader import Reader

_SPANS = """
    SELECT batch, position FROM spans
    WHERE trace = (SELECT id FROM traces WHERE trace_id = ?) ORDER BY batch, position"""
_LOGS = "SELECT batch, position FROM logs WHERE trace_id = ? ORDER BY batch, position"


def trace(reader: Reader, trace_id: bytes) -> Message | None:
    """The spans of a trace as TracesData; None if there are none.

    Raises:
        TooSlow
    """
    rows = reader.rows(_SPANS, (trace_id,))
    return put_together("traces", items_at(reader, "traces", rows)) if rows else None


def spans(reader: Reader, trace_ids: Sequence[bytes]) -> Iterator[Item]:
    """The spans of several traces, in no order.

    Raises:
        TooSlow
    """
    places = (place for each in trace_ids for place in reader.rows(_SPANS, (each,)))
    return items_at(reader, "traces", places)


def logs(reader: Reader, trace_id: bytes) -> Message:
    """The log records of a trace as LogsData.

    Raises:
        TooSlow
    """
    rows = reader.rows(_LOGS, (trace_id,))
    return put_together("logs", items_at(reader, "logs", rows))


def items_at(reader: Reader, signal: str, places: Iterable[tuple[int, int]]) -> Iterator[Item]:
    """The items at these (batch, position), one batch after the other; each holds all of its batch in memory."""
    for batch, positions in _by_batch(places).items():
        reader.check()
        unpacked = Unpacked(signal, raw(reader, batch))
        yield from map(unpacked.item, positions)


def raw(reader: Reader, batch: int) -> bytes:
    """A batch as it is stored."""
    found: bytes = reader.rows("SELECT raw FROM batches WHERE id = ?", (batch,))[0][0]
    return found


def _by_batch(places: Iterable[tuple[int, int]]) -> dict[int, Sequence[int]]:
    batches: dict[int, list[int]] = {}
    for batch, position in places:
        batches.setdefault(batch, []).append(position)
    return dict(batches)
