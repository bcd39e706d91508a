"""What `/query/traces/{trace_id}/analysis` answers: the hops of a trace, its critical path, self times and clocks."""

from __future__ import annotations

from platform_otel.analysis.hops import Hop
from platform_otel.analysis.trace import TraceAnalysis, analyse
from platform_otel.collector import examined
from platform_otel.collector.answers import Answer, NotThere, Values
from platform_otel.collector.openapi import COUNT, NANOSECONDS, TEXT, TIME, many, or_null, thing
from platform_otel.collector.reader import Reader

_YES: dict[str, object] = {"type": "boolean"}
_SHIFT = {"type": "integer", "description": "Nanoseconds that were added to its times, to have all on one clock."}
_HOP = thing(
    caller=or_null({**TEXT, "description": "Null for what came from outside, or from a span that is missing."}),
    callee={**TEXT, "description": "A service; or what the client span says of the other side, if that has no span."},
    calleeSeen={**_YES, "description": "Whether the callee has spans."},
    waitedFor={**_YES, "description": "Whether the caller waits: it does not for those that consume its messages."},
    callCount=COUNT,
    errorCount=COUNT,
    unpairedCount={**COUNT, "description": "Calls of which only the callee has a span."},
    outlivedCount={**COUNT, "description": "Calls that their server worked longer at than the client waited."},
    waitNano={**NANOSECONDS, "description": "How long the caller waited; calls at the same time count once."},
    networkNano={**NANOSECONDS, "description": "Network and queue: client minus server duration."},
    ownNano={**NANOSECONDS, "description": "The callee's own work."},
    waitedNano={**NANOSECONDS, "description": "What the callee waited for itself."},
    unseenNano={**NANOSECONDS, "description": "Calls whose other side has no span."},
    outlivedNano={**NANOSECONDS, "description": "What servers worked on after their client; the wait is without it."},
)
_STEP = thing(spanId=TEXT, startTimeUnixNano=TIME, durationNano=NANOSECONDS)
_SPAN = thing(spanId=TEXT, selfNano={**NANOSECONDS, "description": "What no span below it took."}, shiftNano=_SHIFT)
_SKEW = thing(spanId=TEXT, caller=TEXT, callee=TEXT, shiftNano=_SHIFT)
_ORPHAN = thing(spanId=TEXT, service=TEXT, parentSpanId=TEXT)

SCHEMA = thing(
    traceId=TEXT,
    hops=many(_HOP),
    criticalPath=many({**_STEP, "description": "A while in which the answer waited for this span itself."}),
    spans=many(_SPAN),
    skews=many(_SKEW),
    missingParents=many(_ORPHAN),
)


def analysis(reader: Reader, values: Values) -> Answer:
    """What one trace says, as `analysis/` has it."""
    spans = examined.trace(reader, values["trace_id"])
    if not spans:
        raise NotThere("there is no such trace")
    return {"traceId": values["trace_id"].hex(), **_answer(analyse(spans))}


def _answer(found: TraceAnalysis) -> Answer:
    return {
        "hops": [_hop(hop) for hop in found.hops],
        "criticalPath": [
            {"spanId": step.span.span_id, "startTimeUnixNano": str(step.start), "durationNano": step.end - step.start}
            for step in found.critical_path
        ],
        "spans": [
            {"spanId": span_id, "selfNano": took, "shiftNano": found.shifts[span_id]}
            for span_id, took in found.self_times.items()
        ],
        "skews": [
            {"spanId": skew.span_id, "caller": skew.caller, "callee": skew.callee, "shiftNano": skew.shift}
            for skew in found.skews
        ],
        "missingParents": [
            {"spanId": span.span_id, "service": span.service, "parentSpanId": span.parent_id} for span in found.orphans
        ],
    }


def _hop(hop: Hop) -> Answer:
    return {
        "caller": hop.caller,
        "callee": hop.callee,
        "calleeSeen": hop.is_seen,
        "waitedFor": hop.is_waited_for,
        "callCount": hop.calls,
        "errorCount": hop.failed,
        "unpairedCount": hop.unpaired,
        "outlivedCount": hop.outlived,
        "waitNano": hop.wait,
        **{f"{name}Nano": nanoseconds for name, nanoseconds in hop.parts._asdict().items()},
    }
