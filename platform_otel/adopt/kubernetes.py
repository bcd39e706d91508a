"""Kubernetes manifests: the containers that run Python, with the prefix, their names and the downward API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from platform_otel.adopt.commands import Adopted
from platform_otel.adopt.plan import Note, Plan, Wanted, launcher_options, name_for, together, version_of_image
from platform_otel.adopt.text import Edit, Unedited, line_number
from platform_otel.adopt.yaml_command import command_of
from platform_otel.adopt.yaml_edits import add_items, add_key, column, dashed, flow_item, refuse_template, scalar
from platform_otel.adopt.yaml_tree import Entries, Items, Node, Scalar, followed
from platform_otel.doctor.launched import Untold

OF_ITS_IMAGE = "the image's own entry point decides what it runs"
_TEMPLATE = ("spec", "template")
# Kind -> the way to its pod template, or to the pod itself.
_KINDS = {
    "CronJob": ("spec", "jobTemplate", *_TEMPLATE),
    "DaemonSet": _TEMPLATE,
    "Deployment": _TEMPLATE,
    "Job": _TEMPLATE,
    "Pod": (),
    "ReplicaSet": _TEMPLATE,
    "Rollout": _TEMPLATE,  # https://argo-rollouts.readthedocs.io/en/stable/features/specification/
    "StatefulSet": _TEMPLATE,
}
# What process/kubernetes.py reads, and the downward API's field for it.
_FIELDS = {
    "K8S_NAMESPACE_NAME": "metadata.namespace",
    "K8S_NODE_NAME": "spec.nodeName",
    "K8S_POD_NAME": "metadata.name",
    "K8S_POD_UID": "metadata.uid",
}
_VERSION = "app.kubernetes.io/version"
_VERSION_VARIABLE = "SERVICE_VERSION"


class _Container(NamedTuple):
    """A container, the workload that it is part of, how many others there are, and names that envFrom sets."""

    kind: str
    workload: str
    entries: Entries
    labels: Entries | None
    others: int
    given: frozenset[str] = frozenset()


def is_manifest(document: Node) -> bool:
    """Whether this is a resource of Kubernetes."""
    return isinstance(document, Entries) and bool(document.text("apiVersion") and document.text("kind"))


def plan(text: str, documents: Sequence[Node], wanted: Wanted) -> Plan:
    """What is to be done in a file of manifests."""
    resources = [resource for document in documents for resource in _resources(document)]
    found = [each for resource in resources if resource.text("kind") in _KINDS for each in _of_workload(resource)]
    starts = [container.entries.start for container in found]
    once = [each for at, each in enumerate(found) if each.entries.start not in starts[:at]]
    return together(
        _container(text, each._replace(given=frozenset(_given(each.entries, resources))), wanted) for each in once
    )


def _resources(document: Node) -> Iterator[Entries]:
    """The resource, and those that a list has."""
    meant = followed(document)
    if not isinstance(meant, Entries):
        return
    yield meant
    items = meant.get("items")
    if meant.text("kind").endswith("List") and isinstance(items, Items):
        for item in items.items:
            yield from _resources(item)


def _of_workload(workload: Entries) -> Iterator[_Container]:
    metadata = workload.entries("metadata")
    name = metadata.text("name") or metadata.text("generateName").rstrip("-") if metadata else ""
    template: Entries | None = workload
    for key in _KINDS[workload.text("kind")]:
        template = template.entries(key) if template else None
    spec = template.entries("spec") if template else None
    of_template = template.entries("metadata") if template else None
    labels = of_template.entries("labels") if of_template else None
    # https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
    sidecars = [each for each in _mappings(spec, "initContainers") if each.text("restartPolicy") == "Always"]
    items = [*_mappings(spec, "containers"), *sidecars]
    for entries in items:
        yield _Container(workload.text("kind"), name, entries, labels, len(items) - 1)


def _mappings(above: Entries | None, key: str) -> list[Entries]:
    """The mappings of a list."""
    found = above.get(key) if above else None
    items = found.items if isinstance(found, Items) else []
    return [meant for item in items if isinstance(meant := followed(item), Entries)]


# --- a container ------------------------------------------------------------------------------------------------------


def _container(text: str, container: _Container, wanted: Wanted) -> Plan:
    entries = container.entries
    command, args = entries.get("command"), entries.get("args")
    if not (_is_given(command) or _is_given(args) or entries.get("image")):
        return Plan()  # a patch of something else
    try:
        return _adopted(text, container, wanted)
    except Adopted:
        return Plan()
    except (Untold, Unedited) as why:
        subject = f"{container.workload}/{entries.text('name')}"
        note = Note(line_number(text, entries.start), subject, str(why), _paste(container, wanted))
        return Plan(notes=() if _is_switched_on(container) else (note,))


def _is_given(node: Node | None) -> bool:
    return isinstance(node, Items) and bool(node.items)


def _is_switched_on(container: _Container) -> bool:
    """Whether the variable stands there that traces without the prefix."""
    return "PLATFORM_TRACE_ENABLED" in _known(container)


def _paste(container: _Container, wanted: Wanted) -> tuple[str, ...]:
    pairs = {"PLATFORM_TRACE_ENABLED": "true", "OTEL_SERVICE_NAME": _name(container, "")}
    if wanted.collector:
        pairs["OTEL_EXPORTER_OTLP_ENDPOINT"] = wanted.collector
    lines = [[f"name: {name}", f"value: {scalar(value)}"] for name, value in pairs.items() if value]
    return ("env:", *dashed(lines, "  "))


def _adopted(text: str, container: _Container, wanted: Wanted) -> Plan:
    entries = container.entries
    refuse_template(text, entries)
    command = command_of(text, [entries.get("command"), entries.get("args")], doubled=False)
    if not command.words:
        raise Untold(OF_ITS_IMAGE)
    point = command.point(wanted.scripts)
    variables = _variables(container, point.service, wanted)
    edits, options = _environment(text, entries, variables, container, wanted)
    images = filter(None, (entries.text("image"),))
    return Plan((*edits, command.edit(point, options)), images=tuple(images))


def _name(container: _Container, inferred: str) -> str:
    """The name by the recommended label, else the workload's; with the container's where there are several."""
    name = name_for(_recommended(container.labels) or container.workload, inferred)
    own = container.entries.text("name")
    return f"{name}-{own}" if container.others and own not in ("", name) and not _is_main(container) else name


def _recommended(labels: Entries | None) -> str:
    """The name by the recommended labels, "" without them.

    Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
    """
    name = labels.text("app.kubernetes.io/name") if labels else ""
    component = labels.text("app.kubernetes.io/component") if labels else ""
    return f"{name}-{component}" if name and component and component != name else name


def _is_main(container: _Container) -> bool:
    """Whether the container is called as the first of a pod is."""
    return container.entries.text("name") in ("app", "main", "web", "api", "server", container.workload)


# --- variables --------------------------------------------------------------------------------------------------------


def _variables(container: _Container, inferred: str, wanted: Wanted) -> list[list[str]]:
    """What the container's environment lacks, each the lines of an item. Those that are referred to come first."""
    known = _known(container)
    found = {name: _field(name, path) for name, path in _FIELDS.items()}
    labels = container.labels.names() if container.labels else []
    if _VERSION in labels:
        found[_VERSION_VARIABLE] = _field(_VERSION_VARIABLE, f"metadata.labels['{_VERSION}']")
    values = {
        "OTEL_SERVICE_NAME": _name(container, inferred),
        "OTEL_EXPORTER_OTLP_ENDPOINT": wanted.collector,
        "OTEL_RESOURCE_ATTRIBUTES": _attributes(container, _VERSION in labels),
    }
    found |= {name: [f"name: {name}", f"value: {scalar(value)}"] for name, value in values.items() if value}
    if container.entries.get("image") is None:
        # A patch: what it is named by may stand in what it patches only, and would be replaced there.
        known |= {"OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME"}
    if "OTEL_RESOURCE_ATTRIBUTES" in known:
        found.pop(_VERSION_VARIABLE, None)
    return [lines for name, lines in found.items() if name not in known]


