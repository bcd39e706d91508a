"""OTLP over HTTP against collectors that behave, and against those that do not."""

from __future__ import annotations

import _socket
import gzip
import socket
import ssl
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from pathlib import Path
from time import monotonic

import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # comes without types
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from platform_otel import __version__
from platform_otel.export import connection, otlp_http
from platform_otel.export.endpoint import parse_endpoint
from platform_otel.export.otlp_http import OtlpHttpSender, retry_after
from platform_otel.export.outcome import Outcome, Refusal, one_line, partial_success, status_message
from tests import faults
from tests.faults import PROTOBUF, Authority, Collector, Fault
from tests.receiver import Receiver
from tests.support import environment, run

REQUEST = ExportTraceServiceRequest(
    resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[Span(name="GET /", span_id=b"12345678")])])]
).SerializeToString()
TAKEN = Outcome("taken")
# Above what any step takes here, below what would be no limit at all.
SOON = 5.0
MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(otlp_http, "say", lines.append)
    return lines


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"))


def sender(
    endpoint: str | Collector,
    headers: Mapping[str, str] | None = None,
    timeout: float = SOON,
    compression: str = "none",
    certificate: str = "",
    client_key: str = "",
    client_certificate: str = "",
) -> OtlpHttpSender:
    url = endpoint if isinstance(endpoint, str) else endpoint.url + "/v1/traces"
    return OtlpHttpSender(url, headers or {}, timeout, compression, certificate, client_key, client_certificate)


def send(to: OtlpHttpSender, request: bytes = REQUEST) -> Outcome:
    """Send once, with time enough."""
    return to.send(request, monotonic() + 30)


def timed(to: OtlpHttpSender, deadline: float = 30, request: bytes = REQUEST) -> tuple[Outcome, float]:
    start = monotonic()
    outcome = to.send(request, start + deadline)
    return outcome, monotonic() - start


# --- Requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_request_arrives_at_a_receiver_as_it_was_encoded(receiver: Receiver, compression: str) -> None:
    outcome = send(sender(receiver.url + "/v1/traces", compression=compression))

    assert outcome == TAKEN
    assert [span.name for span in receiver.spans()] == ["GET /"]


def test_a_request_says_what_it_is_and_who_sends_it() -> None:
    with Collector(faults.healthy) as collector:
        send(sender(collector, {"authorization": "Bearer abc", "X-Tenant": "blue"}))

    [request] = collector.requests
    assert request.method == "POST"
    assert request.target == "/v1/traces"
    assert request.body == REQUEST
    assert request.headers == {
        "host": f"127.0.0.1:{collector.port}",
        "user-agent": f"platform-otel/{__version__}",
        "authorization": "Bearer abc",
        "x-tenant": "blue",
        "content-type": PROTOBUF,
        "content-length": str(len(REQUEST)),
    }


def test_gzip_is_said_and_shrinks_what_is_sent() -> None:
    large = REQUEST * 1000
    with Collector(faults.healthy) as collector:
        send(sender(collector, compression="gzip"), large)

    [request] = collector.requests
    assert request.headers["content-encoding"] == "gzip"
    assert gzip.decompress(request.body) == large
    assert len(request.body) < len(large) / 10


def test_four_mebibytes_arrive_whole() -> None:
    with Collector(faults.healthy) as collector:
        send(sender(collector), bytes(range(256)) * 4 * 4096)

    assert collector.requests[0].body == bytes(range(256)) * 4 * 4096


def test_requests_follow_one_another_on_one_connection() -> None:
    with Collector(faults.healthy) as collector:
        one = sender(collector)
        outcomes = [send(one) for _ in range(5)]

    assert outcomes == [TAKEN] * 5
    assert collector.connections == 1
    assert len(collector.requests) == 5


@pytest.mark.parametrize("fault", [faults.close_after_answer, faults.status(200, Connection="close")])
def test_a_connection_that_the_collector_closed_is_opened_again_without_a_word(fault: Fault) -> None:
    with Collector(fault) as collector:
        one = sender(collector)
        outcomes = [send(one) for _ in range(3)]

    assert outcomes == [TAKEN] * 3
    assert collector.connections == 3
    assert len(collector.requests) == 3


def test_a_connection_that_ends_under_the_next_request_is_opened_once_more() -> None:
    def answer_once(exchange: faults.Exchange) -> None:
        exchange.receive()
        exchange.answer()
        exchange.receive()

    with Collector(answer_once) as collector:
        one = sender(collector)
        outcomes = [send(one), send(one)]

    assert outcomes == [TAKEN] * 2
    assert collector.connections == 2


def test_a_new_connection_that_ends_is_not_tried_again_at_once() -> None:
    with Collector(faults.close_after_request) as collector:
        outcome = send(sender(collector))

    assert outcome.status == "retry"
    assert collector.connections == 1


