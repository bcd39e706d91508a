"""Where answers come from: a running collector, asked by HTTP, or its file, asked in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ssl import SSLError
from typing import Any, Protocol
from urllib.parse import SplitResult, urlencode, urlsplit

from platform_otel.analysis.characters import fit, printable
from platform_otel.errors import PlatformTraceError, UsageError

# A collector answers within 5 s, or says that it takes too long.
_SECONDS = 20
_URL = "http://127.0.0.1:16686"
_LONGEST_REASON = 500
NAME_A_FILE = "name a file that platform-trace collector --db wrote"

Answer = Any  # JSON


class NoSuchTrace(PlatformTraceError):
    """There is no such thing."""


class TakesTooLong(PlatformTraceError):
    """The answer would take longer than a query may."""

    def __init__(self, says: str) -> None:
        super().__init__(says, "ask for less: a shorter time, fewer traces")


class Source(Protocol):
    """Something that answers the questions of docs/reference/collector.md."""

    def ask(self, path: str, **parameters: object) -> Answer:
        """What a query answers, as JSON has it.

        Raises:
            NoSuchTrace: there is no such trace.
            PlatformTraceError: there is no answer.
        """


@contextmanager
def opened(url: str, db: str, token: str) -> Iterator[Source]:
    """The file if one is named, else the collector at the address.

    Raises:
        PlatformTraceError: there is no such file, or it is none of a collector.
    """
    if not db:
        yield Collector(url or _URL, token)
        return
    if url:
        raise UsageError("--url and --db are two places", "name one of them")
    if not os.path.exists(db):
        raise PlatformTraceError(f"there is no file {db}", NAME_A_FILE)
    if not os.path.isfile(db):
        # SQLite would wait for a pipe for ever.
        raise PlatformTraceError(f"{db} is no file", NAME_A_FILE)
    try:
        from platform_otel.show.file import File
    except ModuleNotFoundError as error:
        raise PlatformTraceError(
            f"to read a file takes {error.name}", 'pip install "platform-otel[collector]"'
        ) from error
    with File(db) as file:
        yield file


class Collector:
    """One that runs."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url.rstrip("/")
        self._address = _address(url)
        self._is_known = False
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    def ask(self, path: str, **parameters: object) -> Answer:
        """What it answers.

        Raises:
            NoSuchTrace, PlatformTraceError
        """
        if path.startswith("/query/") and not self._is_known:
            self._look_at_status()
        return self._answer(path + (f"?{urlencode(parameters)}" if parameters else ""))

    def _look_at_status(self) -> None:
        """Anything may answer with JSON; with this, only a collector does."""
        try:
            self._is_known = self._answer("/query/status").keys() >= {"version", "otlpPort", "received"}
        except NoSuchTrace:
            pass
        if not self._is_known:
            raise self._is_none()

    def _answer(self, path: str) -> Answer:
        status, body = self._get(path)
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise self._is_none()
        if status == HTTPStatus.OK:
            return answer
        error = answer.get("error")
        if isinstance(error, dict):  # Jaeger's
            error = error.get("message")
        if not isinstance(error, str):
            raise self._is_none()
        raise _refusal(status, error)

    def _is_none(self) -> PlatformTraceError:
        return PlatformTraceError(f"what answers at {self.url} is no collector", "name its query port with --url")

    def _get(self, path: str) -> tuple[int, bytes]:
        secured = self._address.scheme == "https"
        connection = (HTTPSConnection if secured else HTTPConnection)(self._address.netloc, timeout=_SECONDS)
        try:
            connection.request("GET", self._address.path.rstrip("/") + path, headers=self._headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, HTTPException) as error:
            raise PlatformTraceError(
                f"no collector answers at {self.url}: {_reason(error)}",
                "start one with: platform-trace collector; or name another with --url, or a file with --db",
            ) from error
        finally:
            connection.close()


def _address(url: str) -> SplitResult:
    try:
        address = urlsplit(url)
        understood = address.scheme in ("http", "https") and address.hostname and address.port != 0
    except ValueError:
        understood = False
    if not understood or "@" in address.netloc or not url.isascii() or not url.isprintable() or " " in url:
        raise UsageError("--url is not an address of a collector", "write it as http://127.0.0.1:16686")
    return address


def _reason(error: Exception) -> str:
    # What ssl says has numbers of its own.
    number = None if isinstance(error, SSLError) else getattr(error, "errno", None)
    return os.strerror(number) if number and number > 0 else _said(str(error)) or type(error).__name__


def _said(text: str) -> str:
    """What a stranger said, fit for a terminal."""
    return fit(printable(text), _LONGEST_REASON, "...")


def _refusal(status: int, says: str) -> PlatformTraceError:
    if status == HTTPStatus.NOT_FOUND:
        return NoSuchTrace(_said(says), "platform-trace show traces lists what is there")
    if status == HTTPStatus.UNAUTHORIZED:
        return PlatformTraceError(
            "the collector wants its token", "give it with --token or PLATFORM_TRACE_COLLECTOR_TOKEN"
        )
    if status == HTTPStatus.GATEWAY_TIMEOUT:
        return TakesTooLong(_said(says))
    # In its own words: they are the same for a file.
    return PlatformTraceError(_said(says), HINTS.get(status, ""))


HINTS: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: "docs/reference/collector.md says what can be asked",
    HTTPStatus.FORBIDDEN: "start it with --allow-host NAME, or ask it by its address",
    HTTPStatus.SERVICE_UNAVAILABLE: "ask again in a while",
}
