"""The doctor sends one span, and where nothing answers it names the cause and a next step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from time import monotonic

import pytest

from tests.doctor.authority import Authority
from tests.doctor.servers import dripping, grpc_server, silent
from tests.doctor.support import SERVICE, Report, doctor, examine
from tests.receiver import Receiver
from tests.support import free_port

SLOW = "the collector takes the connection and does not answer within 4 s; the service would wait 10 s"
# The whole of it: the doctor's own limit for a connection, and the start of two interpreters on a busy machine.
LONGEST = 60.0


def test_a_collector_that_is_up_takes_the_span(receiver: Receiver) -> None:
    report = examine(receiver.url)
    [span] = receiver.spans()

    assert (report.exit_code, report.ok, report.failed()) == (0, True, [])
    assert list(report.section("connection")) == ["name", "TCP", "test span"]
    assert report["connection/test span"].detail == f"sent and acknowledged, trace {span.trace_id}"
    assert (span.name, span.service) == ("platform-trace doctor", "platform-trace-doctor")


def test_the_span_is_compressed_if_spans_are(receiver: Receiver) -> None:
    report = examine(receiver.url, OTEL_EXPORTER_OTLP_COMPRESSION="gzip")

    assert report.exit_code == 0
    assert len(receiver.spans()) == 1


def test_without_an_endpoint_nothing_is_connected_to() -> None:
    report = doctor(*SERVICE)

    assert report.exit_code == 0
    assert [row.status for row in report.section("connection").values()] == ["off"]
    assert report["plan/exporter"].detail.startswith("stdout, since there is no endpoint")


@pytest.mark.parametrize(
    "host, next_step", [("127.0.0.1", "inside a container localhost is the container itself"), ("localhost", "4318")]
)
def test_refused(host: str, next_step: str) -> None:
    port = free_port()
    report = examine(f"http://{host}:{port}")
    row = report["connection/TCP"]

    assert (report.exit_code, report.failed()) == (1, ["connection/TCP"])
    assert row.detail == f"{host}:{port}: connection refused"
    assert next_step in row.hint


def test_a_name_that_is_not_known() -> None:
    report = examine("http://collector.invalid:4318")
    row = report["connection/name"]

    assert report.failed() == ["connection/name"]
    assert row.detail.startswith("collector.invalid cannot be resolved (")
    assert "check its spelling" in row.hint


# --- What takes all the time that there is ----------------------------------------------------------------------------

HANGING = {
    "http": (silent, "http", "http/protobuf"),
    "grpc": (silent, "http", "grpc"),
    "TLS": (silent, "https", "http/protobuf"),
    "dripping": (dripping, "http", "http/protobuf"),
    "dripping TLS": (dripping, "https", "http/protobuf"),
}


@pytest.fixture(scope="module")
def hanging() -> Mapping[str, tuple[Report, float]]:
    """The report on each of these servers, and the seconds it took. All at once: they only wait."""

    def look(make: Callable[[], AbstractContextManager[int]], scheme: str, protocol: str) -> tuple[Report, float]:
        began = monotonic()
        with make() as port:
            report = examine(f"{scheme}://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_PROTOCOL=protocol)
        return report, monotonic() - began

    with ThreadPoolExecutor(len(HANGING)) as threads:
        looks = {name: threads.submit(look, *server) for name, server in HANGING.items()}
        return {name: each.result() for name, each in looks.items()}


@pytest.mark.parametrize("name", HANGING)
def test_whatever_hangs_the_doctor_ends(hanging: Mapping[str, tuple[Report, float]], name: str) -> None:
    report, seconds = hanging[name]

    assert report.exit_code == 1
    assert seconds < LONGEST


@pytest.mark.parametrize("name", ["http", "grpc"])
def test_a_server_that_takes_connections_and_never_answers(
    hanging: Mapping[str, tuple[Report, float]], name: str
) -> None:
    report, _ = hanging[name]
    row = report["connection/test span"]

    assert report.failed() == ["connection/test span"]
    assert row.detail == SLOW
    assert "see that the collector runs and is not stuck" in row.hint


def test_a_server_that_never_answers_tls(hanging: Mapping[str, tuple[Report, float]]) -> None:
    report, _ = hanging["TLS"]

    assert report["connection/TLS"].detail.endswith(" takes the connection and does not answer")


def test_an_answer_that_never_ends(hanging: Mapping[str, tuple[Report, float]]) -> None:
    report, _ = hanging["dripping"]

    assert report["connection/test span"].detail == SLOW


@pytest.mark.parametrize(
    "timeout, said",
    [
        ("500", "does not answer within 0.5 s, which is all that the settings allow"),
        ("0", "does not answer within 4 s; the service would wait as long as it takes"),
    ],
)
def test_how_long_the_service_would_wait_is_its_own_setting(timeout: str, said: str) -> None:
    with silent() as port:
        report = examine(f"http://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_TIMEOUT=timeout)

    assert report["connection/test span"].detail.endswith(said)


# --- Wrong port and protocol ------------------------------------------------------------------------------------------


def test_http_to_a_port_for_grpc() -> None:
    with grpc_server() as server:
        report = examine(f"http://127.0.0.1:{server.port}")

    row = report["connection/test span"]
    assert report.failed() == ["connection/test span"]
    assert row.detail == "HTTP/2 is spoken there, as by a gRPC port"
    assert row.hint == "use port 4318, or OTEL_EXPORTER_OTLP_PROTOCOL=grpc"


def test_grpc_to_a_port_for_http(receiver: Receiver) -> None:
    report = examine(receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")

    row = report["connection/test span"]
    assert report.failed() == ["connection/test span"]
    assert row.detail == "no HTTP/2 is spoken there"
    assert row.hint == "use port 4317, or OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"


def test_https_to_a_port_without_tls(receiver: Receiver) -> None:
    report = examine(receiver.url.replace("http", "https"))

    assert report.failed() == ["connection/TLS"]
    assert report["connection/TLS"].detail.startswith("TLS failed (")
    assert report["connection/TLS"].hint.startswith("no TLS is spoken there: use http://")


def test_http_to_a_port_with_tls(authority: Authority) -> None:
    with authority.server() as port:
        report = examine(f"http://127.0.0.1:{port}")

    assert report.failed() == ["connection/test span"]
    assert report["connection/test span"].detail == "TLS is spoken there, and the endpoint says http://"
    assert "write https://" in report["connection/test span"].hint
