"""Client calls: CPU µs that one call of requests, urllib3 and httpx costs more, ours beside upstream's.

Each target is a process of its own; they are asked for a chunk of calls in turn. The network is left out: urllib3 and
httpx's transports get a canned response, so that what is measured is the libraries and who traces them, with the
encoding and the sending of the spans to a sink. *hot* is the CPU of the process while the calls ran, *all* what it took
until the last span was sent. `request.py --case out-requests,out-httpx` has the network in it.

Run by an interpreter that has both: .venv/bin/python benchmarks/calls.py [--rounds 21] [--calls 200]
"""

import argparse
import json
import os
import subprocess
import sys
import time

from common import Sinks, med, table

TARGETS = ("bare", "upstream", "ours", "ours, sampled out")
LIBRARIES = ("requests", "urllib3", "httpx", "httpx async")
# Nobody listens there, and nobody is asked.
URL = "http://127.0.0.1:1/items/42?page=2"
BODY = b'{"a":1}'


def can_urllib3():
    import email.message
    import io

    from urllib3 import HTTPConnectionPool
    from urllib3.response import HTTPResponse

    class Original:
        msg = email.message.Message()

        def isclosed(self):
            return True

        def close(self):
            pass

    send, put = HTTPConnectionPool.urlopen, HTTPConnectionPool._put_conn

    def urlopen(self, method, url, body=None, headers=None, retries=None, preload_content=True, **options):
        if self.port != 1:  # the SDK's exporter sends by requests
            return send(self, method, url, body, headers, retries, preload_content=preload_content, **options)
        return HTTPResponse(
            body=io.BytesIO(BODY),
            headers={"Content-Type": "application/json"},
            status=200,
            version=11,
            preload_content=preload_content,
            original_response=Original(),
            connection=None if preload_content else Original(),
            pool=self,
        )

    HTTPConnectionPool._put_conn = lambda self, connection: put(self, connection) if self.port != 1 else None
    HTTPConnectionPool.urlopen = urlopen


def can_httpx():
    import httpx

    class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self):
            yield BODY

        async def __aiter__(self):
            yield BODY

    def respond(self, request):
        headers = {"Content-Type": "application/json"}
        return httpx.Response(200, headers=headers, stream=Body(), extensions={"http_version": b"HTTP/1.1"})

    async def respond_async(self, request):
        return respond(self, request)

    httpx.HTTPTransport.handle_request = respond
    httpx.AsyncHTTPTransport.handle_async_request = respond_async


def trace_by_upstream(endpoint):
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http"
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from opentelemetry.instrumentation.requests import RequestsInstrumentor
    from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")))
    trace.set_tracer_provider(provider)
    for instrumentor in (RequestsInstrumentor, URLLib3Instrumentor, HTTPXClientInstrumentor):
        instrumentor().instrument()


def trace_by_us(endpoint, **settings):
    from platform_otel.config import Config
    from platform_otel.instrumentation import httpx, requests, urllib3
    from platform_otel.tracing import propagation, provider

    config = Config({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **settings})
    propagation.install(("tracecontext", "baggage"))
    provider.install(config)
    for module in (requests, urllib3, httpx):
        module.instrument(config)


def callers():
    import asyncio

    import httpx
    import requests
    import urllib3

    session, pools = requests.Session(), urllib3.PoolManager()
    client, async_client = httpx.Client(trust_env=False), httpx.AsyncClient(trust_env=False)
    session.trust_env = False
    loop = asyncio.new_event_loop()

    async def call_async(number):
        for _ in range(number):
            await async_client.get(URL)

    def repeated(call):
        def call_repeatedly(number):
            for _ in range(number):
                call()

        return call_repeatedly

    return {
        "requests": repeated(lambda: session.get(URL)),
        "urllib3": repeated(lambda: pools.request("GET", URL)),
        "httpx": repeated(lambda: client.get(URL)),
        "httpx async": lambda number: loop.run_until_complete(call_async(number)),
    }


def child(target, endpoint):
    can_urllib3()
    can_httpx()
    if target == "upstream":
        trace_by_upstream(endpoint)
    elif target == "ours":
        trace_by_us(endpoint)
    elif target == "ours, sampled out":
        trace_by_us(endpoint, OTEL_TRACES_SAMPLER="always_off")
    calls = callers()
    print("ready", flush=True)
    for line in sys.stdin:
        library, number = json.loads(line)
        if not number:
            print(time.process_time() * 1e6, flush=True)
            continue
        started = time.process_time()
        calls[library](number)
        print((time.process_time() - started) / number * 1e6, flush=True)


class Target:
    def __init__(self, name):
        self.name = name
        self.sinks = Sinks("up")
        command = [sys.executable, __file__, "--child", name, "--endpoint", self.sinks.subst["http"]]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n", name

    def ask(self, library, number):
        self.process.stdin.write(json.dumps([library, number]) + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def spent(self):
        return self.ask("", 0), self.sinks.stats()["spans"]

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.sinks.close()


def measured(targets, library, options):
    """Per target: hot µs of each chunk, all µs a call, spans a call."""
    for target in targets:
        target.ask(library, options.calls)
    time.sleep(options.drain)
    before = {target.name: target.spent() for target in targets}
    hot = {target.name: [] for target in targets}
    for turn in range(options.rounds):
        for target in targets[::-1] if turn % 2 else targets:
            hot[target.name].append(target.ask(library, options.calls))
        time.sleep(options.pause)  # the SDK's queue holds 2048 spans, and a dropped one costs nothing
    time.sleep(options.drain)
    number = options.rounds * options.calls
    everything = {}
    for target in targets:
        (cpu, spans), (cpu_before, spans_before) = target.spent(), before[target.name]
        everything[target.name] = (cpu - cpu_before) / number, (spans - spans_before) / number
    return hot, everything


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--pause", type=float, default=0.3)
    parser.add_argument("--drain", type=float, default=6.0)
    parser.add_argument("--child", default="")
    parser.add_argument("--endpoint", default="")
    options = parser.parse_args()
    if options.child:
        child(options.child, options.endpoint)
        return
    targets = [Target(name) for name in TARGETS]
    rows = []
    try:
        for library in LIBRARIES:
            hot, everything = measured(targets, library, options)
            for name in TARGETS:
                pairs = zip(hot[name], hot["bare"], strict=True)
                taken, spans = everything[name]
                added = taken - everything["bare"][0]
                share = added / (everything["upstream"][0] - everything["bare"][0])
                hot_added = med([value - base for value, base in pairs])
                rows.append([library, name, med(hot[name]), hot_added, taken, added, share, spans])
    finally:
        for target in targets:
            target.stop()
    heads = ["library", "target", "hot µs", "hot added", "all µs", "all added", "of upstream's", "spans/call"]
    print(table(heads, rows))
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
