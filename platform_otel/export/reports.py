"""What an export says of itself: one line when spans wait or are lost, at most one a minute, one on recovery."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from platform_otel.process.guard import say, say_again

if TYPE_CHECKING:
    from platform_otel.export.outcome import Outcome
    from platform_otel.export.queue import Counts

_SECONDS_BETWEEN = 60.0
_TOO_FAST = "they ended faster than they can be sent"


class Reports:
    """Used by the exporter thread only, but for :meth:`because` and :meth:`ended`."""

    def __init__(self, destination: str) -> None:
        self._destination = destination
        self._said_at = float("-inf")
        self._is_down = False
        self._outage_said = False
        # Why spans are lost that are not told yet.
        self._reason = ""
        # Of the dropped spans, how many were told; refused ones that were not; and when the outage began, how many
        # there were, and how many of them were not told.
        self._told = 0
        self._refused = 0
        self._dropped_before = 0
        self._untold_before = 0
        # Spans that the collector left out and nobody was told of, and its words.
        self._rejected = 0
        self._words = ""

    def taken(self, outcome: Outcome, counts: Counts) -> None:
        """A batch arrived."""
        if self._outage_said:
            lost = self._lost_meanwhile(counts)
            say_again(f"{self._destination} takes spans again" + (f"; {lost} were dropped meanwhile" if lost else ""))
        self._is_down = self._outage_said = False
        if counts.dropped <= self._told:
            self._reason = ""
        if outcome.message:
            self._pass_on(outcome)

    def _pass_on(self, outcome: Outcome) -> None:
        """What a collector says of spans that it took."""
        if not outcome.rejected:
            say(f"{self._destination} answers with a warning: {outcome.message}", (self._destination, "warning"))
            return
        self._rejected += outcome.rejected
        self._words = outcome.message
        if self._may_speak():
            self._say_rejected()

    def _say_rejected(self) -> None:
        say_again(f"{self._destination} rejected {self._rejected} spans: {self._words}")
        self._rejected = 0

    def waiting(self, outcome: Outcome, counts: Counts, *, is_ending: bool = False) -> None:
        """A batch did not arrive and will be sent again; where the process ends, :meth:`ended` says the rest."""
        self._reason = outcome.message
        if not self._is_down:
            self._is_down = True
            self._dropped_before = counts.dropped
            self._untold_before = counts.dropped - self._told
        if not is_ending and self._may_speak():
            self._outage_said = True
            lost = self._lost_meanwhile(counts)
            dropped = f", {lost} dropped" if lost else ""
            say_again(f"{self._destination} takes no spans: {outcome.message}; {counts.queued} wait{dropped}")

    def _lost_meanwhile(self, counts: Counts) -> int:
        """Spans that were dropped since the outage began; the caller tells them."""
        self._told = counts.dropped - self._untold_before
        return counts.dropped - self._dropped_before

    def refused(self, outcome: Outcome, number: int) -> None:
        """A batch will never be taken."""
        self._reason = outcome.message
        self._refused += number
        if self._may_speak():
            say_again(f"{self._destination} refused {self._refused} spans: {outcome.message}")
            self._told += self._refused
            self._refused = 0

    def because(self, reason: str) -> None:
        """Why a span was dropped, unless another reason is still to be told."""
        self._reason = self._reason or reason

    def dropped(self, total: int) -> None:
        """So many spans have been dropped in all: the queue was full, or they could not be sent."""
        if total > self._told and not self._is_down and self._may_speak():
            reason = self._reason or _TOO_FAST
            say_again(f"{total - self._told} spans were dropped on their way to {self._destination}: {reason}")
            self._told = total
            self._refused = 0

    def ended(self, counts: Counts) -> None:
        """The process ends: what still waits is lost, and what was not told yet is told now."""
        lost = counts.dropped + counts.queued - self._told
        if lost > 0:
            self._told += lost
            reason = self._reason or ("the process ended first" if counts.queued else _TOO_FAST)
            say_again(f"{lost} spans were not delivered to {self._destination}: {reason}")
        if self._rejected:
            self._say_rejected()

    def _may_speak(self) -> bool:
        now = monotonic()
        if now - self._said_at < _SECONDS_BETWEEN:
            return False
        self._said_at = now
        return True
