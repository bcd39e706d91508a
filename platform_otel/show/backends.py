"""Whom coverage can be asked of: our collector, Jaeger, Tempo; each answers with whole traces in OTLP/JSON."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple, Protocol

from platform_otel.errors import PlatformTraceError
from platform_otel.show.source import NoSuchTrace, Source

Json = Any  # OTLP/JSON

_SECOND = 10**9


class Window(NamedTuple):
    """A while, in nanoseconds since the epoch."""

    start: int
    end: int


class Backend(Protocol):
    """Something that keeps traces."""

    def services(self, window: Window) -> list[str]:
        """The names of services; some know no while."""

    def traces(self, service: str, window: Window, limit: int) -> list[Json]:
        """Traces with a span of this service, whole; the newest, as far as it says."""


class OurCollector:
    """platform-trace collector, or its file."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def services(self, window: Window) -> list[str]:
        """As Backend has it."""
        answer = self._source.ask("/query/services", start=window.start, end=window.end)
        return [each["service"] for each in answer["services"]]

    def traces(self, service: str, window: Window, limit: int) -> list[Json]:
        """As Backend has it."""
        found = self._source.ask("/query/traces", service=service, start=window.start, end=window.end, limit=limit)
        return [self._source.ask(f"/query/traces/{each['traceId']}") for each in found["traces"]]


class Jaeger:
    """Version 3 of its API.

    Source: https://www.jaegertracing.io/docs/latest/architecture/apis/
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    def services(self, window: Window) -> list[str]:
        """As Backend has it."""
        return list(self._source.ask("/api/v3/services").get("services", ()))

    def traces(self, service: str, window: Window, limit: int) -> list[Json]:
        """As Backend has it."""
        asked = {
            "query.service_name": service,
            "query.start_time_min": _moment(window.start),
            "query.start_time_max": _moment(window.end),
            "query.num_traces": limit,
        }
        try:
            found = self._source.ask("/api/v3/traces", **asked).get("result")
        except NoSuchTrace:
            return []
        return [found] if found else []


class Tempo:
    """Its API for searches.

    Source: https://grafana.com/docs/tempo/latest/api_docs/
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    def services(self, window: Window) -> list[str]:
        """As Backend has it."""
        answer = self._source.ask("/api/v2/search/tag/resource.service.name/values", **_seconds(window))
        return [each["value"] for each in answer.get("tagValues", ())]

    def traces(self, service: str, window: Window, limit: int) -> list[Json]:
        """As Backend has it."""
        quoted = service.replace("\\", "\\\\").replace('"', '\\"')
        query = f'{{ resource.service.name = "{quoted}" }}'
        found = self._source.ask("/api/search", q=query, limit=limit, **_seconds(window))
        ids = [each["traceID"] for each in found.get("traces", ())]
        return [_as_otlp(self._source.ask(f"/api/v2/traces/{each}").get("trace", {})) for each in ids]


# By the numbers that OTLP/JSON has for them.
_NAMES = (
    ("SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER", "SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER",
     "SPAN_KIND_CONSUMER"),
    ("STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"),
)  # fmt: skip


def _as_otlp(trace: Json) -> Json:
    """The same in OTLP/JSON. Tempo writes protobuf's own JSON: ids in base64, and the names of kinds and statuses.

    Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
    """
    for of_resource in trace.get("resourceSpans", ()):
        for of_scope in of_resource.get("scopeSpans", ()):
            of_scope["spans"] = [_span(span) for span in of_scope.get("spans", ())]
    return trace


def _span(span: Json) -> Json:
    status = span.get("status", {})
    ids = {key: _hexadecimal(span.get(key, "")) for key in ("traceId", "spanId", "parentSpanId")}
    code = {"code": _number(status.get("code", 0))}
    return {**span, **ids, "kind": _number(span.get("kind", 0)), "status": {**status, **code}}


def _hexadecimal(id_: str) -> str:
    # Neither eight nor sixteen bytes fill their base64.
    return base64.b64decode(id_).hex() if id_.endswith("=") else id_


def _number(value: Json) -> Json:
    return next((names.index(value) for names in _NAMES if value in names), value)


KINDS: Mapping[str, Callable[[Source], Backend]] = {"collector": OurCollector, "jaeger": Jaeger, "tempo": Tempo}
# What only one of them answers, in the order in which they are asked.
_SIGNS = {"collector": "/query/status", "jaeger": "/api/v3/services", "tempo": "/api/status/buildinfo"}


def backend_at(source: Source, kind: str = "") -> Backend:
    """The backend of this kind, or of the one that answers as one of them does.

    Raises:
        PlatformTraceError: none of them does.
    """
    if kind:
        return KINDS[kind](source)
    refusals: list[PlatformTraceError] = []
    for each, path in _SIGNS.items():
        try:
            source.ask(path)
        except PlatformTraceError as refusal:
            refusals.append(refusal)
        else:
            return KINDS[each](source)
    raise refusals[0]


def _moment(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, _SECOND)
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


def _seconds(window: Window) -> dict[str, int]:
    """Whole seconds, the last one in it."""
    return {"start": window.start // _SECOND, "end": -(-window.end // _SECOND)}
