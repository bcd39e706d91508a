"""Quantiles from buckets are as close as they promise."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from platform_otel.collector.histogram import bucket_of, decode, encode, quantile, value_of

DURATIONS = st.integers(min_value=1, max_value=2**63 - 1)


@given(DURATIONS)
def test_the_value_of_a_bucket_is_within_one_percent_of_what_fell_into_it(duration: int) -> None:
    assert abs(value_of(bucket_of(duration)) - duration) <= duration * 0.010001


@given(st.lists(DURATIONS, min_size=1, max_size=50), st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_within_one_percent_of_the_one_by_nearest_rank(durations: list[int], share: float) -> None:
    exact = sorted(durations)[max(1, -int(-share * len(durations) // 1)) - 1]

    assert abs(quantile(Counter(map(bucket_of, durations)), share) - exact) <= exact * 0.010001


@given(st.dictionaries(st.integers(0, 2184), st.integers(1, 2**32 - 1)))
def test_buckets_come_back_from_their_encoding(buckets: dict[int, int]) -> None:
    assert decode(encode(buckets)) == buckets


def test_no_durations_have_no_quantile() -> None:
    assert quantile({}, 0.5) == 0.0


def test_the_longest_duration_has_a_bucket_of_16_bits() -> None:
    assert bucket_of(2**63 - 1) < 2**16


def test_no_duration_and_a_nanosecond_fall_into_the_first_bucket() -> None:
    assert (bucket_of(0), bucket_of(1)) == (0, 0)
