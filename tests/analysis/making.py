"""Spans for tests: by hand, with times in milliseconds, and any at all."""

from __future__ import annotations

from typing import Any  # Any: of keyword arguments that stand in one dictionary

from hypothesis import strategies as st

from platform_otel.analysis.peers import ATTRIBUTES
from platform_otel.analysis.tree import TraceSpan

MS = 10**6


def made(
    name: str,
    service: str,
    kind: str = "server",
    start: int = 0,
    end: int = 10,
    *,
    below: str = "",
    trace: str = "t",
    status: str = "unset",
    exception: str = "",
    remote: bool | None = None,
    links: int = 0,
    **attributes: object,
) -> TraceSpan:
    """A span whose name is its id, too; ``__`` in names of attributes stands for a dot."""
    return TraceSpan(
        trace, name, below, service, name, kind, start * MS, end * MS, status, "",
        {key.replace("__", "."): value for key, value in attributes.items()}, remote, exception, links,
    )  # fmt: skip


def call_of(service: str, path: str = "/") -> dict[str, Any]:
    """The attributes of a call of a service that listens at an address of its name."""
    return {"http__request__method": "GET", "url__full": f"http://{service}:8000{path}"}


def asked(service: str, path: str = "/") -> dict[str, Any]:
    """The attributes of that service's span."""
    return {"http__request__method": "GET", "url__path": path, "server__address": service, "server__port": 8000}


_NAMES = st.sampled_from(["a", "b", "c", "gate", ""])
_VALUES = st.sampled_from(
    ["gate", "a", "GET", "/", "http://a:1/", "http://[::1", "://", "http://a:99999999/", "", "kafka"]
) | st.sampled_from([80, -1, 0, 10**30, True, None, 1.5, (), ["a"]])
_TIMES = st.integers(-10, 10).map(lambda tenth: tenth * 20 * MS)

ANY_SPANS = st.lists(
    st.builds(
        TraceSpan,
        trace_id=st.sampled_from(["t", "u"]),
        span_id=st.sampled_from("123456"),
        parent_id=st.sampled_from(["", *"1234567"]),
        service=_NAMES,
        name=_NAMES,
        kind=st.sampled_from(["internal", "server", "client", "producer", "consumer", "unspecified"]),
        start=_TIMES,
        end=_TIMES,
        status=st.sampled_from(["unset", "ok", "error"]),
        message=_NAMES,
        attributes=st.dictionaries(st.sampled_from([*sorted(ATTRIBUTES), "error.type"]), _VALUES, max_size=4),
        remote=st.sampled_from([None, True, False]),
        exception=_NAMES,
        links=st.integers(0, 1),
    ),
    max_size=14,
    # Of two with one id the one that ended last counts; of two that ended at the same time, whichever came first.
    unique_by=lambda span: (span.trace_id, span.span_id, span.end),
)
