"""What is inside the wheel and the source distribution."""

from __future__ import annotations

import re
import tarfile
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

from tests.packaging.conftest import ROOT, build


def contents(wheel: Path) -> dict[str, bytes]:
    """The files of a wheel."""
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def requirements(wheel: Path) -> list[str]:
    """What the wheel asks for, with and without extras."""
    metadata = next(data for name, data in contents(wheel).items() if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(metadata).get_all("Requires-Dist") or []


def test_the_top_level_of_the_wheel_is_the_package_its_startup_file_and_its_metadata(wheel: Path) -> None:
    top_level = {name.split("/")[0] for name in contents(wheel)}

    version = wheel.name.split("-")[1]
    assert top_level == {"platform_otel", "platform_otel.pth", f"platform_otel-{version}.dist-info"}


def test_the_wheel_has_the_deployment_files(wheel: Path) -> None:
    found = {name.removeprefix("platform_otel/") for name in contents(wheel) if "/entrypoints/" in name}
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "entrypoints").rglob("*") if path.is_file()}

    assert found == files - {"entrypoints/python/platform_otel.pth"}


def test_the_source_distribution_builds_the_same_wheel(source_distribution: Path, wheel: Path, tmp_path: Path) -> None:
    rebuilt = build("--wheel", source_distribution, tmp_path)

    assert contents(rebuilt) == contents(wheel)


def test_the_top_level_of_the_source_distribution_is_known(source_distribution: Path) -> None:
    with tarfile.open(source_distribution) as archive:
        top_level = {name.split("/")[1] for name in archive.getnames()}

    assert top_level == {
        ".gitignore",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "PKG-INFO",
        "README.md",
        "docs",
        "entrypoints",
        "platform_otel",
        "pyproject.toml",
        "tests",
    }


def test_the_wheel_has_the_collectors_page(wheel: Path) -> None:
    folder = ROOT / "platform_otel" / "collector" / "web"
    carried = {Path(name).name for name in contents(wheel) if name.startswith("platform_otel/collector/web/")}

    assert carried == {path.name for path in folder.iterdir()}


def test_no_requirement_has_a_pin_or_an_upper_bound(wheel: Path) -> None:
    # Markers come after the semicolon; they compare with == rightly.
    ranges = [requirement.split(";")[0] for requirement in requirements(wheel)]

    assert [text for text in ranges if re.search(r"[<~]|==", text)] == []


def test_every_opentelemetry_requirement_has_a_lower_bound_or_only_excludes(wheel: Path) -> None:
    ranges = [requirement.split(";")[0].strip() for requirement in requirements(wheel)]

    assert [text for text in ranges if text.startswith("opentelemetry") and not re.search(">=|!=", text)] == []
