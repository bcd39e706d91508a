"""A process says who it is and where it runs, once, and what its user says wins."""

import os
import platform
import shutil
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import UUID

import opentelemetry.sdk.version
import pytest

from platform_otel import __version__
from platform_otel.config import PARENT_SERVICE_NAME
from platform_otel.demo.receiver import ReceivedSpan, Receiver
from platform_otel.process.cloud import cloud_attributes
from platform_otel.process.container import container_id, read_container_id
from platform_otel.process.distribution import console_script, version_of_module
from platform_otel.process.kubernetes import kubernetes_attributes
from platform_otel.process.resource import attributes_at_once, costly_attributes, resource_attributes
from platform_otel.process.resource_variable import pairs
from tests.support import LAUNCHER, SERVICES, Service, exporting_to, launch, launch_code, received

IDENTITY = ["python", "-m", "identity.main"]
CODE = "import child_task; child_task.work()"


def span_of(receiver: Receiver, *command: str, cwd: str | Path = SERVICES, **variables: str) -> ReceivedSpan:
    """The one span of a command that was started by the launcher, in its folder or on that of the services."""
    outcome = launch(*command, cwd=cwd, PYTHONPATH=f"{cwd}:{SERVICES}", **exporting_to(receiver, **variables))
    assert (outcome.returncode, outcome.stderr) == (0, "")
    [span] = received(receiver, 1)
    return span


# --- a real process ---------------------------------------------------------------------------------------------------


def test_a_process_says_all_that_it_knows_of_itself(receiver: Receiver, environment_of_packages: Path) -> None:
    span = span_of(receiver, sys.executable, *IDENTITY[1:], cwd=environment_of_packages)
    resource = dict(span.resource)

    assert UUID(str(resource.pop("service.instance.id"))).version == 4
    assert isinstance(resource.pop("process.pid"), int)
    # The tests themselves may run in a container, a pod, a cloud.
    around = ("container.", "k8s.", "cloud.", "service.namespace", "deployment.")
    assert {name: value for name, value in resource.items() if not name.startswith(around)} == {
        "service.name": "identity",
        "service.version": "1.4.0",
        "process.executable.name": Path(sys.executable).name,
        "process.runtime.name": "cpython",
        "process.runtime.version": platform.python_version(),
        "process.runtime.description": sys.version,
        "host.name": socket.gethostname(),
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": opentelemetry.sdk.version.__version__,
        "telemetry.distro.name": "platform-otel",
        "telemetry.distro.version": __version__,
    }


def test_the_process_is_the_one_that_was_started(receiver: Receiver) -> None:
    command = (LAUNCHER, "--", "uvicorn", "starlette_service:app", "--port", "{port}")
    with Service(*command, **exporting_to(receiver)) as service:
        service.get("/hello/you")
        [span] = received(receiver, 1)

    assert span.resource["process.pid"] == service.process.pid


def test_neither_command_line_nor_arguments_are_told(receiver: Receiver) -> None:
    span = span_of(receiver, sys.executable, "-c", CODE, "--password", "hunter2")

    assert not any("hunter2" in str(value) for value in span.resource.values())
    assert not any(name.startswith("process.command") for name in span.resource)


def test_what_the_user_says_wins_over_all_but_the_names_own_order(receiver: Receiver, tmp_path: Path) -> None:
    said = {
        "service.version": "7",
        "service.namespace": "shop",
        "service.instance.id": "mine",
        "host.name": "a, b",
        "process.pid": "1",
        "telemetry.sdk.language": "elvish",
        "deployment.environment.name": "blue=green",
    }
    text = "service.name=lost," + ",".join(f"{key}={value.replace(',', '%2C')}" for key, value in said.items())
    span = span_of(receiver, sys.executable, "-c", CODE, OTEL_RESOURCE_ATTRIBUTES=text, OTEL_SERVICE_NAME="identity")

    assert span.service == "identity"
    assert {name: span.resource[name] for name in said} == said


