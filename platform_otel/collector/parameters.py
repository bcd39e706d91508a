"""The parameters of queries: each declared once, for reading it and for the OpenAPI description."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from platform_otel.collector.expression import LONGEST, parse
from platform_otel.collector.model import KINDS, STATUSES
from platform_otel.collector.search import NEWEST, ORDERS

_LATEST = 2**63 - 1
_LONGEST_TEXT = 500
MOST_TRACES = 200


class BadParameter(ValueError):
    """A parameter is not what it should be; says what that is."""


class Parameter(NamedTuple):
    """One parameter of a query.

    Args:
        read: makes the value of the text, or raises ValueError with what is expected.
        default: the value if the query does not have it.
    """

    name: str
    description: str
    schema: Mapping[str, object]
    read: Callable[[str], Any]  # Any: by the parameter
    default: Any = None
    where: str = "query"


def read_all(parameters: tuple[Parameter, ...], given: Mapping[str, str]) -> dict[str, Any]:
    """The values of a request's parameters.

    Raises:
        BadParameter: one is unknown, or its value is not understood.
    """
    known = {parameter.name for parameter in parameters}
    for name in given:
        if name not in known:
            raise BadParameter(f"there is no parameter {name[:50]!r}; known are {', '.join(sorted(known)) or 'none'}")
    return {each.name: _read(each, given[each.name]) if each.name in given else each.default for each in parameters}


def _read(parameter: Parameter, text: str) -> Any:
    try:
        return parameter.read(text)
    except ValueError as error:
        raise BadParameter(f"{parameter.name}: {error}") from None


def _text(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"at most {_LONGEST_TEXT} characters")
    return text


def _path(text: str) -> tuple[str, ...]:
    return tuple(part for each in _text(text).split(",") if (part := each.strip()))


def _whole(lowest: int, highest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        # isdecimal alone would let digits of other scripts through.
        if not (text.isascii() and text.isdecimal() and len(text) <= 19 and lowest <= int(text) <= highest):
            raise ValueError(f"a whole number from {lowest} to {highest} is expected")
        return int(text)

    return read


def _one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)} is expected")
        return text

    return read


def _id(digits: int) -> Callable[[str], bytes]:
    def read(text: str) -> bytes:
        if len(text) != digits or not text.isascii() or not text.isalnum():
            raise ValueError(f"{digits} hexadecimal digits are expected")
        return bytes.fromhex(text)

    return read


def _id_prefix(text: str) -> tuple[bytes, bytes]:
    """The least and the greatest id that begin so."""
    if not 1 <= len(text) <= 32 or not text.isascii() or not text.isalnum():
        raise ValueError("up to 32 hexadecimal digits are expected")
    return bytes.fromhex(text.ljust(32, "0")), bytes.fromhex(text.ljust(32, "f"))


def _cursor(text: str) -> tuple[int, int]:
    first, _, second = text.partition(".")
    whole = _whole(0, _LATEST)
    try:
        return whole(first), whole(second)
    except ValueError:
        raise ValueError("the next of an answer is expected") from None


_TEXT = {"type": "string", "maxLength": _LONGEST_TEXT}
_NANOSECONDS = {"type": "integer", "format": "int64", "minimum": 0, "maximum": _LATEST}

SERVICE = Parameter("service", "Name of the service.", _TEXT, _text, "")
START = Parameter(
    "start", "From when, in nanoseconds since the epoch; an hour ago unless given.", _NANOSECONDS, _whole(0, _LATEST)
)
END = Parameter(
    "end", "Until when, in nanoseconds since the epoch; now unless given.", _NANOSECONDS, _whole(0, _LATEST)
)
TRACE_ID = Parameter(
    "trace_id", "The trace.", {"type": "string", "pattern": "^[0-9a-fA-F]{32}$"}, _id(32), where="path"
)
SPAN_ID = Parameter(
    "span",
    "A span of the trace; all of them unless given.",
    {"type": "string", "pattern": "^[0-9a-fA-F]{16}$"},
    _id(16),
    b"",
)
OPERATION = Parameter("operation", "Name of the span.", _TEXT, _text, "")
LIMIT = Parameter(
    "limit",
    "How many there are at most.",
    {"type": "integer", "minimum": 1, "maximum": MOST_TRACES, "default": 20},
    _whole(1, MOST_TRACES),
    20,
)
PATH = Parameter(
    "path",
    "Services that call one another, from the first to the last, with commas between them.",
    {**_TEXT, "example": "gate,identity,llm-gateway"},
    _path,
    (),
)
SEARCH = (
    Parameter(
        "id",
        "The first hexadecimal digits of the trace's id.",
        {"type": "string", "pattern": "^[0-9a-fA-F]{1,32}$"},
        _id_prefix,
    ),
    SERVICE,
    Parameter("caller", "Name of another service, that the span's parent is of.", _TEXT, _text, ""),
    OPERATION,
    Parameter("kind", "Kind of the span.", {"type": "string", "enum": KINDS}, _one_of(KINDS), ""),
    Parameter("status", "Status of the span.", {"type": "string", "enum": STATUSES}, _one_of(STATUSES), ""),
    START._replace(description="Traces that began from then on, in nanoseconds since the epoch."),
    END._replace(description="Traces that began before then, in nanoseconds since the epoch."),
    Parameter("min_duration", "Traces that took at least as long, in nanoseconds.", _NANOSECONDS, _whole(0, _LATEST)),
    Parameter("max_duration", "Traces that took at most as long, in nanoseconds.", _NANOSECONDS, _whole(0, _LATEST)),
    Parameter(
        "where",
        "What else must hold for the span: attributes, and the fields service, name, kind, status, message, duration; "
        "compared by =, !=, <, <=, >, >=, ~ and !~ (with a pattern), joined by and, or, not and parentheses.",
        {"type": "string", "maxLength": LONGEST, "example": 'http.route ~ "/v1/*" and duration > 100ms'},
        parse,
    ),
    Parameter(
        "order",
        "Which traces come first.",
        {"type": "string", "enum": ORDERS, "default": NEWEST},
        _one_of(ORDERS),
        NEWEST,
    ),
    LIMIT._replace(description="How many traces a page has."),
    Parameter(
        "after",
        "The next of the page before.",
        {"type": "string", "pattern": r"^[0-9]{1,19}\.[0-9]{1,19}$"},
        _cursor,
    ),
)
