"""Version 3 of Jaeger's HTTP API: traces as OTLP/JSON.

https://github.com/jaegertracing/jaeger/blob/main/cmd/jaeger/internal/extension/jaegerquery/internal/apiv3/http_gateway.go;
parameters are called as there, and as they were before.
"""

from __future__ import annotations

from platform_otel.collector import operations, reading
from platform_otel.collector.answers import NotThere
from platform_otel.collector.jaeger import searches
from platform_otel.collector.messages import put_together
from platform_otel.collector.model import KINDS
from platform_otel.collector.otlp_text import written
from platform_otel.collector.outside import Asked, OutsideQuestion, Reply, in_json
from platform_otel.collector.outside_values import LATEST, duration, instant, number, trace_id
from platform_otel.collector.parameters import BadParameter
from platform_otel.collector.reader import Reader
from platform_otel.collector.search import Query


def _services(reader: Reader, _: Asked) -> Reply:
    return in_json({"services": operations.services(reader)})


def _operations(reader: Reader, asked: Asked) -> Reply:
    found = operations.kept(reader, asked.value("service"), asked.value("spanKind", "span_kind"))
    return in_json({"operations": [{"name": each.name, "spanKind": KINDS[each.kind or 1]} for each in found]})


def _traces(reader: Reader, asked: Asked) -> Reply:
    return _in_full(reader, searches.found(reader, _query(asked)))


def _trace(reader: Reader, asked: Asked) -> Reply:
    return _in_full(reader, [trace_id(asked.path["trace_id"])])


def _query(asked: Asked) -> Query:
    start = instant(asked, "query.startTimeMin", "query.start_time_min")
    end = instant(asked, "query.startTimeMax", "query.start_time_max")
    if start is None or end is None:
        raise BadParameter("query.startTimeMin and query.startTimeMax are required")
    if start >= end:
        raise BadParameter("query.startTimeMin must be before query.startTimeMax")
    attributes = asked.value("query.attributes")
    shortest = duration(asked, "query.durationMin", "query.duration_min")
    depth = number(asked, "query.searchDepth", "query.search_depth", "query.num_traces", at_most=searches.MOST_TRACES)
    return Query(
        service=asked.value("query.serviceName", "query.service_name"),
        operation=asked.value("query.operationName", "query.operation_name"),
        start=start,
        end=min(end + 1, LATEST),
        shortest=shortest,
        span_shortest=shortest,
        span_longest=duration(asked, "query.durationMax", "query.duration_max"),
        where=searches.where(searches.tags_in_json("query.attributes", attributes)) if attributes else None,
        limit=depth or searches.DEFAULT_LIMIT,
    )


def _in_full(reader: Reader, ids: list[bytes]) -> Reply:
    found = put_together("traces", reading.spans(reader, ids))
    if not found.ListFields():
        raise NotThere("No traces found")
    return in_json({"result": written(found, reader.check)})


def _failed(status: int, message: str) -> Reply:
    return in_json({"error": {"httpCode": status, "message": message}}, status)


QUESTIONS = tuple(
    OutsideQuestion(path, answer, _failed)
    for path, answer in (
        ("/api/v3/services", _services),
        ("/api/v3/operations", _operations),
        ("/api/v3/traces", _traces),
        ("/api/v3/traces/{trace_id}", _trace),
    )
)
