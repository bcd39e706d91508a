"""Fresh virtual environments, and the three installers that fill them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.support import SCRIPTS, environment

# An installation that has not ended by then hangs.
PATIENCE = 600.0
UV = str(SCRIPTS / "uv")


def run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, its output captured; uv never fetches an interpreter."""
    return run_within(PATIENCE, *command, **variables)


def run_within(seconds: float, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """The same, for a command that takes longer than an installation."""
    return subprocess.run(
        [str(word) for word in command],
        env=environment(UV_PYTHON_DOWNLOADS="never", **variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def must_run(*command: str | Path) -> str:
    """Run a command that has to succeed, and return its output."""
    done = run(*command)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Environment:
    """A virtual environment.

    Args:
        folder: where it is.
        installer: the words before ``install`` and ``uninstall``.
        chosen: the words after them.
        yes: the words that uninstall without a question.
    """

    folder: Path
    installer: Sequence[str]
    chosen: Sequence[str] = ()
    yes: Sequence[str] = ()

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def command(self) -> Path:
        """Its ``platform-trace``."""
        return self.folder / "bin" / "platform-trace"

    @property
    def site_packages(self) -> Path:
        """Where distributions are installed to."""
        return next(self.folder.glob("lib/python*/site-packages"))

    def install(self, *words: str) -> None:
        """Install requirements; words may be options too."""
        must_run(*self.installer, "install", *self.chosen, *words)

    def would_install(self, requirement: str) -> dict[str, str]:
        """The versions, by name, that pip would choose."""
        report = must_run(*self.installer, "install", "--quiet", "--dry-run", "--report", "-", requirement)
        chosen = [item["metadata"] for item in json.loads(report)["install"]]
        return {metadata["name"]: metadata["version"] for metadata in chosen}

    def uninstall(self) -> None:
        """Uninstall our distribution only."""
        must_run(*self.installer, "uninstall", *self.chosen, *self.yes, "platform-otel")

    def files_of_ours(self) -> list[str]:
        """Every file and folder that carries our name."""
        found = [*self.folder.rglob("*platform[_-]otel*"), *self.folder.rglob("platform-trace*")]
        return sorted(str(path.relative_to(self.folder)) for path in found)


def with_bundled_pip(folder: Path, version: str) -> Environment:
    """The pip that a Python brings: 23.0 with 3.10, whose resolver never jumps back, later ones with later ones."""
    return _with_pip(folder, interpreter(version))


def with_newest_pip(folder: Path) -> Environment:
    """The newest pip of the index."""
    made = _with_pip(folder, sys.executable)
    made.install("--upgrade", "pip")
    return made


def with_uv(folder: Path, python: str = sys.executable) -> Environment:
    """The uv of the development environment."""
    must_run(UV, "venv", "--python", python, folder)
    return Environment(folder, (UV, "pip"), ("--python", str(folder / "bin" / "python")))


def _with_pip(folder: Path, python: str) -> Environment:
    must_run(python, "-m", "venv", folder)
    return Environment(folder, (str(folder / "bin" / "python"), "-m", "pip"), yes=("--yes",))


PYTHONS = ("3.10", "3.11", "3.12", "3.13")
INSTALLERS: dict[str, Callable[[Path], Environment]] = {
    **{f"pip of Python {version}": partial(with_bundled_pip, version=version) for version in PYTHONS},
    "newest pip": with_newest_pip,
    "uv": with_uv,
}


def interpreter(version: str) -> str:
    """An interpreter of this version, such as "3.10", or the test is skipped with the reason."""
    for candidate in _candidates(version):
        # pyenv puts a python3.10 on PATH that fails unless 3.10 is chosen for the folder.
        if run(candidate, "-c", "import ensurepip, venv").returncode == 0:
            return candidate
    pytest.skip(f"python{version} with venv is neither on PATH nor in pyenv")


def _candidates(version: str) -> Iterator[str]:
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        yield sys.executable
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    for folder in sorted(_pyenv_root().glob(f"versions/{version}.*/bin")):
        yield str(folder / "python")


def _pyenv_root() -> Path:
    if "PYENV_ROOT" in os.environ:
        return Path(os.environ["PYENV_ROOT"])
    pyenv = shutil.which("pyenv")
    return Path(must_run(pyenv, "root").strip()) if pyenv else Path.home() / ".pyenv"
