"""The Python interpreter that a command runs, and what that interpreter says of itself."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platform_otel.config import ENABLED
from platform_otel.doctor.findings import plan as finding

# A version manager's stand-in starts in tens of milliseconds, a cold interpreter on a slow disk in seconds.
_SECONDS_TO_ANSWER = 10

# Isolated, so that nothing of the service's is imported for it: neither its folder nor PYTHONPATH's
# sitecustomize. -c takes one line in a process list, so what it is stays readable there.
_QUESTION = (
    "import json, os, platform, site, sys; print(json.dumps({"
    "'executable': sys.executable, 'version': platform.python_version(), "
    "'implementation': platform.python_implementation(), "
    "'prefix': sys.prefix, 'base_prefix': sys.base_prefix, 'path': sys.path, "
    "'site_folders': site.getsitepackages(), 'user_site': site.getusersitepackages()}))"
)


@dataclass(frozen=True)
class Interpreter:
    """What an interpreter says of itself.

    Args:
        executable: its own file, where ``-m pip`` installs into it.
        version: such as "3.11.7".
        release: its major and minor version.
        implementation: such as "CPython".
        path: its ``sys.path`` without the service's folder, PYTHONPATH and the user's own site-packages.
        site_folders: where it reads ``.pth`` files.
        user_site: the user's own site-packages; "" if it does not look there.
    """

    executable: str
    version: str
    release: tuple[int, ...]
    implementation: str
    path: tuple[str, ...]
    site_folders: tuple[str, ...]
    user_site: str


def ask(executable: str, environ: Mapping[str, str]) -> Interpreter:
    """Run an interpreter and let it say what it is. It is not traced, and imports nothing of the service.

    Raises:
        Trouble: it does not answer.
    """
    untraced = {name: value for name, value in environ.items() if name != ENABLED}
    try:
        done = subprocess.run(
            [executable, "-I", "-c", _QUESTION],
            env=untraced,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS_TO_ANSWER,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = "it cannot be executed" if isinstance(error, OSError) else "it does not answer"
        raise finding.NO_ANSWER.trouble(executable=executable, reason=reason) from None
    return _read(executable, done)


def _read(executable: str, done: "subprocess.CompletedProcess[str]") -> Interpreter:
    # A .pth file of somebody else may have printed something before.
    last = done.stdout.splitlines()[-1:] or [""]
    try:
        said = json.loads(last[0])
        return Interpreter(
            executable=said["executable"] or executable,
            version=said["version"],
            release=tuple(int(part) for part in said["version"].split(".")[:2]),
            implementation=said["implementation"],
            path=tuple(said["path"]),
            site_folders=tuple(said["site_folders"]),
            user_site=said["user_site"] if _looks_at_user_site(said["prefix"], said["base_prefix"]) else "",
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise finding.STRANGE_ANSWER.trouble(executable=executable, code=done.returncode) from None


def _looks_at_user_site(prefix: str, base_prefix: str) -> bool:
    """Whether ``site`` would use the user's own site-packages: in a virtual environment only if it says so."""
    if prefix == base_prefix:
        return True
    try:
        text = Path(prefix, "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return "include-system-site-packages=true" in text.lower().replace(" ", "")


def first_line(path: str) -> list[str]:
    """What the kernel makes of a script's first line; pip and uv write an over-long one as a shell's ``exec``."""
    try:
        with open(path, "rb") as file:
            first, second = file.readline(512), file.readline(1024)
    except OSError:
        return []
    if not first.startswith(b"#!") or b"\0" in first:
        return []
    words = _given_by_the_kernel(os.fsdecode(first[2:]))
    if words == ["/bin/sh"] and second.startswith(b"'''exec' "):
        executed = second[len(b"'''exec' ") :]
        return _beside(path, executed) or _words(executed)[:1]
    return words


def _given_by_the_kernel(line: str) -> list[str]:
    """The interpreter, and on Linux all that follows it as one word."""
    # Blanks of the kernel: a carriage return is none, and belongs to the word before.
    line = line.removesuffix("\n").strip(" \t")
    words = re.split(r"[ \t]+", line, maxsplit=1 if sys.platform == "linux" else 0)
    return words if words[0] else []


def _beside(path: str, executed: bytes) -> list[str]:
    """The interpreter in the script's own folder, as uv writes it in an environment that can be moved, else []."""
    start, slash, name = executed.partition(b"/'")
    if not (slash and start.startswith(b'"$(dirname')):
        return []
    return [str(Path(path).resolve().parent / name.partition(b"'")[0].decode("utf-8", "replace"))]


def _words(line: bytes) -> list[str]:
    import shlex

    text = line.decode("utf-8", "replace")
    try:
        return shlex.split(text)
    except ValueError:  # a quotation mark that nothing closes
        return text.split()
