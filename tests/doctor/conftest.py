"""Fixtures that several of the doctor's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from tests.doctor.authority import Authority
from tests.doctor.environments import Venv


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(trustme.CA(), tmp_path)


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """An environment without us."""
    return Venv(tmp_path_factory.mktemp("bare") / "venv")
