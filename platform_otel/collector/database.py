"""The SQLite file: opening it safely, one connection that writes, and others that read within a time limit."""

from __future__ import annotations

import fcntl
import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from queue import Empty, SimpleQueue
from threading import RLock
from typing import IO

from platform_otel.collector.reader import Reader
from platform_otel.collector.schema import migrate
from platform_otel.errors import PlatformTraceError

MEMORY = ":memory:"
# How many steps of SQLite's machine go between two looks at the clock: some 2 ms.
_STEPS = 50_000
# For a lock of another process that looks into the file; whoever writes asks every so often whether to go on waiting.
_SECONDS_TO_WAIT = 5
_MILLISECONDS_BETWEEN = 50
_WAIT_A_MOMENT = f"PRAGMA busy_timeout = {_MILLISECONDS_BETWEEN}"
_BESIDE = ("", "-wal", "-shm")


class Locked(sqlite3.OperationalError):
    """Another process writes into the file, and does not end."""


class Ended(Exception):
    """The collector stops."""


class Database:
    """One file, where reading and writing never wait for one another; or memory, where they take turns.

    Args:
        path: of the file, which is made with mode 0600 if it is not there; or ``:memory:``.
        durable: whether a commit outlives a loss of power, not just the end of the process.
        say: is told in one line if the file is damaged and was set aside.

    Raises:
        PlatformTraceError: the file cannot be used; another collector uses it, perhaps.
    """

    def __init__(self, path: str, durable: bool = False, say: Callable[[str], object] = str) -> None:
        self.path = path
        self._durable = durable
        self._stopped = False
        self._ends_at = math.inf
        self.last_size = 0
        self._in_memory = path == MEMORY
        # In memory there is one connection only: other connections would see other databases.
        self._turn: AbstractContextManager[object] = RLock() if self._in_memory else nullcontext()
        self._idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        if not self._in_memory:
            _check_kind(path)
        self._lock = None if self._in_memory else _locked(path)
        self._writer = self._opened(say)
        self.size()

    @contextmanager
    def writing(self, waits: bool = True) -> Iterator[sqlite3.Connection]:
        """The connection that writes, within a transaction: committed at the end, rolled back by an exception.

        Args:
            waits: for another process that writes, up to five seconds.

        Raises:
            Locked, Ended
        """
        with self._turn:
            self._begin(waits)
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self, seconds: float) -> Iterator[Reader]:
        """One state of the store, to be read within these seconds."""
        deadline = time.monotonic() + seconds

        def is_late() -> bool:
            return self._stopped or time.monotonic() > deadline

        with self._turn:
            connection = self._reader()
            connection.set_progress_handler(is_late, _STEPS)
            connection.execute("BEGIN")
            try:
                yield Reader(connection, is_late)
            finally:
                connection.set_progress_handler(None, _STEPS)
                connection.execute("ROLLBACK")
                self._give_back(connection)

    def _begin(self, waits: bool) -> None:
        deadline = time.monotonic() + (_SECONDS_TO_WAIT if waits else 0)
        while True:
            self.check_end()
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if str(error) != "database is locked":
                    raise
                if time.monotonic() > deadline:
                    raise Locked(str(error)) from error

    def end_writing(self, seconds: float) -> None:
        """Begin no transaction after these seconds, nor wait for another process; told once, from any thread."""
        self._ends_at = min(self._ends_at, time.monotonic() + seconds)

    def check_end(self) -> None:
        """Between two steps of writing.

        Raises:
            Ended
        """
        if time.monotonic() > self._ends_at:
            raise Ended("the collector stops")

    def stop_reading(self) -> None:
        """End the queries that are going on, and those to come."""
        self._stopped = True

    def size(self) -> int:
        """How many bytes of the file are in use; called by whoever writes."""
        with self._turn:
            pages, free, each = (
                self._writer.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        self.last_size = int((pages - free) * each)
        return self.last_size

    def changes(self) -> int:
        """How many rows were written and removed so far; always 0 in memory, which has no log."""
        return 0 if self._in_memory else self._writer.total_changes

    def copy_log(self) -> int:
        """Copy what is in the log into the file, while writing goes on; how many bytes it had at the beginning."""
        with closing(_connect(self.path)) as connection:
            _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            (each,) = connection.execute("PRAGMA page_size").fetchone()
        return int(pages * each)

    def restart_log(self, cut: bool = False, milliseconds: int = 0) -> bool:
        """Copy all that is in the log, and write it from its beginning again, unless somebody still reads in it.

        Called by whoever writes, between two transactions. To cut 64 MiB takes 40 ms, and to let it grow again costs 1
        to 2 us a span: so the log keeps its size unless there is time.

        Args:
            cut: give its space back.
            milliseconds: how long to wait for those who read in it; whoever begins to read meanwhile does not need it.

        Returns:
            Whether it was done.
        """
        self._writer.execute(f"PRAGMA busy_timeout = {milliseconds}")
        try:
            kind = "TRUNCATE" if cut else "RESTART"
            (is_busy, *_) = self._writer.execute(f"PRAGMA wal_checkpoint({kind})").fetchone()
        finally:
            self._writer.execute(_WAIT_A_MOMENT)
        return not is_busy

    def close(self) -> None:
        """Close the file; what is in the log beside it goes into it."""
        with self._turn:
            while (reader := self._next_idle()) is not None:
                reader.close()
            self._writer.close()
        if self._lock is not None:
            self._lock.close()

    def _opened(self, say: Callable[[str], object]) -> sqlite3.Connection:
        try:
            return self._connected()
        except sqlite3.OperationalError as error:
            raise PlatformTraceError(f"cannot use {self.path}: {error}", "name another file with --db") from error
        except sqlite3.DatabaseError as error:
            say(f"{self.path} is damaged ({error}); it is now {_set_aside(self.path)}, and a new file is used")
            return self._connected()

    def _connected(self) -> sqlite3.Connection:
        if not self._in_memory:
            _make_private(self.path)
        connection = _connect(self.path)
        try:
            _check(connection, self.path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
            connection.execute("PRAGMA cache_size = -16000")
            connection.execute("PRAGMA wal_autocheckpoint = 0")  # checkpoints.py
            # Debian's SQLite overwrites with zeros what is deleted, by default.
            connection.execute("PRAGMA secure_delete = OFF")
            migrate(connection, self.path)
            connection.execute(_WAIT_A_MOMENT)
        except BaseException:
            connection.close()
            raise
        return connection

    def _reader(self) -> sqlite3.Connection:
        if self._in_memory:
            return self._writer
        connection = self._next_idle()
        if connection is None:
            connection = _connect(self.path)
            connection.execute("PRAGMA query_only = ON")
        return connection

    def _next_idle(self) -> sqlite3.Connection | None:
        try:
            return self._idle.get_nowait()
        except Empty:
            return None

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if not self._in_memory:
            self._idle.put(connection)


def _connect(path: str) -> sqlite3.Connection:
    # Each connection is used by one thread at a time, and not always the same.
    return sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=_SECONDS_TO_WAIT, cached_statements=256
    )


def _check_kind(path: str) -> None:
    """Before anything is made or changed: a device, made private, would be lost to everybody else."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise PlatformTraceError(f"{path} is no file", "name another file with --db")


def _make_private(path: str) -> None:
    """Make the file and its folder for this user's eyes only, before SQLite makes them for all."""
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        os.chmod(path, 0o600)
    except OSError as error:
        raise PlatformTraceError(f"cannot write {path}: {error.strerror}", "name another file with --db") from error


def _locked(path: str) -> IO[bytes]:
    """A lock that lasts as long as the process: two collectors would not see each other's rollups.

    It is a file beside the database: closing the database's own file would release SQLite's locks
    (https://www.sqlite.org/howtocorrupt.html).
    """
    _make_private(f"{path}.lock")
    file = open(f"{path}.lock", "wb")  # noqa: SIM115  # it stays open as long as the process
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise PlatformTraceError(f"another collector uses {path}", "stop it, or name another file with --db") from error
    return file


def _check(connection: sqlite3.Connection, path: str) -> None:
    """Look for damage where there is reason to: a log that was left behind tells of an end that was not ours."""
    left_behind = path != MEMORY and os.path.exists(f"{path}-wal")
    if left_behind and (found := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise sqlite3.DatabaseError(found.splitlines()[-1])


def _set_aside(path: str) -> str:
    name = f"{path}.damaged-{time.strftime('%Y%m%d-%H%M%S')}"
    for suffix in _BESIDE:
        if os.path.exists(path + suffix):
            os.replace(path + suffix, name + suffix)
    return name
