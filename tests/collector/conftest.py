"""A running collector for the tests of this room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.collector.running import Collector


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector of its own, in memory."""
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def shared() -> Iterator[Collector]:
    """One that the tests of a module share: each uses traces of its own."""
    with Collector() as running:
        yield running