@pytest.mark.parametrize("secured", [False, True])
def test_a_child_that_is_forked_under_a_request_keeps_no_connection_of_its_parent(
    authority: Authority, secured: bool
) -> None:
    code = """if True:
        import os, stat, sys, threading
        from time import monotonic
        from platform_otel.export.otlp_http import OtlpHttpSender

        def sockets():
            return sum(map(is_socket, range(256)))

        def is_socket(descriptor):
            try:
                return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
            except OSError:
                return False

        of_others = sockets()
        sender = OtlpHttpSender(sys.argv[1], {}, 30.0, certificate=sys.argv[2])
        outcomes = []
        thread = threading.Thread(target=lambda: outcomes.append(sender.send(b"x", monotonic() + 30)))
        thread.start()
        sys.stdin.read(1)
        child = os.fork()
        if child == 0:
            sender.abandon()
            print("child", sockets() - of_others, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        print("parent", sockets() - of_others, flush=True)
        thread.join(30)
        print(*(outcome.status for outcome in outcomes), flush=True)
    """
    answering = threading.Event()

    def answer_late(exchange: faults.Exchange) -> None:
        exchange.receive()
        answering.wait(SOON)
        exchange.answer()

    with Collector(answer_late, authority.server() if secured else None) as collector:
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, collector.url, authority.certificate]
        pipe = subprocess.PIPE
        folder = Path(__file__).parents[2]
        process = subprocess.Popen(command, cwd=folder, env=environment(), stdin=pipe, stdout=pipe, stderr=pipe)
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            assert collector.wait_for(lambda collector: bool(collector.requests))
            process.stdin.write(b"x")
            process.stdin.close()
            printed = [process.stdout.readline(), process.stdout.readline()]
            answering.set()
            printed.append(process.stdout.readline())
            said = process.stderr.read()

    assert (printed, said) == ([b"child 0\n", b"parent 1\n", b"taken\n"], b"")


def test_after_close_the_next_request_opens_another_connection() -> None:
    with Collector(faults.healthy) as collector:
        one = sender(collector)
        send(one)
        one.close()
        outcome = send(one)

    assert outcome == TAKEN
    assert collector.connections == 2


def test_two_threads_may_send_at_the_same_time() -> None:
    gathered = threading.Barrier(2, timeout=SOON)

    def together(exchange: faults.Exchange) -> None:
        exchange.receive()
        gathered.wait()
        exchange.answer()

    with Collector(together) as collector:
        one = sender(collector)
        outcomes: list[Outcome] = []
        threads = [threading.Thread(target=lambda: outcomes.append(send(one))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SOON)

    assert outcomes == [TAKEN] * 2


@pytest.mark.parametrize(
    "target, sent",
    [
        ("", "/"),
        ("/", "/"),
        ("/v1/traces", "/v1/traces"),
        ("/a/b?tenant=blue&x=%20", "/a/b?tenant=blue&x=%20"),
        ("?x=1", "/?x=1"),
        ("/v1/traces#part", "/v1/traces"),
        ("/a b/ü", "/a%20b/%C3%BC"),
        ("/v1/traces\udcff", "/v1/traces%FF"),
        ("//v1/traces/", "//v1/traces/"),
    ],
)
def test_path_and_query_are_sent_as_given(target: str, sent: str) -> None:
    with Collector(faults.healthy) as collector:
        send(sender(collector.url + target))

    assert [request.target for request in collector.requests] == [sent]


def test_an_ipv6_address_is_an_endpoint() -> None:
    try:
        collector = Collector(faults.healthy, host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    with collector:
        outcome = send(sender(collector))

    assert outcome == TAKEN
    assert collector.requests[0].headers["host"] == f"[::1]:{collector.port}"


def test_userinfo_becomes_no_header_and_is_never_shown() -> None:
    with Collector(faults.status(400, b"who is hunter22", Content_Type="text/plain")) as collector:
        one = sender(collector.url.replace("//", "//pete:hunter22@") + "/v1/traces?key=verysecret")
        outcome = send(one)

    assert "authorization" not in collector.requests[0].headers
    assert collector.requests[0].headers["host"] == f"127.0.0.1:{collector.port}"
    assert "hunter22" not in outcome.message


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "nonsense",
        "ftp://localhost/v1/traces",
        "http://",
        "http://:4318",
        "http://localhost:0",
        "http://localhost:99999",
        "http://localhost:port",
        "http://[::1",
        "http://local host",
        "http://a\udcffb",
        "http://" + "x" * 70 + "ü.example",
        "unix:///run/collector.sock",
    ],
)
def test_what_is_no_address_is_refused_with_the_variable_to_correct(endpoint: str) -> None:
    outcome = send(sender(endpoint))

    assert outcome.status == "refused"
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in outcome.message


