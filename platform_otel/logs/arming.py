"""Puts the log correlation in force in logging, structlog and loguru: each when the service has imported it."""

from platform_otel.config import Config


def show_ids(config: Config, library: str) -> None:
    """Called at the end of the library's import.

    Args:
        config: what the user set.
        library: "logging", "structlog" or "loguru".
    """
    if {"*", library} & set(config.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS")):
        return
    asked = bool(config.get("OTEL_PYTHON_LOG_CORRELATION"))
    if library == "logging":
        _in_logging(config, asked)
    elif library == "structlog":
        from platform_otel.logs import structlog

        structlog.show_ids(asked)
    else:
        from platform_otel.logs import loguru

        loguru.show_ids(asked)


def _in_logging(config: Config, asked: bool) -> None:
    from platform_otel.logs import records

    records.show_ids()
    if asked:
        from platform_otel.logs import formats

        records.carry_ids()
        formats.correlate(config)
