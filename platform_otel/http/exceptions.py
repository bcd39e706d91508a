"""An exception as spans may show it: in bounds, and without the secrets of the addresses in its message."""

import re
from typing import Any

from platform_otel.http.urls import redacted_text
from platform_otel.process.guard import BY_A_VALUE, as_text, message_of, type_name

# What a stranger sent may stand in a message in full, and to look for secrets takes up to half a microsecond for each
# character.
_LONGEST_MESSAGE = 16 * 1024
# A traceback says what happened at its end and where it came from at its beginning.
_LONGEST_STACKTRACE = 32 * 1024
_find_space = re.compile(r"\s").search
# Whether an address reaches to the end of a text; cut off there, its password would not be known for one.
_reaches_the_end = re.compile(r"://\S*\Z").match


def exception_attributes(error: BaseException, *, escaped: Any = False) -> dict[str, str]:
    """The attributes of the event that records an exception.

    Source: https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/
    """
    return {
        "exception.type": type_name(type(error)),
        "exception.message": shown_message(error),
        "exception.stacktrace": stacktrace(error),
        "exception.escaped": as_text(escaped),
    }


def shown_message(error: BaseException) -> str:
    """The message of an exception, as much of it as :func:`shown_text` shows."""
    return shown_text(message_of(error))


def shown_text(text: str) -> str:
    """A message, the first 16 KiB of it."""
    return redacted_text(_beginning(text, _LONGEST_MESSAGE))


def stacktrace(error: BaseException) -> str:
    """The traceback as Python prints it, at most 32 KiB, shortened in the middle."""
    from traceback import format_exception

    try:
        text = "".join(format_exception(type(error), error, error.__traceback__))
    except BY_A_VALUE:  # formatting calls the exception's own code
        return "(its traceback cannot be printed)"
    if len(text) <= _LONGEST_STACKTRACE:
        return redacted_text(text)
    half = _LONGEST_STACKTRACE // 2 - 20
    first, last = _beginning(text, half), _end(text, half)
    left_out = len(text) - len(first) - len(last)
    return redacted_text(f"{first}\n... {left_out} characters ...\n{last}")


def _beginning(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    text = text[:length]
    address = text.rfind("://")
    return text[:address] if address >= 0 and _reaches_the_end(text, address) else text


def _end(text: str, length: int) -> str:
    """The last whole words: a value whose name is cut off would not be known for a secret."""
    text = text[-length:]
    space = _find_space(text)
    return text[space.end() :] if space else ""
