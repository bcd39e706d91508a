"""Records of loguru: the ids in ``extra``, for formats that name them, or for all where that is asked for."""

from collections.abc import Callable
from typing import Any  # Any: loguru's types are for type checkers only

from platform_otel.logs.ids import ids
from platform_otel.logs.named import with_named_ids


def show_ids(asked: bool) -> None:
    """Go before the patcher that the service configures, whenever it does.

    Args:
        asked: whether OTEL_PYTHON_LOG_CORRELATION asks for them as extras, which ``{extra}`` and JSON print.
    """
    from loguru import _logger

    _logger.Core.patcher = _Patcher(_carry if asked else _show)


class _Patcher:
    """Stands for the attribute ``patcher`` of loguru's core: keeps the service's, and goes before it."""

    def __init__(self, ours: Callable[[Any], None]) -> None:
        self._ours = ours

    def __get__(self, core: Any, kind: type) -> Any:
        if core is None:
            return self
        own = core.__dict__.get("patcher")
        return self._ours if own is None else self._before(own)

    def __set__(self, core: Any, patcher: Any) -> None:
        core.__dict__["patcher"] = patcher

    def _before(self, own: Callable[[Any], object]) -> Callable[[Any], None]:
        def patch(record: Any) -> None:
            self._ours(record)
            own(record)

        return patch


def _show(record: Any) -> None:
    record["extra"] = with_named_ids(record["extra"])


def _carry(record: Any) -> None:
    for name, value in ids().items():
        record["extra"].setdefault(name, value)
