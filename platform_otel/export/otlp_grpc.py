"""OTLP over gRPC: sends the same encoded requests through grpcio."""

import os
import ssl
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from time import monotonic, sleep
from weakref import WeakSet

from platform_otel import __version__
from platform_otel.export.connection import (
    NOT_IN_TIME,
    Resolver,
    open_connection,
    outcome_of,
    time_left,
)
from platform_otel.export.endpoint import Endpoint, Target, parse_target
from platform_otel.export.http_answer import TLS_IS_SPOKEN
from platform_otel.export.outcome import (
    Outcome,
    Reason,
    Refusal,
    failed,
    one_line,
    partial_success,
    retry_delay,
    secret_words,
)
from platform_otel.export.proxies import Proxy, proxy_for
from platform_otel.export.tls import CLIENT_CERTIFICATE, GRPC, Certificates, client_context
from platform_otel.process.guard import say


def _import_quietly() -> None:
    """Import grpcio so that it writes errors only into stderr, which is the service's, as its older releases did.

    Newer ones tell there of every connection that ends. Their core reads this variable while it is imported. What
    the service imported itself, or the user set, stays as it is.
    """
    if "grpc" in sys.modules or "GRPC_VERBOSITY" in os.environ:
        return
    os.environ["GRPC_VERBOSITY"] = "ERROR"
    try:
        import grpc  # noqa: F401  # imported for its effect
    finally:
        os.environ.pop("GRPC_VERBOSITY", None)


_import_quietly()
import grpc

_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
# https://opentelemetry.io/docs/specs/otlp/#failures-1
_RETRYABLE = (
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
)
_DENIED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
ADVICE = {
    grpc.StatusCode.UNAUTHENTICATED: "check OTEL_EXPORTER_OTLP_HEADERS",
    grpc.StatusCode.PERMISSION_DENIED: "check OTEL_EXPORTER_OTLP_HEADERS",
    grpc.StatusCode.UNIMPLEMENTED: "no traces are taken there: check the endpoint",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "raise the collector's limits, or lower OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    grpc.StatusCode.INVALID_ARGUMENT: "the collector cannot read the request: see its log",
}
# https://grpc.github.io/grpc/core/group__grpc__arg__keys.html
_OPTIONS = (
    ("grpc.primary_user_agent", f"platform-otel/{__version__}"),
    # Attempts are ours to repeat, and to count.
    ("grpc.enable_retries", 0),
    # Connections of the service to the same address stay its own.
    ("grpc.use_local_subchannel_pool", 1),
    # grpcio's own default; before 1.84 it looks only when it has all: https://github.com/grpc/grpc/issues/43012
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
)
# https://www.rfc-editor.org/rfc/rfc9113#preface : what a client says first, with an empty SETTINGS frame.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
_NAME = frozenset("0123456789abcdefghijklmnopqrstuvwxyz_-.")
_OURS = ("content-type", "host", "te", "user-agent")
# What an RPC under way may take to end by itself when the process forks; then it is broken off, in a millisecond.
_GRACE = 0.05
_LONGEST_FORK = 1.0
# Then gRPC's own threads still close the connection. Without this pause 6 of 1,600 children could not send, with
# releases before 1.80; with it, none of 3,800.
_SETTLING = 0.02


