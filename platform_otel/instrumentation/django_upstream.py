"""Django: upstream's middleware goes in when the first handler loads its middlewares, since then there are settings.

The usual wsgi.py imports Django before it names the settings. Upstream would find none and configure empty ones.
"""

import functools
from collections.abc import Callable
from typing import Any  # Any: Django is not typed

from django.conf import settings  # type: ignore[import-untyped]
from django.core.handlers.base import BaseHandler  # type: ignore[import-untyped]

from platform_otel.config import Config
from platform_otel.process.guard import guarded


def instrument(upstream: Callable[..., None], _config: Config) -> None:
    """Call upstream's inside the first ``load_middleware``. That stays wrapped: others may have wrapped it since."""
    load_middleware = BaseHandler.load_middleware
    once = iter([upstream])

    @functools.wraps(load_middleware)
    def instrument_first(*arguments: Any, **named: Any) -> Any:
        # Where there are no settings at all, hasattr raises what load_middleware would.
        if hasattr(settings, "MIDDLEWARE"):
            for call in once:
                with guarded("instrument django"):
                    call()
        return load_middleware(*arguments, **named)

    BaseHandler.load_middleware = instrument_first
