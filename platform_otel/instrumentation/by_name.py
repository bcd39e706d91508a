"""Calls with every argument given by name: some of upstream's wrappers look for theirs nowhere else."""

import functools
import inspect
from collections.abc import Callable
from typing import Any  # Any: a wrapped function's arguments and result are what they are


def by_name(wrapper: Callable[..., Any], wrapped: Callable[..., Any]) -> Callable[..., Any]:
    """Make ``wrapper`` take its arguments however ``wrapped`` takes them."""
    signature = inspect.signature(wrapped)

    @functools.wraps(wrapped)
    def call(*arguments: Any, **named: Any) -> Any:
        try:
            bound = signature.bind(*arguments, **named)
        except TypeError:
            return wrapped(*arguments, **named)  # raises it in its own words
        return wrapper(**bound.arguments)

    return call
