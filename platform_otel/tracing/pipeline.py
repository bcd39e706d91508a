"""What every span of ours passes through: ids, sampling, limits, processors of others, and our exports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, TraceState, get_current_span
from opentelemetry.util.types import Attributes

from platform_otel.config import Config, discreet
from platform_otel.export.exports import exports
from platform_otel.process.guard import debug, guarded, info, say
from platform_otel.process.helper import Helper
from platform_otel.process.identity import Identity
from platform_otel.process.lifecycle import patience
from platform_otel.process.service_name import name_of_this_process
from platform_otel.process.threads import wait_for_all
from platform_otel.tracing.ids import GuardedIds, RandomIds
from platform_otel.tracing.limits import limits
from platform_otel.tracing.sampling import Sampler, sampler
from platform_otel.tracing.tracer import RANDOM, SAMPLED

if TYPE_CHECKING:
    from platform_otel.process.threads import Wait
    from platform_otel.tracing.span import RecordingSpan


class Pipeline:
    """Made when the first span starts. Starts no thread until one has ended."""

    def __init__(self, config: Config, identity: Identity) -> None:
        self._config = config
        self.identity = identity
        self.sampler: Any = sampler(config)  # Any: ours, or another package's
        self.decide = self.sampler.decide if isinstance(self.sampler, Sampler) else None
        self.ids: Any = _ids(config)  # Any: ours, or another package's
        self.flags_of_a_root = RANDOM if _are_random(self.ids) else 0
        self.limits = limits(config)
        self.processors: tuple[Any, ...] = ()  # Any: the SDK's SpanProcessor, which we do not import
        self._helpers: dict[int, Helper] = {}
        self.exports = exports(config, identity, self.limits.lengths)
        self.on_end = self.ended

    def announce(self, application: Any = None) -> None:
        """Say whose spans go where, if that is asked for. Any: the application's provider, in the SDK's type."""
        with guarded("say where spans go"):
            info(lambda: f"service {_named(application)}: spans go {self._ways()}")

    def _ways(self) -> str:
        ways = [self._way(export) for export in self.exports]
        return " and ".join(ways) or "to nobody, only their context is passed on"

    def _way(self, export: Any) -> str:
        if not getattr(export, "endpoint", ""):
            return f"to {discreet(export.name)}"
        from platform_otel.export.otlp import protocol_in_force

        return f"by otlp ({protocol_in_force(self._config)}) to {export.name}"

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
        self._helpers[id(processor)] = Helper()
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
        parent = get_current_span(context).get_span_context()
        sampled = parent.trace_flags & SAMPLED == SAMPLED if parent.is_valid else True
        return sampled, sampled, attributes, parent.trace_state

    def join(self, application: Any) -> None:
        """Export what the application's provider records, too."""
        self.announce(application)
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
        waits = [export.begin_flush(deadline) for export in self.exports]
        for processor in self.processors:
            _flush(processor, deadline)
        return wait_for_all(waits)

    def settle(self) -> bool:
        """Send what has ended so far, out of the time that the process's end may take in all."""
        with patience as deadline:
            return self.begin_flush(deadline)()

    def waits(self) -> bool:
        """Whether a span has ended and is not sent yet."""
        return any(export.waits() for export in self.exports)

    def begin_flush(self, deadline: float) -> Wait:
        """Begin to send what has ended so far."""
        waits = [export.begin_flush(deadline) for export in self.exports]
        waits += [self._begin(_flush, processor, deadline) for processor in self.processors]
        return lambda: wait_for_all(waits)

    def begin_stop(self, deadline: float) -> Wait:
        """Begin to send what is left; nothing comes after it."""
        processors, self.processors = self.processors, ()
        waits = [export.begin_stop(deadline) for export in self.exports]
        waits += [self._begin(_shut_down, processor, deadline) for processor in processors]
        return lambda: wait_for_all(waits)

    def _begin(self, work: Callable[[Any, float], None], processor: Any, deadline: float) -> Wait:
        return self._helpers[id(processor)].begin(lambda: work(processor, deadline), deadline)

    def say_lost(self) -> None:
        """Say how many spans are not sent."""
        for export in self.exports:
            export.say_lost()

    def start_anew(self) -> None:
        """In a child after a fork: ids and queues of its own."""
        if isinstance(self.ids, RandomIds):
            self.ids.seed()
        for export in self.exports:
            export.start_anew()


def _named(application: Any) -> str:
    """The name that spans arrive under, and where it is from: a provider's own resource wins if it names a service."""
    attributes = getattr(getattr(application, "resource", None), "attributes", {})
    name, source = str(attributes.get("service.name", "unknown_service")), "application's tracer provider"
    if name.startswith("unknown_service"):
        name, source = name_of_this_process()
    return f"{discreet(name)}, from {source if source.isupper() else f'the {source}'}"


def _flush(processor: Any, deadline: float) -> None:
    with guarded(f"flush {type(processor).__qualname__}"):
        processor.force_flush(max(1, int((deadline - monotonic()) * 1000)))


def _shut_down(processor: Any, _: float) -> None:
    # The interface takes no limit: we wait no longer than we may.
    with guarded(f"shut down {type(processor).__qualname__}"):
        processor.shutdown()


def _ids(config: Config) -> Any:
    """Ours, or the generator of another package that OTEL_PYTHON_ID_GENERATOR names."""
    setting = "OTEL_PYTHON_ID_GENERATOR"
    name = config.get(setting)
    if name == "random":
        return RandomIds()
    from platform_otel.instrumentation.offered import offered

    found = offered(setting, "opentelemetry_id_generator", name, "using random")
    return RandomIds() if found is None else GuardedIds(found)


def _are_random(ids: Any) -> bool:
    with guarded("ask the id generator whether its ids are random"):
        return bool(ids.is_trace_id_random())
    return False
