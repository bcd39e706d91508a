"""What the OpenAPI description lets somebody ask is answered as it says, and what it does not is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks

from platform_otel.collector.api import description
from tests.collector.running import Collector, body
from tests.collector.test_queries import TRACES

# Without the stream, which has no end to wait for. Any: the types of schemathesis are narrower than what it does.
_FOUND: Any = schemathesis.openapi.from_dict(description()).exclude(path="/query/live").get_all_operations()
OPERATIONS: dict[str, Any] = {operation.path: operation for operation in (found.ok() for found in _FOUND)}
# There is nothing to get wrong where there is no parameter.
ASKED = pytest.mark.parametrize(
    "path, mode",
    [
        pytest.param(path, mode, id=f"{path}-{mode}")
        for path, operation in OPERATIONS.items()
        for mode in ("positive", "negative")
        if mode == "positive" or list(operation.iter_parameters())
    ],
)
(TAKES_ALL_THAT_FITS,) = checks.CHECKS.get_by_names(["positive_data_acceptance"])


@pytest.fixture(scope="module")
def filled() -> Iterator[Collector]:
    with Collector() as collector:
        assert collector.send(body(*(made for of_trace in TRACES for made in of_trace))).status == 200
        yield collector


def ask_at_random(collector: Collector, path: str, mode: str, times: int) -> None:
    """Ask by and against the description; schemathesis looks at status, content type, headers and schema of answers."""

    @settings(max_examples=times, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=OPERATIONS[path].as_strategy(generation_mode=GenerationMode(mode)))
    def ask(case: Any) -> None:
        # An expression is text, and most texts are none.
        excluded = [TAKES_ALL_THAT_FITS] if "where" in case.query else []
        case.call_and_validate(base_url=f"http://{collector.query}", excluded_checks=excluded)
        if "trace_id" in case.path_parameters and mode == "positive":
            case.path_parameters["trace_id"] = TRACES[0][0].trace_id
            case.call_and_validate(base_url=f"http://{collector.query}")

    ask()


@ASKED
def test_a_query_is_answered_as_the_description_says(filled: Collector, path: str, mode: str) -> None:
    ask_at_random(filled, path, mode, 10)

    assert filled.output().count("\n") == 1


@pytest.mark.matrix
@pytest.mark.timeout(1800)
@ASKED
def test_a_thousand_queries_are_answered_as_the_description_says(filled: Collector, path: str, mode: str) -> None:
    ask_at_random(filled, path, mode, 1000)

    assert filled.output().count("\n") == 1