def test_headers_that_http_does_not_allow_are_left_out_with_one_line_that_shows_nothing_of_them(
    said: list[str],
) -> None:
    headers = {
        "authorization: bearer verysecret": "x",
        "x-split": "verysecret\r\nx-other: 1",
        "x-wide": "verysecret☃",
        "": "verysecret",
        "content-length": "7",
        "transfer-encoding": "chunked",
        "x-legal": "yes",
    }
    with Collector(faults.healthy) as collector:
        outcome = send(sender(collector, headers))

    assert outcome == TAKEN
    assert "x-legal" in collector.requests[0].headers
    assert not {"x-split", "x-other", "x-wide", "transfer-encoding"} & set(collector.requests[0].headers)
    assert collector.requests[0].headers["content-length"] == str(len(REQUEST))
    assert len(said) == 6
    assert not [line for line in said if "verysecret" in line]


def test_a_header_of_the_user_wins_over_the_user_agent() -> None:
    with Collector(faults.healthy) as collector:
        send(sender(collector, {"User-Agent": "mine"}))

    assert collector.requests[0].headers["user-agent"] == "mine"


# --- Answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [200, 202, 204])
def test_a_status_of_success_is_taken(code: int) -> None:
    with Collector(faults.status(code)) as collector:
        assert send(sender(collector)) == TAKEN