def test_attributes_that_cannot_be_read_cost_one_line_that_hides_them(receiver: Receiver) -> None:
    variables = exporting_to(receiver, OTEL_RESOURCE_ATTRIBUTES="service.name=lost,token=s%zzcret")
    outcome = launch(sys.executable, "-c", CODE, **variables)
    [span] = received(receiver, 1)

    assert outcome.stderr == (
        "platform-trace: OTEL_RESOURCE_ATTRIBUTES=(hidden) is not percent-encoded: each % is followed by two "
        "hexadecimal digits; ignoring all of it\n"
    )
    assert span.service == "unknown_service:python"
    assert "token" not in span.resource


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_is_an_instance_of_its_own_and_of_its_parents_version(
    receiver: Receiver, environment_of_packages: Path, method: str
) -> None:
    shutil.copy(SERVICES / "start_child.py", environment_of_packages / "identity" / "main.py")
    of_child = span_of(receiver, sys.executable, *IDENTITY[1:], method, cwd=environment_of_packages).resource
    receiver.forget([span.trace_id for span in receiver.spans()])
    again = span_of(receiver, sys.executable, *IDENTITY[1:], method, cwd=environment_of_packages).resource

    assert (of_child["service.name"], of_child["service.version"]) == ("identity", "1.4.0")
    assert of_child["service.instance.id"] != again["service.instance.id"]
    assert of_child["process.pid"] != again["process.pid"]


def identities(*variables: str) -> list[tuple[object, object]]:
    """Process and instance of a parent and of the child that it forked after it had asked for its own."""
    code = """
        import os, sys
        from platform_otel.process.resource import resource_attributes
        def tell():
            found = resource_attributes(os.environ, sys.orig_argv)
            print(found["process.pid"], found["service.instance.id"], flush=True)
        tell()
        if os.fork() == 0:
            tell()
        else:
            os.wait()
    """
    outcome = launch_code(code, OTEL_RESOURCE_ATTRIBUTES=",".join(variables))
    return [(pid, instance) for pid, instance in map(str.split, outcome.stdout.splitlines())]


def test_parent_and_forked_child_are_two_instances() -> None:
    (parent_pid, parent), (child_pid, child) = identities()

    assert parent_pid != child_pid
    assert parent != child


def test_an_instance_id_of_the_user_stays_in_children() -> None:
    assert [instance for _, instance in identities("service.instance.id=mine")] == ["mine", "mine"]


def test_one_process_has_one_instance_id_however_often_it_is_asked() -> None:
    ids = [attributes_at_once({}, IDENTITY)["service.instance.id"] for _ in range(2)]

    assert ids[0] == ids[1]


# --- OTEL_RESOURCE_ATTRIBUTES -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", {}),
        ("a=b", {"a": "b"}),
        ("a=b,c=d", {"a": "b", "c": "d"}),
        (" a = b , c = d ", {"a": "b", "c": "d"}),
        ("a=b,", {"a": "b"}),
        (",,a=b", {"a": "b"}),
        ("a=", {"a": ""}),
        ("a=1,a=2", {"a": "2"}),
        ("a=b%2Cc%3Dd%20%25", {"a": "b,c=d %"}),
        ("a%2Cb=c", {"a,b": "c"}),
        ("a=%c3%A9", {"a": "é"}),
        ("a=é", {"a": "é"}),
        ("a=b+c", {"a": "b+c"}),
        ("a=Zm9v==", {"a": "Zm9v=="}),
    ],
)
def test_pairs_are_read_as_the_specification_says(text: str, expected: Mapping[str, str]) -> None:
    assert pairs(text) == expected


@pytest.mark.parametrize(
    "text", ["a", "a=b,c", "=b", "a=%", "a=%4", "a=%zz", "a=% 1", "a=%+1", "a=%ff", "%zz=a", os.fsdecode(b"a=\xe9")]
)
def test_an_error_anywhere_discards_all_pairs(text: str) -> None:
    with pytest.raises(ValueError, match=r"list of key=value pairs|percent-encoded|text in UTF-8"):
        pairs("service.name=good," + text)


# --- Kubernetes -------------------------------------------------------------------------------------------------------

POD = {
    "KUBERNETES_SERVICE_HOST": "10.0.0.1",
    "HOSTNAME": "identity-7d4b9c-x2x9k",
    "POD_NAMESPACE": "shop",
    "NODE_NAME": "node-3",
    "POD_UID": "0a947273-7214-4824-8411-875ebd7626e4",
}


