"""The store: one thread writes what the receivers hand in, many batches in one transaction, and removes what is old."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple

from platform_otel.collector.checkpoints import Checkpoints
from platform_otel.collector.database import Database
from platform_otel.collector.folds import fold_next
from platform_otel.collector.ingestion import Ingestion
from platform_otel.collector.model import Batch
from platform_otel.collector.retention import Removed, remove_old, remove_oldest

# A transaction takes no more than this, so that the first batch in it is not kept waiting for its answer: some
# 20,000 spans, compressed.
_MOST_BYTES = 2**20
# At the end, what was handed in is written, but not for longer.
_SECONDS_TO_END = 0.5
_SECONDS_BETWEEN_LOOKS = 5.0


class Refused(Exception):
    """The store cannot take anything at the moment; the same may succeed later."""


class Retention(NamedTuple):
    """How long, and how much, is kept.

    Args:
        age: nanoseconds since the arrival of a trace's first span.
        size: bytes of the file that may be in use.
    """

    age: int
    size: int


class _Handed(NamedTuple):
    """What a receiver handed in, and who waits for it."""

    batch: Batch
    future: Future[None]


class Store:
    """Keeps what it is given. A context manager: at its end, what was handed in is written.

    Args:
        changed: is called with the numbers of the traces that a transaction changed, from the writing thread.
        say: is told in one line when writing fails, and when it succeeds again.
    """

    def __init__(
        self,
        database: Database,
        retention: Retention,
        changed: Callable[[set[int]], object] = set,
        say: Callable[[str], object] = str,
    ) -> None:
        self._database = database
        self._retention = retention
        self._changed = changed
        self._say = say
        self._failing = False
        self._handed: SimpleQueue[_Handed | None] = SimpleQueue()
        with database.writing() as connection:
            self._ingestion = Ingestion(connection)
        self._next_look = 0.0
        self._ends_at = math.inf
        self._checkpoints = Checkpoints(database)
        self._thread = Thread(target=self._write_until_told, name="store", daemon=True)

    def __enter__(self) -> Store:
        self._checkpoints.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends_at = time.monotonic() + _SECONDS_TO_END
        self._handed.put(None)
        self._thread.join()
        self._checkpoints.__exit__()
        self._database.close()

    def add(self, batch: Batch) -> Future[None]:
        """Hand in a batch. The future is done when it is committed; its exception is Refused if it cannot be."""
        future: Future[None] = Future()
        self._handed.put(_Handed(batch, future))
        return future

    # --- The writing thread -------------------------------------------------------------------------------------------

    def _write_until_told(self) -> None:
        goes_on = True
        while goes_on:
            group, goes_on = self._next_group()
            if group:
                self._write(group)
            self._tidy(is_idle=not group)

    def _next_group(self) -> tuple[list[_Handed], bool]:
        """What waits to be written, once there is something or time to look after what is old."""
        group: list[_Handed] = []
        size = 0
        try:
            handed = self._handed.get(timeout=max(0.0, self._next_look - time.monotonic()))
            while handed is not None:
                group.append(handed)
                size += len(handed.batch.raw)
                if size > _MOST_BYTES:
                    return group, True
                handed = self._handed.get_nowait()
        except Empty:
            return group, True
        return group, False

    def _write(self, group: list[_Handed]) -> None:
        try:
            changed = self._commit(group)
        except Refused as error:
            for handed in group:
                handed.future.set_exception(error)
        except (sqlite3.Error, OverflowError, ValueError) as error:
            self._ingestion.forget()
            self._refuse(group, error)
        else:
            self._succeeded()
            for handed in group:
                handed.future.set_result(None)
            if changed:
                self._changed(changed)

    def _commit(self, group: list[_Handed]) -> set[int]:
        arrived = time.time_ns()
        changed: set[int] = set()
        with self._database.writing():
            for handed in group:
                if time.monotonic() > self._ends_at:
                    raise Refused("the collector stops")
                changed |= self._ingestion.add(handed.batch, arrived)
            self._ingestion.finish()
        return changed

    def _refuse(self, group: list[_Handed], error: Exception) -> None:
        """Tell those who wait; of several, each is tried alone first, as one of them may be the reason."""
        if len(group) > 1:
            for handed in group:
                self._write([handed])
            return
        if not self._failing:
            self._failing = True
            self._say(f"cannot write to {self._database.path}: {error}; senders are told to come again")
        group[0].future.set_exception(Refused(str(error)))

    def _succeeded(self) -> None:
        if self._failing:
            self._failing = False
            self._say(f"writing to {self._database.path} works again")

    # --- Retention ----------------------------------------------------------------------------------------------------

    def _tidy(self, is_idle: bool) -> None:
        try:
            self._index()
            self._checkpoints.look(is_idle)
            self._remove()
        except sqlite3.Error:
            # What fails here fails when writing too, which says so.
            self._ingestion.forget()
            self._next_look = time.monotonic() + _SECONDS_BETWEEN_LOOKS

    def _index(self) -> None:
        if self._ingestion.has_to_index:
            with self._database.writing():
                self._ingestion.index()

    def _remove(self) -> None:
        """Remove what is too much at once, so that the file does not grow, and what is too old little by little."""
        while self._database.size() > self._retention.size and self._remove_step(remove_oldest):
            pass
        if time.monotonic() >= self._next_look:
            before = time.time_ns() - self._retention.age
            more = self._remove_step(lambda connection: remove_old(connection, before))
            more = self._fold() or more
            self._next_look = time.monotonic() + (0.0 if more else _SECONDS_BETWEEN_LOOKS)

    def _fold(self) -> bool:
        with self._database.writing() as connection:
            folded = fold_next(connection, time.time_ns())
        if folded:
            self._ingestion.forget_folds()
        return folded

    def _remove_step(self, step: Callable[[sqlite3.Connection], Removed]) -> bool:
        with self._database.writing() as connection:
            removed = step(connection)
        self._forget(removed)
        return any(removed)

    def _forget(self, removed: Removed) -> None:
        if removed.traces:
            self._ingestion.forget_traces()
        if removed.minutes:
            self._ingestion.forget_rollups()