@pytest.mark.parametrize(
    "code, advice",
    [
        (400, "cannot read"),
        (401, "OTEL_EXPORTER_OTLP_HEADERS"),
        (403, "OTEL_EXPORTER_OTLP_HEADERS"),
        (404, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
        (405, "path"),
        (413, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"),
        (415, "protobuf"),
        (418, "does not take"),
        (500, "log"),
        (501, "does not take"),
        (999, "does not take"),
    ],
)
def test_other_statuses_are_refused_with_what_to_do(code: int, advice: str) -> None:
    with Collector(faults.status(code)) as collector:
        outcome = send(sender(collector))

    assert outcome.status == "refused"
    assert outcome.message.startswith(str(code))
    assert advice in outcome.message
    assert collector.connections == 1


@pytest.mark.parametrize("code", [429, 502, 503, 504])
@pytest.mark.parametrize("asked, seconds", [("", None), ("7", 7.0), ("soon", None)])
def test_a_collector_that_is_busy_may_be_asked_again(code: int, asked: str, seconds: float | None) -> None:
    with Collector(faults.status(code, Retry_After=asked)) as collector:
        outcome = send(sender(collector))

    assert (outcome.status, outcome.retry_after) == ("retry", seconds)
    assert outcome.message.startswith(str(code))


def test_retry_after_as_a_date_goes_by_the_clock_of_the_collector() -> None:
    assert retry_after("Wed, 21 Oct 2015 07:28:30 GMT", "Wed, 21 Oct 2015 07:28:00 GMT") == 30
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:30 GMT") == 0
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert 3590 < (retry_after(formatdate(usegmt=True, timeval=_in_an_hour())) or 0) <= 3600


def _in_an_hour() -> float:
    from time import time

    return time() + 3600


@given(st.text(), st.text())
def test_any_retry_after_is_survived(text: str, date: str) -> None:
    seconds = retry_after(text, date)

    assert seconds is None or seconds >= 0


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_its_target_never_contacted(code: int) -> None:
    with Collector(faults.healthy) as target, Collector(faults.status(code, Location=target.url)) as collector:
        outcome = send(sender(collector, {"authorization": "Bearer verysecret"}))

        assert outcome.status == "refused"
        assert "OTEL_EXPORTER_OTLP_ENDPOINT" in outcome.message
        assert target.connections == 0


def test_what_a_partial_success_rejected_is_counted_and_said() -> None:
    with Collector(faults.partial_success(3, "too old")) as collector:
        outcome = send(sender(collector))

    assert outcome == Outcome("taken", 3, "too old")


def test_a_partial_success_that_rejects_nothing_is_a_warning() -> None:
    with Collector(faults.partial_success(0, "be quick")) as collector:
        assert send(sender(collector)) == Outcome("taken", 0, "be quick")


@pytest.mark.parametrize(
    "body, headers",
    [
        (b"\xff" * 20, {}),
        (b"{}", {"Content_Type": "application/json"}),
        (b"fine", {"Content_Type": "text/plain"}),
        (b"\x0a\x02\x08\x05", {"Content_Type": PROTOBUF, "Content_Encoding": "gzip"}),
    ],
)
def test_an_answer_that_is_not_understood_is_taken_for_what_its_status_says(
    body: bytes, headers: dict[str, str]
) -> None:
    with Collector(faults.status(200, body, **headers)) as collector:
        assert send(sender(collector)) == TAKEN


def test_a_web_page_that_says_success_is_doubted() -> None:
    with Collector(faults.status(200, b"<html>", Content_Type="text/html; charset=utf-8")) as collector:
        outcome = send(sender(collector))

    assert outcome.status == "taken"
    assert "check the endpoint" in outcome.message


@pytest.mark.parametrize(
    "body, content_type",
    [
        (Status(code=3, message="no resource: line one\nline\x1b[31m two").SerializeToString(), PROTOBUF),
        (b"no resource: line one\nline\x1b[31m two", "text/plain"),
    ],
)
def test_what_the_collector_says_is_shown_on_one_line(body: bytes, content_type: str) -> None:
    with Collector(faults.status(400, body, Content_Type=content_type)) as collector:
        outcome = send(sender(collector))

    assert outcome.message.endswith("; it says: no resource: line one line [31m two")


@pytest.mark.parametrize("code", [400, 401, 403, 404, 500])
def test_credentials_that_the_collector_quotes_are_not_shown(code: int) -> None:
    headers = {"authorization": "Bearer verysecret", "x-key": "abcd-1234"}
    quoted = b"bad token verysecret, bad key abcd-1234"
    with Collector(faults.status(code, quoted, Content_Type="text/plain")) as collector:
        outcome = send(sender(collector, headers))

    assert "verysecret" not in outcome.message
    assert "abcd-1234" not in outcome.message


@given(st.binary(max_size=200))
def test_any_bytes_can_be_read_as_an_answer(answer: bytes) -> None:
    rejected, message = partial_success(answer)

    assert rejected >= 0
    assert "\n" not in one_line(message)
    assert isinstance(status_message(answer), str)


# --- Faults -----------------------------------------------------------------------------------------------------------


def test_a_port_where_nobody_listens_is_retried() -> None:
    with faults.refusing() as port:
        outcome, took = timed(sender(f"http://127.0.0.1:{port}/v1/traces"))

    assert outcome.status == "retry"
    assert "refused" in outcome.message
    assert took < SOON


def test_a_name_that_is_unknown_is_retried() -> None:
    outcome = send(sender("http://nowhere.invalid:4318/v1/traces"))

    assert outcome.status == "retry"
    assert "nowhere.invalid" in outcome.message


def _drip_from_the_start() -> Fault:
    return faults.drip(faults.head(200, **{"Content-Length": "0"}) * 100, 0.01)


@pytest.mark.parametrize(
    "fault", [faults.hang, faults.hang_after_request, _drip_from_the_start()], ids=["hang", "no answer", "drip"]
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_collector_that_is_slow_costs_no_more_than_the_timeout(
    fault: Fault, scheme: str, authority: Authority
) -> None:
    tls = authority.server() if scheme == "https" else None
    with Collector(fault, tls) as collector:
        outcome, took = timed(sender(collector, timeout=0.3, certificate=authority.certificate))

    assert outcome == Outcome("retry", message="the collector did not answer in time")
    assert 0.3 <= took < SOON


def test_a_handshake_that_stalls_costs_no_more_than_the_timeout(authority: Authority) -> None:
    with Collector(faults.hang) as collector:
        url = f"https://localhost:{collector.port}/v1/traces"
        outcome, took = timed(sender(url, timeout=0.3, certificate=authority.certificate))

    assert outcome.status == "retry"
    assert 0.3 <= took < SOON


def test_an_address_that_does_not_answer_costs_no_more_than_the_timeout() -> None:
    with faults.unreachable() as port:
        outcome, took = timed(sender(f"http://127.0.0.1:{port}/v1/traces", timeout=0.3))

    assert outcome.status == "retry"
    assert 0.3 <= took < SOON


def test_the_deadline_counts_where_it_is_earlier_than_the_timeout() -> None:
    with Collector(faults.hang) as collector:
        outcome, took = timed(sender(collector, timeout=60), deadline=0.3)

    assert outcome.status == "retry"
    assert took < SOON


@pytest.mark.parametrize("timeout", [0.0, float("inf")])
def test_no_timeout_means_the_deadline_alone(timeout: float) -> None:
    with Collector(faults.healthy) as collector:
        assert sender(collector, timeout=timeout).send(REQUEST, float("inf")) == TAKEN


def test_when_the_deadline_is_over_nothing_is_tried() -> None:
    with Collector(faults.healthy) as collector:
        outcome = sender(collector).send(REQUEST, monotonic())

        assert outcome.status == "retry"
        assert collector.connections == 0


def test_a_collector_that_does_not_read_costs_no_more_than_the_timeout() -> None:
    with Collector(faults.hang) as collector:
        outcome, took = timed(sender(collector, timeout=0.3), request=bytes(32 * MIB))

    assert outcome.status == "retry"
    assert took < SOON


def test_a_body_that_drips_does_not_undo_what_the_status_says() -> None:
    answer = faults.head(200, **{"Content-Length": "1000"})

    def drip_the_body(exchange: faults.Exchange) -> None:
        exchange.receive()
        exchange.sock.sendall(answer)
        exchange.stopped.wait(SOON)

    with Collector(drip_the_body) as collector:
        outcome, took = timed(sender(collector, timeout=0.3))

    assert outcome == TAKEN
    assert took < SOON


@pytest.mark.parametrize("fault", [faults.close_at_once, faults.close_after_request, faults.reset])
def test_a_connection_that_breaks_is_retried(fault: Fault) -> None:
    with Collector(fault) as collector:
        outcome = send(sender(collector))

    assert outcome == Outcome("retry", message="the collector closed the connection without an answer")


def test_an_answer_that_comes_before_all_is_sent_is_read() -> None:
    with Collector(faults.refuse_unread(413)) as collector:
        outcome = send(sender(collector), bytes(32 * MIB))

    assert outcome.status == "refused"
    assert outcome.message.startswith("413")


@pytest.mark.parametrize("code, status", [(200, "taken"), (400, "refused"), (503, "retry")])
@pytest.mark.parametrize("chunked", [False, True])
def test_an_answer_of_600_megabytes_is_not_read(chunked: bool, code: int, status: str) -> None:
    with Collector(faults.huge(chunked, code)) as collector:
        one = sender(collector)
        outcome, peak = _traced(lambda: send(one))
        again = send(one)

    assert (outcome.status, again.status) == (status, status)
    assert collector.connections == 2
    assert peak < 32 * MIB


def test_a_gzip_bomb_stays_as_it_is() -> None:
    with Collector(faults.gzip_bomb) as collector:
        outcome, peak = _traced(lambda: send(sender(collector)))

    assert outcome == TAKEN
    assert peak < 32 * MIB


def _traced(act: Callable[[], Outcome]) -> tuple[Outcome, int]:
    tracemalloc.start()
    try:
        return act(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "fault, advice",
    [
        (faults.garbage, "no HTTP server"),
        (faults.http2, "use port 4318, or OTEL_EXPORTER_OTLP_PROTOCOL=grpc"),
        (faults.tls_alert, "use https://"),
    ],
)
def test_what_is_no_http_is_refused_at_once_with_what_it_is(fault: Fault, advice: str) -> None:
    with Collector(fault) as collector:
        outcome, took = timed(sender(collector, timeout=60))

    assert outcome.status == "refused"
    assert advice in outcome.message
    assert took < SOON


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/9.9 200 Fine\r\n\r\n",
        b"HTTP/1.1 200 Fine\r\n" + b"x: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 Fine\r\nx: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/" + b"1" * 100_000,
        b"HTTP/1.1 200 Fine\r\nx y: z\r\n\r\n",
        b"HTTP/1.1 200 Fine\r\nno colon\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 5000,
    ],
)
def test_http_gone_wrong_is_refused(answer: bytes) -> None:
    with Collector(_saying(answer)) as collector:
        outcome = send(sender(collector))

    assert outcome.status == "refused"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 Fine\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 Fine\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 Fine\r\nContent-Type: \xff;;=\r\nContent-Encoding: \xff\r\n\r\n\x00",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 Fine\r\n\r\n",
        b"HTTP/1.1 200\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 Fine\nContent-Length: 0\n\n",
        b"HTTP/1.1 200 Fine\r\nX: a,\r\n b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 Fine\r\nContent-Length: 0\r\nContent-Length: 7\r\n\r\n",
        b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: gzip\r\n\r\n",
    ],
)
def test_odd_but_legible_answers_are_taken(answer: bytes) -> None:
    with Collector(_saying(answer)) as collector:
        one = sender(collector)

        assert [send(one), send(one)] == [TAKEN, TAKEN]