class OtlpGrpcSender:
    """Sends requests to one endpoint, one at a time: a second thread waits for the first.

    A child process never touches the channel of its parent: what sends after a fork opens another one.

    Args:
        endpoint: an http or https URL, or what gRPC takes, such as "collector:4317".
        headers: as OTEL_EXPORTER_OTLP_HEADERS has them, decoded; they become metadata.
        timeout: seconds for one request, all told; 0 means no limit but the deadline.
        compression: "gzip" or "none".
        certificate, client_key, client_certificate: paths of PEM files, "" for none.
        insecure: OTEL_EXPORTER_OTLP_INSECURE, which decides where the endpoint has no scheme.
    """

    def __init__(
        self,
        endpoint: str,
        headers: Mapping[str, str],
        timeout: float,
        compression: str = "none",
        certificate: str = "",
        client_key: str = "",
        client_certificate: str = "",
        insecure: bool = False,
    ) -> None:
        self._timeout = timeout or float("inf")
        self._compression = grpc.Compression.Gzip if compression == "gzip" else grpc.Compression.NoCompression
        self._certificates = Certificates(certificate, client_key, client_certificate)
        self._metadata = tuple(legal_metadata(headers))
        self._secrets = secret_words(*headers.values())
        self._prepare(endpoint, insecure)
        self._start_anew()
        _senders.add(self)

    def _prepare(self, endpoint: str, insecure: bool) -> None:
        """A bad endpoint is no error here: every request is refused for it."""
        self._target: Target | None = None
        self._proxy: Proxy | None = None
        self._unusable = Outcome("refused")
        try:
            target = parse_target(endpoint, insecure)
            self._proxy = proxy_for(target.endpoint) if target.endpoint else None
            self._target = target
            quoted = (target.endpoint.secrets if target.endpoint else ()) + (self._proxy.secrets if self._proxy else ())
            self._secrets |= secret_words(*quoted)
        except Refusal as refusal:
            self._unusable = outcome_of(refusal)

    def _start_anew(self) -> None:
        self._channel: grpc.Channel | None = None
        self._resolver = Resolver()
        self._in_grpc = threading.Lock()
        self._no_fork = threading.Event()
        self._no_fork.set()
        self._held_for_fork = False

    def send(self, request: bytes, deadline: float) -> Outcome:
        """Send an encoded ExportTraceServiceRequest, and say what became of it. No fault of the network is raised.

        Args:
            request: its bytes, not compressed.
            deadline: by time.monotonic(); neither it nor the timeout is exceeded.
        """
        if self._target is None:
            return self._unusable
        end = min(deadline, monotonic() + self._timeout)
        try:
            while (outcome := self._attempt(self._target, request, end)) is None:
                self._no_fork.wait(time_left(end))
            return outcome
        except (OSError, Refusal) as error:
            return outcome_of(error)

    def close(self) -> None:
        """Give up the channel; the next request opens another."""
        with self._in_grpc:
            self._close()

    def abandon(self) -> None:
        """In a child process: leave the parent's channel alone."""
        self.forget_the_parent()

    def _close(self) -> None:
        """Whoever is using the channel notices by its failure, and by its being here no more."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _credentials(self, target: Target, end: float) -> grpc.ChannelCredentials | None:
        """What the channel is secured by, after an attempt to connect. Read anew, since certificates are replaced."""
        context = client_context(self._certificates, os.environ, GRPC) if target.secured else None
        if target.endpoint is not None:
            _try_to_connect(target.endpoint, self._proxy, context, self._resolver, end)
        return _as_grpc_takes_them(self._certificates, context) if context else None

    def _attempt(self, target: Target, request: bytes, end: float) -> Outcome | None:
        """What became of the request; None if it was broken off for a fork, and is to be sent again."""
        credentials = self._credentials(target, end) if self._channel is None else None
        if not self._in_grpc.acquire(timeout=time_left(end)):
            raise TimeoutError
        try:
            channel = self._channel
            if channel is None:
                if target.secured and credentials is None:
                    return None  # another thread has just given up the channel
                channel = self._channel = _open_channel(target, credentials, self._proxy)
            return self._call(channel, request, end)
        finally:
            self._in_grpc.release()

    def _call(self, channel: grpc.Channel, request: bytes, end: float) -> Outcome | None:
        try:
            # Without serializers bytes go out and come in as they are.
            export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_METHOD)
            answer = export(request, time_left(end), metadata=self._metadata, compression=self._compression)
        except (grpc.RpcError, ValueError) as error:  # a closed channel raises ValueError
            return self._failed(channel, error)
        rejected, message = partial_success(answer)
        return Outcome("taken", rejected, one_line(message, self._secrets))

    def _failed(self, channel: grpc.Channel, error: Exception) -> Outcome | None:
        if channel is not self._channel:
            return None  # closed for a fork
        if not isinstance(error, grpc.Call):
            raise error
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            # A channel that lost its connection waits before it connects again; how long is ours to decide.
            self._close()
        return _outcome(error, self._secrets)

    # --- Forks: see _before_fork ---

    def leave_grpc(self) -> None:
        """Let no RPC be under way, and none begin before ``go_on``."""
        self._no_fork.clear()
        if self._in_grpc.acquire(timeout=_GRACE):
            self._held_for_fork = True
        else:
            self._break_off()
            sleep(_SETTLING)

    def _break_off(self) -> None:
        """End the RPC under way, which is sent again. What is taken at this moment arrives twice."""
        latest = monotonic() + _LONGEST_FORK
        while monotonic() < latest:
            self._close()
            if self._in_grpc.acquire(timeout=_GRACE):
                self._held_for_fork = True
                return

    def go_on(self) -> None:
        """In the parent, after a fork."""
        if self._held_for_fork:
            self._held_for_fork = False
            self._in_grpc.release()
        self._no_fork.set()

    def forget_the_parent(self) -> None:
        """In the child, after a fork: leave the parent's channel alone, and unfreed."""
        if self._channel is not None:
            _of_the_parent.append(self._channel)
        self._start_anew()


# --- Requests ---------------------------------------------------------------------------------------------------------


