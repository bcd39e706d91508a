"""The exports that the settings ask for, none of which does anything until a span has ended."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from platform_otel.config import Config
from platform_otel.export.choice import choose_exporters
from platform_otel.export.export import Batching, Destination, Export

if TYPE_CHECKING:
    from platform_otel.process.identity import Identity


class TakesSpans(Protocol):
    """What a pipeline asks of an export."""

    @property
    def name(self) -> str:
        """Where it goes, as it may be shown."""

    def take(self, span: Any) -> None:
        """Take a finished span. Never waits."""

    def flush(self, seconds: float) -> bool:
        """Send what has been taken; False if that was not done in time."""

    def stop(self, deadline: float) -> None:
        """Send what is left before ``deadline``, a time of ``time.monotonic``."""

    def start_anew(self) -> None:
        """In a child after a fork."""


def exports(config: Config, identity: Identity, lengths: tuple[int, int]) -> Sequence[TakesSpans]:
    """One for each exporter that is chosen; ours for OTLP and standard output, others by the SDK's batches.

    Args:
        config: which exporters, and how they send.
        identity: whose spans these are.
        lengths: characters that a text may have in the attributes of spans, and of events and links.
    """
    chosen = [_export(name, config, identity, lengths) for name in choose_exporters(config)]
    return tuple(export for export in chosen if export is not None)


def _export(name: str, config: Config, identity: Identity, lengths: tuple[int, int]) -> TakesSpans | None:
    kind = name.lower()
    if kind == "otlp":
        return Export(_otlp(config, identity, lengths), batching(config))
    if kind in ("stdout", "console"):
        return _to_stdout(config, identity, explicit=kind == "console")
    from platform_otel.export.foreign import foreign_export

    return foreign_export(name, config) or _export("otlp", config, identity, lengths)


def _otlp(config: Config, identity: Identity, lengths: tuple[int, int]) -> Destination:
    from platform_otel.export.otlp import OtlpDestination

    return OtlpDestination(config, identity, lengths)


def _to_stdout(config: Config, identity: Identity, *, explicit: bool) -> TakesSpans | None:
    from platform_otel.export.stdout import StdoutDestination, is_ours_to_write

    return Export(StdoutDestination(identity), batching(config)) if is_ours_to_write(explicit) else None


def batching(config: Config) -> Batching:
    """How spans gather, by OTEL_BSP_*."""
    waiting = config.get("OTEL_BSP_MAX_QUEUE_SIZE")
    return Batching(
        # Without the bounds a zero would keep a processor busy, and a huge number no clock can wait for.
        delay=min(max(config.get("OTEL_BSP_SCHEDULE_DELAY") / 1000, 0.01), 3600.0),
        most=max(1, config.get("OTEL_BSP_MAX_EXPORT_BATCH_SIZE")),
        # Our bound is in bytes; the user's, if there is one, comes on top.
        waiting=sys.maxsize if waiting is None else waiting,
    )