@pytest.mark.parametrize("answer", [b"HTTP/1.1 2", b"HTTP/1.1 200 Fine\r\n", b"HTTP/1.1 200 Fine\r\nContent-Le"])
def test_an_answer_that_ends_before_its_body_begins_is_none(answer: bytes) -> None:
    with Collector(_saying(answer)) as collector:
        outcome = send(sender(collector))

    assert outcome == Outcome("retry", message="the collector closed the connection without an answer")


def test_an_answer_that_comes_unasked_after_another_is_nobodys() -> None:
    with Collector(_saying(faults.head(200, **{"Content-Length": "0"}) + faults.head(400))) as collector:
        one = sender(collector)
        outcomes = [send(one), send(one)]

    assert outcomes == [TAKEN, TAKEN]
    assert collector.connections == 2


def _saying(answer: bytes) -> Fault:
    def say_it(exchange: faults.Exchange) -> None:
        exchange.receive()
        exchange.sock.sendall(answer)

    return say_it


# --- What it loads ----------------------------------------------------------------------------------------------------

LOADED = """if True:
    import sys
    from platform_otel.export.otlp_http import OtlpHttpSender

    sender = OtlpHttpSender(sys.argv[1], {}, 30.0, certificate=sys.argv[2])
    made = set(sys.modules)
    print(sender.send(b"spans", float("inf")).status)
    print(*sorted({"email", "http", "ssl"} & made), *sorted(set(sys.modules) - made))
"""


