"""Tempo's HTTP API: what Grafana's data source asks of it.

https://grafana.com/docs/tempo/latest/api_docs/ and https://github.com/grafana/grafana/tree/main/pkg/tsdb/tempo
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from google.protobuf import json_format
from google.protobuf.wrappers_pb2 import BytesValue
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from platform_otel import __version__
from platform_otel.collector import reading
from platform_otel.collector.otlp_text import written
from platform_otel.collector.outside import Asked, OutsideQuestion, Reply, in_json
from platform_otel.collector.outside_values import LATEST, duration, number, trace_id
from platform_otel.collector.parameters import BadParameter
from platform_otel.collector.reader import Reader
from platform_otel.collector.search import Query
from platform_otel.collector.summaries import Summary
from platform_otel.collector.tempo import logfmt, search, tags, traceql
from platform_otel.collector.tempo.conditions import Filter, SpanSet, fields
from platform_otel.collector.tempo.fields import SCOPES, Field, is_of_trace, own
from platform_otel.collector.tempo.newest import Window
from platform_otel.collector.tempo.search import Match, Matches
from platform_otel.collector.tempo.traceql_tokens import NotTraceQL

_SECOND = 10**9
_LIMIT, _MOST_TRACES = 20, 1000
_SPANS, _MOST_SPANS = 3, 100
_NAMES = 5000
_PROTOBUF = "application/protobuf"
_TEXT = "text/plain; charset=utf-8"
_SERVICES = """
    SELECT services.name, count(*), sum(status = 2) FROM spans
    JOIN operations ON operations.id = operation JOIN services ON services.id = service
    WHERE trace = (SELECT id FROM traces WHERE trace_id = ?) GROUP BY services.id"""


def _echo(*_: object) -> Reply:
    return Reply(b"echo", _TEXT)


def _build(*_: object) -> Reply:
    """Ours: whoever asks learns that this is no Tempo that could do more."""
    empty = dict.fromkeys(("revision", "branch", "buildUser", "buildDate", "goVersion"), "")
    return in_json({"version": __version__, **empty})


def _trace(reader: Reader, asked: Asked) -> Reply:
    """An empty trace for an unknown id: after 404, Grafana would ask at the path that is Jaeger's."""
    found = reading.trace(reader, trace_id(asked.path["trace_id"]))
    if _PROTOBUF not in asked.accept:
        return in_json({"trace": written(found, reader.check) if found else {}, "metrics": {}})
    # A message whose first field is the trace: https://github.com/grafana/tempo/blob/main/pkg/tempopb/tempo.proto
    # Grafana takes for granted that the field is there.
    body = BytesValue(value=found.SerializeToString()).SerializeToString() if found else b"\n\0"
    return Reply(body, _PROTOBUF)


def _search(reader: Reader, asked: Asked) -> Reply:
    window = _window(asked)
    query = Query(
        start=window.start,
        end=window.end,
        shortest=duration(asked, "minDuration"),
        longest=duration(asked, "maxDuration"),
        limit=number(asked, "limit", at_least=1, at_most=_MOST_TRACES) or _LIMIT,
    )
    spans = _asked_spans(reader, asked)
    most_shown = number(asked, "spss", at_most=_MOST_SPANS)
    wanted = fields(spans)
    result = search.find(
        reader, query, spans, _SPANS if most_shown is None else most_shown, lambda match: _span(match, wanted)
    )
    traces = [_found(reader, trace, result.matches[str(trace["traceId"])]) for trace in result.found.traces]
    return in_json({"traces": traces, "metrics": {"inspectedTraces": result.found.looked_at}})


def _tags(reader: Reader, asked: Asked) -> Reply:
    limit = number(asked, "limit", at_most=_NAMES) or _NAMES
    found = tags.scopes(reader, _window(asked), _scope(asked), limit)
    return in_json({"scopes": [{"name": scope.name, "tags": scope.tags} for scope in found], "metrics": {}})


