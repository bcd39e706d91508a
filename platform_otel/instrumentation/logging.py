"""Logging: records go to the collector by upstream's handler, which is not added to any logger."""

import logging
from collections.abc import Callable
from typing import Any  # Any: upstream's handler is not typed, and has moved

from platform_otel.config import Config
from platform_otel.instrumentation.choice import asks
from platform_otel.process.guard import guarded
from platform_otel.process.import_hooks import when_whole


def instrument(upstream: Callable[..., None], config: Config) -> None:
    """Export records if that is asked for; upstream's instrumentor itself, for who names it, adds no handler.

    Its ids and its format are left out: what OTEL_PYTHON_LOG_CORRELATION asks for is in ``platform_otel/logs``.
    """
    if not asks(config, "OTEL_LOGS_EXPORTER"):
        upstream(enable_log_auto_instrumentation=False, set_logging_format=False)
    elif config.get("OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION"):
        when_whole(lambda: _export(config))


def _export(config: Config) -> None:
    from platform_otel.logs.ours import quietly
    from platform_otel.logs.records import take_records

    handler = _handler(config)
    # logging.shutdown calls it, and it would start a thread; at the end of a process all signals are sent anyway.
    handler.flush = lambda: None

    def export(record: logging.LogRecord) -> None:
        # The service may have added such a handler itself.
        if record.levelno >= handler.level and not any(type(each) is type(handler) for each in logging.root.handlers):
            with quietly(""), guarded("export a log record"):
                handler.emit(record)

    take_records(export)


def _handler(config: Config) -> Any:
    level = logging.getLevelName(config.get("OTEL_PYTHON_LOG_HANDLER_LEVEL").upper())
    try:
        from opentelemetry.instrumentation.logging.handler import LoggingHandler
    except ImportError:  # in earlier releases the SDK had it
        from opentelemetry.sdk._logs import LoggingHandler

        return LoggingHandler(level=level)
    code = config.get("OTEL_PYTHON_LOG_CODE_ATTRIBUTES")
    return LoggingHandler(level=level, log_code_attributes=code)