@pytest.mark.parametrize("scheme, loaded", [("http", ""), ("https", "ssl")])
def test_ssl_is_loaded_for_tls_alone_and_nothing_after_the_sender_is_made(
    authority: Authority, scheme: str, loaded: str
) -> None:
    tls = authority.server() if scheme == "https" else None
    with Collector(faults.healthy, tls) as collector:
        ended = run(sys.executable, "-c", LOADED, collector.url, authority.certificate, cwd=Path(__file__).parents[2])

    assert ended.stderr == ""
    assert ended.stdout.splitlines() == ["taken", loaded]


# --- Names ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def hanging_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Names whose lookup hangs until the test is over; the lookups that began."""
    over = threading.Event()
    began: list[object] = []
    real = _socket.getaddrinfo

    def look_up(host: bytes, port: int, type: int, flags: int) -> object:  # noqa: A002  # its name is socket's
        if host == b"hanging.example" and not flags & socket.AI_NUMERICHOST:
            began.append(host)
            over.wait(SOON)
            raise socket.gaierror(socket.EAI_AGAIN, "later")
        return real(host, port, type=type, flags=flags)

    monkeypatch.setattr(_socket, "getaddrinfo", look_up)
    yield began
    over.set()


def test_a_lookup_that_hangs_costs_no_more_than_the_timeout_and_one_thread(hanging_names: list[object]) -> None:
    one = sender("http://hanging.example:4318/v1/traces", timeout=0.1)
    results = [timed(one) for _ in range(3)]

    assert [outcome.status for outcome, _ in results] == ["retry"] * 3
    assert max(took for _, took in results) < SOON
    assert len(hanging_names) == 1


def test_where_no_thread_may_start_names_are_resolved_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    with Collector(faults.healthy) as collector:
        monkeypatch.setattr(connection, "start", lambda work: False)

        assert send(sender(f"http://localhost:{collector.port}/v1/traces")) == TAKEN


def test_an_interpreter_that_shuts_down_still_sends_to_a_name() -> None:
    code = """if True:
        import atexit, sys
        from time import monotonic
        from platform_otel.export.otlp_http import OtlpHttpSender

        sender = OtlpHttpSender(sys.argv[1], {}, 30.0)
        atexit.register(lambda: print(sender.send(b"last", monotonic() + 30).status))
    """
    with Collector(faults.healthy) as collector:
        url = f"http://localhost:{collector.port}/v1/traces"
        ended = run(sys.executable, "-c", code, url, cwd=Path(__file__).parents[2])

    assert (ended.stdout, ended.stderr) == ("taken\n", "")
    assert collector.requests[0].body == b"last"


def test_a_dead_address_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with faults.unreachable() as dead, Collector(faults.healthy) as collector:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in (dead, collector.port)]
        monkeypatch.setattr(_socket, "getaddrinfo", lambda *_, **__: found)

        assert send(sender("http://two.example/v1/traces", timeout=1.0)) == TAKEN


# --- Proxies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_plain_request_goes_to_the_proxy_whole(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    with Collector(faults.proxy) as proxy:
        monkeypatch.setenv(variable, f"http://pete:hunt%40er@127.0.0.1:{proxy.port}")
        outcome = send(sender("http://collector.example:4318/v1/traces?x=1"))

    assert outcome == TAKEN
    [request] = proxy.requests
    assert request.target == "http://collector.example:4318/v1/traces?x=1"
    assert request.headers["host"] == "collector.example:4318"
    assert request.headers["proxy-authorization"] == "Basic cGV0ZTpodW50QGVy"


