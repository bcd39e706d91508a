"""The option --token, of the collector that wants one and of those who show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., object])


def token_option(says: str) -> Callable[[Command], Command]:
    """The option, with its help."""
    return click.option("--token", default="", envvar="PLATFORM_TRACE_COLLECTOR_TOKEN", callback=_token, help=says)


def _token(_: click.Context, __: click.Parameter, text: str) -> str:
    # What else there is does not come through a header as it is.
    if not text.isascii() or not text.isprintable() or text != text.strip():
        raise click.BadParameter("a token is made of printable ASCII characters, without spaces around them")
    return text
