"""OTLP over gRPC against grpcio's own server, and against ports that are none."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # comes without types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # the same
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from platform_otel import __version__
from platform_otel.export import otlp_grpc
from platform_otel.export.endpoint import Target, parse_target
from platform_otel.export.otlp_grpc import OtlpGrpcSender
from platform_otel.export.outcome import Outcome, Refusal
from tests import faults
from tests.faults import Authority, Collector, Fault
from tests.support import environment, run

REQUEST = b"\x0a\x00" * 1000
TAKEN = Outcome("taken")
# Above what any step takes here, below what would be no limit at all.
SOON = 5.0
ROOT = Path(__file__).parents[2]
# Python 3.12 warns of every fork of a process with threads.
PYTHON = (sys.executable, "-W", "ignore::DeprecationWarning", "-c")

# What a server does with a request. Any: the context of grpcio has a type per release.
Answer = Callable[[bytes, Any], bytes]


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"))


class Received:
    """What a server was sent."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.requests: list[bytes] = []
        self.metadata: list[dict[str, object]] = []
        self.came = Event()

    def __call__(self, request: bytes, context: Any) -> bytes:
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        self.came.set()
        return self._answer(request, context)


def take(request: bytes, context: object) -> bytes:
    return b""


@contextmanager
def server(
    answer: Answer = take,
    credentials: grpc.ServerCredentials | None = None,
    port: int = 0,
    grace: float | None = 0.05,
) -> Iterator[tuple[int, Received]]:
    """A server of grpcio on the loopback: its port, and what it receives. Without grace it ends by an error."""
    received = Received(answer)
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(received)
    running = grpc.server(ThreadPoolExecutor(4))
    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    running.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": handler}),))
    address = f"127.0.0.1:{port}"
    port = running.add_secure_port(address, credentials) if credentials else running.add_insecure_port(address)
    running.start()
    try:
        yield port, received
    finally:
        running.stop(grace).wait(SOON)


def secured(by: Authority, client: Authority | None = None) -> grpc.ServerCredentials:
    issued = by.issue("localhost")
    chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
    clients = Path(client.certificate).read_bytes() if client else None
    return grpc.ssl_server_credentials([(issued.private_key_pem.bytes(), chain)], clients, client is not None)


@contextmanager
def sender(endpoint: str, headers: Mapping[str, str] | None = None, **settings: Any) -> Iterator[OtlpGrpcSender]:
    # Any: the settings have many types.
    one = OtlpGrpcSender(endpoint, headers or {}, settings.pop("timeout", SOON), **settings)
    try:
        yield one
    finally:
        one.close()


def send(endpoint: str, headers: Mapping[str, str] | None = None, **settings: Any) -> Outcome:
    """Send once by a sender of its own, with time enough."""
    with sender(endpoint, headers, **settings) as one:
        return one.send(REQUEST, monotonic() + 30)


# --- Requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_request_arrives_as_it_was_encoded(compression: str) -> None:
    with server() as (port, received):
        outcome = send(f"http://127.0.0.1:{port}", compression=compression)

    assert outcome == TAKEN
    assert received.requests == [REQUEST]


@pytest.mark.parametrize("compression, shrinks", [("none", False), ("gzip", True)])
def test_gzip_shrinks_what_is_sent(compression: str, shrinks: bool) -> None:
    sizes: list[int] = []

    def count(exchange: faults.Exchange) -> None:
        with socket.create_connection(("127.0.0.1", port), SOON) as real:
            Thread(target=faults.relay, args=(real, exchange.sock), daemon=True).start()
            faults.relay(exchange.sock, real, sizes.append)

    with server() as (port, received), Collector(count) as between:
        outcome = send(between.url, compression=compression)

    assert outcome == TAKEN
    assert received.requests == [REQUEST]
    assert (sum(sizes) < len(REQUEST)) == shrinks


def test_headers_become_metadata_and_the_sender_says_who_it_is() -> None:
    with server() as (port, received):
        send(f"http://127.0.0.1:{port}", {"Authorization": "Bearer abc", "x-tenant": "blue"})

    [metadata] = received.metadata
    assert metadata["authorization"] == "Bearer abc"
    assert metadata["x-tenant"] == "blue"
    assert str(metadata["user-agent"]).startswith(f"platform-otel/{__version__} ")


