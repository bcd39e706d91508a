"""Which spans link to which: entered with the spans as they come, and for those of an older file afterwards."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from google.protobuf.message import DecodeError

from platform_otel.collector.messages import Unpacked
from platform_otel.collector.model import Link
from platform_otel.collector.otlp_decoding import links_of

# By position in a batch: the number of the trace and the id of the span.
_Places = Mapping[int, tuple[int, bytes]]

_ENTER = "INSERT OR IGNORE INTO links VALUES (?, ?, ?, ?)"
_NEXT_OLDER = "SELECT id, raw FROM batches WHERE signal = 0 AND id <= ? ORDER BY id DESC LIMIT 1"
_PLACE = """
    SELECT trace, span_id FROM spans
    WHERE trace = (SELECT id FROM traces WHERE trace_id = ?) AND span_id = ? AND (batch, position) = (?, ?)"""


def enter(connection: sqlite3.Connection, links: Iterable[Link], places: _Places) -> None:
    """Enter the links of a batch, in a transaction of the caller's; those of spans without a place are left out."""
    connection.executemany(
        _ENTER,
        [(link.trace_id, link.span_id, *places[link.position]) for link in links if link.position in places],
    )


def enter_older(connection: sqlite3.Connection) -> bool:
    """Enter the links of one more batch of an older file, in a transaction of the caller's; whether one was left."""
    (until,) = connection.execute("SELECT batch FROM linking").fetchone()
    if not until:
        return False
    batch, raw = connection.execute(_NEXT_OLDER, (until,)).fetchone() or (1, None)
    for position, span in enumerate(_spans(raw)):
        if links := links_of(span, position):
            found = connection.execute(_PLACE, (span.trace_id, span.span_id, batch, position)).fetchone()
            enter(connection, links, {position: found} if found else {})
    connection.execute("UPDATE linking SET batch = ?", (batch - 1,))
    return True


def _spans(raw: bytes | None) -> Iterator[Any]:  # Any: a generated class
    """All spans of a batch; none of one that is damaged, which those who read it say."""
    try:
        unpacked = Unpacked("traces", raw) if raw else None
    except (zlib.error, DecodeError):
        unpacked = None
    return (item.item for item in unpacked.items()) if unpacked else iter(())
