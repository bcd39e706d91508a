"""What a collector's answer to the span means, over HTTP and over gRPC."""

from __future__ import annotations

import pytest

from tests.doctor.servers import answering, grpc_server
from tests.doctor.support import SERVICE, doctor, examine
from tests.receiver import Receiver


@pytest.mark.parametrize(
    "status, cause, next_step",
    [
        (400, "400 Bad Request (because [31m of this)", "the collector cannot read the request"),
        (401, "401 Unauthorized", "no header was sent: set OTEL_EXPORTER_OTLP_HEADERS"),
        (403, "403 Forbidden", "no header was sent: set OTEL_EXPORTER_OTLP_HEADERS"),
        (404, "404 Not Found (because [31m of this)", "/v1/traces is added to OTEL_EXPORTER_OTLP_ENDPOINT"),
        (500, "500 Internal Server Error (because [31m of this)", "see the collector's log"),
        (503, "503 Service Unavailable", "overloaded or not ready"),
    ],
)
def test_an_answer_that_is_no_success(status: int, cause: str, next_step: str) -> None:
    with answering(status, b"because\x1b[31m of this", Content_Type="text/plain") as server:
        report = examine(f"http://127.0.0.1:{server.port}")

    assert (report.exit_code, report.failed()) == (1, ["connection/test span"])
    assert report["connection/test span"].detail == cause
    assert next_step in report["connection/test span"].hint


def test_401_names_the_headers_that_were_sent_and_not_their_values() -> None:
    with answering(401) as server:
        report = examine(f"http://127.0.0.1:{server.port}", OTEL_EXPORTER_OTLP_HEADERS="x-team=blue%20whale,a=b")

    assert server.asked[0][1]["x-team"] == "blue whale"
    assert "sent were the headers a, x-team" in report["connection/test span"].hint
    assert "whale" not in report.stdout


@pytest.mark.parametrize(
    "pasted, names",
    [
        # A header as HTTP writes it, a bare token that ends as base64 does, and a password with a comma.
        ("x-honeycomb-team: hunter2abcdef==", ""),
        ("aHVudGVyMg==", "(hidden)"),
        ("x-key=abc,hunter2Part=xyz", "(hidden), x-key"),
        ("X-API-Key=abc", "x-api-key"),
    ],
)
def test_what_looks_like_no_name_of_a_header_is_not_shown(pasted: str, names: str) -> None:
    with answering(401) as server:
        report = examine(f"http://127.0.0.1:{server.port}", OTEL_EXPORTER_OTLP_HEADERS=pasted)

    hint = report["connection/test span"].hint
    assert hint.startswith(f"sent were the headers {names}: " if names else "no header was sent: ")
    assert "hunter2" not in report.stdout.lower()


def test_a_path_that_is_there_twice(receiver: Receiver) -> None:
    row = examine(f"{receiver.url}/v1/traces")["connection/test span"]

    assert row.detail == "404 Not Found"
    assert row.hint == "write OTEL_EXPORTER_OTLP_ENDPOINT without /v1/traces"


def test_a_wrong_path(receiver: Receiver) -> None:
    report = doctor(*SERVICE, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=receiver.url)
    row = report["connection/test span"]

    assert row.detail == "404 Not Found (only /v1/traces is here)"
    assert "nothing to OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" in row.hint
    assert "used exactly as given" in report["plan/endpoint"].detail


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    with answering(307, Location=f"{receiver.url}/v1/traces") as server:
        report = examine(f"http://127.0.0.1:{server.port}")

    row = report["connection/test span"]
    assert row.detail == "307 Temporary Redirect"
    assert row.hint.startswith("redirects are not followed: set OTEL_EXPORTER_OTLP_ENDPOINT to the collector's own")
    assert receiver.spans() == []


def test_a_web_page_is_no_acknowledgement() -> None:
    with answering(200, b"<html>Welcome</html>", Content_Type="text/html") as server:
        report = examine(f"http://127.0.0.1:{server.port}")

    assert report["connection/test span"].detail == "what answers is a web page, perhaps no collector"
    assert report["connection/test span"].hint == "check the endpoint"
    assert report.exit_code == 1


# field 1, partial_success: field 1, rejected_spans; field 2, error_message
REJECTED = b"\x0a\x07\x08\x01\x12\x03ouch"[:-1]
WARNED = b"\x0a\x05\x12\x03ouc"


@pytest.mark.parametrize("over", ["http", "grpc"])
@pytest.mark.parametrize(
    "answer, status, cause",
    [(REJECTED, "failed", "rejects the span (partial success): ouc"), (WARNED, "warning", "with a warning: ouc")],
)
def test_a_partial_success(over: str, answer: bytes, status: str, cause: str) -> None:
    if over == "grpc":
        with grpc_server(answer) as server:
            report = examine(f"http://127.0.0.1:{server.port}", OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    else:
        with answering(200, answer, Content_Type="application/x-protobuf") as web:
            report = examine(f"http://127.0.0.1:{web.port}")

    assert report["connection/test span"].status == status
    assert cause in report["connection/test span"].detail


# --- gRPC -------------------------------------------------------------------------------------------------------------


def test_a_span_over_grpc() -> None:
    with grpc_server() as server:
        report = examine(
            f"http://127.0.0.1:{server.port}",
            OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
            OTEL_EXPORTER_OTLP_HEADERS="x-team=blue%20whale",
        )

    assert report.failed() == []
    assert "sent and acknowledged" in report["connection/test span"].detail
    assert server.metadata[0]["x-team"] == "blue whale"
    assert b"platform-trace-doctor" in server.bodies[0]


@pytest.mark.parametrize(
    "refusal, next_step",
    [("UNAUTHENTICATED", "set OTEL_EXPORTER_OTLP_HEADERS"), ("INTERNAL", "see the collector's log")],
)
def test_a_grpc_call_that_is_refused(refusal: str, next_step: str) -> None:
    with grpc_server(refusal=refusal) as server:
        report = examine(f"http://127.0.0.1:{server.port}", OTEL_EXPORTER_OTLP_PROTOCOL="grpc")

    assert report["connection/test span"].detail.startswith(refusal)
    assert next_step in report["connection/test span"].hint


def test_another_grpc_server() -> None:
    with grpc_server(method="Import") as server:
        report = examine(f"http://127.0.0.1:{server.port}", OTEL_EXPORTER_OTLP_PROTOCOL="grpc")

    assert "UNIMPLEMENTED" in report["connection/test span"].detail
    assert "another gRPC server listens there" in report["connection/test span"].hint
