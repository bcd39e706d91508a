"""Waiting before a request is sent again: exponential, with full jitter, never beyond a deadline."""

import random
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_otel.export.retry import LONGEST, LONGEST_RETRY_AFTER, delays, next_delay, random_share

seconds = st.floats(0, 1e6)


def test_the_full_delay_doubles_from_one_second_to_thirty() -> None:
    assert list(islice(delays(jitter=lambda: 1.0), 8)) == [1, 2, 4, 8, 16, 30, 30, 30]


def test_first_and_longest_can_be_chosen() -> None:
    assert list(islice(delays(0.1, 0.3, lambda: 1.0), 4)) == [0.1, 0.2, 0.3, 0.3]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_jitter_takes_any_share_of_the_full_delay(shares: list[float]) -> None:
    taken = iter(shares)
    full = delays(jitter=lambda: 1.0)
    for share, delay, whole in zip(shares, delays(jitter=lambda: next(taken)), full, strict=False):
        assert delay == share * whole
        if whole == LONGEST and share == shares[-1]:
            break


def test_jitter_is_spread_from_nothing_to_all() -> None:
    shares = [random_share() for _ in range(1000)]

    assert 0 <= min(shares) < 0.1
    assert 0.9 < max(shares) <= 1


def test_the_random_numbers_of_the_service_stay_as_it_seeded_them() -> None:
    random.seed(42)
    expected = [random.random() for _ in range(3)]
    random.seed(42)
    list(islice(delays(), 100))

    assert [random.random() for _ in range(3)] == expected


@pytest.mark.parametrize(
    "delay, retry_after, left, expected",
    [
        (0.5, None, 10.0, 0.5),
        (0.5, 2.0, 10.0, 2.5),
        (0.5, 0.0, 10.0, 0.5),
        (0.5, -3.0, 10.0, 0.5),
        (0.5, None, 0.5, None),
        (0.5, None, 0.0, None),
        (0.5, 20.0, 10.0, None),
        (0.5, 86400.0, float("inf"), LONGEST_RETRY_AFTER + 0.5),
    ],
)
def test_what_the_collector_asks_for_counts_unless_it_is_too_late(
    delay: float, retry_after: float | None, left: float, expected: float | None
) -> None:
    assert next_delay(delay, retry_after, left) == expected


@given(seconds, st.none() | seconds, seconds)
def test_no_wait_goes_beyond_the_deadline(delay: float, retry_after: float | None, left: float) -> None:
    wait = next_delay(delay, retry_after, left)

    assert wait is None or delay <= wait < left
