"""Spans as OTLP: queued as bytes, sent as one ExportTraceServiceRequest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from platform_otel.config import Config
from platform_otel.export import otlp_encoding as encoding
from platform_otel.export.choice import PROTOCOLS, certificate_files, grpc_endpoint, of_traces, traces_endpoint
from platform_otel.export.endpoint import parse_endpoint
from platform_otel.export.otlp_encoding import encode_span
from platform_otel.export.outcome import Refusal
from platform_otel.process.guard import say

if TYPE_CHECKING:
    from platform_otel.export.destination import Sender
    from platform_otel.process.identity import Identity

# Characters that a text may have: in the attributes of spans, and in those of events and links.
Lengths = tuple[int, int]
# A scope as it is sent, and its schema's URL.
_Head = tuple[bytes, bytes]
# Tag bytes: resource_spans of the request; scope_spans of ResourceSpans.
_RESOURCE_SPANS = b"\x0a"
_SCOPE_SPANS = b"\x12"


class OtlpCodec:
    """Encodes spans, so that a queue of them is a queue of bytes."""

    def __init__(self, identity: Identity, lengths: Lengths) -> None:
        self._identity = identity
        self._lengths = lengths

    def encode(self, span: Any) -> tuple[Any, int]:
        """The span's bytes beside the objects that say whose it is. Any: a span of ours or the SDK's."""
        # What says whose it is stays an object: many spans share it, and the resource is computed later.
        content = getattr(span, "content", None)
        if content is not None:  # a span of ours
            values, events, links = content()
            resource, scope = None, span.scope
        else:
            values, events, links = span.attributes or {}, span.events, span.links
            resource, scope = span.resource, span.instrumentation_scope
        encoded = encode_span(span, values, events, links, *self._lengths)
        return (resource, scope, encoded), len(encoded)

    def message(self, items: list[Any]) -> bytes:
        """The request that holds these spans, grouped by resource and scope.

        Scopes are compared as they are sent: a service that asks for a tracer in each request makes many of one.
        """
        heads: dict[int, _Head] = {}
        groups: dict[int, tuple[Any, dict[_Head, list[bytes]]]] = {}
        for resource, scope, encoded in items:
            head = heads.get(id(scope)) or heads.setdefault(id(scope), _head(scope))
            scopes = groups.setdefault(id(resource), (resource, {}))[1]
            scopes.setdefault(head, []).append(encoded)
        return b"".join([self._resource_spans(resource, scopes) for resource, scopes in groups.values()])

    def _resource_spans(self, resource: Any, scopes: dict[_Head, list[bytes]]) -> bytes:
        fields = [encoding.encode_resource(self._attributes_of(resource))]
        fields += [
            encoding.message(_SCOPE_SPANS, [scope, *spans, schema_url]) for (scope, schema_url), spans in scopes.items()
        ]
        if schema_url := getattr(resource, "schema_url", ""):
            fields.append(encoding.encode_schema_url(schema_url))
        return encoding.message(_RESOURCE_SPANS, fields)

    def _attributes_of(self, resource: Any) -> dict[str, Any]:
        """Ours, or the application's completed by ours: ours names the service where its own does not."""
        ours = dict(self._identity.attributes())
        if resource is None:
            return ours
        theirs = dict(resource.attributes)
        if str(theirs.get("service.name", "unknown_service")).startswith("unknown_service"):
            theirs.pop("service.name", None)
        return {**ours, **theirs}


def _head(scope: Any) -> _Head:
    if scope is None:
        return b"", b""
    encoded = encoding.encode_scope(scope.name, scope.version or "", scope.attributes or {})
    return encoded, encoding.encode_schema_url(scope.schema_url) if scope.schema_url else b""


class OtlpDestination:
    """The collector that the OTEL_EXPORTER_OTLP_* variables name."""

    def __init__(self, config: Config, identity: Identity, lengths: Lengths) -> None:
        self._config = config
        self.codec = OtlpCodec(identity, lengths)
        self.endpoint = grpc_endpoint(config) if _speaks_grpc(config) else traces_endpoint(config)
        self.name = shown(self.endpoint)

    def sender(self) -> Sender:
        """For OTEL_EXPORTER_OTLP_PROTOCOL: http/protobuf, or grpc where that extra is installed."""
        if _speaks_grpc(self._config):
            try:
                return self._grpc()
            except ImportError:
                say(
                    "OTEL_EXPORTER_OTLP_PROTOCOL=grpc needs the extra grpc; using http/protobuf; "
                    'install it with: pip install "platform-otel[grpc]"'
                )
        return self._http()

    def _http(self) -> Sender:
        from platform_otel.export.otlp_http import OtlpHttpSender

        return OtlpHttpSender(endpoint=traces_endpoint(self._config), **self._common())

    def _grpc(self) -> Sender:
        from platform_otel.export.otlp_grpc import OtlpGrpcSender

        insecure = of_traces(self._config, "INSECURE")
        return OtlpGrpcSender(endpoint=grpc_endpoint(self._config), insecure=insecure, **self._common())

    def _common(self) -> dict[str, Any]:
        return {
            "headers": headers(of_traces(self._config, "HEADERS")),
            "timeout": seconds_for_an_attempt(self._config),
            "compression": of_traces(self._config, "COMPRESSION"),
            **certificate_files(self._config),
        }


def _speaks_grpc(config: Config) -> bool:
    protocol: str = config.get(*PROTOCOLS)
    return protocol == "grpc"


def protocol_in_force(config: Config) -> str:
    """As it will be once the sender is made: gRPC only where its extra is installed."""
    from importlib.util import find_spec

    return "grpc" if _speaks_grpc(config) and find_spec("grpc") else "http/protobuf"


def seconds_for_an_attempt(config: Config) -> float:
    """The exporter's timeout, or the batch processor's where that is shorter; 0 for none.

    Neither ends the spans' wait: an attempt that took too long is made again.

    Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#batch-span-processor
    """
    milliseconds = (of_traces(config, "TIMEOUT"), config.get("OTEL_BSP_EXPORT_TIMEOUT"))
    return min((each for each in milliseconds if each), default=0) / 1000


def shown(endpoint: str) -> str:
    """The endpoint as it may be shown: without user, password and query."""
    try:
        return parse_endpoint(endpoint if "://" in endpoint else f"http://{endpoint}").shown
    except Refusal:
        return "the collector"


def headers(text: str) -> dict[str, str]:
    """The pairs of OTEL_EXPORTER_OTLP_HEADERS, names in lower case, values percent-decoded.

    Source: https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables
    """
    pairs = (pair.partition("=") for pair in text.split(","))
    return {name.strip().lower(): unquote(value.strip()) for name, equals, value in pairs if equals and name.strip()}
