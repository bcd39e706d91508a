"""What our own exporting tells logging of itself becomes one line of ours: the service's log is the service's."""

import logging
from _thread import get_ident
from collections.abc import Iterator
from contextlib import contextmanager

from platform_otel.process.guard import debug, say

# Thread id -> the signal that this thread is just exporting for us.
exporting: dict[int, str] = {}


@contextmanager
def quietly(signal: str) -> Iterator[None]:
    """What this thread logs meanwhile is ours.

    Args:
        signal: what it exports; "" where what is logged is not about that, but about one record.
    """
    thread = get_ident()
    before = exporting.get(thread)
    exporting[thread] = signal
    try:
        yield
    finally:
        if before is None:
            exporting.pop(thread, None)
        else:
            exporting[thread] = before


def tell(record: logging.LogRecord) -> None:
    """What a thread logs that is just exporting for us: nothing of it is for the service's log."""
    signal = exporting.get(get_ident(), "")
    debug(f"the exporter of {signal or 'a record'}: {record.msg}")  # without its arguments, which may have secrets
    if signal and record.levelno >= logging.WARNING:
        say_missing(signal)


def is_exporting(signal: str) -> bool:
    """Whether an export of this signal is going on."""
    return signal in exporting.values()


def say_missing(signal: str) -> None:
    """Say, once, that some of a signal is lost."""
    say(f"{signal} do not all reach the collector; OTEL_LOG_LEVEL=debug says more")
