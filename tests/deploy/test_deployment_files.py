"""The deployment files that come with the package: printed as they are, and valid."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # comes without types
import pytest
import yaml

from platform_otel.adopt.adoption import adopt
from platform_otel.adopt.files import beside
from platform_otel.adopt.plan import Wanted
from platform_otel.cli.deploy import KINDS
from platform_otel.demo.fleet import SERVICES
from tests.collector.running import Collector, ask
from tests.support import LAUNCHER, SCRIPTS, run

ROOT = Path(__file__).parents[2]
ENTRYPOINTS = ROOT / "entrypoints"
FILES = sorted(path for folder in KINDS.values() for path in (ENTRYPOINTS / folder).iterdir())
MANIFESTS = sorted((ENTRYPOINTS / "kubernetes").glob("*.yaml"))
# The oldest that is still supported by some provider, and the newest of the package.
VERSIONS = ("1.31", "1.34")


def name_of(path: Path) -> str:
    return str(path.relative_to(ENTRYPOINTS))


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_printed_whole(kind: str) -> None:
    found = sorted((ENTRYPOINTS / KINDS[kind]).iterdir())

    assert run(LAUNCHER, "deploy", kind).stdout == "\n".join(
        f"==> {path.name} <==\n{path.read_text()}" for path in found
    )


def test_one_file_is_printed_as_it_is() -> None:
    outcome = run(LAUNCHER, "deploy", "kubernetes", "collector.yaml")

    assert outcome.stdout == (ENTRYPOINTS / "kubernetes" / "collector.yaml").read_text()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_is_on_a_page_of_the_documentation_as_it_is(path: Path) -> None:
    pages = [page.read_text() for page in (ROOT / "docs" / "how-to").glob("*.md")]

    assert any(f"```{language(path)} entrypoints/{name_of(path)}\n{path.read_text()}```\n" in page for page in pages)


def language(path: Path) -> str:
    suffixes = {
        ".yaml": "yaml",
        ".sh": "sh",
        ".conf": "ini",
        ".service": "ini",
        ".alloy": "alloy",
        ".Dockerfile": "dockerfile",
    }
    return suffixes.get(path.suffix, path.name.lower())


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_of_ours_is_adopted_already(path: Path) -> None:
    text = path.read_text()
    outcome = adopt(str(path), text, Wanted("http://collector:4318", read=partial(beside, str(path))))

    assert outcome.text == text
    assert [note.reason for note in outcome.notes if "entrypoint.sh" in note.reason] == []


# --- Kubernetes -------------------------------------------------------------------------------------------------------


def documents(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text()))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", [path for path in MANIFESTS if path.stem != "instrumentation"], ids=name_of)
def test_a_manifest_is_valid_by_the_schemas_of_kubernetes(path: Path, version: str) -> None:
    for document in documents(path):
        kubernetes_validate.validate(document, version, strict=True)


def test_a_manifest_that_is_wrong_is_noticed() -> None:
    document = documents(ENTRYPOINTS / "kubernetes" / "service.yaml")[0]
    document["spec"]["template"]["spec"]["containers"][0]["comand"] = ["python"]

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, VERSIONS[0], strict=True)


@pytest.mark.parametrize("path", MANIFESTS, ids=name_of)
def test_what_a_manifest_refers_to_is_in_it(path: Path) -> None:
    found = documents(path)
    named = {(document["kind"], document["metadata"]["name"]) for document in found}
    labels = [
        document["spec"]["template"]["metadata"]["labels"]
        for document in found
        if "template" in document.get("spec", {})
    ]
    selectors = [document["spec"]["selector"] for document in found if document["kind"] == "Service"]

    assert [selector for selector in selectors if selector not in labels] == []
    text = yaml.safe_dump_all(found)
    referred = {("ConfigMap", name) for name in re.findall(r"configMap(?:Ref)?:\n +name: (\S+)", text)}
    needed = re.findall(r"secretKeyRef:\n +key: \S+\n +name: (\S+)\n(?! +optional: true)", text)
    assert referred | {("Secret", name) for name in needed} <= named


def test_services_show_the_token_that_the_collector_wants() -> None:
    [secret] = [each for each in documents(ENTRYPOINTS / "kubernetes" / "collector.yaml") if each["kind"] == "Secret"]
    services = [
        *documents(ENTRYPOINTS / "kubernetes" / "fleet.yaml"),
        *documents(ENTRYPOINTS / "kubernetes/service.yaml"),
    ]
    containers = [
        each["spec"]["template"]["spec"]["containers"][0] for each in services if each["kind"] == "Deployment"
    ]
    shown = [
        each["valueFrom"]["secretKeyRef"]
        for container in containers
        for each in container["env"]
        if each["name"] == "OTEL_EXPORTER_OTLP_HEADERS"
    ]

    assert len(shown) == len(containers)
    assert {(each["name"], each["optional"]) for each in shown} == {(secret["metadata"]["name"], True)}
    assert {secret["stringData"][each["key"]] for each in shown} == {
        f"authorization=Bearer%20{secret['stringData']['token']}"
    }


def test_the_collector_answers_under_the_name_of_its_service(tmp_path: Path) -> None:
    found = {each["kind"]: each for each in documents(ENTRYPOINTS / "kubernetes" / "collector.yaml")}
    [container] = found["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    token = {"PLATFORM_TRACE_COLLECTOR_TOKEN": found["Secret"]["stringData"]["token"]}
    headers = {"authorization": "Bearer " + found["Secret"]["stringData"]["token"]}
    with Collector("--host", "0.0.0.0", *container["args"], db=tmp_path / "traces.db", **token) as running:
        port = running.query.rpartition(":")[2]
        answers = [
            ask(f"127.0.0.1:{port}", "GET", "/query/services", host=f"{name}:{port}", **headers)
            for name in (found["Service"]["metadata"]["name"], "localhost")
        ]

    assert [answer.status for answer in answers] == [200, 200]


def test_the_fleet_is_the_demos() -> None:
    deployments = [
        each for each in documents(ENTRYPOINTS / "kubernetes" / "fleet.yaml") if each["kind"] == "Deployment"
    ]
    composed = yaml.safe_load((ENTRYPOINTS / "container" / "compose.yaml").read_text())["services"]
    containers = {each["metadata"]["name"]: each["spec"]["template"]["spec"]["containers"][0] for each in deployments}

    assert list(containers) == [service.name for service in SERVICES]
    assert {name: container["command"] for name, container in containers.items()} == {
        name: service["command"].split() for name, service in composed.items() if name != "collector"
    }


def test_the_instrumentation_resource_has_the_fields_of_its_definition() -> None:
    # https://github.com/open-telemetry/opentelemetry-operator/blob/main/docs/api/instrumentations.md
    [resource] = documents(ENTRYPOINTS / "kubernetes" / "instrumentation.yaml")

    assert (resource["apiVersion"], resource["kind"]) == ("opentelemetry.io/v1alpha1", "Instrumentation")
    assert set(resource["spec"]) <= {"env", "exporter", "propagators", "python", "resource", "sampler"}
    assert set(resource["spec"]["python"]) <= {"env", "image", "resourceRequirements", "volumeSizeLimit"}
    assert {each["name"] for each in resource["spec"]["python"]["env"]} == {
        "OTEL_PYTHON_DISTRO",
        "OTEL_PYTHON_CONFIGURATOR",
    }


# --- Collector and Alloy ----------------------------------------------------------------------------------------------

# The fields of the components that we configure, by their pages:
# https://github.com/open-telemetry/opentelemetry-collector/blob/main/receiver/otlpreceiver/README.md
# https://github.com/open-telemetry/opentelemetry-collector/blob/main/processor/memorylimiterprocessor/README.md
# https://github.com/open-telemetry/opentelemetry-collector/blob/main/processor/batchprocessor/README.md
# https://github.com/open-telemetry/opentelemetry-collector/blob/main/exporter/otlpexporter/README.md
# https://github.com/open-telemetry/opentelemetry-collector-contrib/blob/main/exporter/loadbalancingexporter/README.md
# https://github.com/open-telemetry/opentelemetry-collector-contrib/blob/main/processor/tailsamplingprocessor/README.md
FIELDS = {
    "batch": {"send_batch_size", "timeout"},
    "loadbalancing": {"protocol", "resolver", "routing_key"},
    "memory_limiter": {"check_interval", "limit_mib", "limit_percentage", "spike_limit_mib", "spike_limit_percentage"},
    "otlp": {"endpoint", "protocols", "tls"},
    "tail_sampling": {"decision_wait", "num_traces", "policies"},
}
POLICIES = {"status_code": {"status_codes"}, "latency": {"threshold_ms"}, "probabilistic": {"sampling_percentage"}}


def configurations() -> Iterator[Any]:
    [data] = [
        document["data"]
        for document in documents(ENTRYPOINTS / "kubernetes" / "opentelemetry-collector.yaml")
        if document["kind"] == "ConfigMap"
    ]
    yield from (yaml.safe_load(text) for name, text in data.items() if name.endswith(".yaml"))


@pytest.mark.parametrize("configuration", list(configurations()), ids=["balancing", "sampling"])
def test_a_pipeline_of_the_collector_is_made_of_what_is_configured(configuration: Any) -> None:
    for pipeline in configuration["service"]["pipelines"].values():
        for part, names in pipeline.items():
            assert set(names) == set(configuration.get(part, {}))
    fields = {
        name: set(each)
        for part in ("receivers", "processors", "exporters")
        for name, each in configuration.get(part, {}).items()
    }
    assert [name for name, each in fields.items() if not each <= FIELDS[name]] == []


def test_the_policies_of_the_collector_and_of_alloy_are_the_same() -> None:
    [policies] = [
        each["processors"]["tail_sampling"]["policies"]
        for each in configurations()
        if "tail_sampling" in each["processors"]
    ]
    alloy = (ENTRYPOINTS / "kubernetes" / "config.alloy").read_text()
    written = re.findall(r'policy \{\s+name = "(\w+)"\s+type = "(\w+)"\s+\2 \{\s+(\w+) = (\S+)\s+\}\s+\}', alloy)

    assert all(set(policy[policy["type"]]) <= POLICIES[policy["type"]] for policy in policies)
    assert [(policy["name"], policy["type"]) for policy in policies] == [each[:2] for each in written]
    assert [yaml.safe_load(each[3]) for each in written] == [
        next(iter(policy[policy["type"]].values())) for policy in policies
    ]


# Blocks as https://grafana.com/docs/alloy/latest/reference/components/otelcol/ has them, and what is in each.
ALLOY = {
    "otelcol.receiver.otlp": {"grpc", "http", "output"},
    "otelcol.exporter.loadbalancing": {"protocol", "resolver", "routing_key"},
    "otelcol.processor.memory_limiter": {"check_interval", "limit_percentage", "output", "spike_limit_percentage"},
    "otelcol.processor.tail_sampling": {"decision_wait", "num_traces", "output", "policy"},
    "otelcol.processor.batch": {"output"},
    "otelcol.exporter.otlp": {"client"},
}
# A block's beginning, an attribute or a block's end: https://grafana.com/docs/alloy/latest/get-started/syntax/
STATEMENT = re.compile(r'(?P<block>[a-z_.]+)(?: "(?P<label>\w+)")? \{|(?P<name>[a-z_]+) += (?P<value>.+)|(?P<end>\})')


def test_the_configuration_of_alloy_is_made_of_its_components() -> None:
    path: list[str] = []
    inside: dict[str, set[str]] = {}
    defined, referred = set(), set()
    for line in (ENTRYPOINTS / "kubernetes" / "config.alloy").read_text().splitlines():
        if not line.strip() or line.startswith("//"):
            continue
        found = STATEMENT.fullmatch(line.strip())
        assert found is not None, line
        if len(path) == 1 and not found["end"]:
            inside.setdefault(path[0], set()).add(found["block"] or found["name"])
        if found["block"]:
            defined |= {f"{found['block']}.{found['label']}"} if not path else set()
            path.append(found["block"])
        elif found["end"]:
            path.pop()
        else:
            referred |= set(re.findall(r"(otelcol\.[\w.]+)\.input", found["value"]))

    assert path == []
    assert {name for name, parts in inside.items() if not parts <= ALLOY[name]} == set()
    assert referred < defined


# --- systemd, Docker --------------------------------------------------------------------------------------------------


@pytest.fixture
def verified(tmp_path: Path) -> Path:
    """A folder of units, for systemd-analyze."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    return tmp_path


