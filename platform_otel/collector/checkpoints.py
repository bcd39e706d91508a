"""Copying SQLite's log into its file, in a thread of its own: a sender's answer would otherwise wait for the disk.

https://www.sqlite.org/wal.html#ckpt
"""

from __future__ import annotations

import sqlite3
from threading import Event, Thread

from platform_otel.collector.database import Database

# Below this there is no hurry: it is as large as SQLite lets it become by itself.
_ENOUGH = 4 * 2**20
# The log starts again from its beginning only when all of it was copied; under steady load that moment may never come.
_TOO_MUCH = 64 * 2**20
# A page that was written again meanwhile is copied once.
_SECONDS_BETWEEN = 0.5


class Checkpoints:
    """Copies the log when there is enough of it. A context manager."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ended = Event()
        self._is_due = False
        self._thread = Thread(target=self._copy_until_told, name="checkpoints", daemon=True)

    def __enter__(self) -> Checkpoints:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def look(self, is_idle: bool) -> None:
        """Have the log copied if that is due; called by the writing thread between two transactions."""
        size = self._database.log_size()
        if size > _TOO_MUCH or (is_idle and size > _ENOUGH):
            self._database.restart_log()
        else:
            self._is_due = size > _ENOUGH

    def _copy_until_told(self) -> None:
        while not self._ended.wait(_SECONDS_BETWEEN):
            if self._is_due:
                self._is_due = False
                try:
                    self._database.copy_log()
                except sqlite3.Error:
                    # A full disk, most likely. The writing thread meets it too, and says so.
                    continue
