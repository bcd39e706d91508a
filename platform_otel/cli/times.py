"""Durations and moments as users write them: what click calls for an option's value."""

from __future__ import annotations

import re
import time

import click

_UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 24 * 3600 * 10**9}


def duration(_: click.Context, __: click.Parameter, text: str | None) -> int | None:
    """Nanoseconds."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)(ns|us|ms|s|m|h|d)", text.strip(), re.ASCII)
    if found is None:
        raise click.BadParameter(f"{text!r} is not a duration such as 250ms, 1.5s or 2h")
    return round(float(found[1]) * _UNITS[found[2]])


def moment(context: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """Nanoseconds since the epoch, of as many, or of how long ago."""
    if text is None or re.fullmatch(r"\d{1,19}", text, re.ASCII):
        return None if text is None else int(text)
    try:
        return max(0, time.time_ns() - (duration(context, parameter, text) or 0))
    except click.BadParameter:
        raise click.BadParameter(
            f"{text!r} is neither how long ago, such as 15m, nor nanoseconds since the epoch"
        ) from None