def _field(name: str, path: str) -> list[str]:
    written = f'"{path}"' if "[" in path else path
    return [f"name: {name}", f"valueFrom: {{fieldRef: {{fieldPath: {written}}}}}"]


def _attributes(container: _Container, has_version: bool) -> str:
    """What no field of the downward API says.

    Source: https://opentelemetry.io/docs/specs/semconv/resource/k8s/
    """
    version = f"$({_VERSION_VARIABLE})" if has_version else version_of_image(container.entries.text("image"))
    attribute = "" if container.kind in ("Pod", "Rollout") else f"k8s.{container.kind.lower()}.name"
    pairs = {
        "service.version": version,
        attribute: container.workload,
        "k8s.container.name": container.entries.text("name"),
    }
    return ",".join(f"{name}={value}" for name, value in pairs.items() if name and value)


def _known(container: _Container) -> set[str]:
    """The variables that the container has."""
    return {*(each.text("name") for each in _mappings(container.entries, "env")), *container.given}


def _given(entries: Entries, resources: Sequence[Entries]) -> Iterator[str]:
    """The variables that envFrom takes out of resources of this file."""
    for source in _mappings(entries, "envFrom"):
        for kind, key in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
            reference = source.entries(key)
            named = [
                each for each in resources if each.text("kind") == kind and reference and _has_name(each, reference)
            ]
            data = [each.entries(part) for each in named for part in ("data", "stringData")]
            yield from (source.text("prefix") + name for each in data if each for name in each.names())


def _has_name(resource: Entries, reference: Entries) -> bool:
    metadata = resource.entries("metadata")
    return metadata is not None and metadata.text("name") == reference.text("name")


def _environment(
    text: str, entries: Entries, variables: Sequence[Sequence[str]], container: _Container, wanted: Wanted
) -> tuple[list[Edit], Sequence[str]]:
    """The edits that set the variables; where none can, what the launcher is told instead."""
    own, env = entries.own("env"), entries.get("env")
    if not variables:
        return [], ()
    if env is None:
        return [_new(text, entries, variables)], ()
    if isinstance(own, Items) and not own.anchor:
        return add_items(text, own, variables), ()
    if isinstance(env, Scalar):
        raise Unedited("its env is empty: take the line out, or put the variables there")
    return [], launcher_options(_name(container, ""), wanted.collector)


def _new(text: str, entries: Entries, variables: Sequence[Sequence[str]]) -> Edit:
    behind = next((key for key in ("args", "command", "image") if entries.own(key) is not None), "")
    indent = " " * _indentation(text, entries)
    flow = "[" + ", ".join(map(flow_item, variables)) + "]"
    return add_key(text, entries, "env", dashed(variables, indent), flow, behind)


def _indentation(text: str, entries: Entries) -> int:
    """How many columns the dashes of this container's lists are deeper than its keys; those of Kubernetes are not."""
    for name, value in entries.pairs:
        if isinstance(value, Items) and not value.is_flow and value.items:
            dash = text.rindex("-", 0, value.items[0].start)
            return max(0, column(text, dash) - column(text, name.start))
    return 0
