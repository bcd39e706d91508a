"""Compose files: the services that run Python, with the prefix and their variables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from platform_otel.adopt.commands import Adopted, Point
from platform_otel.adopt.dockerfile import entry_point, runs_python
from platform_otel.adopt.plan import Note, Plan, Wanted, launcher_options, name_for, together, version_of_image
from platform_otel.adopt.text import Edit, Unedited, after_line, line_number
from platform_otel.adopt.yaml_command import Command, command_of
from platform_otel.adopt.yaml_edits import add_entries, add_items, add_key, column, refuse_template, scalar
from platform_otel.adopt.yaml_tree import Alias, Entries, Items, Node, Scalar, followed, text_of
from platform_otel.doctor.launched import Untold

_SHARED = "its command is that of another service, which cannot be changed"
OF_ITS_IMAGE = "the image's own entry point decides what it runs"


class _Service(NamedTuple):
    """A service, and those of this file that it extends, the nearest first."""

    name: str
    entries: Entries
    place: int
    extended: tuple[Entries, ...] = ()


def is_compose(document: Node) -> bool:
    """Whether this is a Compose file.

    Source: https://docs.docker.com/reference/compose-file/
    """
    services = document.entries("services") if isinstance(document, Entries) else None
    each = [followed(value) for _, value in services.pairs] if services else []
    return bool(each) and all(isinstance(service, Entries) for service in each)


def plan(text: str, document: Entries, wanted: Wanted) -> Plan:
    """What is to be done in a Compose file."""
    services = document.entries("services")
    found = [
        _Service(text_of(name), meant, name.start, tuple(_extended(meant, services)))
        for name, value in (services.pairs if services else ())
        if isinstance(meant := followed(value), Entries) and text_of(name) != "<<"
    ]
    shared = _shared(found)
    plans = [(service, _service(text, service, shared, wanted)) for service in found]
    left = {place for service, each in plans if not each.edits for place in _commands(service.entries)}
    return together(
        _left(text, service, _SHARED, wanted) if each.edits and left & set(_commands(service.entries)) else each
        for service, each in plans
    )


def _extended(service: Entries, services: Entries | None) -> Iterator[Entries]:
    """The services of this file that a service extends; those of other files are not looked for."""
    seen = [service]
    while (extends := seen[-1].get("extends")) is not None and services is not None:
        is_here = not isinstance(extends, Entries) or extends.get("file") is None
        name = extends.text("service") if isinstance(extends, Entries) else text_of(extends)
        base = services.entries(name) if is_here else None
        if base is None or base in seen:
            return
        seen.append(base)
        yield base


def _commands(service: Entries) -> list[int]:
    """Where the service's command and entry point stand."""
    return [node.start for key in ("command", "entrypoint") if (node := service.get(key)) is not None]


def _shared(services: Sequence[_Service]) -> frozenset[int]:
    """Commands and variables that more than one service has."""
    users = Counter(place for service in services for place in set(_used(service.entries)))
    return frozenset(place for place, count in users.items() if count > 1)


def _used(service: Entries) -> list[int]:
    nodes = [service.get(key) for key in ("command", "entrypoint", "environment")]
    environment = nodes[2]
    merged = environment.merged() if isinstance(environment, Entries) else []
    return [node.start for node in (*nodes, *merged) if node is not None]


def _service(text: str, service: _Service, shared: frozenset[int], wanted: Wanted) -> Plan:
    try:
        return _adopted(text, service, shared, wanted)
    except Adopted:
        return Plan()
    except (Untold, Unedited) as why:
        return _left(text, service, str(why), wanted)


def _left(text: str, service: _Service, why: str, wanted: Wanted) -> Plan:
    """Leave the service to the reader."""
    return Plan(notes=(Note(line_number(text, service.place), service.name, why, _paste(service, wanted)),))