def test_a_process_in_a_pod_says_which(receiver: Receiver) -> None:
    span = span_of(receiver, sys.executable, "-c", CODE, **POD, K8S_CONTAINER_NAME="app")

    assert {name: value for name, value in span.resource.items() if name.startswith("k8s.")} == {
        "k8s.pod.name": "identity-7d4b9c-x2x9k",
        "k8s.pod.uid": "0a947273-7214-4824-8411-875ebd7626e4",
        "k8s.namespace.name": "shop",
        "k8s.node.name": "node-3",
        "k8s.container.name": "app",
    }
    assert span.resource["service.namespace"] == "shop"


@pytest.mark.parametrize(
    "variables, expected",
    [
        # As OpenTelemetry proposed it.
        (
            {"K8S_POD_NAME": "p", "K8S_POD_UID": "u", "K8S_NAMESPACE_NAME": "s", "K8S_NODE_NAME": "n"},
            {"k8s.pod.name": "p", "k8s.pod.uid": "u", "k8s.namespace.name": "s", "k8s.node.name": "n"},
        ),
        # As its operator sets it.
        (
            {"OTEL_RESOURCE_ATTRIBUTES_POD_NAME": "p", "OTEL_RESOURCE_ATTRIBUTES_NODE_NAME": "n"},
            {"k8s.pod.name": "p", "k8s.node.name": "n"},
        ),
        # As Kubernetes's documentation has it.
        (
            {"KUBERNETES_SERVICE_HOST": "h", "MY_POD_NAME": "p", "MY_POD_NAMESPACE": "s", "MY_NODE_NAME": "n"},
            {"k8s.pod.name": "p", "k8s.namespace.name": "s", "k8s.node.name": "n"},
        ),
        ({"KUBERNETES_SERVICE_HOST": "h", "HOSTNAME": "host", "POD_NAME": "p"}, {"k8s.pod.name": "p"}),
        # A pod on its node's network is called as the node is.
        ({"KUBERNETES_SERVICE_HOST": "h", "HOSTNAME": "n", "NODE_NAME": "n"}, {"k8s.node.name": "n"}),
        # Outside Kubernetes these names are somebody else's.
        ({"HOSTNAME": "laptop", "NODE_NAME": "jenkins", "POD_NAME": "pea"}, {}),
        ({"K8S_POD_NAME": "", "KUBERNETES_SERVICE_HOST": ""}, {}),
    ],
)
def test_the_downward_apis_variables_are_known_by_their_usual_names(
    variables: Mapping[str, str], expected: Mapping[str, str]
) -> None:
    assert kubernetes_attributes(variables) == expected


# --- clouds -----------------------------------------------------------------------------------------------------------

LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "identity", "AWS_REGION": "eu-west-1"}
ECS = {"ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/1", "AWS_REGION": "eu-west-1"}
CLOUD_RUN = {"K_SERVICE": "identity", "K_REVISION": "identity-1", "K_CONFIGURATION": "identity"}


@pytest.mark.parametrize(
    "variables, expected",
    [
        (LAMBDA, ("aws", "aws_lambda", "eu-west-1")),
        (ECS, ("aws", "aws_ecs", "eu-west-1")),
        (CLOUD_RUN, ("gcp", "gcp_cloud_run", None)),
        ({**CLOUD_RUN, "FUNCTION_TARGET": "handle"}, ("gcp", "gcp_cloud_functions", None)),
        ({"CLOUD_RUN_JOB": "nightly", "CLOUD_RUN_EXECUTION": "nightly-1"}, ("gcp", "gcp_cloud_run", None)),
        ({"GAE_SERVICE": "identity", "GAE_VERSION": "1"}, ("gcp", "gcp_app_engine", None)),
        ({"WEBSITE_SITE_NAME": "identity", "REGION_NAME": "West"}, ("azure", "azure.app_service", "West")),
        (
            {"WEBSITE_SITE_NAME": "identity", "FUNCTIONS_WORKER_RUNTIME": "python"},
            ("azure", "azure.functions", None),
        ),
        (
            {"CONTAINER_APP_NAME": "identity", "CONTAINER_APP_REVISION": "1"},
            ("azure", "azure.container_apps", None),
        ),
        ({"HEROKU_APP_NAME": "identity"}, ("heroku", None, None)),
        ({"FLY_APP_NAME": "identity", "FLY_REGION": "ams"}, ("fly_io", None, "ams")),
        ({"RENDER": "true", "RENDER_SERVICE_ID": "srv-1"}, ("render", None, None)),
        ({"RAILWAY_PROJECT_ID": "1", "RAILWAY_REPLICA_REGION": "europe"}, ("railway", None, "europe")),
        # Where an SDK calls to is not where the process runs.
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "REGION_NAME": "x"}, (None, None, None)),
        # Knative in any cluster.
        ({**CLOUD_RUN, "KUBERNETES_SERVICE_HOST": "10.0.0.1"}, (None, None, None)),
        ({"K_SERVICE": "identity"}, (None, None, None)),
        ({}, (None, None, None)),
    ],
)
def test_a_cloud_is_named_where_a_variable_is_sure(
    variables: Mapping[str, str], expected: Sequence[str | None]
) -> None:
    named = dict(zip(("cloud.provider", "cloud.platform", "cloud.region"), expected, strict=True))

    assert cloud_attributes(variables) == {name: value for name, value in named.items() if value}


