"""The promises to the service hold on every Python that we support: their tests, run by each that is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.packaging.environments import PYTHONS, interpreter, run_within, with_uv

ROOT = Path(__file__).parents[2]
PROMISES = ("tests/harmless", "tests/lifecycle", "tests/tracing/test_misuse.py", "tests/test_process_models.py")


@pytest.mark.matrix
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("version", PYTHONS)
def test_the_promises_hold_on_this_python(version: str, tmp_path: Path) -> None:
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        pytest.skip(f"this is Python {version}: they run beside this test")
    environment = with_uv(tmp_path / "environment", interpreter(version))
    environment.install(
        "--editable", f"{ROOT}[demo,all,grpc,signals,collector]", "--group", f"{ROOT}/pyproject.toml:dev"
    )

    done = run_within(
        1500,
        environment.python,
        *("-m", "pytest", "-q", "-n", "3", "-p", "no:cacheprovider", "-c", ROOT / "pyproject.toml"),
        *(ROOT / path for path in PROMISES),
    )

    print(f"Python {version}: {done.stdout.splitlines()[-1]}")  # which one, for the reader of the run
    assert done.returncode == 0, done.stdout
