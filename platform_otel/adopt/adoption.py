"""One deployment file adopted: which kind it is, its edits, and a look at the result before it is given out."""

from __future__ import annotations

import os
from typing import NamedTuple

from platform_otel.adopt import dockerfile, procfile, systemd
from platform_otel.adopt.plan import Note, Plan, Wanted
from platform_otel.adopt.text import Unedited, applied

LARGEST = 4 * 1024 * 1024


class Outcome(NamedTuple):
    """A file's text afterwards, what is left to the reader, and images that must hold our package."""

    text: str
    notes: tuple[Note, ...] = ()
    images: tuple[str, ...] = ()


def kind_of(path: str) -> str:
    """What kind of file a path's name promises: "dockerfile", "procfile", "systemd", "yaml", or "" for none."""
    folder, name = os.path.split(path)
    lower = name.lower()
    if lower.startswith(("dockerfile", "containerfile")) or lower.endswith((".dockerfile", ".containerfile")):
        return "" if lower.endswith(".dockerignore") else "dockerfile"
    if name == "Procfile" or name.startswith("Procfile."):
        return "procfile"
    if lower.endswith(".service") or (lower.endswith(".conf") and folder.endswith(".service.d")):
        return "systemd"
    return "yaml" if lower.endswith((".yml", ".yaml")) else ""


def adopt(path: str, text: str, wanted: Wanted) -> Outcome:
    """The file with tracing in it; unchanged, with a note, where it cannot be edited without doubt."""
    try:
        plan = _plan(path, text.removeprefix("\ufeff"), wanted)
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        after = mark + applied(text.removeprefix("\ufeff"), plan.edits)
        _verify(path, text, after)
    except Unedited as why:
        return Outcome(text, (Note(1, os.path.basename(path), str(why)),))
    return Outcome(after, plan.notes, plan.images if after != text else ())


def _plan(path: str, text: str, wanted: Wanted) -> Plan:
    kind = kind_of(path)
    if kind == "dockerfile":
        return dockerfile.plan(text, wanted)
    if kind == "procfile":
        return procfile.plan(text, wanted)
    if kind == "systemd":
        return systemd.plan(path, text, wanted)
    return _yaml(text, wanted) if kind == "yaml" else Plan()


def _yaml(text: str, wanted: Wanted) -> Plan:
    # PyYAML is there only with the extra, and only these files need it.
    from platform_otel.adopt import compose, kubernetes
    from platform_otel.adopt.yaml_edits import TEMPLATE
    from platform_otel.adopt.yaml_tree import Entries, documents

    if not any(word in text for word in ("services", "kind")):
        return Plan()
    try:
        found = documents(text)
    except Unedited:
        if any(mark in text for mark in TEMPLATE):
            raise Unedited("it is a template: adopt what it is rendered to, or write the lines into it") from None
        raise
    if any(map(kubernetes.is_manifest, found)):
        return kubernetes.plan(text, found, wanted)
    if len(found) == 1 and isinstance(found[0], Entries) and compose.is_compose(found[0]):
        return compose.plan(text, found[0], wanted)
    return Plan()


# --- a look at the result ---------------------------------------------------------------------------------------------

# What may differ: where a command or the variables of a service, or of a container, stand.
_CHANGED = ("args", "command", "entrypoint", "env", "environment")


def _verify(path: str, before: str, after: str) -> None:
    if before == after or kind_of(path) != "yaml":
        return
    from platform_otel.adopt.yaml_tree import differences, documents, plain

    one, other = ([plain(document) for document in documents(text)] for text in (before, after))
    paths = list(differences(one, other))
    # What stands below x- is what services take from there.
    if any(not set(place) & set(_CHANGED) and not place[1][:2] == "x-" for place in paths):
        raise Unedited("the change would reach further than it should")
