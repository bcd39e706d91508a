"""Any spans of one trace, for rules that hold whatever comes."""

from hypothesis import strategies as st

from platform_otel.analysis.tree import TraceSpan

KINDS = st.sampled_from(["server", "client", "internal", "producer", "consumer"])
NUMBERS = st.integers(0, 11)
# Of no round number of milliseconds, and up to many times of what clocks may differ by.
TIMES = (1_428_571).__mul__
ANY_SPANS = st.lists(
    st.builds(
        lambda number, parent, service, kind, start, took, status: TraceSpan(
            "t", f"{number:016x}", "" if parent == number else f"{parent:016x}", service, "", kind, start, start + took,
            status, "", {},
        ),
        number=NUMBERS,
        parent=NUMBERS,
        service=st.sampled_from(["gate", "meter", "prices"]),
        kind=KINDS,
        start=st.integers(0, 300).map(TIMES),
        took=st.integers(-5, 300).map(TIMES),
        status=st.sampled_from(["unset", "error"]),
    ),
    min_size=1,
    max_size=14,
    unique_by=lambda span: span.span_id,
)  # fmt: skip
