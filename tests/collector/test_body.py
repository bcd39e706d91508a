"""Bodies are decompressed as they come, and never grow beyond what they may."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_otel.collector.body import LARGEST_BODY, Body, Budget, Busy, NotDecompressed, TooLarge


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


COMPRESSED: dict[str, list[Callable[[bytes], bytes]]] = {
    "identity": [bytes],
    "gzip": [gzip.compress, lambda data: gzip.compress(data[:3]) + gzip.compress(data[3:])],
    "deflate": [zlib.compress, raw_deflate],
}
WAYS = [(encoding, number) for encoding, ways in COMPRESSED.items() for number in range(len(ways))]


def gathered(encoding: str, data: bytes, step: int = 0) -> bytes:
    with Body(Budget(LARGEST_BODY), encoding) as body:
        for start in range(0, len(data), step or len(data) or 1):
            body.add(data[start : start + (step or len(data))])
        return body.whole()


@given(st.sampled_from(WAYS), st.binary(max_size=300), st.integers(1, 40))
def test_a_body_comes_out_as_it_went_in_however_it_is_cut(way: tuple[str, int], data: bytes, step: int) -> None:
    encoding, number = way
    compressed = COMPRESSED[encoding][number](data)

    assert gathered(encoding, compressed, step) == data


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_refused_before_it_is_whole(encoding: str) -> None:
    budget = Budget(10 * LARGEST_BODY)
    bomb = COMPRESSED[encoding][0](bytes(LARGEST_BODY + 1))

    with pytest.raises(TooLarge), Body(budget, encoding) as body:
        body.add(bomb)

    budget.take(10 * LARGEST_BODY)  # everything was given back


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@given(data=st.binary(min_size=2, max_size=60))
def test_what_is_not_compressed_is_said_to_be_so_or_taken_for_what_it_is(encoding: str, data: bytes) -> None:
    try:
        gathered(encoding, data)
    except NotDecompressed:
        pass


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("cut", [0, 1, 2, -1])
def test_a_body_that_ends_too_early_is_not_taken(encoding: str, cut: int) -> None:
    compressed = COMPRESSED[encoding][0](b"something")

    with pytest.raises(NotDecompressed, match="too early"):
        gathered(encoding, compressed[:cut])


def test_something_behind_the_end_of_deflate_is_not_taken() -> None:
    with pytest.raises(NotDecompressed, match="follows its end"):
        gathered("deflate", zlib.compress(b"something") + b"more")


def test_a_body_that_the_budget_has_no_room_for_is_told_to_wait_and_leaves_nothing_behind() -> None:
    budget = Budget(100)
    with Body(budget) as first:
        first.add(bytes(60))
        with Body(budget) as second:
            second.add(bytes(30))
            with pytest.raises(Busy):
                second.add(bytes(30))

    budget.take(100)
