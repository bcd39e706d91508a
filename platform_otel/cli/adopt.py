"""`platform-trace adopt`: prints what changes in deployment files, or changes them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

import click

from platform_otel.adopt.adoption import Outcome, adopt, kind_of
from platform_otel.adopt.files import File, beside, files_of, scripts_near, text_of, write
from platform_otel.adopt.plan import Note, Wanted
from platform_otel.adopt.text import Unedited, diff
from platform_otel.analysis.characters import printable
from platform_otel.cli.terminal import put
from platform_otel.errors import PlatformTraceError, UsageError


class _Result(NamedTuple):
    """What came of a file."""

    path: str
    before: str
    outcome: Outcome


@click.command("adopt")
@click.option("--write", "is_written", is_flag=True, help="Change the files, too.")
@click.option(
    "--collector", default="", metavar="URL", help="Where services send spans, such as http://collector:4318."
)
@click.argument("paths", metavar="FILE|FOLDER...", nargs=-1, required=True)
def command(is_written: bool, collector: str, paths: tuple[str, ...]) -> None:
    """Put tracing into compose files, Kubernetes manifests, Procfiles, systemd units and Dockerfiles.

    It finds the commands that run Python and prints one unified diff: the prefix in front of each, the service's name,
    the endpoint, the version and the pod as far as they are known, the package in the image's install step. What it
    cannot decide is listed on stderr, with the reason and the lines to paste.

    The exit code is 0, also where something is left to you; 1 if a file cannot be read or written.
    """
    _check(collector)
    files = files_of(paths)
    if any(kind_of(file.path) == "yaml" for file in files):
        _demand_extra()
    results = [_result(file, collector) for file in files]
    changed = [result for result in results if result.outcome.text != result.before]
    # Byte for byte: it may be given to patch.
    put("".join(diff(_shown(each.path), each.before, each.outcome.text) for each in changed).encode("utf-8"))
    if is_written:
        for each in changed:
            write(each.path, each.outcome.text)
    _report(results, changed, is_written)


def _check(collector: str) -> None:
    if collector and not collector.startswith(("http://", "https://")):
        raise UsageError(f"{collector} is no endpoint", "write --collector http://collector:4318")
    if set(collector) & set(" \t\r\n\"'`\\"):
        raise UsageError("the endpoint has blanks or quotes in it", "write --collector http://collector:4318")


def _demand_extra() -> None:
    if find_spec("yaml") is None:
        raise PlatformTraceError("YAML files need PyYAML", 'pip install "platform-otel[adopt]"')


def _result(file: File, collector: str) -> _Result:
    name = os.path.basename(file.path)
    if not kind_of(file.path):
        reason = "its name is none of a YAML file, a Procfile, a unit or a Dockerfile"
        return _Result(file.path, "", Outcome("", (Note(1, name, reason),)))
    try:
        text = text_of(file.path)
    except Unedited as why:
        return _Result(file.path, "", Outcome("", (Note(1, name, str(why)),)))
    wanted = Wanted(collector, scripts_near(file.path), partial(beside, file.path))
    outcome = adopt(file.path, text, wanted)
    # Among the files of a folder there are those of others, which are not understood for good reasons.
    is_ours = file.is_named or outcome.text != text or any(note.paste for note in outcome.notes)
    return _Result(file.path, text, outcome if is_ours else Outcome(text))


def _shown(path: str) -> str:
    return os.path.normpath(path).lstrip("/")


def _report(results: Sequence[_Result], changed: Sequence[_Result], is_written: bool) -> None:
    for result in results:
        for note in result.outcome.notes:
            click.echo("\n".join(_lines(result.path, note)), err=True)
    images = sorted({image for result in changed for image in result.outcome.images})
    if images:
        click.echo(f"These images must hold platform-otel before they run: {', '.join(images)}", err=True)
    what = "changed" if is_written else "to change; --write does it"
    read = "1 file" if len(results) == 1 else f"{len(results)} files"
    click.echo(f"{read} read, {len(changed)} {what}", err=True)


def _lines(path: str, note: Note) -> Iterable[str]:
    yield printable(f"{path}:{note.line}: {note.subject}: {note.reason}")
    if note.paste:
        yield "  if it runs Python, write:"
        # Their indentation counts.
        yield from (" " * (4 + len(line) - len(line.lstrip())) + printable(line) for line in note.paste)
