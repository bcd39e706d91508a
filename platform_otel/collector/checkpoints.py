"""Copying SQLite's log into its file, in a thread of its own: a sender's answer would otherwise wait for the disk.

https://www.sqlite.org/wal.html#ckpt
"""

from __future__ import annotations

import sqlite3
from threading import Event, Thread

from platform_otel.collector.database import Database

# So many rows are 5 to 25 MiB of log in large transactions, 64 MiB in small ones; 10,000 spans a second make as many in
# less than a second. A page that is written again meanwhile is copied once: copying half as often takes a quarter less.
_ROWS = 16_000
_SECONDS_BETWEEN = 0.5
# The log starts again from its beginning when all of it was copied and nobody has written meanwhile. Each time there is
# less left to copy; under steady load that moment may never come nevertheless.
_TIMES = 3
# It does not either while one after the other reads in it without a gap: from so many bytes on it is made to begin, if
# nobody reads in it just then,
_LARGE = 16 * 2**20
# and from so many on those who do are waited for, which holds every acknowledgement.
_TOO_LARGE = 64 * 2**20
_MILLISECONDS_TO_WAIT = 100


class Checkpoints:
    """Copies the log when there is enough of it. A context manager."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ended = Event()
        self._is_due = False
        self._is_nearly_copied = False
        self._waits = 0
        self._copied_at = self._cut_at = database.changes()
        self._thread = Thread(target=self._copy_until_told, name="checkpoints", daemon=True)

    def __enter__(self) -> Checkpoints:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def look(self, is_idle: bool) -> None:
        """Have the log copied if that is due; called by the writing thread between two transactions."""
        changes = self._database.changes()
        if is_idle and changes != self._cut_at:
            if self._database.restart_log(cut=True):
                self._cut_at = self._copied_at = changes
        elif self._is_nearly_copied:
            self._is_nearly_copied = False
            self._database.restart_log(milliseconds=self._waits)
        elif changes - self._copied_at > _ROWS:
            self._copied_at = changes
            self._is_due = True

    def _copy_until_told(self) -> None:
        while not self._ended.wait(_SECONDS_BETWEEN):
            if self._is_due:
                self._is_due = False
                try:
                    self._copy()
                except sqlite3.Error:
                    # A full disk, most likely. The writing thread meets it too, and says so.
                    continue

    def _copy(self) -> None:
        """Copy what there is, then what came meanwhile, until nothing did: the log begins anew once nobody reads in it.

        If always something does, or somebody always reads, then the writing thread copies the rest, which holds every
        acknowledgement: half a second's worth of it would take some 50 ms, so it gets what little came during the last
        copy.
        """
        before = size = 0
        for _ in range(_TIMES):
            before, size = size, self._database.copy_log()
            if size == before < _LARGE:
                return
        self._waits = _MILLISECONDS_TO_WAIT if size >= _TOO_LARGE else 0
        self._is_nearly_copied = True
