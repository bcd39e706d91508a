"""OTLP over HTTP is answered as the specification has it: https://opentelemetry.io/docs/specs/otlp/#otlphttp."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # comes without types
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.collector.oracle_json import to_json
from tests.collector.running import JSON, PROTOBUF, Answer, Collector, Made, ask, body, eventually, log_body, request
from tests.support import PATIENCE


def json_body(*spans: Made) -> bytes:
    return json.dumps(to_json(request(*spans))).encode()


def invalid(*spans: Made) -> Any:
    """A request whose first span has no trace id."""
    message = request(*spans)
    message.resource_spans[0].scope_spans[0].spans[0].trace_id = b""
    return message


# --- What is taken ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["", "identity", "gzip", "deflate", "GZIP"])
@pytest.mark.parametrize("content_type", [PROTOBUF, JSON, "application/json; charset=utf-8"])
def test_traces_are_taken_in_each_encoding_and_answered_in_their_own(
    shared: Collector, encoding: str, content_type: str
) -> None:
    made = Made(hash((encoding, content_type)) % 2**64 + 1, 1, attributes={"n": 2**62})
    plain = body(made) if content_type == PROTOBUF else json_body(made)
    compress: Any = {"gzip": gzip.compress, "deflate": zlib.compress}.get(encoding.lower(), bytes)
    headers = {"content_encoding": encoding} if encoding else {}
    answer = shared.send(compress(plain), content_type=content_type, **headers)

    assert (answer.status, answer.headers["content-type"]) == (200, content_type.partition(";")[0])
    assert answer.body == (b"" if content_type == PROTOBUF else b"{}")
    (span,) = shared.spans(made.trace_id)
    assert span["attributes"] == [{"key": "n", "value": {"intValue": str(2**62)}}]


def test_logs_are_taken_and_found_by_their_trace(shared: Collector) -> None:
    answer = shared.send(log_body("hello", trace=7001, span=1), "logs")

    assert answer.status == 200
    (of_resource,) = shared.get(f"/query/traces/{7001:032x}/logs")["resourceLogs"]
    assert of_resource["scopeLogs"][0]["logRecords"][0]["body"] == {"stringValue": "hello"}


def test_metrics_are_taken_counted_and_not_kept(collector: Collector) -> None:
    message = ExportMetricsServiceRequest()
    points = message.resource_metrics.add().scope_metrics.add().metrics.add().gauge.data_points
    points.add()
    points.add()
    size = collector.get("/query/status")["bytes"]
    answer = collector.send(message.SerializeToString(), "metrics")

    assert answer.status == 200
    assert collector.get("/query/status")["received"]["metrics"] == {"requests": 1, "accepted": 2, "rejected": 0}
    assert collector.get("/query/status")["bytes"] == size


def test_an_empty_request_is_a_success(shared: Collector) -> None:
    assert shared.send(b"").status == 200
    assert shared.send(b"{}", content_type=JSON).json == {}


def test_the_body_may_come_in_chunks(shared: Collector) -> None:
    made = Made(7002, 1)
    connection = HTTPConnection(shared.http, timeout=PATIENCE)
    chunks = (body(made)[start : start + 7] for start in range(0, len(body(made)), 7))
    connection.request("POST", "/v1/traces", chunks, {"content-type": PROTOBUF}, encode_chunked=True)

    assert connection.getresponse().status == 200
    assert shared.spans(made.trace_id)
    connection.close()


def test_one_connection_takes_many_requests_of_which_some_are_refused(shared: Collector) -> None:
    connection = HTTPConnection(shared.http, timeout=PATIENCE)
    statuses = []
    for data in (body(Made(7003, 1)), b"\xff", body(Made(7003, 2))):
        connection.request("POST", "/v1/traces", data, {"content-type": PROTOBUF})
        response = connection.getresponse()
        statuses.append(response.status)
        response.read()
    connection.close()

    assert statuses == [200, 400, 200]
    assert len(shared.spans(Made(7003, 1).trace_id)) == 2


# --- What is taken in part --------------------------------------------------------------------------------------------


def test_invalid_spans_are_a_partial_success_in_protobuf(shared: Collector) -> None:
    message = invalid(Made(7004, 1), Made(7004, 2), Made(7004, 3))
    answer = shared.send(message.SerializeToString())
    partial = ExportTraceServiceResponse.FromString(answer.body).partial_success

    assert (answer.status, partial.rejected_spans) == (200, 1)
    assert "a trace id has 16 bytes" in partial.error_message
    assert len(shared.spans(Made(7004, 1).trace_id)) == 2


def test_invalid_spans_are_a_partial_success_in_json(shared: Collector) -> None:
    document = to_json(invalid(Made(7005, 1), Made(7005, 2)))
    answer = shared.send(json.dumps(document).encode(), content_type=JSON)

    assert answer.json["partialSuccess"]["rejectedSpans"] == "1"


# --- What is refused --------------------------------------------------------------------------------------------------


def status_of(answer: Answer) -> Any:
    """google.rpc.Status in the answer's encoding."""
    if answer.headers["content-type"] == PROTOBUF:
        return Status.FromString(answer.body)
    return json_format.ParseDict(answer.json, Status())


