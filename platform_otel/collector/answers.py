"""What each query answers, from one state of the store."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from platform_otel.collector import overviews, reading
from platform_otel.collector.json_pieces import Written
from platform_otel.collector.otlp_text import written
from platform_otel.collector.overviews import Window
from platform_otel.collector.reader import Reader
from platform_otel.collector.search import Query, search

Answer = dict[str, Any]  # Any: what json.dumps takes
Values = Mapping[str, Any]  # of parameters, by name

_HOUR = 3600 * 10**9


class NotThere(Exception):
    """There is no such thing."""


def services(reader: Reader, values: Values) -> Answer:
    """The services of a while."""
    return over(window := window_of(values), services=overviews.services(reader, window))


def operations(reader: Reader, values: Values) -> Answer:
    """The operations of a while."""
    window = window_of(values)
    return over(window, operations=overviews.operations(reader, window, values["service"]))


def traces(reader: Reader, values: Values) -> Answer:
    """A page of the traces that a search found."""
    names = {"min_duration": "shortest", "max_duration": "longest"}
    query = Query(**{names.get(name, name): value for name, value in values.items()})
    found = search(reader, query)
    return {
        "traces": found.traces,
        "lookedAt": found.looked_at,
        "reached": None if found.reached is None else str(found.reached),
        "next": found.next and "{}.{}".format(*found.next),
    }


def trace(reader: Reader, values: Values) -> Written:
    """A trace as OTLP/JSON."""
    message = reading.trace(reader, values["trace_id"])
    if message is None:
        raise NotThere("there is no such trace")
    return written(message, reader.check)


def logs(reader: Reader, values: Values) -> Answer | Written:
    """The log records of a trace as OTLP/JSON."""
    message = reading.logs(reader, values["trace_id"])
    return written(message, reader.check) if message.ListFields() else {"resourceLogs": []}


def window_of(values: Values) -> Window:
    """The while that is asked for: the last hour, unless it is said."""
    end = time.time_ns() if values["end"] is None else values["end"]
    return Window(max(0, end - _HOUR) if values["start"] is None else values["start"], end)


def over(window: Window, **parts: object) -> Answer:
    """An answer about a while."""
    return {"startTimeUnixNano": str(window.start), "endTimeUnixNano": str(window.end), **parts}
