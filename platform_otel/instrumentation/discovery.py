"""What is installed, by name and version, read from the folders of sys.path.

``importlib.metadata`` would say the same and costs 40 to 50 ms in a process that has not imported it.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

_GROUPS = "opentelemetry_"
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


class EntryPoint:
    """What a distribution offers to OpenTelemetry: its group, its name, and where it is, "module:attribute"."""

    __slots__ = ("distribution", "group", "metadata", "name", "target")

    def __init__(self, group: str, name: str, target: str, distribution: str, metadata: str) -> None:
        self.group = group
        self.name = name
        self.target = target
        self.distribution = distribution
        self.metadata = metadata

    def load(self) -> "Any":  # Any: whatever the other package offers
        """Import and return it. Raises what that import raises."""
        from importlib import import_module

        module, _, attributes = self.target.partition(":")
        found: Any = import_module(module)
        for attribute in attributes.split("."):
            found = getattr(found, attribute)
        return found

    def is_being_imported(self) -> bool:
        """Whether its module is half imported at this moment, so that nothing can be loaded from it yet."""
        spec = getattr(sys.modules.get(self.target.partition(":")[0]), "__spec__", None)
        return bool(getattr(spec, "_initializing", False))  # the import system's own mark


class Installed:
    """Versions by normalised distribution name, and the entry points of OpenTelemetry's groups."""

    __slots__ = ("_entry_points", "versions")

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}
        self._entry_points: dict[str, dict[str, EntryPoint]] = {}

    def add(self, entry_point: EntryPoint) -> None:
        """Keep it, unless an earlier folder offers one of that name."""
        self._entry_points.setdefault(entry_point.group, {}).setdefault(entry_point.name, entry_point)

    def group(self, group: str) -> "Mapping[str, EntryPoint]":
        """The entry points of one group by name, such as "opentelemetry_instrumentor"."""
        return self._entry_points.get(group, {})


def normalised(name: str) -> str:
    """A distribution's name as the package index compares it (PEP 503)."""
    return name.replace("_", "-").replace(".", "-").lower()


def installed(path: "Sequence[str] | None" = None) -> Installed:
    """Look through the folders of ``path``, by default ``sys.path``. Earlier folders win, as for imports."""
    found = Installed()
    for folder in sys.path if path is None else path:
        for name, version, metadata in _distributions(folder or os.curdir):
            if name in found.versions:
                continue
            found.versions[name] = version
            for entry_point in _entry_points(metadata, name):
                found.add(entry_point)
    return found


def _distributions(folder: str) -> "Iterator[tuple[str, str, str]]":
    """Normalised name, version and metadata folder of each distribution in ``folder``."""
    try:
        names = os.listdir(folder)
    except OSError:  # not there, not readable, or a zip file
        return
    for name in names:
        stem, dot, kind = name.rpartition(".")
        if dot and kind in ("dist-info", "egg-info"):
            distribution, _, version = stem.partition("-")
            yield normalised(distribution), version.partition("-")[0], os.path.join(folder, name)


def _entry_points(metadata: str, distribution: str) -> "Iterator[EntryPoint]":
    text = _read(os.path.join(metadata, "entry_points.txt"))
    if _GROUPS not in text:
        return
    group = ""
    for line in map(str.strip, text.splitlines()):
        name, equals, target = line.partition("=")
        if line.startswith("["):
            group = line.strip("[]")
        elif equals and group.startswith(_GROUPS) and not line.startswith(("#", ";")):
            # "module:attribute [extra]" is allowed by the format; the extra does not matter here.
            yield EntryPoint(group, name.strip(), target.partition("[")[0].strip(), distribution, metadata)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def required_library(entry_point: EntryPoint) -> str:
    """The distribution that an instrumentor's extra ``instruments`` names, normalised; "" if none."""
    for line in _read(os.path.join(entry_point.metadata, "METADATA")).splitlines():
        if not line:  # the description follows
            break
        if line.startswith("Requires-Dist:") and "instruments" in line:
            requirement = line.partition(":")[2].strip()
            length = next((at for at, letter in enumerate(requirement) if letter not in _NAME), len(requirement))
            return normalised(requirement[:length])
    return ""
