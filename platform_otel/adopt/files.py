"""Deployment files found, read and written: the only effects of an adoption."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from platform_otel.adopt.adoption import LARGEST, kind_of
from platform_otel.adopt.text import Unedited
from platform_otel.errors import PlatformTraceError

# Others' files, and copies of ours.
_SKIPPED = frozenset((".git", ".hg", ".svn", ".nox", ".tox", "__pycache__", "node_modules", "site-packages"))
_SCRIPTS = re.compile(r"^\[(?:project|tool\.poetry)\.scripts\]\s*$(.*?)(?=^\[|\Z)", re.MULTILINE | re.DOTALL)
_CONSOLE_SCRIPTS = re.compile(r"^\s*console_scripts\s*=\s*$((?:\n[ \t]+\S.*)*)", re.MULTILINE)
_NAME = re.compile(r"^\s*[\"']?([A-Za-z0-9][\w.-]*)[\"']?\s*=", re.MULTILINE)


class File(NamedTuple):
    """A file: as the user would write its path, and whether the user has named it."""

    path: str
    is_named: bool


def files_of(paths: Sequence[str]) -> list[File]:
    """The files that are meant, each once.

    Raises:
        PlatformTraceError: a path is not there.
    """
    found: dict[str, File] = {}
    for path in paths:
        if not os.path.exists(path):
            raise PlatformTraceError(f"there is no file {path}", "check its spelling; a folder may be named, too")
        for file in _within(path) if os.path.isdir(path) else [File(os.path.normpath(path), True)]:
            found.setdefault(os.path.realpath(file.path), file)
    return list(found.values())


def _within(folder: str) -> Iterator[File]:
    for above, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_skipped(os.path.join(above, name)))
        for name in sorted(names):
            path = os.path.normpath(os.path.join(above, name))
            if kind_of(path) and os.path.isfile(path):
                yield File(path, False)


def _is_skipped(folder: str) -> bool:
    return os.path.basename(folder) in _SKIPPED or os.path.exists(os.path.join(folder, "pyvenv.cfg"))


def text_of(path: str) -> str:
    """A file's text, line ends as they are.

    Raises:
        Unedited: it is too large, or no UTF-8.
        PlatformTraceError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise PlatformTraceError(f"cannot read {path}: {error.strerror}", "check its mode") from None
    if len(content) > LARGEST:
        raise Unedited(f"it is larger than {LARGEST // 2**20} MiB")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise Unedited("it is not in UTF-8") from None
    if "\0" in text:
        raise Unedited("it is no text")
    return text


def beside(path: str, other: str) -> str | None:
    """The text of another file, by its path from the folder of this one; None if it cannot be had."""
    found = os.path.join(os.path.dirname(path), other)
    try:
        return text_of(found) if os.path.isfile(found) else None
    except (Unedited, PlatformTraceError, ValueError):
        return None


def write(path: str, text: str) -> None:
    """Put another text into a file, all of it or nothing; its mode stays, and a link to it stays a link.

    Raises:
        PlatformTraceError: it cannot be written.
    """
    target = os.path.realpath(path)
    try:
        _replace(target, text.encode("utf-8"))
    except OSError as error:
        raise PlatformTraceError(f"cannot write {path}: {error.strerror}", "check the modes of its folder") from None


def _replace(target: str, content: bytes) -> None:
    status = os.stat(target)
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".platform-trace-")
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(descriptor, status.st_mode & 0o7777)
            if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(descriptor, status.st_uid, status.st_gid)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


# --- the project's own metadata ---------------------------------------------------------------------------------------


def scripts_near(path: str) -> frozenset[str]:
    """The console scripts that the project around a file has, by its metadata."""
    folder = os.path.dirname(os.path.abspath(path))
    names: set[str] = set()
    while True:
        for metadata in ("pyproject.toml", "setup.cfg"):
            names |= set(scripts_in(beside(os.path.join(folder, metadata), metadata) or ""))
        if os.path.dirname(folder) == folder or os.path.exists(os.path.join(folder, ".git")):
            return frozenset(names)
        folder = os.path.dirname(folder)


def scripts_in(metadata: str) -> list[str]:
    """The names of the console scripts in a pyproject.toml or a setup.cfg. Python 3.10 reads no TOML."""
    tables = [match[1] for pattern in (_SCRIPTS, _CONSOLE_SCRIPTS) for match in pattern.finditer(metadata)]
    return [name for table in tables for name in _NAME.findall(table)]
