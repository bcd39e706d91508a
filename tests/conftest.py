"""Fixtures that all rooms' tests share."""

from collections.abc import Iterator

import pytest

from platform_otel.demo.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A loopback OTLP receiver, listening."""
    with Receiver() as listening:
        yield listening
