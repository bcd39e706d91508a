"""One span of the doctor's own, encoded and sent as the exporter of a service encodes and sends."""

from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from platform_otel import __version__
from platform_otel.config import Config
from platform_otel.export.otlp import OtlpDestination
from platform_otel.export.outcome import Outcome
from platform_otel.process.identity import Identity
from platform_otel.tracing.ids import RandomIds
from platform_otel.tracing.limits import limits
from platform_otel.tracing.scope import Scope
from platform_otel.tracing.span import RecordingSpan

# Not the service's own name: this is no work of the service's.
SERVICE = "platform-trace-doctor"
NAME = "platform-trace doctor"


class OneSpan:
    """A span that has ended, and the way to the collector that the settings name."""

    def __init__(self, config: Config) -> None:
        identity = Identity(lambda: {"service.name": SERVICE})
        self._destination = OtlpDestination(config, identity, limits(config).lengths)
        self._span = _ended_span(identity, config)

    @property
    def trace_id(self) -> str:
        """In hexadecimal, as backends show it."""
        return f"{self._span.context.trace_id:032x}"

    def send(self, deadline: float) -> Outcome:
        """Send it. ``deadline`` is a time of ``time.monotonic``. Raises nothing for whatever the network does."""
        item, _ = self._destination.codec.encode(self._span)
        sender = self._destination.sender()
        try:
            return sender.send(self._destination.codec.message([item]), deadline)
        finally:
            sender.close()


def _ended_span(identity: Identity, config: Config) -> RecordingSpan:
    ids = RandomIds()
    context = SpanContext(ids.generate_trace_id(), ids.generate_span_id(), False, TraceFlags(TraceFlags.SAMPLED))
    scope = Scope(identity, "platform_otel.doctor", __version__, None, None)
    span = RecordingSpan(NAME, context, None, SpanKind.INTERNAL, scope, limits(config), lambda _: None, None)
    span.end()
    return span
