"""A collector's file, asked in this process by the questions that a collector answers."""

from __future__ import annotations

import json
import re
import sqlite3
import time
import zlib
from http import HTTPStatus
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from platform_otel.collector.answers import NotThere
from platform_otel.collector.api import QUESTIONS, Question
from platform_otel.collector.json_pieces import encoded
from platform_otel.collector.parameters import BadParameter, read_all
from platform_otel.collector.reader import Reader, TooSlow
from platform_otel.collector.schema import check
from platform_otel.errors import PlatformTraceError
from platform_otel.show.source import HINTS, NAME_A_FILE, NoSuchTrace, TakesTooLong

_SECONDS = 20.0
# How many steps of SQLite's machine go between two looks at the clock, as in collector/database.py.
_STEPS = 50_000
# What a file says that something else wrote to.
_DAMAGED = (sqlite3.Error, zlib.error, DecodeError, UnicodeDecodeError, IndexError)


class File:
    """A context manager. A collector may write to the file meanwhile; nothing is written here.

    Raises:
        PlatformTraceError: it is no file of a collector, or of another version.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            # mode=ro: a file that is not there is not made, and one that is stays as it is.
            address = f"{Path(path).absolute().as_uri()}?mode=ro"
            self._connection = sqlite3.connect(address, uri=True, isolation_level=None)
            self._check()
        except _DAMAGED as error:
            raise self._unreadable(error) from error

    def __enter__(self) -> File:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, path: str, **parameters: object) -> Any:
        """What a collector on this file would answer.

        Raises:
            NoSuchTrace, PlatformTraceError
        """
        question, of_path = _question(path)
        given = {name: str(value) for name, value in parameters.items()}
        try:
            answer = question.answer(self._reader(), read_all(question.parameters, {**given, **of_path}))
            return json.loads(encoded(answer))
        except NotThere as error:
            raise NoSuchTrace(str(error), "platform-trace show traces lists what is there") from error
        except BadParameter as error:
            raise PlatformTraceError(str(error), HINTS[HTTPStatus.BAD_REQUEST]) from error
        except TooSlow as error:
            raise TakesTooLong(str(error)) from error
        except _DAMAGED as error:
            raise self._unreadable(error) from error

    def _check(self) -> None:
        try:
            check(self._connection, self._path)
        except BaseException:
            self._connection.close()
            raise

    def _reader(self) -> Reader:
        deadline = time.monotonic() + _SECONDS

        def is_late() -> bool:
            return time.monotonic() > deadline

        self._connection.set_progress_handler(is_late, _STEPS)
        return Reader(self._connection, is_late)

    def _unreadable(self, error: Exception) -> PlatformTraceError:
        return PlatformTraceError(f"cannot read {self._path}: {error}", NAME_A_FILE)


def _question(path: str) -> tuple[Question, dict[str, str]]:
    for question in QUESTIONS:
        found = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", question.path), path)
        if found:
            return question, found.groupdict()
    raise LookupError(path)
