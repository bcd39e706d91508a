"""Our pipeline beside the SDK's, in one interleaved run: a span's cost, flat-out throughput, and what importing takes.

Run by an interpreter that has both: .venv/bin/python benchmarks/pipeline.py [--rounds 9] [--spans 100000] [--imports]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from common import Sinks, table

ATTRIBUTES = {
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
IMPORTS = {
    "the SDK and its exporter": (
        "opentelemetry.sdk.trace.export",
        "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    ),
    "our pipeline and sender": (
        "platform_otel.tracing.pipeline",
        "platform_otel.export.otlp",
        "platform_otel.export.otlp_http",
    ),
}


def span_maker(tracer):
    from opentelemetry.trace import SpanKind

    def make():
        with tracer.start_as_current_span("GET /items/{id}", kind=SpanKind.SERVER, attributes=ATTRIBUTES):
            pass

    return make


class Sdk:
    """The SDK's provider, encoder and batch processor."""

    def __init__(self, sampler=None):
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider

        self.provider = TracerProvider(resource=Resource({"service.name": "bench"}), sampler=sampler)
        self.make = span_maker(self.provider.get_tracer("bench", "1"))

    def finished(self, number):
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        keep, sdk = InMemorySpanExporter(), Sdk()
        sdk.provider.add_span_processor(SimpleSpanProcessor(keep))
        for _ in range(number):
            sdk.make()
        return keep.get_finished_spans()

    def encoder(self, number=512):
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

        spans = self.finished(number)
        return lambda: encode_spans(spans).SerializeToString()

    def flat_out(self, endpoint, number):
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        sdk = Sdk()
        # A queue that holds them all, or most would be dropped and the figure say nothing.
        processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint), max_queue_size=number)
        sdk.provider.add_span_processor(processor)
        started = time.perf_counter()
        for _ in range(number):
            sdk.make()
        sdk.provider.force_flush(120_000)
        return time.perf_counter() - started


class Ours:
    """Our provider, encoder and export."""

    def __init__(self, **settings):
        from platform_otel.config import Config
        from platform_otel.tracing.provider import PlatformTracerProvider

        self.provider = PlatformTracerProvider(Config({"OTEL_TRACES_EXPORTER": "none", **settings}))
        self.pipeline = self.provider.build()
        self.make = span_maker(self.provider.get_tracer("bench", "1"))

    def encoder(self, number=512):
        from platform_otel.export.otlp import OtlpCodec

        spans = []
        keep = type("Keep", (), {"take": staticmethod(spans.append), "endpoint": "", "name": ""})
        self.pipeline.exports = (keep,)
        for _ in range(number):
            self.make()
        self.pipeline.exports = ()
        codec = OtlpCodec(self.pipeline.identity, self.pipeline.limits.lengths)
        return lambda: codec.message([codec.encode(span)[0] for span in spans])

    def flat_out(self, endpoint, number):
        ours = Ours(OTEL_TRACES_EXPORTER="otlp", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=endpoint)
        started = time.perf_counter()
        for _ in range(number):
            ours.make()
        ours.provider.force_flush(120_000)
        seconds = time.perf_counter() - started
        counts = ours.pipeline.exports[0].queue.counts()
        assert sum(counts) == number, counts
        return seconds


def microseconds(work, number):
    started = time.process_time()
    for _ in range(number):
        work()
    return (time.process_time() - started) / number * 1e6


def interleaved(works, rounds, number, per=1):
    """Median CPU microseconds of each work, taken in turn."""
    taken = {name: [] for name in works}
    for turn in range(-1, rounds):
        for name, work in works.items():
            spent = microseconds(work, number) / per
            if turn >= 0:
                taken[name].append(spent)
    return {name: statistics.median(values) for name, values in taken.items()}


def importing(rounds, before=""):
    """Milliseconds and MiB that an import adds to a process that has imported the API, and what comes ``before``."""
    measure = (
        f"import time, opentelemetry.trace, opentelemetry.propagate, threading, json, logging{before}\n"
        "def resident(): return int(open('/proc/self/statm').read().split()[1]) / 256\n"
        "before = resident(); started = time.process_time()\n"
        "import %s\n"
        "print((time.process_time() - started) * 1e3, resident() - before)"
    )
    # As in a service, whose modules are compiled once: by the first turn, which does not count.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    taken = {name: [] for name in IMPORTS}
    for turn in range(-1, rounds):
        for name, modules in IMPORTS.items():
            code = measure % ", ".join(modules)
            out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ)
            if turn >= 0:
                taken[name].append([float(word) for word in out.stdout.split()])
    return {name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in taken.items()}


def import_rows(rounds):
    (sdk_ms, sdk_mib), (our_ms, our_mib) = importing(rounds).values()
    # Most services have imported it themselves, by requests, httpx, urllib3 or http.server.
    (sdk_own_ms, sdk_own_mib), (our_own_ms, our_own_mib) = importing(rounds, ", http.client").values()
    return [
        ["import beyond the API, ms of CPU", sdk_ms, our_ms, our_ms / sdk_ms],
        ["import beyond the API, MiB", sdk_mib, our_mib, our_mib / max(sdk_mib, 0.001)],
        ["the same after http.client, ms of CPU", sdk_own_ms, our_own_ms, our_own_ms / sdk_own_ms],
        ["the same after http.client, MiB", sdk_own_mib, our_own_mib, our_own_mib / max(sdk_own_mib, 0.001)],
    ]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--spans", type=int, default=100_000)
    parser.add_argument("--imports", action="store_true", help="measure nothing else")
    options = parser.parse_args()
    if options.imports:
        show(import_rows(options.rounds))
        return
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    rounds = options.rounds
    sdk, ours = Sdk(), Ours()
    create = interleaved({"sdk": sdk.make, "ours": ours.make}, rounds, 5000)
    encode = interleaved({"sdk": sdk.encoder(), "ours": ours.encoder()}, rounds, 6, per=512)
    sampled_out = interleaved(
        {"sdk": Sdk(ALWAYS_OFF).make, "ours": Ours(OTEL_TRACES_SAMPLER="always_off").make}, rounds, 5000
    )
    sinks = Sinks("up")
    try:
        endpoint = sinks.subst["http"] + "/v1/traces"
        seconds = {"sdk": [], "ours": []}
        for _ in range(3):
            for name, pipeline in (("sdk", sdk), ("ours", ours)):
                before = sinks.stats()["spans"]
                seconds[name].append(pipeline.flat_out(endpoint, options.spans))
                arrived = sinks.stats()["spans"] - before
                assert arrived == options.spans, (name, arrived)
    finally:
        sinks.close()
    rate = {name: options.spans / statistics.median(values) for name, values in seconds.items()}
    rows = [
        ["create and end, us of CPU", create["sdk"], create["ours"], create["ours"] / create["sdk"]],
        ["encode, us of CPU", encode["sdk"], encode["ours"], encode["ours"] / encode["sdk"]],
        ["sampled out, us of CPU", sampled_out["sdk"], sampled_out["ours"], sampled_out["ours"] / sampled_out["sdk"]],
        [f"{options.spans} spans flat out, spans/s", rate["sdk"], rate["ours"], rate["ours"] / rate["sdk"]],
        *import_rows(rounds),
    ]
    show(rows)


def show(rows):
    print(table(["measure", "SDK", "ours", "ours / SDK"], rows))
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
