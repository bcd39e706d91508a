"""Falcon: upstream's application class, which takes ``middleware`` as a list and by name only, for any legal call."""

from collections.abc import Callable
from typing import Any  # Any: neither upstream nor every Falcon is typed

import falcon

from platform_otel.config import Config
from platform_otel.instrumentation.by_name import by_name

# Falcon 2 calls its application so.
_APPLICATION = "App" if hasattr(falcon, "App") else "API"


def instrument(upstream: Callable[..., None], _config: Config) -> None:
    """Let upstream's class take its arguments as Falcon's own does."""
    original = getattr(falcon, _APPLICATION)
    upstream()
    traced = getattr(falcon, _APPLICATION)
    if traced is not original:
        traced.__init__ = by_name(_with_a_list(traced.__init__), original.__init__)


def _with_a_list(init: Callable[..., None]) -> Callable[..., None]:
    def init_with_a_list(self: Any, middleware: Any = None, **named: Any) -> None:
        init(self, middleware=_as_list(middleware), **named)

    return init_with_a_list


def _as_list(middleware: Any) -> list[Any]:
    """A list that upstream may insert into: never the caller's own."""
    if middleware is None:
        return []
    try:
        return list(middleware)
    except TypeError:  # one component
        return [middleware]
