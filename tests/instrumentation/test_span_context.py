"""Span contexts are made and read by their layout only where it is the one that we know."""

from __future__ import annotations

import sys

import pytest

from tests.support import run

ANOTHER_ORDER = """
class SpanContext(tuple):
    def __new__(cls, trace_id, span_id, is_remote, flags=None, state=None):
        return tuple.__new__(cls, (span_id, trace_id, is_remote, flags, state or trace.DEFAULT_TRACE_STATE, True))
    trace_id, span_id, is_remote = (property(lambda self, n=n: self[n]) for n in (1, 0, 2))
    trace_flags, trace_state, is_valid = (property(lambda self, n=n: self[n]) for n in (3, 4, 5))
"""
NO_TUPLE = """
class SpanContext:
    is_valid = True
    def __init__(self, trace_id, span_id, is_remote, flags=None, state=None):
        self.trace_id, self.span_id, self.is_remote = trace_id, span_id, is_remote
        self.trace_flags, self.trace_state = flags, state or trace.DEFAULT_TRACE_STATE
"""
MADE = """
trace.SpanContext = SpanContext
from platform_otel.instrumentation.span_context import UNPACKED, span_context_of
made = span_context_of(7, 8, trace.TraceFlags(1), None)
print(UNPACKED, made.trace_id, made.span_id, made.is_valid)
"""


@pytest.mark.parametrize("api", [ANOTHER_ORDER, NO_TUPLE], ids=["another order", "no tuple"])
def test_a_span_context_of_another_layout_is_made_by_its_constructor(api: str) -> None:
    outcome = run(sys.executable, "-c", f"from opentelemetry import trace\n{api}{MADE}")

    assert (outcome.stdout, outcome.stderr) == ("None 7 8 True\n", "")
