"""What the packaging tests install: the wheel and the source distribution, each built once."""

from pathlib import Path

import pytest

from tests.packaging.environments import UV, must_run

ROOT = Path(__file__).parents[2]


def build(kind: str, source: Path, folder: Path) -> Path:
    """Build ``--wheel`` or ``--sdist`` from a folder or a source distribution."""
    must_run(UV, "build", kind, "--out-dir", folder, source)
    return next(path for path in folder.iterdir() if path.suffix in (".whl", ".gz"))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the repository."""
    return build("--wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def source_distribution(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, built from the repository."""
    return build("--sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture
def source(source_distribution: Path, tmp_path: Path) -> Path:
    """The source distribution unpacked, in a folder with a space in its name."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    must_run("tar", "-xzf", source_distribution, "-C", folder, "--strip-components", "1")
    return folder
