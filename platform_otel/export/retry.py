"""How long to wait before a request is sent again. No clock, no waiting."""

import os
from collections.abc import Callable, Iterator

FIRST = 1.0
LONGEST = 30.0
# A collector that asks for more would have us hold spans that nobody waits for any longer.
LONGEST_RETRY_AFTER = 300.0


def random_share() -> float:
    """A number from 0 to 1. Not by ``random``: its sequence is the service's, which may have seeded it."""
    return int.from_bytes(os.urandom(4), "big") / 0xFFFFFFFF


def delays(
    first: float = FIRST, longest: float = LONGEST, jitter: Callable[[], float] = random_share
) -> Iterator[float]:
    """Seconds to wait before the second attempt, the third and so on, without end: exponential with full jitter.

    Full jitter, so that the processes that lost one collector do not come back to it all at once.
    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

    Args:
        first: the full delay before the second attempt; it doubles with each one.
        longest: the full delay never exceeds it.
        jitter: gives the share of the full delay to wait, from 0 to 1.
    """
    full = first
    while True:
        yield min(full, longest) * jitter()
        full = min(2 * full, longest)


def next_delay(delay: float, retry_after: float | None = None, left: float = float("inf")) -> float | None:
    """Seconds to wait, all considered; None if the next attempt would come too late.

    Args:
        delay: the next of ``delays``.
        retry_after: what the collector asked for. Never less is waited, at most five minutes; the delay comes on
            top, since many were told the same.
        left: seconds until the deadline.
    """
    wait = delay if retry_after is None else min(max(0.0, retry_after), LONGEST_RETRY_AFTER) + delay
    return wait if wait < left else None
