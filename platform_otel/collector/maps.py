"""The service map, of a while and of one trace: services in layers, calls, and peers that are not traced."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from platform_otel.analysis.family import families
from platform_otel.analysis.layers import positions
from platform_otel.analysis.paths import spread
from platform_otel.analysis.service_map import MapCall, ghost_calls, map_of
from platform_otel.analysis.tree import TraceSpan
from platform_otel.collector import examined, overviews
from platform_otel.collector.answers import Answer, NotThere, Values, over, window_of
from platform_otel.collector.reader import Reader

_Row = dict[str, Any]  # Any: what json.dumps takes


def graph(reader: Reader, values: Values) -> Answer:
    """The map of a while: services and calls as counted, other peers as the newest traces have them."""
    window = window_of(values)
    services = overviews.services(reader, window)
    calls: list[_Row] = [
        {**call, "traced": True, "peer": "", "estimated": False} for call in overviews.calls(reader, window)
    ]
    found = examined.newest(reader, window, examined.OVERVIEW)
    spans = sum(int(str(row["spanCount"])) for row in services)
    scale = 1.0 if found.complete else spans / max(1, len(found.spans))
    names = {row["service"] for row in services}
    ghosts = [call for call in ghost_calls(families(found.spans)) if call.callee not in names]
    calls += [{**_call(call, scale), "estimated": not found.complete} for call in ghosts]
    return over(window, **_drawn(services, calls), **examined.extent(found))


def trace_graph(reader: Reader, values: Values) -> Answer:
    """The map of one trace."""
    spans = examined.trace(reader, values["trace_id"])
    if not spans:
        raise NotThere("there is no such trace")
    calls = [{**_call(call, 1.0), "estimated": False} for call in map_of(spans)]
    return _drawn(_services(spans), calls)


def _drawn(services: Iterable[_Row], calls: Sequence[_Row]) -> Answer:
    """Everything in its place, the time of each call as a share of that of all."""
    peers = {call["callee"]: call["peer"] for call in calls if not call["traced"]}
    rows = [{**row, "traced": True, "peer": ""} for row in services]
    rows += [{**_nothing(name), "traced": False, "peer": peer} for name, peer in sorted(peers.items())]
    places = positions((row["service"] for row in rows), ((call["caller"], call["callee"]) for call in calls))
    time = max(1, sum(call["timeNano"] for call in calls))
    return {
        "services": [{**row, **places[row["service"]]._asdict()} for row in rows],
        "calls": [{**call, "timeShare": call["timeNano"] / time} for call in calls],
    }


def _call(call: MapCall, scale: float) -> _Row:
    count, errors = (round(number * scale) for number in (len(call.durations), call.errors))
    return {
        "caller": call.caller,
        "callee": call.callee,
        "count": count,
        "errorCount": errors,
        "errorRate": call.errors / len(call.durations),
        **{f"{name}Nano": value for name, value in spread(call.durations)._asdict().items()},
        "timeNano": round(sum(call.durations) * scale),
        "traced": not call.peer,
        "peer": call.peer,
    }


def _services(spans: Iterable[TraceSpan]) -> list[_Row]:
    by_service: dict[str, list[TraceSpan]] = {}
    for span in spans:
        by_service.setdefault(span.service, []).append(span)
    return [
        {
            "service": service,
            "spanCount": len(found),
            "errorCount": sum(span.status == "error" for span in found),
            "operationCount": len({(span.name, span.kind) for span in found}),
        }
        for service, found in sorted(by_service.items())
    ]


def _nothing(name: str) -> _Row:
    return {"service": name, "spanCount": 0, "errorCount": 0, "operationCount": 0}
