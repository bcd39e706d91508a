"""`platform-trace deploy`: prints the deployment files that come with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import click

import platform_otel
from platform_otel.cli.terminal import put
from platform_otel.errors import PlatformTraceError, UsageError

if TYPE_CHECKING:
    from importlib.abc import Traversable  # until Python 3.13; importlib.resources.abc came with 3.11

# What users say, and the folder of entrypoints/ that has it.
KINDS = {"docker": "container", "kubernetes": "kubernetes", "systemd": "systemd", "procfile": "procfile"}


@click.command("deploy")
@click.argument("kind", metavar="|".join(KINDS), type=click.Choice(list(KINDS)))
@click.argument("name", metavar="[FILE]", default="")
def command(kind: str, name: str) -> None:
    """Print deployment files to start from: images and a compose file, manifests, units, a Procfile.

    Without FILE all of them, each below its name. With FILE that one alone, as in: platform-trace deploy kubernetes
    collector.yaml | kubectl apply -f -
    """
    found = {file.name: file.read_text(encoding="utf-8") for file in _folder(KINDS[kind]).iterdir() if file.is_file()}
    if name and name not in found:
        raise UsageError(f"there is no file {name}", f"it is one of {', '.join(sorted(found))}")
    put(found[name] if name else "\n".join(_headed(each, found[each]) for each in sorted(found)))


def _headed(name: str, text: str) -> str:
    return f"==> {name} <==\n{text}"


def _folder(folder: str) -> Traversable:
    """In the package; in a checkout beside it."""
    installed = files(platform_otel) / "entrypoints" / folder
    checkout = Path(platform_otel.__file__).parents[1] / "entrypoints" / folder
    for place in (installed, checkout):
        if place.is_dir():
            return place
    raise PlatformTraceError("the deployment files are not here", "install platform-otel again")
