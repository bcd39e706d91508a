"""Which traces are recorded: the specification's samplers, and those of other packages called as they are."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags, TraceState

from platform_otel.config import Config, shown
from platform_otel.process.guard import say

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.sampling import SamplingResult

# Decides by the parent's context, None for a root, and the trace id. A plain function: it is asked for each span.
Decide = Callable[[SpanContext | None, int], bool]

_GROUP = "opentelemetry_traces_sampler"
_SAMPLED = TraceFlags.SAMPLED


class Sampler(NamedTuple):
    """A sampler of the specification.

    Offers what the SDK's samplers offer, for services that read ``provider.sampler``.
    """

    description: str
    decide: Decide

    def get_description(self) -> str:
        """As the SDK's samplers say it."""
        return self.description

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Any] | None = None,
        trace_state: TraceState | None = None,
    ) -> "SamplingResult":
        """As the SDK's samplers answer."""
        from opentelemetry.sdk.trace.sampling import Decision, SamplingResult
        from opentelemetry.trace import get_current_span

        parent = get_current_span(parent_context).get_span_context()
        sampled = self.decide(parent if parent.is_valid else None, trace_id)
        decision = Decision.RECORD_AND_SAMPLE if sampled else Decision.DROP
        return SamplingResult(decision, attributes if sampled else None, parent.trace_state)


# ruff: noqa: ARG001  # each sampler decides by what it needs of what all of them are given


def always_on(parent: SpanContext | None, trace_id: int) -> bool:
    """Every trace.

    Source: https://opentelemetry.io/docs/specs/otel/trace/sdk/#alwayson
    """
    return True


def always_off(parent: SpanContext | None, trace_id: int) -> bool:
    """No trace.

    Source: https://opentelemetry.io/docs/specs/otel/trace/sdk/#alwaysoff
    """
    return False


def by_ratio(ratio: float) -> Decide:
    """A share of the traces, decided by the id, so that every service decides alike.

    Source: https://opentelemetry.io/docs/specs/otel/trace/sdk/#traceidratiobased
    """
    bound = round(ratio * (1 << 64))

    def decide(parent: SpanContext | None, trace_id: int) -> bool:
        return trace_id & 0xFFFFFFFFFFFFFFFF < bound

    return decide


def parent_based(root: Decide) -> Decide:
    """As the parent decided; a root by ``root``.

    Source: https://opentelemetry.io/docs/specs/otel/trace/sdk/#parentbased
    """

    def decide(parent: SpanContext | None, trace_id: int) -> bool:
        return root(parent, trace_id) if parent is None else parent.trace_flags & _SAMPLED == _SAMPLED

    def decide_with_every_root(parent: SpanContext | None, trace_id: int) -> bool:
        return parent is None or parent.trace_flags & _SAMPLED == _SAMPLED

    # The default, with a call less.
    return decide_with_every_root if root is always_on else decide


def sampler(config: Config) -> Any:
    """The sampler that OTEL_TRACES_SAMPLER names; a bad name or ratio is said, and the default used.

    Any: a Sampler of ours, or another package's, of which only ``should_sample`` is known.
    """
    name = config.get("OTEL_TRACES_SAMPLER")
    known = _of_the_specification(name.lower(), config)
    return known or _foreign(name, config) or _default()


def _default() -> Sampler:
    return Sampler("ParentBased{root:AlwaysOnSampler}", parent_based(always_on))


def _of_the_specification(name: str, config: Config) -> Sampler | None:
    if name.startswith("parentbased_"):
        root = _of_the_specification(name.removeprefix("parentbased_"), config)
        return root and Sampler(f"ParentBased{{root:{root.description}}}", parent_based(root.decide))
    if name == "always_on":
        return Sampler("AlwaysOnSampler", always_on)
    if name == "always_off":
        return Sampler("AlwaysOffSampler", always_off)
    if name == "traceidratio":
        ratio = _ratio(config)
        return Sampler(f"TraceIdRatioBased{{{ratio}}}", by_ratio(ratio))
    return None


def _ratio(config: Config) -> float:
    text = config.get("OTEL_TRACES_SAMPLER_ARG")
    try:
        return parse_ratio(text or "1")
    except ValueError as expected:
        say(f"OTEL_TRACES_SAMPLER_ARG={shown('text', text)} is not {expected}; using 1")
        return 1.0


def parse_ratio(text: str) -> float:
    """The share of traces that ``text`` says.

    Raises:
        ValueError: with what was expected.
    """
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if not 0.0 <= ratio <= 1.0:  # not true for NaN either
        raise ValueError("a number from 0 to 1")
    return ratio


def _foreign(name: str, config: Config) -> Any:
    from platform_otel.instrumentation.offered import offered

    instead = "using parentbased_always_on"
    argument = config.get("OTEL_TRACES_SAMPLER_ARG")
    found = offered("OTEL_TRACES_SAMPLER", _GROUP, name, instead, lambda make: make(argument))
    return found if callable(getattr(found, "should_sample", None)) else None
