"""Records of logging: ids for those that name them, nothing for those that do not, and a way out to the collector.

Attributes of a record appear in the output of every formatter that prints all there are, as those for JSON do. So a
record gets them only once a format of this process names one, or where OTEL_PYTHON_LOG_CORRELATION asks. Before that
they are there for whoever asks a record by name, and in no record's ``__dict__``.
"""

import logging
import os
import threading
from _thread import get_ident
from collections.abc import Callable
from typing import Any

from platform_otel.logs.ids import NAMES, ids, named_in, no_ids
from platform_otel.logs.ours import exporting, tell

# Whether records carry the ids as attributes of their own.
_carry = False
# What takes each record, while the context of the logging call is the current one.
_take: Callable[[logging.LogRecord], object] | None = None


class _Id:
    """One of the ids, for a record that does not carry it. No data descriptor: what a record carries wins."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, record: logging.LogRecord | None, kind: type) -> Any:  # Any: a text, or whether it is sampled
        if record is None:
            return self
        return (ids() if _is_of_this_thread(record) else no_ids())[self._name]


def _is_of_this_thread(record: logging.LogRecord) -> bool:
    """Whether the current span may be that of the record: in another thread or process it is somebody else's."""
    # By the same functions as logging itself: what replaces threads, such as gevent, replaces them. None: logging was
    # told not to ask (logThreads, logProcesses).
    return record.thread in (None, threading.get_ident()) and record.process in (None, os.getpid())


def show_ids() -> None:
    """Let every record have the ids, and let those carry them whose format names one."""
    for name in NAMES:
        if not hasattr(logging.LogRecord, name):
            setattr(logging.LogRecord, name, _Id(name))
    _watch_formats()


def carry_ids() -> None:
    """From now on, let every record carry the ids, whoever makes it."""
    global _carry
    if not _carry:
        _carry = True
        watch_records()
        _print_any_record()


def take_records(take: Callable[[logging.LogRecord], object]) -> None:
    """From now on, hand every record that the service's loggers let pass to ``take``, in the thread that logs.

    No handler of the root logger: with one, whatever looks for handlers falls silent, such as ``logging.lastResort``,
    ``basicConfig`` and Flask's own.
    """
    global _take
    _take = take
    watch_records()


_watching = False


def watch_records() -> None:
    """See each record once, when a logger is about to handle it; none of those that our own exporting makes.

    Not by a record factory: the service may set one, before us or after. And not around the handlers: of an error in
    one of them, logging prints the whole stack.
    """
    global _watching
    if _watching:
        return
    _watching = True
    passes = logging.Logger.filter

    # Any: a boolean, and since Python 3.12 perhaps another record.
    def filter_record(self: logging.Logger, record: logging.LogRecord) -> Any:
        if exporting and get_ident() in exporting:
            tell(record)
            return False
        if _carry:
            _add_ids(record)
        passed = passes(self, record)
        if _take is not None and passed:
            _take(passed if isinstance(passed, logging.LogRecord) else record)
        return passed

    logger: Any = logging.Logger  # Any: what a method may return has changed with Python 3.12
    logger.filter = filter_record


def _add_ids(record: logging.LogRecord) -> None:
    own, shown = record.__dict__, ids()
    if own.keys().isdisjoint(shown):
        own.update(shown)
    else:  # the service, or upstream for it, has set its own
        record.__dict__ = {**shown, **own}


def _watch_formats() -> None:
    """Notice the first format that names an id, in any of the three styles."""
    begin = logging.PercentStyle.__init__

    # Any: what the service gives its formatters.
    def __init__(self: logging.PercentStyle, fmt: Any, *arguments: Any, **named: Any) -> None:  # noqa: N807
        begin(self, fmt, *arguments, **named)
        if named_in(fmt):
            carry_ids()

    logging.PercentStyle.__init__ = __init__  # type: ignore[method-assign]  # it takes what the original takes


def _print_any_record() -> None:
    """Let formats that name the ids also print records that no logger has handled, such as makeLogRecord's."""
    for style in (logging.PercentStyle, logging.StrFormatStyle, logging.StringTemplateStyle):
        _print_any_record_by(style)


def _print_any_record_by(style: Any) -> None:  # Any: what is replaced is private
    fill_in = style._format

    def _format(self: logging.PercentStyle, record: logging.LogRecord) -> Any:
        try:
            return fill_in(self, record)
        except KeyError:
            if not named_in(self._fmt) or NAMES[0] in record.__dict__:
                raise
            record.__dict__.update({name: value for name, value in no_ids().items() if name not in record.__dict__})
            return fill_in(self, record)

    style._format = _format