def test_a_process_in_a_cloud_says_which(receiver: Receiver) -> None:
    span = span_of(receiver, sys.executable, "-c", CODE, FLY_APP_NAME="identity", FLY_REGION="ams")

    assert span.service == "identity"
    assert (span.resource["cloud.provider"], span.resource["cloud.region"]) == ("fly_io", "ams")


@pytest.mark.parametrize(
    "variables, expected",
    [
        ({"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=blue"}, "blue"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=blue"}, "blue"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=old,deployment.environment.name=blue"}, "blue"),
        ({"RAILWAY_ENVIRONMENT_NAME": "blue"}, "blue"),
        ({"WEBSITE_SITE_NAME": "identity", "WEBSITE_SLOT_NAME": "blue"}, "blue"),
        ({"WEBSITE_SLOT_NAME": "blue"}, None),
        ({"ENVIRONMENT": "blue", "ENV": "blue"}, None),
    ],
)
def test_the_environment_that_is_deployed_to_is_what_is_said_outright(
    variables: Mapping[str, str], expected: str | None
) -> None:
    assert attributes_at_once(variables, IDENTITY).get("deployment.environment.name") == expected


def test_a_release_of_the_platform_is_the_version_unless_the_user_says_another(environment_of_packages: Path) -> None:
    released = {"HEROKU_RELEASE_VERSION": "v42"}
    said = {**released, "OTEL_RESOURCE_ATTRIBUTES": "service.version=7"}

    assert resource_attributes(released, IDENTITY)["service.version"] == "v42"
    assert resource_attributes(said, IDENTITY)["service.version"] == "7"


def test_bytes_that_are_no_text_can_still_be_sent() -> None:
    attributes = attributes_at_once({"K8S_POD_NAME": os.fsdecode(b"p\xff")}, IDENTITY)

    assert attributes["k8s.pod.name"] == "p?"


# --- containers -------------------------------------------------------------------------------------------------------

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


def test_a_process_tells_its_own_container(receiver: Receiver) -> None:
    span = span_of(receiver, sys.executable, "-c", CODE)

    assert span.resource.get("container.id", "") == read_container_id()


# --- versions ---------------------------------------------------------------------------------------------------------


def install(
    folder: Path, distribution: str, version: str, files: Sequence[str] = (), scripts: str = "", editable: str = ""
) -> None:
    """Leave what pip leaves of a distribution."""
    metadata = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    record = [*files, f"{metadata.name}/RECORD"]
    (metadata / "RECORD").write_text("".join(f"{file},sha256=x,1\n" for file in record))
    if scripts:
        (metadata / "entry_points.txt").write_text(f"[gui_scripts]\nno = x:y\n\n[console_scripts]\n{scripts}\n")
    if editable:
        (metadata / "direct_url.json").write_text(f'{{"url": "file://{editable}", "dir_info": {{"editable": true}}}}')
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()


@pytest.fixture
def environment_of_packages(tmp_path: Path) -> Path:
    """A folder with an installed service, identity, whose main module makes a span."""
    install(tmp_path, "identity", "1.4.0", ["identity/__init__.py", "identity/main.py"], "server = identity.main:run")
    (tmp_path / "identity/main.py").write_text(CODE)
    return tmp_path