def test_headers_that_grpc_does_not_allow_are_left_out_with_one_line_that_shows_nothing_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    monkeypatch.setattr(otlp_grpc, "say", said.append)
    headers = {
        "authorization: verysecret": "x",
        "x-split": "verysecret\nx",
        "x-wide": "verysecretü",
        "": "verysecret",
        "x-token-bin": "verysecret",
        "grpc-timeout": "1S",
        "user-agent": "verysecret",
        "x-legal": "yes",
    }
    with server() as (port, received):
        outcome = send(f"http://127.0.0.1:{port}", headers)

    assert outcome == TAKEN
    assert received.metadata[0]["x-legal"] == "yes"
    assert not {"x-split", "x-wide", "x-token-bin"} & set(received.metadata[0])
    assert len(said) == 7
    assert not [line for line in said if "verysecret" in line]


@pytest.mark.parametrize(
    "endpoint, insecure, name, by_tls",
    [
        ("http://collector:4317", False, "dns:///collector:4317", False),
        ("https://collector:4317", True, "dns:///collector:4317", True),
        ("HTTPS://collector", False, "dns:///collector:443", True),
        ("http://pete:hunter22@collector:4317/path?x=1", False, "dns:///collector:4317", False),
        ("http://[::1]:4317", False, "dns:///[::1]:4317", False),
        ("collector:4317", False, "dns:///collector:4317", True),
        ("collector:4317", True, "dns:///collector:4317", False),
        ("unix:/run/collector.sock", True, "unix:/run/collector.sock", False),
        ("dns://1.2.3.4/collector:4317", False, "dns://1.2.3.4/collector:4317", True),
    ],
)
def test_the_scheme_says_whether_by_tls_and_without_one_the_setting(
    endpoint: str, insecure: bool, name: str, by_tls: bool
) -> None:
    target = parse_target(endpoint, insecure)

    assert target == Target(name, by_tls, target.endpoint)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "http://",
        "http://collector:port",
        "collector:99999",
        "col lector:4317",
        "ftp://collector",
        "grpc://collector:1",
    ],
)
def test_what_is_no_address_is_refused_with_the_variable_to_correct(endpoint: str) -> None:
    with pytest.raises(Refusal):
        parse_target(endpoint, False)

    outcome = send(endpoint)
    assert outcome.status == "refused"
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in outcome.message


def test_requests_follow_one_another_on_one_channel() -> None:
    with server() as (port, _), Collector(_relay_to(port)) as between, sender(between.url) as one:
        outcomes = [one.send(REQUEST, monotonic() + 30) for _ in range(3)]

        # The first only asks what answers there.
        assert outcomes == [TAKEN] * 3
        assert between.connections == 2


def _relay_to(port: int) -> Fault:
    def relay(exchange: faults.Exchange) -> None:
        with socket.create_connection(("127.0.0.1", port), SOON) as real:
            Thread(target=faults.relay, args=(real, exchange.sock), daemon=True).start()
            faults.relay(exchange.sock, real)

    return relay


# --- Answers ----------------------------------------------------------------------------------------------------------


def test_what_a_partial_success_rejected_is_counted_and_said() -> None:
    partial = ExportTracePartialSuccess(rejected_spans=3, error_message="too old")
    answer = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    with server(lambda request, context: answer) as (port, _):
        assert send(f"http://127.0.0.1:{port}") == Outcome("taken", 3, "too old")


def failing(code: grpc.StatusCode, details: str = "", delay: Duration | None = None) -> Answer:
    """A server that answers with this status and, where there is a delay, a RetryInfo."""

    def answer(request: bytes, context: Any) -> bytes:
        if delay is not None:
            info = AnyMessage()
            info.Pack(RetryInfo(retry_delay=delay))
            status = Status(code=code.value[0], message=details, details=[AnyMessage(), info])
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(code, details)
        raise AssertionError("abort raises")

    return answer


RETRYABLE = {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}
CODES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_a_status_is_retried_or_refused_as_the_specification_says(code: grpc.StatusCode) -> None:
    with server(failing(code, "because")) as (port, received):
        outcome = send(f"http://127.0.0.1:{port}")

    assert outcome.status == ("retry" if code.name in RETRYABLE else "refused")
    assert outcome.message
    assert outcome.retry_after is None
    assert len(received.requests) == 1


