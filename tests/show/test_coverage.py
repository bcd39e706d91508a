"""A fleet of fourteen services, two of them untraced and one hop broken: who is traced, and which hops are whole."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from platform_otel import __version__
from platform_otel.errors import UsageError
from platform_otel.show.coverage import Expected, expected
from tests.collector.running import BASE, Collector, Made, request
from tests.support import LAUNCHER, run

FLEET = [
    "gate", "identity", "llm-gateway", "prompts", "meter", "billing", "search", "mail", "files", "audit", "rates",
    "stock", "legacy", "batch",
]  # fmt: skip
# Each calls the next. The last two are not traced; mail does not forward the context to files.
UNTRACED = ["legacy", "batch"]
TRACED = FLEET[:-2]
BROKEN = ("mail", "files")
HOPS = list(pairwise(TRACED))
SECONDS = 1000


def chain(trace: int, start: int) -> list[Made]:
    """A request through the fleet: a server span and a client span in each service, in each other's time."""
    made: list[Made] = []
    parent = 0
    for number, (service, callee) in enumerate(zip(TRACED, FLEET[1:], strict=False)):
        inside = {"start": start + number, "milliseconds": 100 - 2 * number}
        if (FLEET[number - 1], service) == BROKEN:
            trace, parent = trace + 1, 0
        server, client = trace * 1000 + 2 * number + 1, trace * 1000 + 2 * number + 2
        asked = {"server.address": callee, "url.full": f"http://{callee}/x", "http.request.method": "GET"}
        answered = {"server.address": service, "url.path": "/x", "http.request.method": "GET"}
        made += [
            Made(trace, server, parent, service, "GET /x", **inside, attributes=answered),
            Made(trace, client, server, service, "GET", **inside, kind=Span.SPAN_KIND_CLIENT, attributes=asked),
        ]
        parent = client
    return made


def fleet() -> bytes:
    """Two requests, the second ten minutes after the first; identity is traced by somebody else."""
    message = request(*chain(10, -3600 * SECONDS), *chain(20, -3000 * SECONDS))
    for of_resource in message.resource_spans:
        attributes = of_resource.resource.attributes
        ours = attributes[0].value.string_value != "identity"
        kind, version = ("distro", __version__) if ours else ("sdk", "1.30.0")
        for key, value in (("name", "platform-otel" if ours else "opentelemetry"), ("version", version)):
            attribute = attributes.add()
            attribute.key, attribute.value.string_value = f"telemetry.{kind}.{key}", value
    return message.SerializeToString()


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    with Collector(db=tmp_path_factory.mktemp("coverage") / "traces.db") as running:
        assert running.send(fleet()).status == 200
        yield running


@pytest.fixture
def wanted(tmp_path: Path) -> Path:
    file = tmp_path / "fleet.txt"
    file.write_text("# the fleet\n" + "\n".join(FLEET[:-2]) + "\nstock -> legacy  # the last one\nbatch\n")
    return file


@pytest.mark.parametrize("backend", ["collector", "jaeger", "tempo"])
def test_exactly_the_untraced_services_and_the_broken_hops_are_named(
    collector: Collector, wanted: Path, backend: str
) -> None:
    words = ["--url", f"http://{collector.query}", "--backend", backend, "--expect", str(wanted), "--json"]
    outcome = run(LAUNCHER, "show", "coverage", *words)
    found = json.loads(outcome.stdout)

    assert outcome.returncode == 1
    assert [each["service"] for each in found["services"] if not each["traced"]] == UNTRACED
    assert sorted(each["service"] for each in found["services"]) == sorted(FLEET)
    broken = {(hop["caller"], hop["callee"]): hop["cause"] for hop in found["hops"] if hop["cause"]}
    assert broken == {BROKEN: "the header was not forwarded", ("stock", "legacy"): "no call was seen"}
    whole = {(hop["caller"], hop["callee"]): hop["whole"] for hop in found["hops"] if not hop["cause"]}
    assert whole == {hop: 2 for hop in HOPS if hop != BROKEN}


@pytest.mark.parametrize("backend", ["collector", "jaeger", "tempo"])
def test_a_service_is_traced_since_its_first_span_and_by_what_its_resource_says(
    collector: Collector, backend: str
) -> None:
    words = ["--url", f"http://{collector.query}", "--backend", backend, "--json"]
    found = json.loads(run(LAUNCHER, "show", "coverage", *words).stdout)
    services = {each["service"]: each for each in found["services"]}

    assert services["gate"]["tracedBy"] == f"platform-otel {__version__}"
    assert services["identity"]["tracedBy"] == "opentelemetry 1.30.0"
    assert int(services["gate"]["sinceUnixNano"]) == BASE - 3600 * SECONDS * 10**6
    assert int(services["stock"]["sinceUnixNano"]) == BASE + (11 - 3600 * SECONDS) * 10**6


def test_the_text_says_the_same_and_the_backend_is_found_out(collector: Collector, wanted: Path) -> None:
    outcome = run(LAUNCHER, "show", "coverage", "--url", f"http://{collector.query}", "--expect", wanted)
    lines = outcome.stdout.splitlines()

    assert outcome.returncode == 1
    assert [line.split()[0] for line in lines if line.endswith("  not traced")] == UNTRACED
    assert next(line for line in lines if line.startswith("mail ")).endswith(f"platform-otel {__version__}")
    assert lines[-1] == "12 of 14 services are traced; 2 of 12 hops are broken."


def test_a_file_answers_as_its_collector_does(tmp_path: Path) -> None:
    file = tmp_path / "traces.db"
    with Collector(db=file) as running:
        running.send(request(Made(1, 1, service="gate"), Made(1, 2, 1, "identity")).SerializeToString())
        asked = run(LAUNCHER, "show", "coverage", "--url", f"http://{running.query}").stdout
    outcome = run(LAUNCHER, "show", "coverage", "--db", file)

    assert (outcome.returncode, outcome.stdout) == (0, asked)
    assert "2 of 2 services are traced; 0 of 1 hops are broken." in asked


def test_what_began_before_that_while_is_not_looked_at(collector: Collector) -> None:
    words = ["--url", f"http://{collector.query}", "--start", str(time.time_ns() - 60 * 10**9)]

    assert run(LAUNCHER, "show", "coverage", *words).stdout.splitlines()[-1] == (
        "0 of 0 services are traced; 0 of 0 hops are broken."
    )


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b"\xef\xbb\xbfgate\r\n", 1, ""),
        (b"caf\xe9\n", 2, "Error: {} is not in UTF-8\nHint: write one service on a line, or A -> B\n"),
    ],
    ids=["with a byte order mark", "in Latin-1"],
)
def test_a_list_is_in_utf_8(collector: Collector, tmp_path: Path, content: bytes, code: int, said: str) -> None:
    file = tmp_path / "fleet.txt"
    file.write_bytes(content)
    words = ["--url", f"http://{collector.query}", "--backend", "collector", "--expect", str(file), "--json"]
    outcome = run(LAUNCHER, "show", "coverage", *words)

    assert (outcome.returncode, outcome.stderr) == (code, said.format(file))
    assert not outcome.stdout or json.loads(outcome.stdout)["services"][0]["service"] == "gate"


def test_a_list_has_services_and_hops() -> None:
    text = "# all\ngate\n\n  identity   # the second\ngate->identity\nllm-gateway -> prompts # a hop\n"

    assert expected(text) == Expected(
        ("gate", "identity", "llm-gateway", "prompts"), (("gate", "identity"), ("llm-gateway", "prompts"))
    )
    with pytest.raises(UsageError, match="line 2"):
        expected("gate\n-> identity\n")
