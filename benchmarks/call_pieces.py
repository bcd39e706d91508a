"""What one client span consists of: CPU µs of each of its pieces, in a loop in one process.

A loop keeps everything in the processor's caches: between two waits for a network each piece takes two to five times as
long, ours as upstream's. What a call takes there says request.py; what it takes altogether without a network, calls.py.

.venv/bin/python benchmarks/call_pieces.py [--rounds 40]
"""

import argparse
import statistics
import time

from common import Sinks, table

URL = "http://127.0.0.1:8123/items/42"
HEADERS = {"User-Agent": "bench", "Accept": "*/*", "Accept-Encoding": "gzip", "Connection": "keep-alive"}
ATTRIBUTES = {
    "http.request.method": "GET",
    "url.full": URL,
    "server.address": "127.0.0.1",
    "server.port": 8123,
}
IN_A_ROW = 300


def install(endpoint):
    from platform_otel.config import Config
    from platform_otel.tracing import propagation, provider

    config = Config({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
    propagation.install(("tracecontext", "baggage"))
    provider.install(config)
    return config


def pieces(config):
    import httpx
    from multidict import CIMultiDict
    from opentelemetry.context import Context
    from opentelemetry.propagate import get_global_textmap
    from opentelemetry.propagators.textmap import default_setter
    from opentelemetry.trace import SpanKind, get_tracer
    from opentelemetry.trace.propagation import _SPAN_KEY
    from requests.structures import CaseInsensitiveDict

    from platform_otel.http.settings import client_settings
    from platform_otel.instrumentation.client_call import Calls
    from platform_otel.instrumentation.context import attach, leave

    tracer = get_tracer("bench", "1")
    calls = Calls("requests", client_settings(config, "requests"), default_setter)
    headers = {
        "requests": CaseInsensitiveDict(HEADERS),
        "httpx": httpx.Headers(HEADERS),
        "aiohttp": CIMultiDict(HEADERS),
    }
    empty = Context()

    def start():
        return tracer.start_span("GET", empty, SpanKind.CLIENT, ATTRIBUTES)

    def start_and_end():
        span = start()
        span.set_attributes({"http.response.status_code": 200, "network.protocol.version": "1.1"})
        span.end()

    inside = Context({_SPAN_KEY: start()})

    def call(library):
        def whole():
            started = calls.start("GET", URL, headers[library])
            started.answer(200, "1.1", HEADERS)
            started.finish()

        return whole

    made = {
        "a span's start": start,
        "a span's start and end, encoded and queued": start_and_end,
        "attributes of a request": lambda: calls._attributes("GET", "GET", URL, HEADERS),
        "a context made current and left": lambda: leave(attach(Context(inside))),
    }
    for library, carrier in headers.items():
        made[f"headers written, {library}"] = lambda carrier=carrier: get_global_textmap().inject(carrier, inside)
    return {**made, **{f"a whole call but for its wrappers, {library}": call(library) for library in headers}}


def timed(work):
    started = time.process_time()
    for _ in range(IN_A_ROW):
        work()
    return (time.process_time() - started) / IN_A_ROW * 1e6


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    sinks = Sinks("up")
    try:
        made = pieces(install(sinks.subst["http"]))
        measured = {name: [timed(work) for _ in range(options.rounds)] for name, work in made.items()}
    finally:
        sinks.close()
    rows = [[name, statistics.median(each), min(each)] for name, each in measured.items()]
    print(table(["piece", "µs", "fastest"], rows))


if __name__ == "__main__":
    main()
