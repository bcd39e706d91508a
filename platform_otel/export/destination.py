"""What an export asks of where it sends: an encoding, and somebody who takes one message after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from platform_otel.export.outcome import Outcome


class Codec(Protocol):
    """Turns spans into what is queued, and what has gathered into one message."""

    def encode(self, span: Any) -> tuple[Any, int]:
        """What is sent of a span, and its size in bytes. Called by threads of the service, and by the exporter's."""

    def message(self, items: list[Any]) -> Any:
        """What is sent for these spans. Called by the exporter thread."""


class Sender(Protocol):
    """Takes one message to where it goes. Used by the exporter thread only."""

    def send(self, message: Any, deadline: float) -> Outcome:
        """Send it before ``deadline``, a time of ``time.monotonic``."""

    def close(self) -> None:
        """Close connections."""

    def abandon(self) -> None:
        """Let go of the parent's connections in a child process, after a fork."""


class Destination(Protocol):
    """Where spans go: how they are encoded, and who sends them."""

    @property
    def name(self) -> str:
        """As it may be shown."""

    @property
    def endpoint(self) -> str:
        """The URL that spans go to, "" if none."""

    @property
    def codec(self) -> Codec:
        """How spans are encoded."""

    def sender(self) -> Sender:
        """Import and make the sender. Called by the exporter thread."""