def test_a_module_is_of_the_distribution_that_installed_its_file(tmp_path: Path) -> None:
    install(tmp_path, "acme-identity", "1.0", ["acme/identity/main.py"])
    install(tmp_path, "acme-meter", "2.0+local.1", ["acme/meter/__init__.py"])
    install(tmp_path, "acme", "3.0", ["something_else.py"])
    path = [str(tmp_path / "empty"), str(tmp_path)]

    assert version_of_module("acme.identity.main", path) == "1.0"
    assert version_of_module("acme.identity.main.create_app", path) == "1.0"
    assert version_of_module("acme.meter", path) == "2.0+local.1"
    assert version_of_module("acme.gate", path) == ""
    assert version_of_module("acme", path) == ""


@pytest.mark.parametrize("source", ["", "src"])
def test_an_editable_installation_is_of_its_projects_folder(tmp_path: Path, source: str) -> None:
    project, site = tmp_path / "my project", tmp_path / "site"
    for folder in (project / source, project / "tests"):
        (folder / "identity").mkdir(parents=True)
        (folder / "identity" / "main.py").touch()
    install(site, "acme-identity", "1.0", editable=str(project).replace(" ", "%20"))
    install(site, "broken", "1.0", editable='"')

    assert version_of_module("identity.main", [str(project / source), str(site)]) == "1.0"
    assert version_of_module("identity.main", [str(project / "tests"), str(site)]) == ""


def test_what_setuptools_leaves_in_a_source_folder_counts_too(tmp_path: Path) -> None:
    metadata = tmp_path / "acme_identity.egg-info"
    metadata.mkdir()
    (metadata / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: acme-identity\nVersion: 1.0\n")
    (metadata / "top_level.txt").write_text("identity\n")
    (tmp_path / "identity.py").touch()

    assert version_of_module("identity", [str(tmp_path)]) == "1.0"


def test_a_console_script_is_of_the_distribution_that_offers_it(environment_of_packages: Path) -> None:
    path = ["/no/such/folder", str(environment_of_packages)]

    assert console_script("server", path) == ("identity.main", "1.4.0")
    assert console_script("no", path) == ("", "")


@pytest.mark.parametrize(
    "argv, environ, expected",
    [
        (["python", "/venv/bin/uvicorn", "identity.main:app"], {}, "1.4.0"),
        (["python", "/venv/bin/celery", "-A", "identity", "worker"], {}, "1.4.0"),
        (["python", "manage.py"], {"DJANGO_SETTINGS_MODULE": "identity.settings"}, "1.4.0"),
        (["python", "/venv/bin/server"], {}, "1.4.0"),
        (["python", "-c", "pass"], {PARENT_SERVICE_NAME: "identity"}, "1.4.0"),
        (["python", "-c", "pass"], {PARENT_SERVICE_NAME: "server"}, "1.4.0"),
        (["python", "-c", "pass"], {}, None),
        (["python", "services/identity/app.py"], {}, None),
        (["python", "/venv/bin/uvicorn", "main:app"], {}, None),
        (["python", "-m", "http.server"], {}, None),
    ],
)
def test_the_version_is_that_of_the_applications_distribution(
    environment_of_packages: Path,
    monkeypatch: pytest.MonkeyPatch,
    argv: Sequence[str],
    environ: Mapping[str, str],
    expected: str | None,
) -> None:
    monkeypatch.setattr(sys, "path", [str(environment_of_packages)])

    assert costly_attributes(environ, argv).get("service.version") == expected


def test_what_is_no_folder_on_the_path_does_no_harm(
    environment_of_packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [b"/bytes", None, "\0", "", "/no/such/folder", str(environment_of_packages)])

    assert costly_attributes({}, IDENTITY)["service.version"] == "1.4.0"
    assert costly_attributes({}, ["python", "/venv/bin/server"])["service.version"] == "1.4.0"


def test_an_installed_script_called_like_many_others_is_named_by_what_it_calls(
    receiver: Receiver, environment_of_packages: Path
) -> None:
    script = environment_of_packages / "bin" / "server"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\n{CODE}\n")
    script.chmod(0o755)
    span = span_of(receiver, str(script), cwd=environment_of_packages)

    assert (span.service, span.resource["service.version"]) == ("identity", "1.4.0")