@pytest.mark.parametrize("content_type, data", [(PROTOBUF, b"\xff"), (JSON, b"{")])
def test_a_malformed_body_is_answered_with_400_and_a_status_in_its_own_encoding(
    shared: Collector, content_type: str, data: bytes
) -> None:
    answer = shared.send(data, content_type=content_type)

    assert (answer.status, answer.headers["content-type"]) == (400, content_type)
    assert status_of(answer).code == 3
    assert "not an ExportTracesServiceRequest" in status_of(answer).message


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_that_is_not_compressed_as_it_says_is_answered_with_400(shared: Collector, encoding: str) -> None:
    answer = shared.send(b"certainly not", content_encoding=encoding)

    assert answer.status == 400
    assert f"not {encoding}" in status_of(answer).message


def test_another_path_is_answered_with_404(shared: Collector) -> None:
    assert ask(shared.http, "POST", "/v1/profiles", b"", content_type=PROTOBUF).status == 404
    assert ask(shared.http, "POST", "/", b"").status == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_another_method_is_answered_with_405(shared: Collector, method: str) -> None:
    answer = ask(shared.http, method, "/v1/traces")

    assert (answer.status, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/grpc", "multipart/form-data; boundary=x"])
def test_another_content_type_is_answered_with_415(shared: Collector, content_type: str) -> None:
    answer = shared.send(body(Made(1, 1)), content_type=content_type)

    assert answer.status == 415
    assert PROTOBUF in status_of(answer).message


def test_another_content_encoding_is_answered_with_415(shared: Collector) -> None:
    assert shared.send(body(Made(1, 1)), content_encoding="br").status == 415


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_a_bomb_is_answered_with_413(shared: Collector, compress: Any) -> None:
    encoding = "gzip" if compress is gzip.compress else "deflate"

    assert shared.send(compress(bytes(65 * 2**20)), content_encoding=encoding).status == 413


def test_a_body_that_grows_too_large_is_answered_with_413_while_it_comes(shared: Collector) -> None:
    with socket.create_connection(address(shared.http), PATIENCE) as client:
        client.sendall(head(b"Transfer-Encoding: chunked"))
        piece = b"100000\r\n" + bytes(2**20) + b"\r\n"
        sent = 0
        client.setblocking(False)
        answer = b""
        deadline = time.monotonic() + PATIENCE
        while b"\r\n" not in answer and time.monotonic() < deadline:
            try:
                sent += client.send(piece[sent % len(piece) :])
            except BlockingIOError:
                time.sleep(0.001)
            try:
                answer += client.recv(4096)
            except BlockingIOError:
                pass

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_more_than_there_is_memory_for_is_answered_with_503_and_when_to_come_again(collector: Collector) -> None:
    large = 60 * 2**20
    clients = []
    answers = []
    for _ in range(3):
        client = socket.create_connection(address(collector.http), PATIENCE)
        client.sendall(head(b"Content-Length: %d" % large) + bytes(large - 1))
        clients.append(client)

    # Two of them fit, and wait for their last byte.
    answers = [client for client in clients if answered(client)]

    (refused,) = answers
    text = refused.recv(65536)
    assert text.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1\r\n" in text
    assert collector.send(body(Made(1, 1))).status == 200
    for client in clients:
        client.close()


def answered(client: socket.socket) -> bool:
    client.settimeout(1)
    try:
        return bool(client.recv(1, socket.MSG_PEEK))
    except TimeoutError:
        return False


def address(text: str) -> tuple[str, int]:
    host, _, port = text.partition(":")
    return host, int(port)


def head(*lines: bytes) -> bytes:
    """The head of a POST with these headers."""
    names = (b"POST /v1/traces HTTP/1.1", b"Host: localhost", b"Content-Type: " + PROTOBUF.encode(), *lines)
    return b"\r\n".join(names) + b"\r\n\r\n"


# --- Together ---------------------------------------------------------------------------------------------------------


def test_what_many_send_at_once_is_all_there(shared: Collector) -> None:
    def send(number: int) -> int:
        return shared.send(body(*(Made(7100 + number % 3, 100 * number + span) for span in range(1, 51)))).status

    with ThreadPoolExecutor(16) as threads:
        statuses = list(threads.map(send, range(40)))

    assert set(statuses) == {200}
    assert sum(len(shared.spans(Made(7100 + number, 1).trace_id)) for number in range(3)) == 2000


def test_small_requests_are_answered_quickly_while_a_large_one_is_worked_on(shared: Collector) -> None:
    """Nothing that a large body asks for happens in the event loop; a generous limit, as machines are noisy."""
    large = body(*(Made(7200, span, attributes={"text": "x" * 100}) for span in range(1, 60_000)))
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(shared.send, large)
        slowest = 0.0
        while not answer.done():
            began = time.monotonic()
            assert shared.ask("/").status == 200
            slowest = max(slowest, time.monotonic() - began)

    assert answer.result().status == 200
    assert slowest < 2


def test_large_json_is_taken_like_small(shared: Collector) -> None:
    made = [Made(7300, span, attributes={"text": "x" * 1000}) for span in range(1, 1500)]
    taken = shared.send(json_body(*made), content_type=JSON)
    refused = shared.send(json_body(*made)[:-1], content_type=JSON)

    assert (taken.status, refused.status) == (200, 400)
    assert "not an ExportTracesServiceRequest" in status_of(refused).message
    assert len(shared.spans(made[0].trace_id)) == len(made)


def test_large_json_runs_nothing_of_the_folder_that_the_collector_was_started_in(tmp_path: Path) -> None:
    for name in ("json.py", "base64.py", "google.py", "platform_otel.py", "encodings.py"):
        (tmp_path / name).write_text("import os\nos.write(2, b'foreign code')\nos._exit(3)\n", encoding="utf-8")
    large = json_body(*(Made(1, span, attributes={"text": "x" * 1000}) for span in range(1, 1500)))
    with Collector(folder=tmp_path) as collector:
        answer = collector.send(large, content_type=JSON)

    assert (answer.status, collector.output().count("\n")) == (200, 1), answer


def test_a_collector_stops_while_large_requests_are_worked_on(collector: Collector) -> None:
    large = [Made(1, span, attributes={"text": "x" * 500}) for span in range(1, 40_000)]
    with ThreadPoolExecutor(2) as threads:
        answers = [
            threads.submit(send_and_be_cut_off, collector, data, content_type)
            for data, content_type in ((body(*large), PROTOBUF), (json_body(*large), JSON))
        ]
        eventually(lambda: "otlp_json" in children_of(collector.process.pid))
        assert collector.stop() == 0

    assert {answer.result() for answer in answers} <= {None, 200, 503}
    assert collector.output().count("\n") == 1


def send_and_be_cut_off(collector: Collector, data: bytes, content_type: str) -> int | None:
    try:
        return collector.send(data, content_type=content_type).status
    except (OSError, HTTPException):
        return None


def children_of(pid: int) -> str:
    """Their command lines."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "ppid=,args="], capture_output=True, text=True, check=True).stdout
    return "\n".join(line for line in listed.splitlines() if line.split()[0] == str(pid))
