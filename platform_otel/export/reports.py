"""What an export says of itself: one line when spans wait or are refused, at most one a minute, one on recovery."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from platform_otel.process.guard import say_again

if TYPE_CHECKING:
    from platform_otel.export.outcome import Outcome
    from platform_otel.export.queue import Counts

_SECONDS_BETWEEN = 60.0


class Reports:
    """Used by the exporter thread only, but for :meth:`lost`."""

    def __init__(self, destination: str) -> None:
        self._destination = destination
        self._said_at = float("-inf")
        self._is_down = False
        self._reason = ""
        self._refused = 0
        self._dropped = 0
        self._told = 0

    def taken(self, outcome: Outcome, counts: Counts) -> None:
        """A batch arrived."""
        if self._is_down:
            self._is_down = False
            lost = counts.dropped - self._dropped
            say_again(f"{self._destination} takes spans again" + (f"; {lost} were dropped meanwhile" if lost else ""))
        if outcome.rejected:
            say_again(f"{self._destination} rejected {outcome.rejected} spans: {outcome.message}")

    def waiting(self, outcome: Outcome, counts: Counts) -> None:
        """A batch did not arrive and will be sent again."""
        self._reason = outcome.message
        if not self._is_down:
            self._is_down = True
            self._dropped = counts.dropped
        if self._may_speak():
            lost = counts.dropped - self._dropped
            dropped = f", {lost} dropped" if lost else ""
            say_again(f"{self._destination} takes no spans: {outcome.message}; {counts.queued} wait{dropped}")

    def refused(self, outcome: Outcome, number: int) -> None:
        """A batch will never be taken."""
        self._refused += number
        self._told += number
        if self._may_speak():
            say_again(f"{self._destination} refused {self._refused} spans: {outcome.message}")

    def dropped(self, total: int) -> None:
        """So many spans have been dropped in all: the queue was full, or they could not be sent."""
        if total > self._told and not self._is_down and self._may_speak():
            say_again(f"{total - self._told} spans were dropped on their way to {self._destination}: {self._why()}")
            self._told = total

    def _why(self) -> str:
        return self._reason or "they ended faster than they can be sent"

    def lost(self, number: int) -> None:
        """The process ends with spans that were not sent."""
        say_again(
            f"{number} spans were not delivered to {self._destination}: {self._reason or 'the process ended first'}"
        )

    def _may_speak(self) -> bool:
        now = monotonic()
        if now - self._said_at < _SECONDS_BETWEEN:
            return False
        self._said_at = now
        return True
