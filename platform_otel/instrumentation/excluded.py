"""The span of a request that makes none: what is below it makes none either, and a received context is passed on."""

from typing import Any  # Any: tokens are of the context's own kind

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, get_current_span

from platform_otel.instrumentation.context import leave

# In the context of an excluded request: for calls, which look for all that is rare at once.
EXCLUDED_KEY = "platform-trace-excluded"


class ExcludedSpan(NonRecordingSpan):
    """Has the span context that the request came with, and is its own child: see ``PlatformTracer.start_span``.

    Once its request is over it is a remote parent like any other: a thread or a task that the request has begun, and
    that goes on, has this for its current span for ever.
    """

    is_over = False
    # What restores the context that was there before.
    token: Any

    def leave(self) -> None:
        """Make current what was before, and excluded no more what is started from now on."""
        leave(self.token)
        self.is_over = True


def is_excluded(context: Context) -> bool:
    """Whether what is started in this context is that of an excluded request."""
    span = get_current_span(context)
    return type(span) is ExcludedSpan and not span.is_over
