"""JSON that is made piece by piece is the same, and no piece holds the others up."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from platform_otel.collector.json_pieces import encoded, pieces
from tests.collector.oracle_json import to_json
from tests.collector.running import Made, request

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=50,
)


@given(VALUES)
def test_it_is_what_json_dumps_makes(document: Any) -> None:
    assert encoded(document) == json.dumps(document).encode()


def test_no_piece_of_a_large_trace_has_more_than_one_span() -> None:
    document = to_json(request(*(Made(1, span, attributes={"text": "x" * 1000}) for span in range(1, 100))))

    assert max(map(len, pieces(document, 6))) < 2000
