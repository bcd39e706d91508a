"""Virtual environments and scripts that the doctor is to look at."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.support import PATIENCE


def script(path: Path, first: str, *, executable: bool = True) -> Path:
    """A file with this first line."""
    path.write_text(f"{first}\nprint('never run')\n")
    path.chmod(0o755 if executable else 0o644)
    return path


class Venv:
    """A virtual environment without pip, filled with distributions of the one that the tests run in."""

    def __init__(self, folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=PATIENCE)
        self.python = folder / "bin" / "python"
        self.site_packages = next(folder.glob("lib/python*/site-packages"))

    def take(self, *names: str, without: Iterable[str] = (), alone: bool = False) -> None:
        """Have these distributions and what they need, but for some; or alone."""
        left_out = set(without)
        for name in names if alone else _closure(names):
            if name not in left_out:
                _copy(distribution(name), self.site_packages)


def _closure(names: Iterable[str]) -> list[str]:
    """These distributions and everything they need, as far as it is installed."""
    found: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop().lower().replace("_", "-").replace(".", "-")
        if name in found:
            continue
        try:
            requirements = [Requirement(text) for text in distribution(name).requires or ()]
        except PackageNotFoundError:
            continue
        found[name] = None
        waiting += [each.name for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})]
    return list(found)


def _copy(taken: Distribution, site_packages: Path) -> None:
    for file in taken.files or ():
        source = Path(str(taken.locate_file(file)))
        # Scripts lie outside, and byte code would name other paths.
        target = site_packages.joinpath(*file.parts)
        if ".." not in file.parts and file.suffix != ".pyc" and source.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.suffix in (".py", ".so"):
                target.symlink_to(source)
            else:
                shutil.copyfile(source, target)