def _paste(service: _Service, wanted: Wanted) -> tuple[str, ...]:
    variables = {"PLATFORM_TRACE_ENABLED": '"true"', "OTEL_SERVICE_NAME": scalar(service.name)}
    if wanted.collector:
        variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = scalar(wanted.collector)
    return ("environment:", *(f"  {name}: {value}" for name, value in variables.items()))


def _adopted(text: str, service: _Service, shared: frozenset[int], wanted: Wanted) -> Plan:
    entries = service.entries
    refuse_template(text, entries)
    nodes = [entries.get("entrypoint"), entries.get("command")]
    command = command_of(text, nodes, doubled=True)
    if not command.words:
        return _of_its_image(text, service, shared, wanted)
    before = entry_point(*_dockerfile(entries), wanted) if nodes[0] is None and _is_built(entries) else ()
    point = command.point(wanted.scripts, before)
    variables = _variables(service, point.service, wanted)
    edits, options = _environment(text, entries, variables, shared)
    if options and any(node is not None and node.start in shared for node in nodes):
        raise Unedited("its command and its variables are those of other services, too")
    images = () if _is_built(entries) else (entries.text("image"),)
    return Plan((*edits, _prefix(command, point, options)), images=tuple(filter(None, images)))


def _prefix(command: Command, point: Point, options: Sequence[str]) -> Edit:
    # A $ of an option is Compose's, which replaces it wherever it stands.
    return command.edit(point, options)


def _of_its_image(text: str, service: _Service, shared: frozenset[int], wanted: Wanted) -> Plan:
    """A service whose command is that of one that it extends, or in the Dockerfile that it is built from."""
    inferred = _inferred(text, service, wanted)
    edits, options = _environment(text, service.entries, _variables(service, inferred, wanted), shared)
    if options:
        raise Unedited("its variables are those of other services, too")
    return Plan(tuple(edits))


def _inferred(text: str, service: _Service, wanted: Wanted) -> str:
    """What the command calls the service, which stands elsewhere."""
    if service.entries.get("extends") is not None:
        return _of_extended(text, service, wanted)
    found = runs_python(*_dockerfile(service.entries), wanted) if _is_built(service.entries) else None
    if found is None:
        raise Untold(OF_ITS_IMAGE)
    return found


def _of_extended(text: str, service: _Service, wanted: Wanted) -> str:
    """What the command of the service that this one extends calls it; it is adopted there."""
    for each in service.extended:
        command = command_of(text, [each.get("entrypoint"), each.get("command")], doubled=True)
        if command.words:
            try:
                return command.point(wanted.scripts).service
            except Adopted:
                return ""
    raise Untold("the service that it extends says what it runs")


def _is_built(service: Entries) -> bool:
    return service.get("build") is not None


def _dockerfile(service: Entries) -> tuple[str, str]:
    """The path of the Dockerfile, and the stage that is built."""
    build = service.get("build")
    if not isinstance(build, Entries):
        return f"{text_of(build).rstrip('/') or '.'}/Dockerfile", ""
    context = build.text("context").rstrip("/") or "."
    return f"{context}/{build.text('dockerfile') or 'Dockerfile'}", build.text("target")


# --- variables --------------------------------------------------------------------------------------------------------


def _variables(service: _Service, inferred: str, wanted: Wanted) -> dict[str, str]:
    """What the service's environment lacks."""
    version = version_of_image(service.entries.text("image"))
    variables = {
        "OTEL_SERVICE_NAME": name_for(service.name, inferred),
        "OTEL_EXPORTER_OTLP_ENDPOINT": wanted.collector,
        "OTEL_RESOURCE_ATTRIBUTES": f"service.version={version}" if version else "",
    }
    known = _known(service.entries, wanted)
    for each in service.extended:  # its name is its own
        known |= _known(each, wanted) - {"OTEL_SERVICE_NAME"}
    return {name: value for name, value in variables.items() if value and name not in known}