@pytest.mark.parametrize("code", [grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE])
def test_a_retry_info_says_how_long_to_wait(code: grpc.StatusCode) -> None:
    with server(failing(code, "busy", Duration(seconds=7, nanos=500_000_000))) as (port, _):
        outcome = send(f"http://127.0.0.1:{port}")

    assert (outcome.status, outcome.retry_after) == ("retry", 7.5)


@pytest.mark.parametrize(
    "code, advice",
    [
        (grpc.StatusCode.UNAUTHENTICATED, "OTEL_EXPORTER_OTLP_HEADERS"),
        (grpc.StatusCode.PERMISSION_DENIED, "OTEL_EXPORTER_OTLP_HEADERS"),
        (grpc.StatusCode.UNIMPLEMENTED, "check the endpoint"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"),
        (grpc.StatusCode.INTERNAL, "bad token (hidden) line two"),
    ],
)
def test_a_refusal_says_what_to_do_and_no_secret(code: grpc.StatusCode, advice: str) -> None:
    with server(failing(code, "bad token verysecret\nline two")) as (port, _):
        outcome = send(f"http://127.0.0.1:{port}", {"authorization": "Bearer verysecret"})

    assert advice in outcome.message
    assert "verysecret" not in outcome.message


# --- Faults -----------------------------------------------------------------------------------------------------------


def test_a_collector_that_comes_back_is_reached_with_the_next_request() -> None:
    with contextlib.ExitStack() as stack:
        with server() as (port, _):
            one = stack.enter_context(sender(f"http://127.0.0.1:{port}"))
            first = one.send(REQUEST, monotonic() + 30)
        gone = one.send(REQUEST, monotonic() + 30)
        with server(port=port) as (_, received):
            back = one.send(REQUEST, monotonic() + 30)

    assert (first, gone.status, back) == (TAKEN, "retry", TAKEN)
    assert received.requests == [REQUEST]


def test_a_port_where_nobody_listens_is_retried() -> None:
    with faults.refusing() as port:
        outcome = send(f"http://127.0.0.1:{port}")

    assert outcome.status == "retry"
    assert "refused" in outcome.message


def test_a_name_that_is_unknown_is_retried(authority: Authority) -> None:
    plain = send("http://nowhere.invalid:4317")
    by_tls = send("https://nowhere.invalid:4317", certificate=authority.certificate)

    assert (plain.status, by_tls.status) == ("retry", "retry")
    assert "nowhere.invalid" in plain.message
    assert "nowhere.invalid" in by_tls.message


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_port_that_hangs_costs_no_more_than_the_timeout(authority: Authority, scheme: str) -> None:
    with Collector(faults.hang) as collector:
        start = monotonic()
        url = f"{scheme}://localhost:{collector.port}"
        outcome = send(url, timeout=0.3, certificate=authority.certificate)
        took = monotonic() - start

    assert outcome.status == "retry"
    assert 0.3 <= took < SOON


def test_a_collector_that_does_not_answer_costs_no_more_than_the_timeout_or_the_deadline() -> None:
    over = Event()

    def hang(request: bytes, context: object) -> bytes:
        over.wait(SOON)
        return b""

    with server(hang) as (port, _), sender(f"http://127.0.0.1:{port}", timeout=0.3) as one:
        start = monotonic()
        outcomes = [one.send(REQUEST, start + 30), one.send(REQUEST, monotonic() + 0.1), one.send(REQUEST, start)]
        took = monotonic() - start
        over.set()

    assert outcomes == [Outcome("retry", message="the collector did not answer in time")] * 3
    assert 0.4 <= took < SOON


def test_no_timeout_means_the_deadline_alone() -> None:
    with server() as (port, _), sender(f"http://127.0.0.1:{port}", timeout=0.0) as one:
        assert one.send(REQUEST, float("inf")) == TAKEN


@pytest.mark.parametrize("fault", [faults.healthy, faults.garbage], ids=["HTTP/1", "garbage"])
def test_a_port_that_speaks_no_http2_is_refused_with_what_to_use(fault: Fault) -> None:
    with Collector(fault) as collector:
        outcome = send(collector.url)

    assert outcome.status == "refused"
    assert "use port 4317, or OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf" in outcome.message


def test_a_connection_that_breaks_is_retried() -> None:
    with Collector(faults.close_at_once) as collector:
        assert send(collector.url).status == "retry"


@pytest.mark.skipif(
    tuple(map(int, grpc.__version__.split(".")[:2])) < (1, 84),
    reason="grpcio before 1.84 reads all of it: https://github.com/grpc/grpc/issues/43012",
)
def test_a_large_answer_is_not_read() -> None:
    code = """
        import resource, sys
        from time import monotonic
        from platform_otel.export.otlp_grpc import OtlpGrpcSender

        def peak():
            unit = 1 if sys.platform == "darwin" else 1024
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

        sender = OtlpGrpcSender(sys.argv[1], {}, 30.0)
        sender.send(b"", monotonic() + 30)
        before = peak()
        print(sender.send(b"large", monotonic() + 30).status, (peak() - before) >> 20)
    """

    def large(request: bytes, context: object) -> bytes:
        return bytes(64 * 1024 * 1024) if request else b""

    with server(large) as (port, _):
        status, grown = child(code, f"http://127.0.0.1:{port}").split()

    assert status == "refused"
    assert int(grown) < 32


def child(code: str, *arguments: str) -> str:
    """What Python code prints, with nothing on stderr."""
    outcome = run(*PYTHON, textwrap.dedent(code), *arguments, cwd=ROOT)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    return outcome.stdout


def start_child(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    command = [*PYTHON, textwrap.dedent(code), *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment(), stdin=pipe, stdout=pipe, stderr=pipe)


# --- Proxies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_is_asked_for_a_tunnel(monkeypatch: pytest.MonkeyPatch, authority: Authority, scheme: str) -> None:
    def relay(exchange: faults.Exchange) -> None:
        exchange.receive()
        faults.tunnel(exchange, "127.0.0.1", port)

    issued = authority.issue("collector.example")
    chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
    credentials = grpc.ssl_server_credentials([(issued.private_key_pem.bytes(), chain)])
    with server(credentials=credentials if scheme == "https" else None) as (port, _), Collector(relay) as proxy:
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://pete:hunter22@127.0.0.1:{proxy.port}")
        outcome = send(f"{scheme}://collector.example:4317", certificate=authority.certificate)

    assert outcome == TAKEN
    assert {(request.method, request.target) for request in proxy.requests} == {("CONNECT", "collector.example:4317")}
    assert {request.headers["proxy-authorization"] for request in proxy.requests} == {"Basic cGV0ZTpodW50ZXIyMg=="}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_loopback_is_never_proxied(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    with Collector(faults.proxy) as proxy, server() as (port, _):
        for variable in ("http_proxy", "https_proxy", "grpc_proxy", "ALL_PROXY"):
            monkeypatch.setenv(variable, proxy.url)
        outcome = send(f"http://{host}:{port}")

        assert outcome == TAKEN
        assert proxy.connections == 0


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("insecure", [True, False])
def test_a_request_arrives_by_tls(authority: Authority, insecure: bool) -> None:
    with server(credentials=secured(authority)) as (port, received):
        outcome = send(f"https://localhost:{port}", certificate=authority.certificate, insecure=insecure)

    assert outcome == TAKEN
    assert received.requests == [REQUEST]


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"])
def test_other_variables_name_authorities_where_ours_does_not(
    authority: Authority, stranger: Authority, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with server(credentials=secured(authority)) as (port, _):
        monkeypatch.setenv(variable, authority.certificate)
        known = send(f"localhost:{port}")
        ours_wins = send(f"localhost:{port}", certificate=stranger.certificate)

    assert (known, ours_wins.status) == (TAKEN, "refused")


@pytest.mark.parametrize("own_authority", [True, False])
def test_mutual_tls_works_with_and_without_an_authority_of_ones_own(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, own_authority: bool
) -> None:
    key, certificate = authority.client()
    if not own_authority:
        monkeypatch.setenv("SSL_CERT_FILE", authority.certificate)
    with server(credentials=secured(authority, authority)) as (port, received):
        outcome = send(
            f"https://localhost:{port}",
            certificate=authority.certificate if own_authority else "",
            client_key=key,
            client_certificate=certificate,
        )

    assert outcome == TAKEN
    assert received.requests == [REQUEST]


TRY = """
    import sys
    from time import monotonic
    from platform_otel.export.otlp_grpc import OtlpGrpcSender

    sender = OtlpGrpcSender(sys.argv[1], {}, 30.0, certificate=sys.argv[2])
    outcome = sender.send(b"", monotonic() + 30)
    print(outcome.status, outcome.message)
"""


@pytest.mark.parametrize(
    "fault, advice",
    [
        ("unknown", "set OTEL_EXPORTER_OTLP_CERTIFICATE"),
        ("wrong host", "correct the host in OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("expired", "expired): renew it"),
        ("no certificate of ours", "set OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
    ],
)
def test_a_bad_certificate_fails_closed_and_grpcio_writes_nothing_about_it(
    authority: Authority, stranger: Authority, fault: str, advice: str
) -> None:
    tls = {
        "unknown": stranger.server(),
        "wrong host": authority.server("elsewhere.example"),
        "expired": authority.server(expired=True),
        "no certificate of ours": authority.server(client=authority),
    }[fault]
    with Collector(faults.healthy, tls) as collector:
        printed = child(TRY, collector.url, authority.certificate)

    assert printed.startswith("refused ")
    assert advice in printed
    assert not collector.requests


def test_grpcios_server_that_wants_a_certificate_of_ours_is_not_sent_anything(authority: Authority) -> None:
    with server(credentials=secured(authority, authority)) as (port, received):
        outcome = send(f"https://localhost:{port}", certificate=authority.certificate)

    assert outcome.status != "taken"
    assert "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" in outcome.message
    assert not received.requests


@pytest.mark.parametrize("kind", ["missing", "a directory", "garbage"])
def test_files_that_cannot_be_used_fail_closed(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "authority.pem"
    if kind == "a directory":
        path.mkdir()
    elif kind == "garbage":
        path.write_text("nonsense")
    outcome = send("https://localhost:1", certificate=str(path))

    assert outcome.status == "refused"
    assert "OTEL_EXPORTER_OTLP_CERTIFICATE" in outcome.message


def test_a_key_that_is_not_the_certificates_fails_closed(authority: Authority) -> None:
    key, certificate = authority.client("other")[0], authority.client("client")[1]
    outcome = send(
        "https://localhost:1", certificate=authority.certificate, client_key=key, client_certificate=certificate
    )

    assert outcome.status == "refused"
    assert "does not belong" in outcome.message


def test_a_port_without_tls_is_refused_with_what_to_use(authority: Authority) -> None:
    with server() as (port, _):
        outcome = send(f"https://localhost:{port}", certificate=authority.certificate)

    assert outcome.status == "refused"
    assert "use http://" in outcome.message


# --- Processes --------------------------------------------------------------------------------------------------------

FORKS = """
    import os, sys, threading
    from time import monotonic
    from platform_otel.export.otlp_grpc import OtlpGrpcSender

    busy, idle = sys.argv[1:]
    hanging = OtlpGrpcSender(busy, {}, 30.0)
    used = OtlpGrpcSender(idle, {}, 30.0)
    print(used.send(b"parent", monotonic() + 30).status, flush=True)
    outcomes, under_way, call, of_the_parent = [], [], hanging._call, used._channel

    def watched(*arguments):
        under_way.append("an RPC")
        try:
            return call(*arguments)
        finally:
            under_way.clear()

    hanging._call = watched
    for number in range(5):
        thread = threading.Thread(target=lambda: outcomes.append(hanging.send(b"hang %d" % number, monotonic() + 30)))
        thread.start()
        latest = monotonic() + 30
        while not under_way:
            assert monotonic() < latest
        child = os.fork()
        if child == 0:
            # One sender of the parent is used, one dropped, and one is new.
            print(under_way, end=" ")
            new = OtlpGrpcSender(idle, {}, 30.0)
            results = [used.send(b"child", monotonic() + 30), new.send(b"new", monotonic() + 30)]
            del hanging
            print(*(result.status for result in results), used._channel is of_the_parent, flush=True)
            sys.exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        thread.join(30)
    print([outcome.status for outcome in outcomes], flush=True)
    print(used.send(b"parent", monotonic() + 30).status, flush=True)
"""


def test_a_child_sends_by_a_channel_of_its_own_whatever_its_parent_was_doing() -> None:
    sent = set[bytes]()

    def hang_once(request: bytes, context: Any) -> bytes:
        if request not in sent:
            sent.add(request)
            ended = Event()
            context.add_callback(ended.set)
            ended.wait(SOON)
        return b""

    with server(hang_once) as (busy, _), server() as (idle, received):
        printed = child(FORKS, f"http://127.0.0.1:{busy}", f"http://127.0.0.1:{idle}")

    assert printed.splitlines() == ["taken", *["[] taken taken False", "0"] * 5, str(["taken"] * 5), "taken"]
    assert sorted(received.requests) == sorted([b"parent", *[b"child", b"new"] * 5, b"parent"])


def test_a_fork_at_the_moment_a_request_succeeds_costs_no_later_one() -> None:
    code = """
        import os, sys, threading
        from time import monotonic
        from platform_otel.export.otlp_grpc import OtlpGrpcSender

        sender = OtlpGrpcSender(sys.argv[1], {}, 30.0)
        print(sender.send(b"1", monotonic() + 30).status)
        taken, closed, outcomes, call = threading.Event(), threading.Event(), [], sender._call

        class Channel:
            def __init__(self, channel):
                self.unary_unary, self._channel = channel.unary_unary, channel

            def close(self):
                self._channel.close()
                closed.set()

        def slow(*arguments):
            outcome = call(*arguments)
            taken.set()
            closed.wait(30)
            return outcome

        sender._channel, sender._call = Channel(sender._channel), slow
        thread = threading.Thread(target=lambda: outcomes.append(sender.send(b"2", monotonic() + 30).status))
        thread.start()
        taken.wait(30)
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        thread.join(30)
        print(*outcomes)
        print(sender.send(b"3", monotonic() + 30).status)
    """
    with server() as (port, received):
        assert child(code, f"http://127.0.0.1:{port}") == "taken\ntaken\ntaken\n"

    assert received.requests == [b"1", b"2", b"3"]


def test_grpcio_writes_nothing_into_the_services_stderr_and_its_environment_stays() -> None:
    code = """
        import os
        before = dict(os.environ)
        from time import monotonic
        from platform_otel.export.otlp_grpc import OtlpGrpcSender
        assert dict(os.environ) == before
        from tests.export.test_otlp_grpc import server

        with server(grace=None) as (port, _):
            sender = OtlpGrpcSender(f"http://127.0.0.1:{port}", {}, 30.0)
            print(sender.send(b"", monotonic() + 30).status)
        print(sender.send(b"", monotonic() + 30).status)
    """

    assert child(code) == "taken\nretry\n"


def test_an_interpreter_that_shuts_down_still_sends() -> None:
    code = """
        import atexit, sys
        from time import monotonic
        from platform_otel.export.otlp_grpc import OtlpGrpcSender

        sender = OtlpGrpcSender(sys.argv[1], {}, 30.0)
        atexit.register(lambda: print(sender.send(b"last", monotonic() + 30).status))
    """
    with server() as (port, received):
        assert child(code, f"http://127.0.0.1:{port}") == "taken\n"

    assert received.requests == [b"last"]


def test_a_process_ends_although_a_request_hangs_in_a_daemon_thread() -> None:
    code = """
        import sys, threading
        from time import monotonic
        from platform_otel.export.otlp_grpc import OtlpGrpcSender

        sender = OtlpGrpcSender(sys.argv[1], {}, 30.0)
        threading.Thread(target=lambda: sender.send(b"", monotonic() + 30), daemon=True).start()
        sys.stdin.read(1)
    """
    over = Event()

    def hang(request: bytes, context: object) -> bytes:
        over.wait(SOON)
        return b""

    with server(hang) as (port, received):
        process = start_child(code, f"http://127.0.0.1:{port}")
        assert received.came.wait(SOON)
        _, stderr = process.communicate(b"x", SOON)
        over.set()

    assert (process.returncode, stderr) == (0, b"")
