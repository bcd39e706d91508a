"""The store: one thread writes what the receivers hand in, many batches in one transaction, and removes what is old."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple

from platform_otel.collector.checkpoints import Checkpoints
from platform_otel.collector.database import Database, Ended, Locked
from platform_otel.collector.folds import fold_next
from platform_otel.collector.ingestion import Ingestion
from platform_otel.collector.linking import enter_older
from platform_otel.collector.model import Batch
from platform_otel.collector.retention import Removed, remove_old, remove_oldest, remove_oldest_minutes
from platform_otel.collector.weights import Weights

# A transaction takes no more than this, so that the first batch in it is not kept waiting for its answer: some
# 20,000 spans, compressed.
_MOST_BYTES = 2**20
# At the end, what was handed in is written, but not for longer.
_SECONDS_TO_END = 0.5
_SECONDS_BETWEEN_LOOKS = 5.0
# What SQLite says of a disk.
_FULL = "database or disk is full"
# The part of a full file that counts may take: the rest is for traces and logs.
_SHARE_OF_COUNTS = 1 / 4


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
        self._failing = self._tidying_fails = False
        self._handed: SimpleQueue[_Handed | None] = SimpleQueue()
        with database.writing() as connection:
            self._ingestion = Ingestion(connection)
        self._next_look = 0.0
        self._has_more = False
        self._grew_to = math.inf
        self._weights = Weights()
        self._said_that_counts_go = False
        self._has_ended = False
        self._checkpoints = Checkpoints(database)
        self._thread = Thread(target=self._write_until_told, name="store", daemon=True)

    def __enter__(self) -> Store:
        self._checkpoints.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._handed.put(None)
        self._thread.join()
        self._has_ended = True
        self._refuse_rest()
        self._checkpoints.__exit__()
        self._database.close()

    def end(self) -> None:
        """Write what is handed in for a moment more, and refuse what comes later."""
        self._database.end_writing(_SECONDS_TO_END)

    def add(self, batch: Batch) -> Future[None]:
        """Hand in a batch. The future is done when it is committed; its exception is Refused if it cannot be."""
        future: Future[None] = Future()
        self._handed.put(_Handed(batch, future))
        if self._has_ended:
            self._refuse_rest()
        return future

    def _refuse_rest(self) -> None:
        """What came after all was written: nobody is to wait for it."""
        with suppress(Empty):
            while True:
                if (handed := self._handed.get_nowait()) is not None:
                    handed.future.set_exception(Refused("the collector stops"))

    # --- The writing thread -------------------------------------------------------------------------------------------

    def _write_until_told(self) -> None:
        while self._write_next():
            pass

    def _write_next(self) -> bool:
        """Write what waits, once something does; whether more may come. What was written is not kept until then."""
        group, goes_on = self._next_group()
        if group:
            self._write(group)
        if goes_on:
            self._tidy(is_idle=not group)
        return goes_on

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
        except Ended as error:
            _refuse(group, error)
        except Locked as error:
            self._give_up(group, error)
        except Exception as error:  # noqa: BLE001  # without this thread nobody would ever get an answer again
            self._ingestion.forget()
            self._find_reason(group, error)
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
                self._database.check_end()
                changed |= self._ingestion.add(handed.batch, arrived)
            self._ingestion.finish()
        return changed

    def _find_reason(self, group: list[_Handed], error: Exception) -> None:
        """Of several, each is tried alone, as one of them may be the reason."""
        if len(group) > 1:
            for handed in group:
                self._write([handed])
        else:
            self._give_up(group, error)

    def _give_up(self, group: list[_Handed], error: Exception) -> None:
        """Refuse it first: who is told may be slow."""
        _refuse(group, error)
        if not self._failing:
            self._failing = True
            self._say(f"cannot write to {self._database.path}: {error}; senders are told to come again")

    def _succeeded(self) -> None:
        if self._failing:
            self._failing = False
            self._say(f"writing to {self._database.path} works again")

    # --- Retention ----------------------------------------------------------------------------------------------------

    def _tidy(self, is_idle: bool) -> None:
        try:
            self._index()
            self._checkpoints.look(is_idle and not self._has_more)
            self._has_more = self._remove()
        except Exception as error:  # noqa: BLE001  # as in _write
            self._ingestion.forget()
            self._has_more = False
            self._next_look = time.monotonic() + _SECONDS_BETWEEN_LOOKS
            self._say_that_tidying_fails(error)

    def _say_that_tidying_fails(self, error: Exception) -> None:
        """Once, until it works; not what writing fails by too, and says."""
        is_said_by_writing = isinstance(error, (Ended, Locked)) or str(error) == _FULL
        if not (self._failing or self._tidying_fails or is_said_by_writing):
            self._tidying_fails = True
            self._say(f"cannot tidy {self._database.path}: {error}; tried again every few seconds")

    def _tidying(self) -> AbstractContextManager[sqlite3.Connection]:
        """A transaction, unless another process has a lock: senders would wait for it twice."""
        return self._database.writing(waits=False)

    def _index(self) -> None:
        if self._ingestion.has_to_index:
            with self._tidying():
                self._ingestion.index()

    def _remove(self) -> bool:
        """One step of each kind, as acknowledgements wait meanwhile; whether there is more to do.

        What goes when there is too much depends on what counts take, so they are weighed first.
        """
        more = (not self._weights.is_complete and self._weigh()) or self._shrink()
        if not more and time.monotonic() >= self._next_look:
            before = time.time_ns() - self._retention.age
            more = self._remove_step(lambda connection: remove_old(connection, before))
            more = self._fold() or more
            more = self._link() or more
            more = self._weigh() or more
            self._next_look = time.monotonic() + _SECONDS_BETWEEN_LOOKS
            self._tidying_fails = False
        if more:
            self._next_look = time.monotonic()
        return more

    def _shrink(self) -> bool:
        """Remove what is too much: as much as came since, so that the file does not grow, or a step; whether more is.

        Since another --max-size holds, a file may have far too much: acknowledgements do not wait for all of that.
        """
        most = self._retention.size
        while (size := self._database.size()) > most:
            if not self._remove_step(self._what_goes()):
                return False
            if (size := self._database.size()) <= self._grew_to:
                break
        self._grew_to = max(most, size)
        return size > most

    def _what_goes(self) -> Callable[[sqlite3.Connection], Removed]:
        if self._weights.total <= self._retention.size * _SHARE_OF_COUNTS:
            return remove_oldest
        if not self._said_that_counts_go:
            self._said_that_counts_go = True
            self._say("counts fill a quarter of --max-size: the oldest go before they are as old as --retention")
        return remove_oldest_minutes

    def _fold(self) -> bool:
        with self._tidying() as connection:
            folded = fold_next(connection, time.time_ns())
        if folded:
            self._ingestion.forget_folds()
        return folded

    def _link(self) -> bool:
        with self._tidying() as connection:
            return enter_older(connection)

    def _weigh(self) -> bool:
        with self._tidying() as connection:
            return self._weights.weigh_next(connection)

    def _remove_step(self, step: Callable[[sqlite3.Connection], Removed]) -> bool:
        with self._tidying() as connection:
            removed = step(connection)
            if removed.minutes:
                self._weights.forget_removed(connection)
        self._forget(removed)
        return any(removed)

    def _forget(self, removed: Removed) -> None:
        if removed.traces:
            self._ingestion.forget_traces()
        if removed.minutes:
            self._ingestion.forget_rollups()


def _refuse(group: list[_Handed], error: Exception) -> None:
    for handed in group:
        handed.future.set_exception(Refused(str(error)))
