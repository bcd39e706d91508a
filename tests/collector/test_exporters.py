"""Foreign clients: the OpenTelemetry SDK's own exporters, and ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.collector.running import Collector, Made, body, log_body, request, spans_of
from tests.support import launch_code, run_code

METHODS: dict[str, tuple[str, Any]] = {
    "traces": ("trace.v1.TraceService", ExportTraceServiceResponse),
    "logs": ("logs.v1.LogsService", ExportLogsServiceResponse),
    "metrics": ("metrics.v1.MetricsService", ExportMetricsServiceResponse),
}
CODE = """
    from opentelemetry import trace
    tracer = trace.get_tracer("a library", "1.2")
    with tracer.start_as_current_span("outer", kind=trace.SpanKind.SERVER, attributes={"n": 7, "names": ["a", "b"]}):
        with tracer.start_as_current_span("inner", links=[trace.Link(trace.get_current_span().get_span_context())]):
            trace.get_current_span().record_exception(ValueError("it failed"))
"""
SDK = """
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.exporter.otlp.proto.{protocol}.trace_exporter import OTLPSpanExporter
    provider = TracerProvider(resource=Resource({{"service.name": "shop"}}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
"""
LOGS = """
    import logging
    from opentelemetry import trace
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
    from opentelemetry.exporter.otlp.proto.{protocol}._log_exporter import OTLPLogExporter
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter()))
    context = trace.SpanContext(0xabc, 0xdef, False, trace.TraceFlags(1))
    with trace.use_span(trace.NonRecordingSpan(context)):
        LoggingHandler(logger_provider=provider).emit(logging.makeLogRecord({{"msg": "it rains", "levelno": 20}}))
    provider.shutdown()
"""


@pytest.fixture
def channel(shared: Collector) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(shared.grpc) as opened:
        yield opened


def export(channel: grpc.Channel, data: bytes, signal: str = "traces", **options: Any) -> Any:
    service, answer = METHODS[signal]
    method: Any = channel.unary_unary(
        f"/opentelemetry.proto.collector.{service}/Export", response_deserializer=answer.FromString
    )
    return method(data, timeout=30, **options)


def endpoint(collector: Collector, protocol: str) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.grpc if protocol == 'grpc' else collector.http}"}


def check_the_two_spans(collector: Collector) -> None:
    (summary,) = collector.get("/query/traces", operation="outer")["traces"]
    spans = {
        span["name"]: (service, span)
        for service, span in spans_of(collector.get(f"/query/traces/{summary['traceId']}"))
    }
    (service, outer), (_, inner) = spans["outer"], spans["inner"]

    assert service == "shop"
    assert outer["kind"] == 2
    assert {each["key"]: each["value"] for each in outer["attributes"]} == {
        "n": {"intValue": "7"},
        "names": {"arrayValue": {"values": [{"stringValue": "a"}, {"stringValue": "b"}]}},
    }
    assert inner["parentSpanId"] == outer["spanId"]
    assert inner["links"][0]["spanId"] == outer["spanId"]
    assert inner["events"][0]["name"] == "exception"
    assert summary["spanCount"] == 2


@pytest.mark.parametrize("protocol", ["http", "grpc"])
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_what_the_sdks_exporters_send_is_all_there(collector: Collector, protocol: str, compression: str) -> None:
    outcome = run_code(
        SDK.format(protocol=protocol) + CODE,
        # Its gRPC exporter does not know the word none.
        OTEL_EXPORTER_OTLP_COMPRESSION=compression if compression == "gzip" else None,
        OTEL_EXPORTER_OTLP_INSECURE="true",
        **endpoint(collector, protocol),
    )

    assert (outcome.returncode, outcome.stderr) == (0, "")
    check_the_two_spans(collector)


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_what_platform_trace_sends_is_all_there(collector: Collector, protocol: str, compression: str) -> None:
    outcome = launch_code(
        CODE,
        OTEL_SERVICE_NAME="shop",
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_EXPORTER_OTLP_COMPRESSION=compression,
        **endpoint(collector, protocol),
    )

    assert (outcome.returncode, outcome.stderr) == (0, "")
    check_the_two_spans(collector)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_log_records_of_the_sdk_are_found_by_their_trace(collector: Collector, protocol: str) -> None:
    outcome = run_code(
        LOGS.format(protocol=protocol), OTEL_EXPORTER_OTLP_INSECURE="true", **endpoint(collector, protocol)
    )
    (of_resource,) = collector.get(f"/query/traces/{0xABC:032x}/logs")["resourceLogs"]
    (record,) = of_resource["scopeLogs"][0]["logRecords"]

    assert outcome.returncode == 0, outcome.stderr
    assert record["body"] == {"stringValue": "it rains"}
    assert record["spanId"] == f"{0xDEF:016x}"


# --- gRPC itself ------------------------------------------------------------------------------------------------------


def test_invalid_spans_are_a_partial_success(shared: Collector, channel: grpc.Channel) -> None:
    message = request(Made(8001, 1), Made(8001, 2))
    message.resource_spans[0].scope_spans[0].spans[0].span_id = bytes(8)
    answer = export(channel, message.SerializeToString())

    assert answer.partial_success.rejected_spans == 1
    assert len(shared.spans(Made(8001, 1).trace_id)) == 1


@pytest.mark.parametrize("signal", METHODS)
def test_every_signal_has_its_service(shared: Collector, channel: grpc.Channel, signal: str) -> None:
    data = {"traces": body(Made(8002, 1)), "logs": log_body("hello"), "metrics": b""}[signal]

    assert export(channel, data, signal) == METHODS[signal][1]()


def test_a_malformed_message_is_an_invalid_argument(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        export(channel, b"\xff")

    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_message_that_is_too_large_is_refused(channel: grpc.Channel, compression: grpc.Compression) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        export(channel, bytes(64 * 2**20 + 1), compression=compression)

    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_another_method_is_unimplemented(channel: grpc.Channel) -> None:
    method: Any = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Import")
    with pytest.raises(grpc.RpcError) as caught:
        method(b"", timeout=30)

    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_gzip_is_understood(shared: Collector, channel: grpc.Channel) -> None:
    export(channel, body(Made(8003, 1)), compression=grpc.Compression.Gzip)

    assert shared.spans(Made(8003, 1).trace_id)