def test_the_units_are_valid(verified: Path) -> None:
    collector = (ENTRYPOINTS / "systemd" / "platform-trace-collector.service").read_text()
    (verified / "platform-trace-collector.service").write_text(
        collector.replace("/opt/platform-trace/bin", str(SCRIPTS))
    )
    (verified / "identity.service").write_text(f"[Service]\nExecStart={SCRIPTS / 'python'} -m http.server\n")
    (verified / "identity.service.d").mkdir()
    shutil.copy(ENTRYPOINTS / "systemd" / "platform-trace.conf", verified / "identity.service.d")
    for unit in ("identity.service", "platform-trace-collector.service"):
        outcome = run("systemd-analyze", "verify", verified / unit)

        assert (outcome.returncode, outcome.stderr) == (0, "")


def test_what_the_images_copy_is_beside_them_or_said_to_be() -> None:
    for path in ENTRYPOINTS.rglob("*Dockerfile"):
        text = path.read_text()
        copied = {
            word for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE) for word in line.split()
        }

        assert {name for name in copied if name != "." and name not in text.splitlines()[0]} <= {
            each.name for each in path.parent.iterdir()
        } | {"wheels"}


def test_the_entry_point_is_a_shell_script_without_a_fault() -> None:
    assert subprocess.run(["sh", "-n", ENTRYPOINTS / "container" / "entrypoint.sh"], check=False).returncode == 0
