"""A process tells the container that it runs in, and none where that is not sure."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from platform_otel.process.container import container_id, read_container_id
from platform_otel.process.resource import costly_attributes
from tests.process.support import CODE, span_of
from tests.receiver import Receiver
from tests.support import run

ID = "be522444b60caf2d3934b8b24b916a8a314f4b68d4595aa419874657e8d103f2"
OTHER = "b136f3d296b4c2024b3e7ad816f2a804a47cf1acc3d445075c6d78cf159ef58d"
TASK = "432624d2150b349fe35ba397284dea78-2531612879"
POD_PATH = "/kubepods/burstable/pod0a947273-7214-4824-8411-875ebd7626e4"
PRIVATE = "0::/\n"
MOUNT = "473 456 254:1 {root} {point} rw,relatime master:15 - {type} /dev/vda1 rw\n"


def mount(root: str, point: str, filesystem: str = "ext4") -> str:
    return MOUNT.format(root=root, point=point, type=filesystem)


IN_POD = mount("/var/lib/kubelet/pods/0a947273-7214-4824-8411-875ebd7626e4/etc-hosts", "/etc/hosts")

CGROUPS = {
    "docker": f"12:pids:/docker/{ID}\n1:name=systemd:/docker/{ID}\n0::/system.slice/containerd.service\n",
    "docker by systemd": f"0::/system.slice/docker-{ID}.scope\n",
    "podman": f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope/container\n",
    "kubernetes": f"11:cpu:{POD_PATH}/{ID}\n",
    "kubernetes by systemd": f"0::/kubepods.slice/kubepods-pod0a94.slice/cri-containerd-{ID}.scope\n",
    "cri-o": f"1:name=systemd:/kubepods.slice/kubepods-pod0a94.slice/crio-{ID}.scope\n",
    "containerd 1.5": f"1:name=systemd:/system.slice/containerd.service/kubepods-pod0a94.slice:cri-containerd:{ID}\n",
    "amazon ecs": f"9:perf_event:/ecs/55091c13-b8cf-4801-b527-f4601742204d/{ID}\n",
    "docker in docker": f"0::/docker/{OTHER}/docker/{ID}\n",
}
MOUNTS = {
    "docker": mount(f"/docker/containers/{ID}/resolv.conf", "/etc/resolv.conf")
    + mount(f"/docker/containers/{ID}/hostname", "/etc/hostname"),
    "docker with a folder of its own": mount(f"/data/docker/containers/{ID}/hostname", "/etc/hostname"),
    "podman": mount(f"/containers/overlay-containers/{ID}/userdata/.containerenv", "/run/.containerenv", "tmpfs"),
    "nerdctl": mount(f"/var/lib/nerdctl/1935db59/containers/default/{ID}/hostname", "/etc/hostname"),
    "cri-o": IN_POD
    + mount(f"/containers/storage/overlay-containers/{OTHER}/userdata/hostname", "/etc/hostname", "tmpfs")
    + mount(f"/containers/storage/overlay-containers/{ID}/userdata/run/secrets", "/run/secrets", "tmpfs"),
    "version 1 in a namespace": mount(f"/docker/{ID}", "/sys/fs/cgroup/pids", "cgroup"),
    "containerd, version 1": IN_POD
    + mount(f"/kubepods-burstable-pod321c.slice:cri-containerd:{ID}", "/sys/fs/cgroup/pids", "cgroup")
    + mount(f"/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/{OTHER}/hostname", "/etc/hostname"),
}
NO_CONTAINER = {
    "a host": ("0::/user.slice/user-1000.slice/session-3.scope\n", mount("/", "/")),
    "a host that runs docker": ("0::/init.scope\n", mount("/", f"/var/lib/docker/containers/{ID}/mounts/shm", "tmpfs")),
    "a pod whose runtime hides it": (
        PRIVATE,
        IN_POD + mount(f"/containerd/io.containerd.grpc.v1.cri/sandboxes/{OTHER}/hostname", "/etc/hostname"),
    ),
    "a pod of cri-o that tells its sandbox only": (
        PRIVATE,
        IN_POD + mount(f"/containers/storage/overlay-containers/{OTHER}/userdata/hostname", "/etc/hostname"),
    ),
    "nothing": ("", ""),
    "nonsense": ("::::\n/\n\n1:2\n", "1 2 3\n - - - -\n1 2 3 4 5 6 7 -\n"),
}


@pytest.mark.parametrize("runtime", CGROUPS)
def test_a_cgroup_tells_its_container(runtime: str) -> None:
    assert container_id(CGROUPS[runtime], "") == ID


def test_a_cgroup_of_fargate_tells_its_task() -> None:
    assert container_id(f"1:name=systemd:/ecs/{TASK.partition('-')[0]}/{TASK}\n", "") == TASK


@pytest.mark.parametrize("runtime", MOUNTS)
def test_mounts_tell_their_container_where_the_cgroup_is_hidden(runtime: str) -> None:
    assert container_id(PRIVATE, MOUNTS[runtime]) == ID


@pytest.mark.parametrize("place", NO_CONTAINER)
def test_no_id_is_better_than_a_wrong_one(place: str) -> None:
    assert container_id(*NO_CONTAINER[place]) == ""


def test_the_id_is_read_from_proc(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(PRIVATE)
    (tmp_path / "proc/self/mountinfo").write_text(MOUNTS["docker"])

    assert costly_attributes({}, ["python"], str(tmp_path)) == {"container.id": ID}
    assert costly_attributes({}, ["python"], str(tmp_path / "no-such-folder")) == {}


def as_a_container(folder: Path) -> list[str]:
    """What runs a command among mounts as Docker makes them; in a namespace of its own, so nobody else sees them."""
    hostname = folder / "docker" / "containers" / ID / "hostname"
    hostname.parent.mkdir(parents=True)
    hostname.touch()
    (folder / "cgroup").write_text(PRIVATE)
    mounts = f"mount --bind {hostname} /etc/hostname && mount --bind {folder}/cgroup /proc/$$/cgroup"
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", "--mount", *as_root, "sh", "-c", f'{mounts} && exec "$@"', "sh"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has containers")
def test_a_process_tells_its_own_container(receiver: Receiver, tmp_path: Path) -> None:
    container = as_a_container(tmp_path)
    if shutil.which("unshare") is None or run(*container, "true").returncode:
        pytest.skip("mounts in a namespace of one's own are not allowed here")
    outside = span_of(receiver, sys.executable, "-c", CODE).resource.get("container.id", "")
    receiver.forget([span.trace_id for span in receiver.spans()])
    inside = span_of(receiver, *container, sys.executable, "-c", CODE).resource.get("container.id", "")

    assert outside == read_container_id()
    assert inside == ID != outside
