"""Fixtures that all rooms' tests share."""

import signal
from collections.abc import Iterator

import pytest

from platform_otel.demo.receiver import Receiver

# A run under nohup ignores it, and so would every child.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A loopback OTLP receiver, listening."""
    with Receiver() as listening:
        yield listening
