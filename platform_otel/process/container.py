"""The id of the container that a process runs in, from what /proc says."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HEXADECIMAL = frozenset("0123456789abcdef")
# Files that a runtime mounts into each container from a folder called by the container's id, most reliable first:
# CRI-O mounts only the first from the container's own folder, and the others from that of its pod's sandbox.
_MOUNTED_FILES = ("/run/secrets", "/run/.containerenv", "/etc/hostname", "/etc/resolv.conf", "/etc/hosts")


def read_container_id(root: str = "/") -> str:
    """The id of this process's container, or "".

    Args:
        root: where proc/self is looked for.
    """
    folder = os.path.join(root, "proc/self")
    return container_id(_read(os.path.join(folder, "cgroup")), _read(os.path.join(folder, "mountinfo")))


def container_id(cgroup: str, mountinfo: str) -> str:
    """The container's id, or "".

    With cgroup version 1, and with version 2 where the host's cgroups are visible, the process's own cgroup has it in
    its path. Otherwise that path is "/", and only what is mounted tells.

    Args:
        cgroup: the content of /proc/self/cgroup.
        mountinfo: the content of /proc/self/mountinfo.
    """
    # man 7 cgroups: hierarchy:controllers:path
    for line in cgroup.splitlines():
        if found := _id_of_cgroup(line.split(":", 2)[-1]):
            return found
    return _id_in_mounts([line.split(" ") for line in mountinfo.splitlines()])


def _id_of_cgroup(path: str) -> str:
    """Read ``/docker/ID``, ``/kubepods/burstable/podUID/ID``, ``.../cri-containerd-ID.scope`` or ``...:crio:ID``."""
    for segment in reversed(path.split("/")):
        name = segment.removesuffix(".scope").rpartition(":")[2]
        if _is_task(name):
            return name
        if _is_id(name.rpartition("-")[2]):
            return name.rpartition("-")[2]
    return ""


def _id_in_mounts(mounts: "Sequence[Sequence[str]]") -> str:
    # man 5 proc: id, parent id, device, root, mount point, options ..., "-", type, source, options
    mounts = [mount for mount in mounts if len(mount) > 6]
    for mount in mounts:
        if _type_of(mount) in ("cgroup", "cgroup2") and (found := _id_of_cgroup(mount[3])):
            return found
    roots = {mount[4]: mount[3] for mount in reversed(mounts)}
    for mount_point in _MOUNTED_FILES[:1] if _is_in_pod(roots) else _MOUNTED_FILES:
        for found in _ids_of_containers(roots.get(mount_point, "")):
            return found
    return ""


def _type_of(mount: "Sequence[str]") -> str:
    return mount[mount.index("-") + 1] if "-" in mount[:-1] else ""


def _is_in_pod(roots: "dict[str, str]") -> bool:
    """Whether the kubelet wrote /etc/hosts: then /etc/hostname and its like belong to the pod's sandbox."""
    return "/pods/" in roots.get("/etc/hosts", "")


def _ids_of_containers(root: str) -> "Iterator[str]":
    """Read .../docker/containers/ID/hostname (Docker) or .../overlay-containers/ID/userdata/hostname (Podman)."""
    inside = False
    for segment in root.split("/"):
        if inside and _is_id(segment):
            yield segment
        inside = inside or segment.endswith("containers")


def _is_id(text: str) -> bool:
    return len(text) == 64 and _HEXADECIMAL.issuperset(text)


def _is_task(text: str) -> bool:
    """AWS Fargate's ids: those of the task and a number, such as 432624d2150b349fe35ba397284dea78-2531612879."""
    task, dash, number = text.partition("-")
    return bool(dash) and len(task) == 32 and _HEXADECIMAL.issuperset(task) and number.isdecimal()


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:  # not Linux, or hidden
        return ""
