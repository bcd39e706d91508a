"""Version 1 of Jaeger's HTTP API: what its own page asks, and Grafana's data source.

https://github.com/jaegertracing/jaeger/blob/main/cmd/jaeger/internal/extension/jaegerquery/internal/http_handler.go
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import unquote

from platform_otel.collector import operations, overviews, reading
from platform_otel.collector.answers import NotThere
from platform_otel.collector.jaeger import searches, ui_json
from platform_otel.collector.model import KINDS
from platform_otel.collector.outside import Asked, OutsideQuestion, Reply, in_json
from platform_otel.collector.outside_values import LATEST, duration, number, trace_id
from platform_otel.collector.overviews import Window
from platform_otel.collector.parameters import BadParameter
from platform_otel.collector.reader import Reader
from platform_otel.collector.search import Query

_MICROSECOND = 10**3
_MILLISECOND = 10**6
_DAY = 24 * 3600 * 10**9
_NOT_FOUND = "trace not found"
_NO_ROOM = "left out: the traces before it have too many spans"


def _services(reader: Reader, _: Asked) -> Reply:
    return _counted(operations.services(reader))


def _operations_of_service(reader: Reader, asked: Asked) -> Reply:
    # Grafana encodes the name twice, as Jaeger decodes it twice.
    names = [operation.name for operation in operations.kept(reader, unquote(asked.path["service"]))]
    return _counted(list(dict.fromkeys(names)))


def _operations(reader: Reader, asked: Asked) -> Reply:
    service, kind = asked.value("service"), asked.value("spanKind")
    if not service:
        raise BadParameter("parameter 'service' is required")
    found = operations.kept(reader, service, kind)
    return _counted([{"name": each.name, "spanKind": KINDS[each.kind] if each.kind else ""} for each in found])


def _traces(reader: Reader, asked: Asked) -> Reply:
    if given := asked.query.get("traceID"):
        return _traces_by_id(reader, list(dict.fromkeys(map(trace_id, given))))
    return _shown(reader, _in_full(reader, searches.found(reader, _query(asked))))


def _traces_by_id(reader: Reader, ids: list[bytes]) -> Reply:
    sizes = searches.sizes(reader, ids)
    fitting = searches.fitting(sizes.items())
    errors = [
        {"msg": _NO_ROOM if each in sizes else _NOT_FOUND, "traceID": ui_json.shown_trace_id(each)}
        for each in ids
        if each not in fitting
    ]
    return _shown(reader, _in_full(reader, fitting), errors or None)


def _trace(reader: Reader, asked: Asked) -> Reply:
    traces = _in_full(reader, [trace_id(asked.path["trace_id"])])
    if not traces:
        raise NotThere(_NOT_FOUND)
    return _shown(reader, traces)


def _dependencies(reader: Reader, asked: Asked) -> Reply:
    end = number(asked, "endTs")
    until = time.time_ns() if end is None else end * _MILLISECOND
    lookback = number(asked, "lookback")
    since = until - (_DAY if lookback is None else lookback * _MILLISECOND)
    service = asked.value("service")
    calls = overviews.calls(reader, Window(max(0, since), until))
    links = [{"parent": call["caller"], "child": call["callee"], "callCount": call["count"]} for call in calls]
    return _enveloped([each for each in links if not service or service in (each["parent"], each["child"])])


def _query(asked: Asked) -> Query:
    service = asked.value("service")
    if not service:
        raise BadParameter("parameter 'service' is required")
    latest = LATEST // _MICROSECOND - 1
    start, end = number(asked, "start", at_most=latest), number(asked, "end", at_most=latest)
    shortest, longest = duration(asked, "minDuration"), duration(asked, "maxDuration")
    if shortest and longest and longest < shortest:
        raise BadParameter("'maxDuration' should be greater than 'minDuration'")
    return Query(
        service=service,
        operation=asked.value("operation"),
        start=max(0, time.time_ns() - 2 * _DAY) if start is None else start * _MICROSECOND,
        end=None if end is None else (end + 1) * _MICROSECOND,
        shortest=shortest,
        span_shortest=shortest,
        span_longest=longest,
        where=searches.where(_tags(asked)),
        limit=number(asked, "limit", at_most=searches.MOST_TRACES) or searches.DEFAULT_LIMIT,
    )


def _tags(asked: Asked) -> dict[str, str]:
    tags: dict[str, str] = {}
    for text in asked.query.get("tag", ()):
        key, colon, value = text.partition(":")
        if not colon:
            raise BadParameter(f"malformed 'tag' parameter, expecting key:value, received: {text[:50]}")
        tags[key] = value
    for text in asked.query.get("tags", ()):
        tags.update(searches.tags_in_json("tags", text))
    return tags


def _in_full(reader: Reader, ids: list[bytes]) -> list[ui_json.Json]:
    traces = ui_json.Traces(ids)
    for item in reading.spans(reader, ids):
        traces.add(item)
    return traces.json()


def _shown(reader: Reader, traces: list[ui_json.Json], errors: list[ui_json.Json] | None = None) -> Reply:
    """Traces in full: they may be so many that there is no time to write them."""
    return in_json(_envelope(traces, errors=errors), check=reader.check)


def _counted(data: list[Any]) -> Reply:
    return _enveloped(data, len(data))


def _enveloped(data: list[Any] | None, total: int = 0) -> Reply:
    return in_json(_envelope(data, total))


def _envelope(data: list[Any] | None, total: int = 0, errors: list[ui_json.Json] | None = None) -> ui_json.Json:
    return {"data": data, "total": total, "limit": 0, "offset": 0, "errors": errors}


def _failed(status: int, message: str) -> Reply:
    return in_json(_envelope(None, errors=[{"code": status, "msg": message}]), status)


# A service's name may have a slash.
QUESTIONS = tuple(
    OutsideQuestion(path, answer, _failed)
    for path, answer in (
        ("/api/services", _services),
        ("/api/services/{service:path}/operations", _operations_of_service),
        ("/api/operations", _operations),
        ("/api/traces", _traces),
        ("/api/traces/{trace_id}", _trace),
        ("/api/dependencies", _dependencies),
    )
)
