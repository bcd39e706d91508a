"""The numbered migrations, and bringing a file up to date with them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from platform_otel.errors import PlatformTraceError

# "ptrc": says whose file this is, also to file(1).
APPLICATION_ID = 0x70747263


class NewerSchema(PlatformTraceError):
    """The file was written by a later version."""


class OlderSchema(PlatformTraceError):
    """The file was written by an earlier version."""


class ForeignDatabase(PlatformTraceError):
    """The file is a database of something else."""


@cache
def migrations() -> Sequence[str]:
    """The SQL of each step, in order; the first leads to version 1."""
    folder = files("platform_otel.collector.migrations")
    steps = sorted((each for each in folder.iterdir() if each.name.endswith(".sql")), key=lambda each: each.name)
    return [step.read_text(encoding="utf-8") for step in steps]


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the file to the latest version, each step whole or not at all.

    Raises:
        ForeignDatabase, NewerSchema
        sqlite3.DatabaseError: the file is damaged.
    """
    _check_owner(connection, path)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for number, sql in enumerate(migrations(), 1):
        if number > version(connection):
            connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")


def check(connection: sqlite3.Connection, path: str) -> None:
    """Whether the file can be read as it is, by whoever does not write.

    Raises:
        ForeignDatabase, NewerSchema, OlderSchema
        sqlite3.DatabaseError: the file is damaged.
    """
    _check_owner(connection, path)
    if version(connection) < len(migrations()):
        raise OlderSchema(
            f"{path} was written by an earlier version of platform-trace",
            f"platform-trace collector --db {path} brings it up to date",
        )


def version(connection: sqlite3.Connection) -> int:
    """How many migrations the file has seen."""
    return _pragma(connection, "user_version")


def _check_owner(connection: sqlite3.Connection, path: str) -> None:
    if not _is_empty(connection) and _pragma(connection, "application_id") != APPLICATION_ID:
        raise ForeignDatabase(f"{path} is a database of something else", "name another file with --db")
    if version(connection) > len(migrations()):
        raise NewerSchema(
            f"{path} was written by a later version of platform-trace",
            "upgrade platform-otel, or name another file with --db",
        )


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    number: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return number
