"""A receiver of metrics over OTLP, which keeps the histograms that arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import NamedTuple

from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

SERVER = "http.server.request.duration"
CLIENT = "http.client.request.duration"


class Series(NamedTuple):
    """One series of a histogram, as it last arrived; ``traces`` are those of its exemplars."""

    process: str
    metric: str
    unit: str
    scope: str
    attributes: dict[str, object]
    number: int
    seconds: float
    bounds: tuple[float, ...]
    traces: frozenset[str]


class MetricsReceiver:
    """Takes metrics on a free port of 127.0.0.1. A context manager."""

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}
        self._lock = Lock()

    def __enter__(self) -> MetricsReceiver:
        self._server = _Server(self._take)
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def variables(self, **more: str) -> dict[str, str]:
        """What makes a child send its metrics here; its spans are only passed on."""
        endpoint = f"http://127.0.0.1:{self._server.server_port}/v1/metrics"
        return {
            "OTEL_METRICS_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": endpoint,
            "OTEL_TRACES_EXPORTER": "none",
            **more,
        }

    def series(self, metric: str) -> list[Series]:
        """What a metric has."""
        with self._lock:
            return [each for each in self._series.values() if each.metric == metric]

    def _take(self, request: ExportMetricsServiceRequest) -> None:
        with self._lock:
            # Cumulative: what comes later takes the place of what came before, but for its exemplars.
            for each in _series(request):
                key = str((each.process, each.metric, each.scope, sorted(each.attributes.items())))
                former = self._series.get(key, each).traces
                self._series[key] = each._replace(traces=each.traces | former)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, take: Callable[[ExportMetricsServiceRequest], None]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.take = take


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.take(ExportMetricsServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""


def _series(request: ExportMetricsServiceRequest) -> Iterator[Series]:
    for of_resource in request.resource_metrics:
        resource = _attributes(of_resource.resource.attributes)
        process = str(resource.get("process.pid") or resource.get("service.instance.id"))
        for of_scope in of_resource.scope_metrics:
            for metric in of_scope.metrics:
                yield from _of_metric(process, metric, of_scope.scope.name)


def _of_metric(process: str, metric: Metric, scope: str) -> Iterator[Series]:
    for point in metric.histogram.data_points:
        yield Series(
            process,
            metric.name,
            metric.unit,
            scope,
            _attributes(point.attributes),
            point.count,
            point.sum,
            tuple(point.explicit_bounds),
            frozenset(exemplar.trace_id.hex() for exemplar in point.exemplars),
        )


def _attributes(pairs: RepeatedCompositeFieldContainer[KeyValue]) -> dict[str, object]:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}
