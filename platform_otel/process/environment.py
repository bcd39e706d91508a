"""The environment of this process, changed for as long as somebody else's code reads it."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def changed_for_now(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Set these variables, None removing one, until the end of the block: the service never notices."""
    before = {name: os.environ.get(name) for name in variables}
    _set(variables)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
