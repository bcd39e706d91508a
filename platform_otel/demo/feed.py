"""The traces that arrive at a receiver, each once: when it is complete, or when nothing of it comes any more."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from platform_otel.analysis.tree import TraceSpan
from platform_otel.demo.receiver import ReceivedSpan, Receiver
from platform_otel.demo.traces import by_trace, is_complete, request


class Feed:
    """Hands out traces that begin to arrive after it was made, and lets the receiver forget them."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._done = set(by_trace(receiver.spans()))
        self._sizes: dict[str, tuple[int, float]] = {}
        receiver.forget(self._done)

    def next(self, quiet: float) -> list[list[TraceSpan]]:
        """Wait at most `quiet` seconds for complete traces; an incomplete one is due after as much silence."""
        self._receiver.wait_for(self._complete, quiet)
        traces = self._unseen(self._receiver.spans())
        due = [trace_id for trace_id, trace in traces.items() if is_complete(trace) or self._is_silent(trace, quiet)]
        self._done.update(due)
        self._receiver.forget(self._done)
        return [traces[trace_id] for trace_id in due]

    def _complete(self, spans: Sequence[ReceivedSpan]) -> bool:
        return any(is_complete(trace) for trace in self._unseen(spans).values())

    def _unseen(self, spans: Sequence[ReceivedSpan]) -> dict[str, list[TraceSpan]]:
        """What is of interest: traces with a request in them. A service that starts may leave others."""
        return {
            trace_id: trace
            for trace_id, trace in by_trace(spans).items()
            if trace_id not in self._done and any(request(span) for span in trace)
        }

    def _is_silent(self, trace: Sequence[TraceSpan], quiet: float) -> bool:
        size, since = self._sizes.get(trace[0].trace_id, (0, 0.0))
        if size != len(trace):
            self._sizes[trace[0].trace_id] = len(trace), monotonic()
            return False
        return monotonic() - since >= quiet
