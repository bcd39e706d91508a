"""What upstream's instrumentations record: by the stable conventions unless the user says otherwise, and no secrets."""

from platform_otel.config import Config
from platform_otel.http.urls import redacted
from platform_otel.process.environment import changed_for_now

_VARIABLE = "OTEL_SEMCONV_STABILITY_OPT_IN"


def select(config: Config) -> None:
    """Let upstream make its one decision for this process, with our default in place of its own.

    Upstream reads the variable once and remembers.
    """
    from opentelemetry.instrumentation import _semconv

    with changed_for_now({_VARIABLE: ",".join(config.get(_VARIABLE))}):
        _semconv._OpenTelemetrySemanticConventionStability._initialize()


def redact() -> None:
    """Have addresses redacted as ours are: upstream's own function knows four names of secrets.

    Before an instrumentation is imported, since each takes the function by its name.
    """
    from opentelemetry.util import http

    http.redact_url = redacted
    http.redact_query_parameters = redacted


def give_back() -> None:
    """Let upstream read the variable itself: a service that instruments itself gets the conventions it had."""
    from opentelemetry.instrumentation import _semconv

    stability = _semconv._OpenTelemetrySemanticConventionStability
    stability._OTEL_SEMCONV_STABILITY_SIGNAL_MAPPING = {}
    stability._initialized = False
    stability._initialize()
