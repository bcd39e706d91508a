"""The schemas of what is found in many traces, and of maps."""

from __future__ import annotations

from platform_otel.analysis import broken, slowness
from platform_otel.analysis.calls import Parts
from platform_otel.collector.openapi import (
    COUNT,
    NANOSECONDS,
    SERVICE,
    STATISTICS,
    TEXT,
    TIME,
    WINDOW,
    Schema,
    many,
    or_null,
    thing,
)

_TRUTH: Schema = {"type": "boolean"}
_SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}


def _text(description: str) -> Schema:
    return {**TEXT, "description": description}


_EXTENT = {
    "lookedAt": {**COUNT, "description": "How many traces were examined, the newest."},
    "reached": or_null({**TIME, "description": "When the oldest of them began."}),
    "complete": {**_TRUTH, "description": "Whether these are all of that time."},
}
_SEEN = {"firstSeenUnixNano": TIME, "lastSeenUnixNano": TIME}
_EXAMPLE = {"traceId": _text("Of an example."), "spanId": TEXT}
_EVIDENCE = {"evidence": _text("What was seen, in a sentence."), "count": COUNT}

# --- Errors, broken links, what is slow -------------------------------------------------------------------------------

_TOOK_DOWN = thing(service=TEXT, traceCount=COUNT)
_ERROR_GROUP = thing(
    service=_text("Where the errors began."),
    operation=TEXT,
    kind=TEXT,
    type=_text("Of the exception or error, or the status code; empty if nothing tells."),
    peer=_text("Whom it was calling; empty if it was no call."),
    message=_text("Of the latest."),
    count=COUNT,
    traceCount=COUNT,
    tookDown={**many(_TOOK_DOWN), "description": "In how many traces other services failed because of it."},
    **_SEEN,
    **_EXAMPLE,
)
_LINK = thing(
    cause={**TEXT, "enum": broken.CAUSES},
    caller=_text("A service, or a peer that is not traced; empty if nothing tells."),
    callee=_text("The service whose traces begin anew or miss a parent."),
    operation=_text("Of the callee."),
    **_EVIDENCE,
    **_SEEN,
    service=_text("Whose clock is off; empty for other causes."),
    behindNano={"type": "integer", "description": "By how much that clock is behind; negative if it is ahead."},
    **_EXAMPLE,
    callerTraceId=or_null(_text("Of the caller's span, which may be in another trace; null if it is not known.")),
    callerSpanId=or_null(TEXT),
)
_SLOWNESS = thing(
    what={**TEXT, "enum": slowness.KINDS},
    caller=_text("Who waits; empty for repeated calls."),
    service=_text("What is slow, has a queue before it, or makes the calls."),
    operation=TEXT,
    repeated=_text("Name of the call that is repeated; empty for others."),
    peer=_text("Whom it calls; empty for others."),
    **_EVIDENCE,
    usualNano={**NANOSECONDS, "description": "Half of them take longer: own work, wait, or all repeated calls."},
    share={**_SHARE, "description": "Of the time of these traces."},
    **_EXAMPLE,
)

ERRORS = thing(**WINDOW, groups=many(_ERROR_GROUP), **_EXTENT)
BROKEN = thing(**WINDOW, links=many(_LINK), **_EXTENT)
SLOW = thing(**WINDOW, findings=many(_SLOWNESS), **_EXTENT)

# --- Paths ------------------------------------------------------------------------------------------------------------

_SPREAD = thing(p50Nano=NANOSECONDS, p95Nano=NANOSECONDS, p99Nano=NANOSECONDS)
_PATH = many(TEXT)
_PARTS = thing(**dict.fromkeys(Parts._fields, _SPREAD))
_HOP = thing(
    caller=or_null(_text("null for the requests from outside that the path begins with.")),
    callee=TEXT,
    count={**COUNT, "description": "Calls in these traces."},
    errorCount=COUNT,
    wait={**_SPREAD, "description": "How long the caller waited in a trace."},
    parts={**_PARTS, "description": "network + own + waited + unseen - outlived is the wait, in each trace."},
    worstTraceId=TEXT,
    worstNano=NANOSECONDS,
)
HOPS = thing(
    **WINDOW,
    paths={**many(thing(path=_PATH, traceCount=COUNT)), "description": "Those that traces take, the most usual first."},
    path={**_PATH, "description": "The one that is split."},
    traceCount={**COUNT, "description": "How many take it."},
    hops=many(_HOP),
    **_EXTENT,
)

# --- Maps -------------------------------------------------------------------------------------------------------------

_PEER = _text("What sort of peer that is not traced: database, messaging, service; empty for a traced service.")
_NODE = thing(
    **SERVICE["properties"],
    traced=_TRUTH,
    peer=_PEER,
    layer={**COUNT, "description": "0 for those that nobody calls."},
    order={**COUNT, "description": "Place within the layer."},
)
_CALL = thing(
    caller=TEXT,
    callee=TEXT,
    **STATISTICS,
    timeNano={**NANOSECONDS, "description": "All of them together."},
    timeShare={**_SHARE, "description": "Of the time of all calls."},
    traced=_TRUTH,
    peer=_PEER,
    estimated={**_TRUTH, "description": "Whether the counts follow from those in the newest traces."},
)

TRACE_GRAPH = thing(services=many(_NODE), calls=many(_CALL))
GRAPH = thing(**WINDOW, **TRACE_GRAPH["properties"], **_EXTENT)
