"""One span per request where the service, or another framework, has upstream's middleware at work beneath ours.

All of upstream's server instrumentations start their spans through one function. Where ours is current, that function
starts a span as if ours had never been; and where its span is current, ours starts none.
"""

import functools
import sys
from typing import Any  # Any: upstream is not typed


def install() -> None:
    """Replace the function, before those who use it import it."""
    from opentelemetry.instrumentation import utils

    original = utils._start_internal_or_server_span

    @functools.wraps(original)
    def start(*arguments: Any, **named: Any) -> Any:
        ours = sys.modules.get("platform_otel.instrumentation.server_span")
        if ours is None:
            return original(*arguments, **named)
        ours.give_way_to_upstream()
        span, token = original(*arguments, **named)
        ours.upstreams_span.set(span)
        return span, token

    utils._start_internal_or_server_span = start
