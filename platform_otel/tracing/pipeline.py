"""What every span of ours passes through: ids, sampling, limits, processors of others, and our exports."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from platform_otel.config import Config
from platform_otel.export.exports import exports
from platform_otel.instrumentation.discovery import installed
from platform_otel.process.guard import debug, guarded, info, say
from platform_otel.process.identity import Identity
from platform_otel.process.service_name import service_name
from platform_otel.tracing.ids import GuardedIds, RandomIds
from platform_otel.tracing.limits import limits
from platform_otel.tracing.sampling import Sampler, sampler
from platform_otel.tracing.tracer import RANDOM, SAMPLED

if TYPE_CHECKING:
    from platform_otel.tracing.span import RecordingSpan


# At exit, for everything together.
_SHUTDOWN_SECONDS = 3.0


class Pipeline:
    """Made when the first span starts. Starts no thread until one has ended."""

    def __init__(self, config: Config, identity: Identity) -> None:
        self.identity = identity
        self.sampler: Any = sampler(config)  # Any: ours, or another package's
        self.decide = self.sampler.decide if isinstance(self.sampler, Sampler) else None
        self.ids: Any = _ids(config)  # Any: ours, or another package's
        self.flags_of_a_root = RANDOM if _are_random(self.ids) else 0
        self.limits = limits(config)
        self.processors: tuple[Any, ...] = ()  # Any: the SDK's SpanProcessor, which we do not import
        self.exports = exports(config, identity, self.limits.lengths)
        self.on_end = self.ended
        self._patience = _SHUTDOWN_SECONDS
        self._say_where_spans_go()
        os.register_at_fork(after_in_child=self._start_anew)

    def _say_where_spans_go(self) -> None:
        names = [export.name for export in self.exports]
        service = service_name(os.environ, sys.orig_argv)[0]
        info(f"service {service}: spans go to {', '.join(names) or 'nobody, only their context is passed on'}")

    def started(self, span: RecordingSpan, context: Context) -> None:
        """Tell the processors of others."""
        for processor in self.processors:
            with guarded(f"tell {type(processor).__qualname__} of a span's start"):
                processor.on_start(span, context)

    def ended(self, span: RecordingSpan) -> None:
        """Hand a finished span to the processors of others, and to our exports if it is sampled."""
        for processor in self.processors:
            with guarded(f"tell {type(processor).__qualname__} of a span's end"):
                processor.on_end(span)
        if span.context.trace_flags & SAMPLED:
            for export in self.exports:
                export.take(span)

    def add_processor(self, processor: Any) -> None:
        """A processor of another package from now on sees every span.

        But not our own, come back through a provider that wraps ours; nor an exporter to the collector that
        we export to: every span would arrive twice.
        """
        if type(processor).__name__ == "JoinedProcessor":
            return
        if self._goes_where_we_send(processor):
            debug(f"{type(processor).__qualname__} is left out: its spans go where ours go")
            return
        self.processors = (*self.processors, processor)

    def _goes_where_we_send(self, processor: Any) -> bool:
        if not hasattr(processor, "span_exporter"):
            return False
        from platform_otel.tracing.joined import send_to

        return send_to([processor], self.endpoints())

    def endpoints(self) -> list[str]:
        """Where our exports send spans by OTLP."""
        return [endpoint for export in self.exports if (endpoint := getattr(export, "endpoint", ""))]

    def ask_foreign_sampler(
        self,
        context: Context,
        trace_id: int,
        name: str,
        kind: SpanKind,
        attributes: Attributes,
        links: Sequence[Link] | None,
    ) -> tuple[bool, bool, Attributes, TraceState | None]:
        """Whether to record, whether to export, with which attributes and state; where it raises, as by default."""
        with guarded(f"ask the sampler {type(self.sampler).__qualname__}"):
            result = self.sampler.should_sample(context, trace_id, name, kind, attributes, links)
            decision = result.decision
            return decision.is_recording(), decision.is_sampled(), result.attributes, result.trace_state
        return True, True, attributes, None

    def join(self, application: Any) -> None:
        """Export what the application's provider records, too."""
        if not self.exports:
            return
        add = getattr(application, "add_span_processor", None)
        if add is None:
            kind = type(application)
            say(
                f"the application's tracer provider ({kind.__module__}.{kind.__qualname__}) "
                "takes no span processor, so its spans are not exported by platform-trace"
            )
            return
        from platform_otel.tracing.joined import JoinedProcessor

        add(JoinedProcessor(self, application))

    def flush(self, seconds: float) -> bool:
        """Send what has ended so far, also to the processors of others; False if that was not done in time."""
        deadline = monotonic() + seconds
        for processor in self.processors:
            with guarded(f"flush {type(processor).__qualname__}"):
                processor.force_flush(max(1, int((deadline - monotonic()) * 1000)))
        flushed = [export.flush(max(0.0, deadline - monotonic())) for export in self.exports]
        return all(flushed)

    def settle(self) -> bool:
        """Send what has ended so far, out of the three seconds that a process's end may take in all."""
        started = monotonic()
        flushed = self.flush(self._patience)
        self._patience = max(0.0, self._patience - (monotonic() - started))
        return flushed

    def shutdown(self) -> None:
        """Send what is left and stop, out of the three seconds that a process's end may take in all."""
        deadline = monotonic() + self._patience
        processors, self.processors = self.processors, ()
        for export in self.exports:
            with guarded("send the last spans"):
                export.stop(deadline)
        for processor in processors:
            with guarded(f"shut down {type(processor).__qualname__}"):
                processor.shutdown()

    def _start_anew(self) -> None:
        """In a child after a fork: ids, identity and queues of its own."""
        with guarded("start anew after a fork"):
            if isinstance(self.ids, RandomIds):
                self.ids.seed()
            self.identity.forget()
            for export in self.exports:
                export.start_anew()


def _ids(config: Config) -> Any:
    """Ours, or the generator of another package that OTEL_PYTHON_ID_GENERATOR names."""
    name = config.get("OTEL_PYTHON_ID_GENERATOR")
    if name == "random":
        return RandomIds()
    entry_point = installed().group("opentelemetry_id_generator").get(name)
    if entry_point is None:
        say(f"OTEL_PYTHON_ID_GENERATOR: no installed package offers {name[:60]!a}; using random")
        return RandomIds()
    with guarded(f"load the id generator {name}; using random"):
        return GuardedIds(entry_point.load()())
    return RandomIds()


def _are_random(ids: Any) -> bool:
    with guarded("ask the id generator whether its ids are random"):
        return bool(ids.is_trace_id_random())
    return False