def _known(service: Entries, wanted: Wanted) -> set[str]:
    environment = service.get("environment")
    names = environment.names() if isinstance(environment, Entries) else []
    if isinstance(environment, Items):
        names = [text_of(item).partition("=")[0] for item in environment.items]
    return {*names, *_in_files(service.get("env_file"), wanted)}


def _in_files(node: Node | None, wanted: Wanted) -> list[str]:
    """The names that ``env_file`` sets: a path, or a list of paths or of mappings with a path."""
    items = node.items if isinstance(node, Items) else [node] if node is not None else []
    meant = [followed(item) for item in items]
    paths = [item.text("path") if isinstance(item, Entries) else text_of(item) for item in meant]
    lines = [line for path in paths if path for line in (wanted.read(path) or "").splitlines()]
    return [line.partition("=")[0].strip().removeprefix("export ") for line in lines if "=" in line]


def _environment(
    text: str, service: Entries, variables: Mapping[str, str], shared: frozenset[int]
) -> tuple[list[Edit], Sequence[str]]:
    """The edits that set the variables; where none can, what the launcher is told instead."""
    own, environment = service.own("environment"), service.get("environment")
    if not variables:
        return [], ()
    if environment is None:
        return [_new(text, service, variables)], ()
    can_merge = isinstance(environment, Entries) and not service.is_flow
    if isinstance(own, Alias) and can_merge:
        return [_merging(text, service, own, variables)], ()
    if environment.start not in shared and not isinstance(own, Alias):
        return _added(text, service, environment, variables), ()
    if own is None and environment.anchor and can_merge:
        return [_new(text, service, variables, f"*{environment.anchor}")], ()
    return [], launcher_options(*map(variables.get, ("OTEL_SERVICE_NAME", "OTEL_EXPORTER_OTLP_ENDPOINT")))


def _added(
    text: str, service: Entries, environment: Scalar | Items | Entries, variables: Mapping[str, str]
) -> list[Edit]:
    if isinstance(environment, Scalar) and not environment.value:
        indent = " " * (column(text, service.pairs[0][0].start) + _step(text, service))
        return [after_line(text, environment.end, [f"{indent}{name}: {scalar(variables[name])}" for name in variables])]
    if isinstance(environment, Items) and (environment.items or environment.is_flow):
        return add_items(text, environment, [[scalar(f"{name}={value}")] for name, value in variables.items()])
    if isinstance(environment, Entries) and (environment.pairs or environment.is_flow):
        return add_entries(text, environment, variables)
    raise Unedited("its environment is neither a mapping nor a list")


def _new(text: str, service: Entries, variables: Mapping[str, str], merged: str = "") -> Edit:
    step = " " * _step(text, service)
    lines = [f"{step}{name}: {scalar(value)}" for name, value in variables.items()]
    flow = ", ".join(f'"{name}": {scalar(value, is_flow=True)}' for name, value in variables.items())
    first = [f"{step}<<: {merged}"] if merged else []
    return add_key(text, service, "environment", [*first, *lines], f"{{{flow}}}", behind="command")


def _step(text: str, service: Entries) -> int:
    """How many columns deeper this file's blocks are."""
    for _, value in service.pairs:
        if isinstance(value, Entries) and not value.is_flow and value.pairs:
            return max(1, column(text, value.pairs[0][0].start) - column(text, service.pairs[0][0].start))
    return 2


def _merging(text: str, service: Entries, alias: Alias, variables: Mapping[str, str]) -> Edit:
    """Variables of its own beside those that an alias stands for."""
    indent = " " * (column(text, service.pairs[0][0].start) + _step(text, service))
    ends = "\r\n" if "\r\n" in text else "\n"
    lines = [f"<<: *{alias.name}", *(f"{name}: {scalar(value)}" for name, value in variables.items())]
    start = len(text[: alias.start].rstrip(" "))
    return Edit(start, alias.end, "".join(f"{ends}{indent}{line}" for line in lines))
