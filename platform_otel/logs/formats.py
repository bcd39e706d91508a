"""What OTEL_PYTHON_LOG_CORRELATION=true makes of the plain formats of logging."""

import logging
from typing import Any

from platform_otel.config import Config, shown
from platform_otel.logs.ids import NAMES, named_in
from platform_otel.process.guard import say

# The format that upstream sets up where none is given.
_KNOWN = (
    "%(asctime)s %(levelname)s [%(name)s] [%(filename)s:%(lineno)d] "
    "[trace_id=%(otelTraceID)s span_id=%(otelSpanID)s resource.service.name=%(otelServiceName)s "
    "trace_sampled=%(otelTraceSampled)s] - %(message)s"
)
# By style: how a format names a field, and how it may name the message.
_STYLES = {"%": ("%%(%s)s", ("%(message)s",)), "{": ("{%s}", ("{message}",)), "$": ("$%s", ("$message", "${message}"))}


def correlate(config: Config) -> None:
    """Put the ids into every plain format that names none, and into what is printed where none is set up."""
    known = _known(config)
    begin = logging.Formatter.__init__

    # Any: what the service gives its formatters.
    def __init__(self: Any, fmt: Any = None, datefmt: Any = None, style: Any = "%", *rest: Any, **named: Any) -> None:  # noqa: N807
        if type(self) is logging.Formatter:  # what inherits from it may print anything
            fmt = with_ids(fmt, style, known)
        begin(self, fmt, datefmt, style, *rest, **named)

    logging.Formatter.__init__ = __init__  # type: ignore[method-assign]  # it takes what the original takes
    if logging.lastResort is not None and logging.lastResort.formatter is None:
        logging.lastResort.setFormatter(logging.Formatter(known))
    _set_level(config)


def _known(config: Config) -> str:
    """The format for services that give none: a bad one would raise in their own set-up."""
    wanted: str = config.get("OTEL_PYTHON_LOG_FORMAT") or _KNOWN
    try:
        logging.PercentStyle(wanted).validate()
    except ValueError:
        say(f"OTEL_PYTHON_LOG_FORMAT={shown('text', wanted)} is not a format of logging; using the usual one")
        return _KNOWN
    return wanted


def with_ids(fmt: object, style: object, known: str) -> object:
    """A format with the ids before its message: as it is, where it names ids or no message.

    Args:
        fmt: the format; anything but text stays as it is.
        style: its style, "%", "{" or "$".
        known: stands for the one that ``basicConfig`` takes unless it is given one.
    """
    if not isinstance(fmt, str) or style not in _STYLES or named_in(fmt):
        return fmt
    if fmt == logging.BASIC_FORMAT:
        return known
    field, messages = _STYLES[str(style)]
    for message in messages:
        if message in fmt:
            return fmt.replace(message, _before(field) + message, 1)
    return fmt


def _before(field: str) -> str:
    trace_id, span_id, sampled, service = (field % name for name in NAMES)
    return f"[trace_id={trace_id} span_id={span_id} resource.service.name={service} trace_sampled={sampled}] - "


def _set_level(config: Config) -> None:
    level = config.get("OTEL_PYTHON_LOG_LEVEL")
    if level:
        logging.root.setLevel(level.upper())
        if logging.lastResort is not None:
            logging.lastResort.setLevel(level.upper())
