"""The Python interpreter that a command runs, and what that interpreter says of itself."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from platform_otel.config import ENABLED
from platform_otel.doctor.checks import Trouble

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
        implementation: such as "CPython".
        path: its ``sys.path`` without the service's folder, PYTHONPATH and the user's own site-packages.
        site_folders: where it reads ``.pth`` files.
        user_site: the user's own site-packages; "" if it does not look there.
    """

    executable: str
    version: str
    implementation: str
    path: tuple[str, ...]
    site_folders: tuple[str, ...]
    user_site: str

    @property
    def release(self) -> tuple[int, ...]:
        """Major and minor version."""
        return tuple(int(part) for part in self.version.split(".")[:2])


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
        raise Trouble(f"{executable}: {reason}", f"see whether it starts: {executable} --version") from None
    return _read(executable, done)


def _read(executable: str, done: "subprocess.CompletedProcess[str]") -> Interpreter:
    # A .pth file of somebody else may have printed something before.
    last = done.stdout.splitlines()[-1:] or [""]
    try:
        said = json.loads(last[0])
        return Interpreter(
            executable=said["executable"] or executable,
            version=said["version"],
            implementation=said["implementation"],
            path=tuple(said["path"]),
            site_folders=tuple(said["site_folders"]),
            user_site=said["user_site"] if _looks_at_user_site(said["prefix"], said["base_prefix"]) else "",
        )
    except (ValueError, KeyError, TypeError):
        raise Trouble(
            f"{executable} does not say what it is: it ended with {done.returncode}",
            f"see what it says: {executable} -I -c 'import site'; Python 2 is not traced",
        ) from None


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
    """The words after ``#!`` in a script's first line; pip and uv write an over-long one as a shell's ``exec``."""
    try:
        with open(path, "rb") as file:
            first, second = file.readline(512), file.readline(1024)
    except OSError:
        return []
    if not first.startswith(b"#!"):
        return []
    words = _words(first[2:])
    if words == ["/bin/sh"] and second.startswith(b"'''exec' "):
        return _words(second[len(b"'''exec' ") :])[:1]
    return words


def _words(line: bytes) -> list[str]:
    import shlex

    text = line.decode("utf-8", "replace")
    try:
        return shlex.split(text)
    except ValueError:  # a quotation mark that nothing closes
        return text.split()


def is_python(path: str) -> bool:
    """Whether a file's name says that it is a Python interpreter."""
    return os.path.basename(path).startswith(("python", "pypy"))


def option_letters(words: Sequence[str]) -> frozenset[str]:
    """The single-letter options among an interpreter's own, such as {"S", "I"} for ``-SI`` or ``-S -I``.

    Args:
        words: what follows the interpreter on its command line.
    """
    letters: set[str] = set()
    rest = iter(words)
    for word in rest:
        if word == "--check-hash-based-pycs":
            next(rest, None)
            continue
        if not word.startswith("-") or word in ("-", "--"):
            break
        for letter in word[1:]:
            if letter in "mc":
                return frozenset(letters)
            if letter in "XW":
                break
            letters.add(letter)
        if word in ("-X", "-W"):
            next(rest, None)
    return frozenset(letters)
