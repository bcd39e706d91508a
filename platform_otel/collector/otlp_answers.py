"""The answers to OTLP requests: how many items were rejected, or why the whole request was."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # comes without types
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from platform_otel.collector.model import Received

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

# The answer's class, and the field that counts what was rejected.
_ANSWERS: dict[str, tuple[Any, str]] = {  # Any: as in otlp_decoding.REQUESTS
    "traces": (ExportTraceServiceResponse, "rejected_spans"),
    "logs": (ExportLogsServiceResponse, "rejected_log_records"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points"),
}
_INVALID = "a trace id has 16 bytes and a span id 8, not all of them zero, and nothing may be larger than 4 MiB"


def success(received: Received) -> Message:
    """The answer to a request that is committed; a partial success if items were invalid."""
    kind, field = _ANSWERS[received.signal]
    answer: Message = kind()
    if received.rejected:
        partial = answer.partial_success  # type: ignore[attr-defined]  # each of the three has it
        setattr(partial, field, received.rejected)
        partial.error_message = f"{received.rejected} left out: {_INVALID}"
    return answer


def failure(code: int, message: str) -> Message:
    """Why a request was refused; the code is one of gRPC's."""
    status: Message = Status(code=code, message=message)
    return status


def encoded(message: Message, content_type: str) -> bytes:
    """The answer in the encoding of the request."""
    if content_type == JSON:
        return json.dumps(json_format.MessageToDict(message)).encode()
    return message.SerializeToString()
