"""The exports that the settings ask for, none of which does anything until a span has ended."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from platform_otel.config import Config
from platform_otel.export.choice import BUILT_IN, choose_exporters
from platform_otel.export.export import Batching, Export

if TYPE_CHECKING:
    from platform_otel.export.destination import Destination
    from platform_otel.process.identity import Identity
    from platform_otel.process.threads import Wait


class TakesSpans(Protocol):
    """What a pipeline asks of an export."""

    @property
    def name(self) -> str:
        """Where it goes, as it may be shown."""

    def take(self, span: Any) -> None:
        """Take a finished span. Never waits."""

    def waits(self) -> bool:
        """Whether something that was taken is not sent yet."""

    def begin_flush(self, deadline: float) -> Wait:
        """Begin to send what has been taken, until ``deadline``, a time of ``time.monotonic``."""

    def begin_stop(self, deadline: float) -> Wait:
        """Begin to send what is left, until ``deadline``; say what is not sent by then. Nothing comes after it."""

    def say_lost(self) -> None:
        """Say what is not sent, once: the process ends."""

    def start_anew(self) -> None:
        """In a child after a fork."""


def exports(config: Config, identity: Identity, lengths: tuple[int, int]) -> Sequence[TakesSpans]:
    """One for each exporter that is chosen; ours for OTLP and standard output, others by the SDK's batches.

    Args:
        config: which exporters, and how they send.
        identity: whose spans these are.
        lengths: characters that a text may have in the attributes of spans, and of events and links.
    """
    made = {name: _export(name, config, identity, lengths) for name in choose_exporters(config)}
    if "otlp" not in made and any(export is None for name, export in made.items() if name not in BUILT_IN):
        made["otlp"] = _export("otlp", config, identity, lengths)
    return tuple(export for export in made.values() if export is not None)


def _export(name: str, config: Config, identity: Identity, lengths: tuple[int, int]) -> TakesSpans | None:
    """None if there is nothing to write to, or no such exporter can be made."""
    if name == "otlp":
        return Export(_otlp(config, identity, lengths), batching(config))
    if name in BUILT_IN:
        return _to_stdout(config, identity, explicit=name == "console")
    from platform_otel.export.foreign import foreign_export

    return foreign_export(name, config)


def _otlp(config: Config, identity: Identity, lengths: tuple[int, int]) -> Destination:
    from platform_otel.export.otlp import OtlpDestination

    return OtlpDestination(config, identity, lengths)


def _to_stdout(config: Config, identity: Identity, *, explicit: bool) -> TakesSpans | None:
    from platform_otel.export.stdout import StdoutDestination, is_ours_to_write

    return Export(StdoutDestination(identity), batching(config)) if is_ours_to_write(explicit) else None


def batching(config: Config) -> Batching:
    """How spans gather, by OTEL_BSP_*."""
    # Our bound is in bytes; the user's, if there is one, comes on top.
    waiting = config.get("OTEL_BSP_MAX_QUEUE_SIZE")
    waiting = sys.maxsize if waiting is None else waiting
    return Batching(
        # Without the bounds a zero would keep a processor busy, and a huge number no clock can wait for.
        delay=min(max(config.get("OTEL_BSP_SCHEDULE_DELAY") / 1000, 0.01), 3600.0),
        # No more than may wait: a batch that never fills would wake nobody.
        most=max(1, min(config.get("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"), waiting)),
        waiting=waiting,
    )