def legal_metadata(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The headers that may be sent. Each other one is said by its number: what is ill-formed may show a secret.

    Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests
    """
    for number, (name, value) in enumerate(headers.items(), 1):
        key = name.lower()
        if not (key and _NAME.issuperset(key) and value.isascii() and value.isprintable()):
            say(f"OTEL_EXPORTER_OTLP_HEADERS: header {number} is not legal in gRPC, so it is not sent")
        elif key in _OURS or key.startswith("grpc-"):
            say(f"OTEL_EXPORTER_OTLP_HEADERS: {key} is not yours to set, so it is not sent")
        elif key.endswith("-bin"):
            say(f"OTEL_EXPORTER_OTLP_HEADERS: {key} would be binary in gRPC, so it is not sent")
        else:
            yield key, value


def _open_channel(target: Target, credentials: grpc.ChannelCredentials | None, proxy: Proxy | None) -> grpc.Channel:
    # The same proxy as for HTTP: gRPC itself would use one for the loopback, too.
    through = (("grpc.http_proxy", proxy.url),) if proxy else (("grpc.enable_http_proxy", 0),)
    options = _OPTIONS + (through if target.endpoint else ())
    if target.secured:
        assert credentials is not None, "a channel that is asked to be secured is never opened without"
        return grpc.secure_channel(target.name, credentials, options)
    return grpc.insecure_channel(target.name, options)


# --- Before a channel is opened ---------------------------------------------------------------------------------------


def _try_to_connect(
    endpoint: Endpoint, proxy: Proxy | None, context: ssl.SSLContext | None, resolver: Resolver, end: float
) -> None:
    """Connect as gRPC is about to, which says of whatever fails that the collector is unavailable, and no more.

    Besides, it writes lines of its own about failures of TLS into stderr, which is the service's.
    """
    connection = open_connection(endpoint, proxy, context, resolver, end, tunnel=True)
    try:
        # A server that wants a certificate of ours says so after the handshake, in place of its first frame.
        connection.offer(_PREFACE, end)
        _check_that_it_is_http2(connection.reader(end).read(9), context is not None)
    finally:
        connection.close()


def _check_that_it_is_http2(start: bytes, secured: bool) -> None:
    """Whether this is the head of a SETTINGS frame, which every server of HTTP/2 sends first."""
    if not start and secured:
        raise ConnectionError(f"the connection ended after the handshake; perhaps for want of {CLIENT_CERTIFICATE}")
    if not start:
        raise ConnectionResetError
    if start[:2] == b"\x15\x03":
        raise Refusal(*TLS_IS_SPOKEN)
    if start[3:4] != b"\x04":
        raise Refusal("no HTTP/2 is spoken there", "use port 4317, or OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf")


def _as_grpc_takes_them(certificates: Certificates, context: ssl.SSLContext) -> grpc.ChannelCredentials:
    """The same authorities as the context has, and the same certificate of ours."""
    if certificates.certificate:
        authorities = _content(certificates.certificate)
    else:
        # Empty if the system has a directory only, which OpenSSL reads when asked: then gRPC's own.
        found = context.get_ca_certs(binary_form=True)
        authorities = "".join(ssl.DER_cert_to_PEM_cert(each) for each in found).encode("ascii")
    ours = certificates.client_certificate
    key = certificates.client_key or ours
    return grpc.ssl_channel_credentials(authorities or None, _content(key) or None, _content(ours) or None)


def _content(path: str) -> bytes:
    return Path(path).read_bytes() if path else b""


# --- Answers ----------------------------------------------------------------------------------------------------------


def _outcome(error: grpc.Call, secrets: Iterable[str]) -> Outcome:
    code, details = error.code(), error.details() or ""
    delay = retry_delay(_details(error))
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Outcome("retry", message=NOT_IN_TIME, retry_after=delay)
    if code in _RETRYABLE or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and delay is not None):
        return failed("retry", _reason(code, details, secrets), delay)
    return failed("refused", _reason(code, details, secrets))


def _reason(code: grpc.StatusCode, details: str, secrets: Iterable[str]) -> Reason:
    # Who denies access may quote what it was shown.
    said = "" if code in _DENIED else one_line(details, secrets)
    return Reason(code.name, ADVICE.get(code, ""), said, code.name)


def _details(error: grpc.Call) -> bytes:
    """The google.rpc.Status that comes with a failure, if one does."""
    found = [value for key, value in error.trailing_metadata() or () if key == "grpc-status-details-bin"]
    return found[0] if found and isinstance(found[0], bytes) else b""


# --- Forks ------------------------------------------------------------------------------------------------------------

_senders: WeakSet[OtlpGrpcSender] = WeakSet()
# Kept for good: freeing the parent's channel while its threads are not here makes grpcio hang or crash.
_of_the_parent: list[grpc.Channel] = []


def _before_fork() -> None:
    """With an RPC under way, the child would abort in grpcio, or hang: seen with every release from 1.60 to 1.85."""
    for sender in tuple(_senders):
        sender.leave_grpc()


def _after_fork_in_parent() -> None:
    for sender in tuple(_senders):
        sender.go_on()


def _after_fork_in_child() -> None:
    for sender in tuple(_senders):
        sender.forget_the_parent()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