def test_a_secured_request_goes_through_a_tunnel_and_the_proxy_sees_no_header_of_it(
    monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    tls = authority.server("collector.example")
    with Collector(faults.healthy, tls) as collector, Collector(_tunnel_to(collector)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"pete:hunter22@127.0.0.1:{proxy.port}")
        one = sender("https://collector.example/v1/traces", {"x-key": "abcd"}, certificate=authority.certificate)
        outcomes = [send(one), send(one)]

    assert outcomes == [TAKEN, TAKEN]
    [tunnel] = proxy.requests
    assert (tunnel.method, tunnel.target) == ("CONNECT", "collector.example:443")
    assert tunnel.headers["proxy-authorization"] == "Basic cGV0ZTpodW50ZXIyMg=="
    assert "x-key" not in tunnel.headers
    assert "proxy-authorization" not in collector.requests[0].headers


def _tunnel_to(collector: Collector) -> Fault:
    """A proxy that knows the way to collector.example."""

    def relay(exchange: faults.Exchange) -> None:
        exchange.receive()
        faults.tunnel(exchange, "127.0.0.1", collector.port)

    return relay


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "LocalHost"])
def test_the_loopback_is_never_proxied(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    with Collector(faults.proxy) as proxy, Collector(faults.healthy) as collector:
        for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(variable, proxy.url)
        outcome = send(sender(f"http://{host}:{collector.port}/v1/traces"))

        assert outcome == TAKEN
        assert proxy.connections == 0


@pytest.mark.parametrize("host", ["::1", "::ffff:127.0.0.1", "127.255.0.9", "0:0::1", "LOCALHOST."])
def test_other_forms_of_the_loopback_are_known(host: str) -> None:
    assert parse_endpoint(f"http://[{host}]:4318" if ":" in host else f"http://{host}:4318").is_loopback


@pytest.mark.parametrize("host", ["128.0.0.1", "localhost.example", "[::2]", "10.0.0.1", "127.example"])
def test_what_only_looks_like_the_loopback_is_not(host: str) -> None:
    assert not parse_endpoint(f"http://{host}:4318").is_loopback


def test_no_proxy_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    with Collector(faults.proxy) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", ".invalid")
        outcome = send(sender("http://nowhere.invalid/v1/traces"))

        assert outcome.status == "retry"
        assert proxy.connections == 0


@pytest.mark.parametrize("url", ["socks5://127.0.0.1:1", "https://127.0.0.1:1", "http://", "http://a:port"])
def test_a_proxy_that_cannot_be_used_is_not_passed_by(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", url)
    outcome = send(sender("https://nowhere.invalid/v1/traces"))

    assert outcome.status == "refused"
    assert "HTTPS_PROXY" in outcome.message


@pytest.mark.parametrize(
    "code, status, advice",
    [
        (407, "refused", "credentials in HTTPS_PROXY"),
        (403, "refused", "check HTTPS_PROXY and NO_PROXY"),
        (502, "retry", "proxy"),
    ],
)
def test_a_proxy_that_refuses_is_said(monkeypatch: pytest.MonkeyPatch, code: int, status: str, advice: str) -> None:
    with Collector(faults.status(code)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://pete:hunter22@127.0.0.1:{proxy.port}")
        outcome = send(sender("https://collector.example/v1/traces"))

    assert outcome.status == status
    assert advice in outcome.message
    assert "hunter22" not in outcome.message


def test_a_proxy_that_hangs_costs_no_more_than_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    with Collector(faults.hang) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        outcome, took = timed(sender("https://collector.example/v1/traces", timeout=0.3))

    assert outcome.status == "retry"
    assert took < SOON


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_requests_follow_one_another_on_one_secured_connection(authority: Authority, version: ssl.TLSVersion) -> None:
    tls = authority.server()
    tls.minimum_version = tls.maximum_version = version
    with Collector(faults.healthy, tls) as collector:
        one = sender(collector, certificate=authority.certificate)
        outcomes = [send(one, REQUEST * 1000) for _ in range(3)]

    assert outcomes == [TAKEN] * 3
    assert collector.connections == 1


@pytest.mark.parametrize("separate", [True, False])
@pytest.mark.parametrize("own_authority", [True, False])
def test_mutual_tls_works_with_and_without_an_authority_of_ones_own(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_authority: bool, separate: bool
) -> None:
    key, certificate = authority.client()
    if not separate:
        both = tmp_path / "both.pem"
        both.write_text(Path(key).read_text() + Path(certificate).read_text())
        key, certificate = "", str(both)
    if not own_authority:
        monkeypatch.setenv("SSL_CERT_FILE", authority.certificate)
    with Collector(faults.healthy, authority.server(client=authority)) as collector:
        own = authority.certificate if own_authority else ""
        outcome = send(sender(collector, certificate=own, client_key=key, client_certificate=certificate))

    assert outcome == TAKEN


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_collector_that_wants_a_certificate_of_ours_is_refused_with_what_to_set(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    tls = authority.server(client=authority)
    tls.minimum_version = tls.maximum_version = version
    with Collector(faults.healthy, tls) as collector:
        outcome = send(sender(collector, certificate=authority.certificate))

    assert outcome.status == "refused"
    assert "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" in outcome.message
    assert not collector.requests


def test_a_certificate_of_ours_that_the_collector_does_not_know_is_refused(
    authority: Authority, stranger: Authority
) -> None:
    key, certificate = stranger.client()
    with Collector(faults.healthy, authority.server(client=authority)) as collector:
        one = sender(collector, certificate=authority.certificate, client_key=key, client_certificate=certificate)
        outcome = send(one)

    assert outcome.status == "refused"
    assert "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" in outcome.message


def _unknown(authority: Authority, stranger: Authority) -> ssl.SSLContext:
    return stranger.server()


def _wrong_host(authority: Authority, stranger: Authority) -> ssl.SSLContext:
    return authority.server("elsewhere.example")


def _expired(authority: Authority, stranger: Authority) -> ssl.SSLContext:
    return authority.server(expired=True)


@pytest.mark.parametrize(
    "made, advice",
    [
        (_unknown, "set OTEL_EXPORTER_OTLP_CERTIFICATE"),
        (_wrong_host, "correct the host in OTEL_EXPORTER_OTLP_ENDPOINT"),
        (_expired, "expired): renew it"),
    ],
)
def test_a_bad_certificate_fails_closed_and_says_which_check(
    authority: Authority,
    stranger: Authority,
    made: Callable[[Authority, Authority], ssl.SSLContext],
    advice: str,
) -> None:
    with Collector(faults.healthy, made(authority, stranger)) as collector:
        outcome = send(sender(collector, {"x-key": "verysecret"}, certificate=authority.certificate))

    assert outcome.status == "refused"
    assert advice in outcome.message
    assert not collector.requests


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_other_variables_name_authorities_where_ours_does_not(
    authority: Authority, stranger: Authority, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with Collector(faults.healthy, authority.server()) as collector:
        unknown = send(sender(collector))
        monkeypatch.setenv(variable, authority.certificate)
        known = send(sender(collector))
        ours_wins = send(sender(collector, certificate=stranger.certificate))

    assert (unknown.status, known, ours_wins.status) == ("refused", TAKEN, "refused")


def test_requests_ca_bundle_may_be_a_directory(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(Path(authority.certificate).parent))
    with Collector(faults.healthy, authority.server()) as collector:
        outcome = send(sender(collector))

    # Its names are no hashes, so nothing is found in it; what counts is that it can be read.
    assert "OTEL_EXPORTER_OTLP_CERTIFICATE" in outcome.message


@pytest.mark.parametrize("kind", ["missing", "a directory", "empty", "garbage", "null"])
def test_a_file_of_authorities_that_cannot_be_read_fails_closed(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "authority.pem"
    if kind == "a directory":
        path.mkdir()
    elif kind != "missing":
        path.write_text("" if kind == "empty" else "nonsense")
    with Collector(faults.healthy) as collector:
        url = f"https://localhost:{collector.port}"
        outcome = send(sender(url, certificate=str(path) + ("\0" if kind == "null" else "")))

        assert outcome.status == "refused"
        assert "OTEL_EXPORTER_OTLP_CERTIFICATE" in outcome.message
        assert collector.connections == 0


def _no_such_file(authority: Authority, folder: Path) -> tuple[str, str]:
    return str(folder / "no-key.pem"), str(folder / "no.pem")


def _key_alone(authority: Authority, folder: Path) -> tuple[str, str]:
    return authority.client()[0], ""


def _not_a_pair(authority: Authority, folder: Path) -> tuple[str, str]:
    return authority.client("other")[0], authority.client("client")[1]


def _passphrase(authority: Authority, folder: Path) -> tuple[str, str]:
    from cryptography.hazmat.primitives import serialization as keys

    key, certificate = authority.client()
    loaded = keys.load_pem_private_key(Path(key).read_bytes(), None)
    encrypted = loaded.private_bytes(
        keys.Encoding.PEM, keys.PrivateFormat.PKCS8, keys.BestAvailableEncryption(b"hunter22")
    )
    path = folder / "encrypted.pem"
    path.write_bytes(encrypted)
    return str(path), certificate


@pytest.mark.parametrize(
    "made, problem",
    [
        (_no_such_file, "No such file"),
        (_key_alone, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
        (_not_a_pair, "does not belong"),
        (_passphrase, "passphrase"),
    ],
)
def test_a_key_or_certificate_of_ours_that_cannot_be_used_fails_closed_without_a_prompt(
    authority: Authority, tmp_path: Path, made: Callable[[Authority, Path], tuple[str, str]], problem: str
) -> None:
    key, certificate = made(authority, tmp_path)
    with Collector(faults.healthy, authority.server()) as collector:
        one = sender(collector, certificate=authority.certificate, client_key=key, client_certificate=certificate)
        outcome, took = timed(one)

        assert outcome.status == "refused"
        assert problem in outcome.message
        assert took < SOON
        assert collector.connections == 0


def test_a_certificate_that_is_replaced_counts_from_the_next_connection(
    authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    path = tmp_path / "authority.pem"
    path.write_bytes(Path(stranger.certificate).read_bytes())
    with Collector(faults.healthy, authority.server()) as collector:
        one = sender(collector, certificate=str(path))
        before = send(one)
        path.write_bytes(Path(authority.certificate).read_bytes())

        assert (before.status, send(one)) == ("refused", TAKEN)


def test_a_port_without_tls_is_refused_with_what_to_use(authority: Authority) -> None:
    def answer_whatever_comes(exchange: faults.Exchange) -> None:
        exchange.sock.recv(65536)
        exchange.sock.sendall(faults.head(400))

    with Collector(answer_whatever_comes) as collector:
        outcome = send(sender(f"https://localhost:{collector.port}", certificate=authority.certificate))

    assert outcome.status == "refused"
    assert "use http://" in outcome.message


def test_a_plain_request_to_a_port_with_tls_is_not_taken(authority: Authority) -> None:
    with Collector(faults.healthy, authority.server()) as collector:
        outcome = send(sender(f"http://localhost:{collector.port}"))

    assert outcome.status != "taken"
    assert not collector.requests


def test_a_refusal_is_an_error_with_a_text() -> None:
    with pytest.raises(Refusal, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        parse_endpoint("nonsense")
