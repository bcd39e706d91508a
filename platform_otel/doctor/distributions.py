"""What the distributions in an interpreter's folders contain and need, read from their metadata."""

import os
from collections.abc import Sequence
from email.parser import HeaderParser
from glob import escape, iglob
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from platform_otel.process.distribution import Distribution, distributions, normalised

_INSTRUMENTS = ("instruments", "instruments-any")


class Needs(NamedTuple):
    """What a distribution asks for, by its own word.

    Args:
        requirements: what it needs to work, without extras.
        instruments: for an instrumentation, the libraries it is for; any one of them will do.
    """

    requirements: tuple[Requirement, ...]
    instruments: tuple[Requirement, ...]


class Distributions:
    """The distributions on a ``sys.path``; earlier folders win, as for imports."""

    def __init__(self, path: Sequence[str], python_version: str) -> None:
        self._path = [folder or os.curdir for folder in path]
        self._python_version = python_version
        self._by_name: dict[str, Distribution] = {}
        self._needs: dict[str, Needs] = {}
        for folder in self._path:
            for found in sorted(distributions(folder), key=lambda each: each.metadata):
                self._by_name.setdefault(found.name, found)

    def get(self, name: str) -> Distribution | None:
        """The distribution of this normalised name."""
        return self._by_name.get(name)

    def named(self, prefix: str) -> list[Distribution]:
        """Those whose normalised name begins so, by name."""
        return [self._by_name[name] for name in sorted(self._by_name) if name.startswith(prefix)]

    def has_module(self, module: str) -> bool:
        """Whether a folder of the path holds this module, given with all its parents."""
        return any(_holds(folder, module) for folder in self._path)

    def is_standard(self, module: str) -> bool:
        """Whether the first that holds it is the standard library's folder."""
        holder = next((folder for folder in self._path if _holds(folder, module)), "")
        return _holds(holder, "site") and _holds(holder, "os")

    def unmet(self, distribution: Distribution) -> list[Requirement]:
        """What it needs and does not have, or not in a version that fits."""
        return [each for each in self.needs(distribution).requirements if not self._is_met(each)]

    def _is_met(self, requirement: Requirement) -> bool:
        found = self.get(normalised(requirement.name))
        return found is not None and fits(requirement, found.version)

    def missing_below(self, distribution: Distribution) -> dict[str, str]:
        """What is not installed and without which it cannot be imported, directly or not: names, requirements."""
        missing: dict[str, str] = {}
        seen = {distribution.name}
        waiting = [distribution]
        while waiting:
            for requirement in self.needs(waiting.pop()).requirements:
                name = normalised(requirement.name)
                installed = self.get(name)
                if installed is None:
                    missing[name] = f"{name}{requirement.specifier}"
                elif name not in seen:
                    seen.add(name)
                    waiting.append(installed)
        return missing

    def conflict(self, distribution: Distribution) -> str:
        """The library that an instrumentation does not take, as arming says it; "" if all is well."""
        for requirement in self.needs(distribution).instruments:
            installed = self.get(normalised(requirement.name))
            if installed is not None and not fits(requirement, installed.version):
                return f"{requirement.name} {requirement.specifier}, and {installed.version} is installed"
        return ""

    def needs(self, distribution: Distribution) -> Needs:
        """What it asks for. Read when asked: few of those that are installed matter here."""
        if distribution.name not in self._needs:
            self._needs[distribution.name] = self._read_needs(distribution)
        return self._needs[distribution.name]

    def _read_needs(self, distribution: Distribution) -> Needs:
        plain, instruments = [], []
        for text in HeaderParser().parsestr(distribution.read("METADATA")).get_all("Requires-Dist", []):
            try:
                requirement = Requirement(text)
            except InvalidRequirement:
                continue
            if any(self._asked(requirement, extra) for extra in _INSTRUMENTS) and not self._asked(requirement, ""):
                instruments.append(requirement)
            elif self._asked(requirement, ""):
                plain.append(requirement)
        return Needs(tuple(plain), tuple(instruments))

    def _asked(self, requirement: Requirement, extra: str) -> bool:
        release = ".".join(self._python_version.split(".")[:2])
        environment = {"extra": extra, "python_version": release, "python_full_version": self._python_version}
        return requirement.marker is None or requirement.marker.evaluate(environment)


def fits(requirement: Requirement, version: str) -> bool:
    """Whether this version meets the requirement; one that cannot be read does."""
    try:
        return requirement.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True


def _holds(folder: str, module: str) -> bool:
    """Whether the module is a file below the folder. A folder of its name alone may be anything, such as data."""
    place = os.path.join(folder, *module.split("."))
    if os.path.isfile(os.path.join(place, "__init__.py")) or os.path.isfile(f"{place}.py"):
        return True
    return any(iglob(f"{escape(place)}.*.so"))
