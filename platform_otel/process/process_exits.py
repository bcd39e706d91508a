"""Processes that end by ``os._exit``, after their work is done: what they have is sent before."""

import sys

from platform_otel.process.lifecycle import finish, named_like

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def finish_after_bootstrap(module: str) -> None:
    """A process's whole life, with its finalizers and the end of its threads, is one call of this method."""
    process = sys.modules[module].BaseProcess
    bootstrap = process._bootstrap

    def finished(self: "Any", *arguments: "Any", **named: "Any") -> "Any":
        try:
            return bootstrap(self, *arguments, **named)
        finally:
            finish()

    process._bootstrap = named_like(finished, bootstrap)


def finish_after_the_last_task(module: str) -> None:
    """Celery's prefork workers leave their pool by a method that ends the process: after its callback we are next."""
    worker = sys.modules[module].Worker
    leave = worker._do_exit

    def finished(self: "Any", *arguments: "Any", **named: "Any") -> "Any":
        self.on_exit = _then_finish(self.on_exit)
        return leave(self, *arguments, **named)

    worker._do_exit = named_like(finished, leave)


def _then_finish(callback: "Callable[..., object] | None") -> "Callable[..., None]":
    def on_exit(*arguments: "Any") -> None:
        try:
            if callback is not None:
                callback(*arguments)
        finally:
            finish()

    return on_exit