def _values(reader: Reader, asked: Asked) -> Reply:
    limit = number(asked, "limit", at_most=_NAMES) or _NAMES
    field = _field(unquote(asked.path["tag"]))
    found = tags.values(reader, field, _filter(reader, asked), _window(asked), limit)
    return in_json({"tagValues": [each._asdict() for each in found], "metrics": {}})


# --- What is asked ----------------------------------------------------------------------------------------------------


def _asked_spans(reader: Reader, asked: Asked) -> SpanSet:
    try:
        if query := asked.value("q"):
            return traceql.parse(query, reader.check)
        return logfmt.spans(asked.value("tags"))
    except NotTraceQL as error:
        raise BadParameter(f"invalid TraceQL query: {error}") from None


def _filter(reader: Reader, asked: Asked) -> SpanSet | None:
    """The spans whose values are wanted, if a set asks for some: builders ask with queries that are not finished."""
    try:
        spans = traceql.parse(asked.value("q"), reader.check) if asked.value("q") else None
    except NotTraceQL:
        return None
    # Values are looked for in spans one by one, where nothing is known of their traces.
    is_of_spans = isinstance(spans, Filter) and not any(map(is_of_trace, fields(spans)))
    return spans if is_of_spans else None


def _scope(asked: Asked) -> str:
    wanted = asked.value("scope")
    if wanted not in ("", "none", *SCOPES, tags.INTRINSIC):
        raise BadParameter(f"invalid scope: {wanted[:50]}")
    return "" if wanted == "none" else wanted


def _field(text: str) -> Field:
    found = re.fullmatch(r"(span|resource|event|link|instrumentation)?\.(.+)", text, re.DOTALL)
    if found:
        return Field(found[1] or ".", found[2])
    return own(text) or Field(".", text)


def _window(asked: Asked) -> Window:
    """Whole seconds; the last one is in it."""
    start, end = number(asked, "start", at_most=LATEST // _SECOND), number(asked, "end", at_most=LATEST // _SECOND - 1)
    return Window((start or 0) * _SECOND, LATEST if not end else (end + 1) * _SECOND)


# --- What is answered -------------------------------------------------------------------------------------------------


def _found(reader: Reader, trace: Summary, matches: Matches) -> dict[str, Any]:
    spans = {"spans": matches.first, "matched": matches.total}
    rows = reader.rows(_SERVICES, (bytes.fromhex(str(trace["traceId"])),))
    return {
        "traceID": trace["traceId"],
        **search.root(trace),
        "startTimeUnixNano": trace["startTimeUnixNano"],
        "durationMs": int(str(trace["durationNano"])) // 10**6,
        "spanSet": spans,
        "spanSets": [spans],
        "serviceStats": {name: {"spanCount": count, "errorCount": errors} for name, count, errors in rows},
    }


def _span(match: Match, wanted: list[Field]) -> search.Shown:
    span = match.item.item
    attributes = [
        {"key": field.name, "value": _wrapped(value)}
        for field in wanted
        if (value := match.lookup(field.key)) is not None
    ]
    return {
        "spanID": span.span_id.hex(),
        "name": span.name,
        "startTimeUnixNano": str(span.start_time_unix_nano),
        "durationNanos": str(max(0, span.end_time_unix_nano - span.start_time_unix_nano)),
        "attributes": attributes,
    }


def _wrapped(value: object) -> dict[str, Any]:
    """As OTLP/JSON has it; of a list, its texts."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        wrapped: dict[str, Any] = json_format.MessageToDict(AnyValue(double_value=value))
        return wrapped
    if isinstance(value, list):
        return {"arrayValue": {"values": [_wrapped(each) for each in value]}}
    return {"stringValue": value if isinstance(value, str) else str(value)}


def _failed(status: int, message: str) -> Reply:
    return Reply(message.encode(), _TEXT, status)


# A name may have a slash.
QUESTIONS = tuple(
    OutsideQuestion(path, answer, _failed)
    for path, answer in (
        ("/api/echo", _echo),
        ("/api/status/buildinfo", _build),
        ("/api/v2/traces/{trace_id}", _trace),
        ("/api/search", _search),
        ("/api/v2/search/tags", _tags),
        ("/api/v2/search/tag/{tag:path}/values", _values),
    )
)
