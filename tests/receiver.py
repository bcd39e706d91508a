"""A receiver of OTLP over HTTP on the loopback, which keeps the spans that arrive."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status as RpcStatus  # type: ignore[import-untyped]  # comes without types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from platform_otel.analysis.tree import TraceSpan

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue

Answer = TypeVar("Answer")

PATH = "/v1/traces"
PROTOBUF = "application/x-protobuf"
LARGEST_BODY = 64 * 1024 * 1024


class ReceivedScope(NamedTuple):
    """The instrumentation scope: who made the span."""

    name: str
    version: str
    attributes: Mapping[str, object]


class ReceivedEvent(NamedTuple):
    """Something that happened during a span; time in nanoseconds since the epoch."""

    name: str
    time: int
    attributes: Mapping[str, object]


class ReceivedLink(NamedTuple):
    """Another span that this one refers to; ids in hex."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, object]


class ReceivedSpan(NamedTuple):
    """All that arrived of one span: the fields of a TraceSpan first, then the rest."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    kind: str
    start: int
    end: int
    status: str
    message: str
    attributes: Mapping[str, object]
    resource: Mapping[str, object]
    scope: ReceivedScope
    events: tuple[ReceivedEvent, ...]
    links: tuple[ReceivedLink, ...]
    trace_state: str
    flags: int

    @property
    def trace_span(self) -> TraceSpan:
        """What the analysis needs of it."""
        return TraceSpan(*self[:11])


class Receiver:
    """Takes OTLP on a free port of 127.0.0.1. A context manager; start and stop do the same by hand."""

    def __init__(self) -> None:
        self._spans: list[ReceivedSpan] = []
        self._changed = Condition()
        self._server: _Server | None = None

    def start(self) -> None:
        """Listen from now on, in a thread."""
        self._server = _Server(self._add)
        Thread(target=self._server.serve_forever, args=(0.05,), name="demo receiver", daemon=True).start()

    def stop(self) -> None:
        """Stop listening; the spans stay. Again is harmless."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Receiver:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """For OTEL_EXPORTER_OTLP_ENDPOINT."""
        assert self._server is not None, "the receiver is not started"
        return f"http://127.0.0.1:{self._server.server_port}"

    def spans(self) -> list[ReceivedSpan]:
        """Everything received so far, in the order of arrival."""
        with self._changed:
            return list(self._spans)

    def forget(self, trace_ids: Container[str]) -> None:
        """Keep nothing of these traces."""
        with self._changed:
            self._spans = [span for span in self._spans if span.trace_id not in trace_ids]

    def wait_for(self, condition: Callable[[Sequence[ReceivedSpan]], Answer], timeout: float) -> Answer:
        """Ask again with each arrival until the condition's answer is true or the seconds are over; the last answer."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(tuple(self._spans)), timeout)

    def _add(self, spans: Iterable[ReceivedSpan]) -> None:
        with self._changed:
            self._spans.extend(spans)
            self._changed.notify_all()


