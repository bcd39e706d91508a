"""What several tests of this folder ask for."""

from pathlib import Path

import pytest

from tests.process.support import CODE, install


@pytest.fixture
def environment_of_packages(tmp_path: Path) -> Path:
    """A folder with an installed service, identity, whose main module makes a span."""
    install(tmp_path, "identity", "1.4.0", ["identity/__init__.py", "identity/main.py"], "server = identity.main:run")
    (tmp_path / "identity/main.py").write_text(CODE)
    return tmp_path
