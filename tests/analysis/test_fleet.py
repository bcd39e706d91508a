"""In a fleet with planted faults each one is found and named, and nothing healthy is blamed."""

from __future__ import annotations

import pytest

from platform_otel.analysis.broken import CLOCK_SKEW, broken_links
from platform_otel.analysis.errors import error_groups
from platform_otel.analysis.family import families
from platform_otel.analysis.service_map import ghost_calls, map_of
from platform_otel.analysis.slowness import slowness
from tests.analysis.fleet import MILLISECOND, OUTSIDE, SERVICES, Fleet, generate

TELLING = range(4)
MORE = [pytest.param(seed, marks=pytest.mark.matrix) for seed in range(4, 200)]


@pytest.fixture(scope="module", params=[*TELLING, *MORE], ids=lambda seed: f"seed {seed}")
def fleet(request: pytest.FixtureRequest) -> Fleet:
    found: Fleet = generate(request.param)
    return found


def test_the_same_seed_makes_the_same_fleet() -> None:
    assert generate(1) == generate(1)
    assert generate(1) != generate(2)


def test_what_is_broken_is_found_and_named_and_nothing_else(fleet: Fleet) -> None:
    found = [link for link in broken_links(fleet.spans) if link.cause != CLOCK_SKEW]

    assert {(link.cause, link.caller, link.callee, link.operation) for link in found} == fleet.truth.broken
    assert len(found) == len(fleet.truth.broken)


def test_the_clock_that_is_off_is_found_with_how_far_it_is(fleet: Fleet) -> None:
    (found,) = [link for link in broken_links(fleet.spans) if link.cause == CLOCK_SKEW]

    service, behind = fleet.truth.skewed
    assert found.service == service
    assert found.behind / MILLISECOND == pytest.approx(behind, abs=10)


def test_what_is_slow_is_found_and_named_and_nothing_else(fleet: Fleet) -> None:
    found = slowness(fleet.spans)

    assert {(each.what, each.service, each.operation) for each in found} == fleet.truth.slow
    assert len(found) == len(fleet.truth.slow)


def test_errors_are_found_where_they_began_with_what_they_took_down(fleet: Fleet) -> None:
    found = {
        (*group.origin[:2], group.origin.type, frozenset(service for service, _ in group.took_down))
        for group in error_groups(fleet.spans)
    }

    assert found == fleet.truth.errors


def test_the_map_has_every_traced_service_and_as_ghosts_what_is_not_traced(fleet: Fleet) -> None:
    ghosts = {call.callee for call in ghost_calls(families(fleet.spans))}
    services = {name for call in map_of(fleet.spans) if not call.peer for name in (call.caller, call.callee)}

    assert {fleet.truth.untraced, OUTSIDE, "postgresql db:5432", "kafka mails"} - ghosts <= {fleet.truth.untraced}
    assert fleet.truth.untraced in ghosts
    assert services <= set(SERVICES)
    assert ghosts <= {fleet.truth.untraced, OUTSIDE, "postgresql db:5432", "kafka mails", "identity:8000"}