# --- HTTP -------------------------------------------------------------------------------------------------------------


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Five services connect at the same moment; the default backlog of 5 would do, just.
    request_queue_size = 64

    def __init__(self, add: Callable[[Iterable[ReceivedSpan]], None]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.add = add

    def handle_error(self, request: object, client_address: object) -> None:
        """A sender that hangs up in the middle is its own business: say nothing."""


class _Refused(Exception):
    """The request is answered with this status instead of being taken."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        try:
            self._check_target()
            body = self._read_body()
            self._check_content_type()
            request = _parse(_decompressed(body, self.headers.get("Content-Encoding", "identity")))
        except _Refused as refused:
            self._answer(refused.status, RpcStatus(message=refused.message).SerializeToString())
        else:
            self.server.add(decode(request))
            self._answer(HTTPStatus.OK, ExportTraceServiceResponse().SerializeToString())

    def _refuse_method(self) -> None:
        found = self._path() == PATH
        self.close_connection = True  # whatever body follows stays unread
        self._answer(HTTPStatus.METHOD_NOT_ALLOWED if found else HTTPStatus.NOT_FOUND, b"")

    do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse_method

    def _path(self) -> str:
        return self.path.partition("?")[0]

    def _check_target(self) -> None:
        if self._path() != PATH:
            self.close_connection = True
            raise _Refused(HTTPStatus.NOT_FOUND, f"only {PATH} is here")

    def _check_content_type(self) -> None:
        content_type = self.headers.get_content_type()
        if content_type != PROTOBUF:
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"only {PROTOBUF} is understood, not {content_type}")

    def _read_body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            self.close_connection = True
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "Content-Length is needed")
        if int(length) > LARGEST_BODY:
            self.close_connection = True
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {LARGEST_BODY} bytes are taken")
        return self.rfile.read(int(length))

    def _answer(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", PROTOBUF)
        self.send_header("Content-Length", str(len(body)))
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "POST")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # the name is http.server's
        """Nothing: the demo's output is the traces."""


def _decompressed(body: bytes, encoding: str) -> bytes:
    if encoding == "identity":
        return body
    if encoding != "gzip":
        raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"only gzip is understood, not {encoding}")
    try:
        gzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        plain = gzip.decompress(body, LARGEST_BODY)
    except zlib.error as error:
        raise _Refused(HTTPStatus.BAD_REQUEST, f"not gzip: {error}") from None
    if gzip.unconsumed_tail:
        raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {LARGEST_BODY} bytes are taken")
    if not gzip.eof:
        raise _Refused(HTTPStatus.BAD_REQUEST, "not gzip: it ends too early")
    return plain


def _parse(body: bytes) -> ExportTraceServiceRequest:
    try:
        return ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise _Refused(HTTPStatus.BAD_REQUEST, f"not an ExportTraceServiceRequest: {error}") from None


# --- OTLP -------------------------------------------------------------------------------------------------------------

_KINDS = {
    Span.SPAN_KIND_SERVER: "server",
    Span.SPAN_KIND_CLIENT: "client",
    Span.SPAN_KIND_PRODUCER: "producer",
    Span.SPAN_KIND_CONSUMER: "consumer",
}
_STATUSES = {Status.STATUS_CODE_OK: "ok", Status.STATUS_CODE_ERROR: "error"}


def decode(request: ExportTraceServiceRequest) -> Iterator[ReceivedSpan]:
    """The spans of a request, in its order."""
    for of_resource in request.resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            scope = _scope(of_scope.scope)
            for span in of_scope.spans:
                yield _received(span, resource, scope)


def _received(span: Span, resource: Mapping[str, object], scope: ReceivedScope) -> ReceivedSpan:
    events = tuple(
        ReceivedEvent(event.name, event.time_unix_nano, _attributes(event.attributes)) for event in span.events
    )
    return ReceivedSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        service=str(resource.get("service.name", "")),
        name=span.name,
        kind=_KINDS.get(span.kind, "internal"),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        status=_STATUSES.get(span.status.code, "unset"),
        message=span.status.message or _exception(events),
        attributes=_attributes(span.attributes),
        resource=resource,
        scope=scope,
        events=events,
        links=tuple(_link(link) for link in span.links),
        trace_state=span.trace_state,
        flags=span.flags,
    )


def _exception(events: Sequence[ReceivedEvent]) -> str:
    """Type and message of the last exception that the span recorded, or ""."""
    for event in reversed(events):
        if event.name == "exception":
            parts = (event.attributes.get("exception.type"), event.attributes.get("exception.message"))
            return ": ".join(str(part) for part in parts if part)
    return ""


def _scope(scope: InstrumentationScope) -> ReceivedScope:
    return ReceivedScope(scope.name, scope.version, _attributes(scope.attributes))


def _link(link: Span.Link) -> ReceivedLink:
    return ReceivedLink(link.trace_id.hex(), link.span_id.hex(), _attributes(link.attributes))


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, object]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    plain: object = getattr(value, kind)
    return plain
