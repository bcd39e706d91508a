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
from platform_otel.process.cloud import cloud_attributes
from platform_otel.process.kubernetes import kubernetes_attributes
from platform_otel.process.resource import attributes_at_once, resource_attributes
from platform_otel.process.resource_variable import pairs
from tests.process.support import CODE, IDENTITY, span_of
from tests.receiver import Receiver
from tests.support import LAUNCHER, SERVICES, Service, exporting_to, launch, launch_code, received

# The convention: on Linux the file that runs, such as python3.11, whatever links lead there.
EXECUTABLE = Path(sys.executable).resolve().name if sys.platform == "linux" else Path(sys.executable).name


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
        "process.executable.name": EXECUTABLE,
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
        import os
        from platform_otel.process.resource import resource_of_this_process
        def tell():
            found = resource_of_this_process()
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
    ids = [attributes_at_once({}, "identity")["service.instance.id"] for _ in range(2)]

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
    assert attributes_at_once(variables, "identity").get("deployment.environment.name") == expected


def test_a_release_of_the_platform_is_the_version_unless_the_user_says_another(environment_of_packages: Path) -> None:
    released = {"HEROKU_RELEASE_VERSION": "v42"}
    said = {**released, "OTEL_RESOURCE_ATTRIBUTES": "service.version=7"}

    assert resource_attributes(released, IDENTITY, "identity")["service.version"] == "v42"
    assert resource_attributes(said, IDENTITY, "identity")["service.version"] == "7"


def test_bytes_that_are_no_text_can_still_be_sent() -> None:
    attributes = attributes_at_once({"K8S_POD_NAME": os.fsdecode(b"p\xff")}, "identity")

    assert attributes["k8s.pod.name"] == "p?"
