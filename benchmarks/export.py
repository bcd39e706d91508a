"""In one process: CPU µs per span for create+end, encode, send; spans/s through the BatchSpanProcessor.

Run by an interpreter that has the SDK: VENV/bin/python benchmarks/export.py EXPORTER [ENDPOINT] [N]
EXPORTER: none | http | grpc | json | MODULE:CLASS   Prints one JSON line.
"""

import importlib
import json
import statistics
import sys
import time

NAMES = {
    "http": "opentelemetry.exporter.otlp.proto.http.trace_exporter:OTLPSpanExporter",
    "grpc": "opentelemetry.exporter.otlp.proto.grpc.trace_exporter:OTLPSpanExporter",
    "json": "opentelemetry.exporter.otlp.json.http.trace_exporter:OTLPSpanExporter",
}
ATTRS = {
    "http.request.method": "GET",
    "url.scheme": "http",
    "url.path": "/items/42",
    "http.route": "/items/{id}",
    "http.response.status_code": 200,
    "server.address": "127.0.0.1",
    "server.port": 8000,
    "network.protocol.version": "1.1",
    "client.address": "10.0.0.7",
    "user_agent.original": "bench/1.0",
}


def main():
    kind = sys.argv[1]
    endpoint = sys.argv[2] if len(sys.argv) > 2 else ""
    n = int(sys.argv[3]) if len(sys.argv) > 3 else 20000
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
    from opentelemetry.trace import SpanKind

    out = {"exporter": kind, "n": n}

    def dump(x):
        return x.SerializeToString() if hasattr(x, "SerializeToString") else x.to_json().encode()

    class Keep(SpanExporter):
        def __init__(self):
            self.spans = []

        def export(self, spans):
            self.spans.extend(spans)
            return SpanExportResult.SUCCESS

    class Drop(Keep):
        def export(self, spans):
            return SpanExportResult.SUCCESS

    def produce(tracer, n):
        for _ in range(n):
            with tracer.start_as_current_span("GET /items/{id}", kind=SpanKind.SERVER, attributes=ATTRS):
                pass

    def cpu_per_span(f, n):
        xs = []
        for _ in range(5):
            t = time.process_time()
            f()
            xs.append((time.process_time() - t) / n * 1e6)
        return round(statistics.median(xs), 2)

    res = Resource.create({"service.name": "bench"})
    tp = TracerProvider(resource=res)
    tr = tp.get_tracer("bench")
    produce(tr, 1000)
    out["create_end_us"] = cpu_per_span(lambda: produce(tr, n // 5), n // 5)
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    tro = TracerProvider(resource=res, sampler=ALWAYS_OFF).get_tracer("bench")
    out["unsampled_us"] = cpu_per_span(lambda: produce(tro, n // 5), n // 5)
    tp2 = TracerProvider(resource=res)
    tp2.add_span_processor(BatchSpanProcessor(Drop(), max_queue_size=n * 2, schedule_delay_millis=100))
    out["create_end_batch_us"] = cpu_per_span(lambda: produce(tp2.get_tracer("bench"), n // 5), n // 5)
    tp2.shutdown()
    if kind != "none":
        mod, cls = NAMES.get(kind, kind).split(":")
        t = time.perf_counter()
        exporter = getattr(importlib.import_module(mod), cls)(**({"endpoint": endpoint} if endpoint else {}))
        out["import_ms"] = round((time.perf_counter() - t) * 1e3, 1)
        keep = Keep()
        tp3 = TracerProvider(resource=res)
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor

        tp3.add_span_processor(SimpleSpanProcessor(keep))
        produce(tp3.get_tracer("bench"), 512)
        batch = keep.spans[:512]
        exporter.export(batch)

        def send():
            for _ in range(10):
                exporter.export(batch)

        out["export_us"] = cpu_per_span(send, 5120)  # encode + send, this process's CPU
        for name in (
            "opentelemetry.exporter.otlp.proto.common.trace_encoder",
            "opentelemetry.exporter.otlp.json.common.trace_encoder",
        ):
            if kind.startswith("json") != ("json" in name):
                continue
            try:
                m = importlib.import_module(name)
            except ImportError:
                continue
            enc = m.encode_spans

            def encode(enc=enc):
                for _ in range(10):
                    x = enc(batch)
                    dump(x)

            try:
                out["encode_us"] = cpu_per_span(encode, 5120)
                x = enc(batch)
                out["bytes_per_span"] = round(len(dump(x)) / 512)
            except Exception as e:
                out["encode_error"] = repr(e)
        # throughput: a producer on one thread, the batch thread exporting; nothing may be dropped
        tp4 = TracerProvider(resource=res)
        tp4.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=n * 2, schedule_delay_millis=50))
        c, t = time.process_time(), time.perf_counter()
        produce(tp4.get_tracer("bench"), n)
        tp4.force_flush()
        tp4.shutdown()
        w = time.perf_counter() - t
        out["total_us"], out["spans_per_s"] = round((time.process_time() - c) / n * 1e6, 2), round(n / w)
    print(json.dumps(out))


if __name__ == "__main__":
    main()
