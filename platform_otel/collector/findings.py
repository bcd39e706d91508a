"""What is found in many traces: errors, broken links, what is slow, paths; each answer says how far it looked."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from platform_otel.analysis.broken import BrokenLink, broken_links
from platform_otel.analysis.errors import ErrorGroup, error_groups
from platform_otel.analysis.paths import PathHop, Spread, paths
from platform_otel.analysis.slowness import Slowness, slowness
from platform_otel.analysis.tree import TraceSpan
from platform_otel.collector import examined
from platform_otel.collector.answers import Answer, Values, over, window_of
from platform_otel.collector.reader import Reader

# What belongs to a trace may still be on its way for so long: exporters gather spans for some seconds.
_SETTLED = 10 * 10**9
_MOST_PATHS = 50


def errors(reader: Reader, values: Values) -> Answer:
    """Errors by where they began."""
    window, service = window_of(values), values["service"]
    found = examined.newest(reader, window, condition=examined.FAILED)
    groups = [group for group in error_groups(found.spans) if service in {"", group.origin.service, *_took_down(group)}]
    return over(window, groups=[_error(group) for group in groups[: values["limit"]]], **examined.extent(found))


def broken(reader: Reader, values: Values) -> Answer:
    """Where context got lost."""
    window = window_of(values)
    found = examined.newest(reader, window)
    links = broken_links(found.spans, time.time_ns() - _SETTLED)
    return over(window, links=[_link(link) for link in links[: values["limit"]]], **examined.extent(found))


def slow(reader: Reader, values: Values) -> Answer:
    """Where the time goes that need not go."""
    window = window_of(values)
    found = examined.newest(reader, window)
    shown = slowness(found.spans)[: values["limit"]]
    return over(window, findings=[_slowness(each) for each in shown], **examined.extent(found))


def hops(reader: Reader, values: Values) -> Answer:
    """A path of services over many traces."""
    window, path, service, operation = window_of(values), values["path"], values["service"], values["operation"]
    conditions: list[str] = []
    parameters: list[object] = []
    if service or operation:
        conditions.append(examined.ENTERED)
        parameters += [service, service, operation, operation]
    for end in {*path[:1], *path[-1:]}:
        conditions.append(examined.THROUGH)
        parameters += examined.through(end, window)
    found = examined.newest(reader, window, condition=" AND ".join(conditions), parameters=parameters)
    analysed = paths(found.spans, path)
    return over(
        window,
        paths=[{"path": path, "traceCount": traces} for path, traces in analysed.known[:_MOST_PATHS]],
        path=analysed.path,
        traceCount=analysed.traces,
        hops=[_hop(hop) for hop in analysed.hops],
        **examined.extent(found),
    )


def _took_down(group: ErrorGroup) -> set[str]:
    return {service for service, _ in group.took_down}


def _error(group: ErrorGroup) -> dict[str, Any]:
    return {
        **group.origin._asdict(),
        "peer": group.peer,
        "message": group.message,
        "count": group.times,
        "traceCount": group.traces,
        "tookDown": [{"service": service, "traceCount": traces} for service, traces in group.took_down],
        **_seen(group.first_seen, group.last_seen),
        **_example(group.example),
    }


def _link(link: BrokenLink) -> dict[str, Any]:
    caller = link.example.caller
    return {
        "cause": link.cause,
        "caller": link.caller,
        "callee": link.callee,
        "operation": link.operation,
        "evidence": link.evidence,
        "count": link.times,
        **_seen(link.first_seen, link.last_seen),
        "service": link.service,
        "behindNano": link.behind,
        **_example(link.example.callee),
        "callerTraceId": caller and caller.trace_id,
        "callerSpanId": caller and caller.span_id,
    }


def _slowness(found: Slowness) -> dict[str, Any]:
    return {
        "what": found.what,
        "caller": found.caller,
        "service": found.service,
        "operation": found.operation,
        "repeated": found.repeated,
        "peer": found.peer,
        "evidence": found.evidence,
        "count": found.times,
        "usualNano": found.usual,
        "share": found.share,
        **_example(found.example),
    }


def _hop(hop: PathHop) -> dict[str, Any]:
    return {
        "caller": hop.caller,
        "callee": hop.callee,
        "count": hop.calls,
        "errorCount": hop.failed,
        "wait": _spread(hop.wait),
        "parts": {name: _spread(each) for name, each in hop.parts.items()},
        "worstTraceId": hop.worst[0],
        "worstNano": hop.worst[1],
    }


def _spread(found: Spread) -> Mapping[str, int]:
    return {f"{name}Nano": value for name, value in found._asdict().items()}


def _seen(first: int, last: int) -> dict[str, str]:
    return {"firstSeenUnixNano": str(first), "lastSeenUnixNano": str(last)}


def _example(span: TraceSpan) -> dict[str, str]:
    return {"traceId": span.trace_id, "spanId": span.span_id}
