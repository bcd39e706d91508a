"""Ids, durations, times and numbers as the APIs of other tools write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from platform_otel.collector.outside import Asked
from platform_otel.collector.parameters import BadParameter

LATEST = 2**63 - 1
# As Go writes them, and Prometheus, which has days, weeks and years.
DURATION = r"(?:\d{1,18}(?:\.\d{1,18})?(?:ns|us|µs|μs|ms|s|m|h|d|w|y))+"
_SECOND = 10**9
_DAY = 24 * 3600 * _SECOND
_OF_GO = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": _SECOND, "m": 60 * _SECOND}
_UNITS = {**_OF_GO, "h": 3600 * _SECOND, "d": _DAY, "w": 7 * _DAY, "y": 365 * _DAY}
_PART = re.compile(r"([\d.]+)([a-zµμ]+)", re.ASCII)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII | re.IGNORECASE
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def trace_id(text: str) -> bytes:
    """A trace's id in hexadecimal digits; leading zeros may be left out, as the tools do.

    Raises:
        BadParameter
    """
    if not re.fullmatch("[0-9a-fA-F]{1,32}", text):
        raise BadParameter(f"trace id: 1 to 32 hexadecimal digits are expected, there is {text[:50]!r}")
    return bytes.fromhex(text.rjust(32, "0"))


def duration(asked: Asked, *names: str) -> int | None:
    """Nanoseconds of a DURATION (1.2s, 1m30s); None if it is not given.

    Raises:
        BadParameter
    """
    text = asked.value(*names)
    if not text:
        return None
    if not re.fullmatch(DURATION, text, re.ASCII):
        raise BadParameter(f"{names[0]}: a duration such as 1.2s or 100ms is expected, there is {text[:50]!r}")
    return min(LATEST, nanoseconds(text))


def nanoseconds(text: str) -> int:
    """Of a DURATION."""
    return round(sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text)))


def number(asked: Asked, *names: str, at_least: int = 0, at_most: int = LATEST) -> int | None:
    """A whole number, brought down to the most that there may be; None if it is not given.

    Raises:
        BadParameter
    """
    text = asked.value(*names)
    if not text:
        return None
    if not re.fullmatch(r"\d{1,19}", text, re.ASCII) or int(text) < at_least:
        raise BadParameter(f"{names[0]}: a whole number from {at_least} is expected, there is {text[:50]!r}")
    return min(int(text), at_most)


def instant(asked: Asked, *names: str) -> int | None:
    """Nanoseconds since the epoch, of a time as RFC 3339 writes it; None if it is not given.

    Raises:
        BadParameter
    """
    text = asked.value(*names)
    if not text:
        return None
    found = _RFC3339.fullmatch(text)
    try:
        if found:
            return _nanoseconds(found)
    except ValueError:
        pass  # the 31st of February, say
    raise BadParameter(f"{names[0]}: a time such as 2026-08-01T12:00:00Z is expected, there is {text[:50]!r}")


def _nanoseconds(found: re.Match[str]) -> int:
    seconds, fraction, sign, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    local = datetime.fromisoformat(f"{seconds.upper()}+00:00")
    passed = local - _EPOCH + (offset if sign == "-" else -offset)
    whole = (passed.days * 86400 + passed.seconds) * 10**9
    return min(LATEST, max(0, whole + int((fraction or "").ljust(9, "0"))))
