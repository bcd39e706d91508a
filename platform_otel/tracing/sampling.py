"""The sampler that OTEL_TRACES_SAMPLER names: the specification's, or one of another package."""

from typing import Any

from opentelemetry.sdk.trace import sampling

from platform_otel.config import Config
from platform_otel.instrumentation.discovery import installed
from platform_otel.process.guard import guarded, say

_GROUP = "opentelemetry_traces_sampler"
_FIXED = {
    "always_on": sampling.ALWAYS_ON,
    "always_off": sampling.ALWAYS_OFF,
    "parentbased_always_on": sampling.DEFAULT_ON,
    "parentbased_always_off": sampling.DEFAULT_OFF,
}
_BY_RATIO = {
    "traceidratio": sampling.TraceIdRatioBased,
    "parentbased_traceidratio": sampling.ParentBasedTraceIdRatio,
}


def sampler(config: Config) -> sampling.Sampler:
    """The sampler to use. A name or ratio that is not usable is said, and the default used."""
    name = config.get("OTEL_TRACES_SAMPLER")
    if name.lower() in _FIXED:
        return _FIXED[name.lower()]
    if name.lower() in _BY_RATIO:
        return _BY_RATIO[name.lower()](_ratio(config))
    return _foreign(name, config) or sampling.DEFAULT_ON


def _ratio(config: Config) -> float:
    text = config.get("OTEL_TRACES_SAMPLER_ARG")
    try:
        ratio = float(text or "1")
    except ValueError:
        ratio = -1.0
    if not 0.0 <= ratio <= 1.0:  # not true for NaN either
        say(f"OTEL_TRACES_SAMPLER_ARG={text[:60]!a} is not a number from 0 to 1; using 1")
        return 1.0
    return ratio


def _foreign(name: str, config: Config) -> sampling.Sampler | None:
    entry_point = installed().group(_GROUP).get(name)
    if entry_point is None:
        say(f"OTEL_TRACES_SAMPLER: no installed package offers {name[:60]!a}; using parentbased_always_on")
        return None
    found: Any = None  # Any: what another package returns is checked below
    with guarded(f"load the sampler {name}; using parentbased_always_on"):
        found = entry_point.load()(config.get("OTEL_TRACES_SAMPLER_ARG"))
    return _Guarded(found) if isinstance(found, sampling.Sampler) else None


class _Guarded(sampling.Sampler):
    """Another package's sampler: where it raises, the default decides."""

    def __init__(self, sampler: sampling.Sampler) -> None:
        self._sampler = sampler

    def should_sample(self, *args: Any, **kwargs: Any) -> sampling.SamplingResult:
        """See :meth:`opentelemetry.sdk.trace.sampling.Sampler.should_sample`. Any: passed on as it is."""
        with guarded(f"ask the sampler {type(self._sampler).__qualname__}"):
            return self._sampler.should_sample(*args, **kwargs)
        return sampling.DEFAULT_ON.should_sample(*args, **kwargs)

    def get_description(self) -> str:
        """See :meth:`opentelemetry.sdk.trace.sampling.Sampler.get_description`."""
        return self._sampler.get_description()
