"""Errors by where they began: the deepest spans that failed, and the services that they took down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from platform_otel.analysis.family import Families, Key, above, families, key_of
from platform_otel.analysis.peers import peer_of
from platform_otel.analysis.relations import CALLS
from platform_otel.analysis.tree import TraceSpan, TreeNode, status_code


class Origin(NamedTuple):
    """Where errors of one sort begin; ``type`` is that of the exception or error, "" if nothing says."""

    service: str
    operation: str
    kind: str
    type: str


class ErrorGroup(NamedTuple):
    """The errors that began at one place.

    Args:
        peer: whom the span that failed was calling; "" if it was no call.
        message: of the latest.
        times: how often it began; of some traces more than once.
        traces: in how many traces.
        took_down: how many traces failed in which other service because of it, the most first.
        first_seen, last_seen: when the first and the latest ended, in nanoseconds since the epoch.
        example: the latest span where it began.
    """

    origin: Origin
    peer: str
    message: str
    times: int
    traces: int
    took_down: Sequence[tuple[str, int]]
    first_seen: int
    last_seen: int
    example: TraceSpan


def error_groups(spans: Iterable[TraceSpan]) -> list[ErrorGroup]:
    """The errors of these spans by where they began; those in the most traces first.

    An error begins at a span that failed with nothing below it that failed. It passes up through spans that failed, and
    through internal ones that say nothing of how it went; a server or client that went well has dealt with it.
    """
    family = families(spans)
    groups: dict[Origin, list[TraceSpan]] = {}
    for span in _origins(family.nodes):
        groups.setdefault(_origin(span), []).append(span)
    found = [_group(origin, begun, family) for origin, begun in groups.items()]
    return sorted(found, key=lambda group: (-group.traces, -group.last_seen, group.origin))


def error_type(span: TraceSpan) -> str:
    """The type of the exception, else what the span names as its error, else the status code, else ""."""
    named = span.exception or span.attributes.get("error.type") or span.attributes.get("exception.type")
    return str(named or status_code(span) or span.attributes.get("rpc.grpc.status_code") or "")


def _origins(nodes: Sequence[TreeNode]) -> list[TraceSpan]:
    passing: set[Key] = set()
    origins: list[TraceSpan] = []
    for node in reversed(nodes):
        from_below = any(key_of(child.span) in passing for child in node.children)
        if node.span.status == "error" and not from_below:
            origins.append(node.span)
        if node.span.status == "error" or (from_below and _says_nothing(node.span)):
            passing.add(key_of(node.span))
    return origins


def _says_nothing(span: TraceSpan) -> bool:
    return span.status == "unset" and span.kind == "internal"


def _origin(span: TraceSpan) -> Origin:
    return Origin(span.service, span.name, span.kind, error_type(span))


def _group(origin: Origin, begun: Sequence[TraceSpan], family: Families) -> ErrorGroup:
    latest = max(begun, key=lambda span: (span.end, key_of(span)))
    return ErrorGroup(
        origin=origin,
        peer=peer_of(latest) if latest.kind in CALLS else "",
        message=latest.message,
        times=len(begun),
        traces=len({span.trace_id for span in begun}),
        took_down=_took_down(begun, family.parents),
        first_seen=min(span.end for span in begun),
        last_seen=latest.end,
        example=latest,
    )


def _took_down(begun: Sequence[TraceSpan], parents: Mapping[Key, TraceSpan]) -> list[tuple[str, int]]:
    """In how many traces each other service failed."""
    failed = {(span.trace_id, service) for span in begun for service in _failed_above(span, parents)}
    counts = Counter(service for _, service in failed)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _failed_above(span: TraceSpan, parents: Mapping[Key, TraceSpan]) -> set[str]:
    services: set[str] = set()
    for each in above(span, parents):
        if each.status == "error":
            services.add(each.service)
        elif not _says_nothing(each):
            break
    return services - {span.service}
