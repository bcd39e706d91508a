"""Fixtures that all rooms' tests share."""

import signal
from collections.abc import Iterator

import pytest

from tests.receiver import Receiver

# A run under nohup or in a shell's background ignores one of them, and so would every child.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A loopback OTLP receiver, listening."""
    with Receiver() as listening:
        yield listening
