"""Which installed distribution an application comes from, by the metadata that installers leave.

``importlib.metadata`` would say the same and costs 40 to 50 ms in a process that has not imported it.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Distribution:
    """What an installer left of one distribution; ``metadata`` is its folder, or its only file."""

    __slots__ = ("_version", "metadata", "name")

    def __init__(self, name: str, version: str, metadata: str) -> None:
        self.name = name
        self.metadata = metadata
        self._version = version

    @property
    def version(self) -> str:
        """Its version, which setuptools does not put into the name of what it leaves in a source folder."""
        lines = () if self._version else self.read("PKG-INFO").splitlines()
        return self._version or next((line[9:].strip() for line in lines if line.startswith("Version: ")), "")

    def read(self, file: str) -> str:
        """The content of one of its files, "" if it has none."""
        return read_text(os.path.join(self.metadata, file))


def read_text(path: str) -> str:
    """The content of a file, "" if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as opened:
            return opened.read()
    except OSError:
        return ""


def version_of_module(module: str, path: "Sequence[str]") -> str:
    """The version of the distribution that holds a module such as "identity.main"; "" if none does.

    Args:
        module: its dotted name; the last part may also be something inside it, as in "identity.worker.Settings".
        path: the folders to look through, such as ``sys.path``.
    """
    for name in (module, module.rpartition(".")[0]):
        files = _files_of(name) if name else []
        for folder in path:
            present = [file for file in files if os.path.exists(os.path.join(folder, file))]
            if present and (holder := _holder(folder, present[0], path)):
                return holder.version
    return ""


def _files_of(module: str) -> "list[str]":
    """Where a module's source is, below a folder of the path."""
    stem = module.replace(".", "/")
    return [f"{stem}.py", f"{stem}/__init__.py", f"{stem}/__main__.py"]


def _holder(folder: str, file: str, path: "Sequence[str]") -> "Distribution | None":
    """The distribution that installed this file, or whose source it is."""
    package = file.partition("/")[0].removesuffix(".py")
    # One that is called like the package is asked first: most often it is the one, and lists of files are long.
    beside = sorted(distributions(folder), key=lambda found: found.name != normalised(package))
    for distribution in beside:
        if _lists(distribution, file, package):
            return distribution
    for other in path:
        for distribution in distributions(other):
            if _is_source_of(folder, _edited_in(distribution)):
                return distribution
    return None


def _lists(distribution: Distribution, file: str, package: str) -> bool:
    """Whether it says that the file is its own; what setuptools leaves in a source folder names packages only."""
    if distribution.metadata.endswith(".dist-info"):
        return f"\n{file}," in "\n" + distribution.read("RECORD")
    return package in distribution.read("top_level.txt").split() or distribution.name == normalised(package)


def _edited_in(distribution: Distribution) -> str:
    """The project's folder of an editable installation, else "".

    Source: https://packaging.python.org/en/latest/specifications/direct-url/
    """
    text = distribution.read("direct_url.json")
    if '"editable"' not in text:
        return ""
    import json
    from urllib.parse import unquote

    try:
        origin = json.loads(text)
        editable = origin["dir_info"]["editable"] is True
        return unquote(origin["url"].removeprefix("file://")) if editable else ""
    except (ValueError, LookupError, TypeError, AttributeError):  # not as the specification has it
        return ""


def _is_source_of(folder: str, project: str) -> bool:
    """Whether this is where a project keeps its packages. Other folders in it, such as tests/, are not installed."""
    candidates = [os.path.join(project, source) for source in ("", "src", "lib", "python")] if project else []
    return os.path.abspath(folder) in map(os.path.abspath, candidates)


def version_of_script(script: str, path: "Sequence[str]") -> str:
    """The version of the distribution that offers a console script of this name; "" if none does."""
    for folder in path:
        for distribution in distributions(folder):
            for group, name, _ in entry_points(distribution.read("entry_points.txt")):
                if (group, name) == ("console_scripts", script):
                    return distribution.version
    return ""


def entry_points(text: str) -> "Iterator[tuple[str, str, str]]":
    """Group, name and target of what a distribution offers to others, as "identity.main:run".

    Args:
        text: its entry_points.txt.

    Source: https://packaging.python.org/en/latest/specifications/entry-points/
    """
    group = ""
    for line in map(str.strip, text.splitlines()):
        name, equals, target = line.partition("=")
        if line.startswith("["):
            group = line.strip("[] ")
        elif equals and not line.startswith(("#", ";")):
            # "module:attribute [extra]" is allowed by the format; the extra does not matter here.
            yield group, name.strip(), target.partition("[")[0].strip()


def distributions(folder: str) -> "Iterator[Distribution]":
    """The distributions whose metadata is in this folder."""
    try:
        names = os.listdir(folder or os.curdir)
    except (OSError, ValueError):  # not there, not readable, a zip file, or no path at all
        return
    for name in names:
        stem, dot, kind = name.rpartition(".")
        if dot and kind in ("dist-info", "egg-info"):
            distribution, _, version = stem.partition("-")
            yield Distribution(normalised(distribution), version.partition("-")[0], os.path.join(folder, name))


def normalised(name: str) -> str:
    """A distribution's name as the package index compares it (PEP 503)."""
    name = name.replace("_", "-").replace(".", "-").lower()
    while "--" in name:  # a run of separators counts as one
        name = name.replace("--", "-")
    return name
