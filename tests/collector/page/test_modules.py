"""The page's pure modules, tested by node's own test runner."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import platform_otel

WEB = Path(platform_otel.__file__).parent / "collector" / "web"
TESTS = Path(__file__).with_name("modules")
NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="no node on PATH")
@pytest.mark.parametrize("name", sorted(path.name for path in TESTS.glob("*.test.mjs")))
def test_the_pages_modules_do_what_their_tests_say(name: str, tmp_path: Path) -> None:
    # In a folder of their own, where a package.json says that .js is a module: older nodes do not see that themselves.
    shutil.copytree(WEB, tmp_path / "modules")
    (tmp_path / "modules" / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (tmp_path / "tests").mkdir()
    shutil.copy(TESTS / name, tmp_path / "tests" / name)

    ended = subprocess.run(
        [str(NODE), "--test", f"tests/{name}"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode == 0, ended.stdout[-4000:]
