"""Which propagators exist, so that a bad name is left out before the API is imported."""

from platform_otel.config import Config
from platform_otel.instrumentation.discovery import installed
from platform_otel.instrumentation.offered import say_that_nobody_offers

_VARIABLE = "OTEL_PROPAGATORS"


def known_names(config: Config) -> tuple[str, ...]:
    """The names in OTEL_PROPAGATORS that some installed package offers; the default if none is left.

    ``opentelemetry.propagate`` raises ValueError at its import for a name that it does not find, and so
    would end the service.
    """
    offered = {"none", *installed().group("opentelemetry_propagator")}
    names: tuple[str, ...] = config.get(_VARIABLE)
    known = tuple(name for name in names if name in offered)
    for name in names:
        if name not in offered:
            say_that_nobody_offers(_VARIABLE, name, _used(known))
    return known or ("tracecontext", "baggage")


def _used(known: tuple[str, ...]) -> str:
    return f"using {','.join(known)}" if known else "using tracecontext,baggage"
