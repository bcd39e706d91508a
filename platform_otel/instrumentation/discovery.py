"""What is installed, by name and version, read from the folders of sys.path.

``importlib.metadata`` would say the same and costs 40 to 50 ms in a process that has not imported it.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from platform_otel.process.distribution import Distribution

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

    @property
    def module(self) -> str:
        """The module that it is in."""
        return self.target.partition(":")[0]

    def load(self) -> "Any":  # Any: whatever the other package offers
        """Import and return it. Raises what that import raises."""
        from importlib import import_module

        found: Any = import_module(self.module)
        for attribute in self.target.partition(":")[2].split("."):
            found = getattr(found, attribute)
        return found

    def is_being_imported(self) -> bool:
        """Whether its module is half imported at this moment, so that nothing can be loaded from it yet."""
        spec = getattr(sys.modules.get(self.module), "__spec__", None)
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


def installed(path: "Sequence[str] | None" = None) -> Installed:
    """Look through the folders of ``path``, by default ``sys.path``. Earlier folders win, as for imports."""
    from platform_otel.process.distribution import distributions  # here, for the start itself looks for nothing

    found = Installed()
    for folder in sys.path if path is None else path:
        for distribution in distributions(folder):
            if distribution.name in found.versions:
                continue
            found.versions[distribution.name] = distribution.version
            for entry_point in _entry_points(distribution):
                found.add(entry_point)
    return found


def _entry_points(distribution: "Distribution") -> "Iterator[EntryPoint]":
    from platform_otel.process.distribution import entry_points

    text = distribution.read("entry_points.txt")
    if _GROUPS not in text:
        return
    for group, name, target in entry_points(text):
        if group.startswith(_GROUPS):
            yield EntryPoint(group, name, target, distribution.name, distribution.metadata)


def required_library(entry_point: EntryPoint) -> str:
    """The distribution that an instrumentor's extra ``instruments`` names, normalised; "" if none."""
    from platform_otel.process.distribution import normalised, read_text

    for line in read_text(os.path.join(entry_point.metadata, "METADATA")).splitlines():
        if not line:  # the description follows
            break
        if line.startswith("Requires-Dist:") and "instruments" in line:
            requirement = line.partition(":")[2].strip()
            length = next((at for at, letter in enumerate(requirement) if letter not in _NAME), len(requirement))
            return normalised(requirement[:length])
    return ""
