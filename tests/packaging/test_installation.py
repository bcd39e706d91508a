"""Installing by pip, old and new, and by uv: what is there afterwards, and what remains when it is uninstalled."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from platform_otel import __version__
from tests.packaging.environments import (
    INSTALLERS,
    PYTHONS,
    Environment,
    interpreter,
    run,
    with_newest_pip,
    with_uv,
)

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet  # pytest has no public name for it

EXTRAS = [
    "",
    "[grpc]",
    "[signals]",
    "[collector]",
    "[demo]",
    "[all]",
    "[demo,all]",
    "[demo,all,grpc,signals,collector]",
]
# The telling ones of the matrix: resolvers that fail in different ways, the newest, and the longest list.
ALWAYS = [
    ("pip of Python 3.10", "[demo]"),
    ("pip of Python 3.13", "[demo,all,grpc,signals,collector]"),
    ("newest pip", ""),
    ("uv", "[all]"),
]

pytestmark = pytest.mark.timeout(900)

WORKING = {
    "startup file": True,
    "version": f"platform-trace {__version__}\n",
    "python, traced": (0, "", ""),
    "asked for by the variable": "True\n",
    "absent without it": "False\n",
    "the launcher": (3, "out\n", ""),
}


def state(environment: Environment) -> dict[str, object]:
    """What an installation has to offer, tried by real processes."""
    loaded = "import sys; print('platform_otel.startup' in sys.modules)"
    traced = {"PLATFORM_TRACE_ENABLED": "true"}
    return {
        "startup file": (environment.site_packages / "platform_otel.pth").is_file(),
        "version": run(environment.command, "--version").stdout,
        "python, traced": outcome(environment.python, "-c", "pass", **traced),
        "asked for by the variable": run(environment.python, "-I", "-c", loaded, **traced).stdout,
        "absent without it": run(environment.python, "-c", loaded).stdout,
        "the launcher": outcome(
            environment.command, "--", environment.python, "-c", "print('out'); raise SystemExit(3)"
        ),
    }


def outcome(*command: str | Path, **variables: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a command."""
    done = run(*command, **variables)
    return done.returncode, done.stdout, done.stderr


def case(installer: str, extras: str) -> ParameterSet:
    """One installation, long unless it is among the telling ones."""
    marks = () if (installer, extras) in ALWAYS else pytest.mark.matrix
    return pytest.param(installer, extras, marks=marks, id=f"{installer} {extras or 'plain'}")


@pytest.mark.parametrize("installer, extras", [case(*words) for words in product(INSTALLERS, EXTRAS)])
def test_the_wheel_installs_works_and_leaves_nothing_behind(
    installer: str, extras: str, wheel: Path, tmp_path: Path
) -> None:
    environment = INSTALLERS[installer](tmp_path / "environment")

    # Nothing that we depend on may need a compiler.
    environment.install("--only-binary", ":all:", f"{wheel}{extras}")
    installed = state(environment)
    environment.uninstall()

    assert installed == WORKING
    assert environment.files_of_ours() == []


@pytest.mark.parametrize(
    "installer",
    ["newest pip", *(pytest.param(name, marks=pytest.mark.matrix) for name in ("pip of Python 3.10", "uv"))],
)
def test_an_editable_installation_has_the_startup_file_too(installer: str, source: Path, tmp_path: Path) -> None:
    environment = INSTALLERS[installer](tmp_path / "environment")

    environment.install("--editable", str(source))
    installed = state(environment)
    environment.uninstall()

    assert installed == WORKING
    assert environment.files_of_ours() == []


@pytest.mark.parametrize(
    "python", ["3.10", *(pytest.param(version, marks=pytest.mark.matrix) for version in PYTHONS[1:])]
)
def test_the_demo_runs_with_the_lowest_versions_that_we_allow(python: str, source: Path, tmp_path: Path) -> None:
    environment = with_uv(tmp_path / "environment", interpreter(python))

    # From the source: uv counts the requirements of a wheel as indirect, and takes the highest for them.
    environment.install("--resolution", "lowest-direct", f"{source}[demo]")
    demo = run(environment.command, "demo", "--once")

    assert state(environment) == WORKING
    assert (demo.returncode, demo.stdout.count("Trace of")) == (0, 2)


@pytest.mark.matrix
@pytest.mark.parametrize("python", PYTHONS)
def test_the_demo_runs_with_the_highest_versions_on_every_python(python: str, wheel: Path, tmp_path: Path) -> None:
    environment = with_uv(tmp_path / "environment", interpreter(python))

    environment.install(f"{wheel}[demo]")
    demo = run(environment.command, "demo", "--once")

    assert state(environment) == WORKING
    assert (demo.returncode, demo.stdout.count("Trace of")) == (0, 2)


def test_the_newest_pip_does_not_fall_back_to_an_old_release(wheel: Path, tmp_path: Path) -> None:
    environment = with_newest_pip(tmp_path / "environment")

    chosen = environment.would_install(f"{wheel}[all]")

    assert tuple(map(int, chosen["opentelemetry-api"].split(".")[:2])) >= (1, 45)


def test_the_installed_command_loads_nothing_but_the_launcher(wheel: Path, tmp_path: Path) -> None:
    environment = with_uv(tmp_path / "environment")
    environment.install("--no-deps", str(wheel))

    bare = imports(environment.python, "-c", "pass")
    launching = imports(environment.command, "--", "true")

    assert launching - bare == {
        "platform_otel",
        "platform_otel.config",
        "platform_otel.launcher",
        "platform_otel.process",
        "platform_otel.process.standard_output",
    }


def imports(*command: str | Path) -> set[str]:
    """The modules that an interpreter imports."""
    lines = run(*command, PYTHONPROFILEIMPORTTIME="1").stderr.splitlines()
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}
