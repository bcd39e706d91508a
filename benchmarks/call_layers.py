"""Client calls over a connection: CPU µs that one costs more, ours beside upstream's, and which layer of ours costs it.

Each target is a process of its own that switches its instrumentation off and on for every chunk of calls to a server
beside it, so that the two of a pair see the same machine. Ours is measured whole, without the encoding and the queue
(*not exported*), without the recording too (*not sampled*), and with wrappers that start nothing (*wrappers*).

Run by an interpreter that has both: .venv/bin/python benchmarks/call_layers.py [--pairs 40] [--calls 40]
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from itertools import islice
from urllib.request import urlopen

from common import Sinks, med, table

OURS = {
    "ours": {},
    "ours, not exported": {"OTEL_TRACES_EXPORTER": "none"},
    "ours, not sampled": {"OTEL_TRACES_SAMPLER": "always_off"},
    "ours, wrappers": {},
}
TARGETS = ("upstream", *OURS)
LIBRARIES = ("requests", "urllib3", "httpx", "aiohttp")
WARM = 5


def switch_upstream(endpoint):
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http"
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from opentelemetry.instrumentation.requests import RequestsInstrumentor
    from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")))
    trace.set_tracer_provider(provider)
    kinds = (RequestsInstrumentor, URLLib3Instrumentor, HTTPXClientInstrumentor, AioHttpClientInstrumentor)

    def switch(on):
        for kind in kinds:
            if kind().is_instrumented_by_opentelemetry != on:
                kind().instrument() if on else kind().uninstrument()

    return switch


def switch_ours(endpoint, target):
    from platform_otel.config import Config
    from platform_otel.instrumentation import aiohttp_client, client_call, http_client, httpx, requests, urllib, urllib3
    from platform_otel.tracing import propagation, provider

    config = Config({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **OURS[target]})
    propagation.install(("tracecontext", "baggage"))
    provider.install(config)
    if target == "ours, wrappers":
        client_call.Calls.start = lambda *_: None
    for module in (http_client, urllib, urllib3, requests, httpx, aiohttp_client):
        module.instrument(config)
    replaced = [
        (owner, name, ours, ours.platform_trace_original)
        for owner in owners()
        for name, ours in list(vars(owner).items())
        if hasattr(ours, "platform_trace_original")
    ]

    def switch(on):
        for owner, name, ours, original in replaced:
            setattr(owner, name, ours if on else original)

    return switch


def owners():
    from http.client import HTTPConnection, HTTPResponse

    import httpx
    from aiohttp import BaseConnector, ClientRequest, ClientResponse, ClientSession
    from requests import Session
    from requests.adapters import HTTPAdapter
    from urllib3.connectionpool import HTTPConnectionPool
    from urllib3.response import HTTPResponse as PoolResponse

    pools = (HTTPConnectionPool, PoolResponse, HTTPAdapter, Session, HTTPConnection, HTTPResponse)
    return *pools, httpx.Client, ClientSession, BaseConnector, ClientRequest, ClientResponse


@contextlib.contextmanager
def caller(library, url, loop):
    """What makes so many calls one after the other, on one connection."""
    if library == "aiohttp":
        from aiohttp import ClientSession

        async def opened():
            return ClientSession()

        async def ask(number):
            for _ in range(number):
                async with session.get(url) as response:
                    await response.read()

        session = loop.run_until_complete(opened())
        yield lambda number: loop.run_until_complete(ask(number))
        loop.run_until_complete(session.close())
        return
    import httpx
    import requests
    import urllib3

    clients = {"requests": requests.Session, "urllib3": urllib3.PoolManager, "httpx": httpx.Client}
    client = clients[library]()
    ask_once = (lambda: client.request("GET", url)) if library == "urllib3" else (lambda: client.get(url))

    def repeat(number):
        for _ in range(number):
            ask_once()

    yield repeat
    client.clear() if library == "urllib3" else client.close()


def child(target, endpoint, url):
    switch = switch_upstream(endpoint) if target == "upstream" else switch_ours(endpoint, target)
    loop = asyncio.new_event_loop()
    print("ready", flush=True)
    for line in sys.stdin:
        library, on, number = json.loads(line)
        switch(on)
        with caller(library, url, loop) as call:
            call(WARM)
            started = time.process_time()
            call(number)
            print((time.process_time() - started) / number * 1e6, flush=True)


class Target:
    def __init__(self, name, sinks):
        command = [
            sys.executable,
            __file__,
            "--child",
            name,
            "--endpoint",
            sinks.subst["http"],
            "--url",
            sinks.subst["up"],
        ]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n", name

    def ask(self, *words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def pairs(target, library, number):
    while True:
        for order in ((False, True), (True, False)):
            taken = {on: target.ask(library, on, number) for on in order}
            yield taken[False], taken[True]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--child", default="")
    parser.add_argument("--endpoint", default="")
    parser.add_argument("--url", default="")
    options = parser.parse_args()
    if options.child:
        child(options.child, options.endpoint, f"{options.url}/up")
        return
    sinks = Sinks("up")
    rows, targets = [], {}
    try:
        urlopen(sinks.subst["up"] + "/up").read()
        for name in TARGETS:
            targets[name] = Target(name, sinks)
        for library in LIBRARIES:
            streams = {name: pairs(target, library, options.calls) for name, target in targets.items()}
            rounds = list(islice(zip(*streams.values(), strict=True), options.pairs))
            measured = {name: list(each) for name, each in zip(TARGETS, zip(*rounds, strict=True), strict=True)}
            upstreams = med([on - off for off, on in measured["upstream"]])
            for name, each in measured.items():
                added = med([on - off for off, on in each])
                rows.append([library, name, med([off for off, _ in each]), added, added / upstreams])
    finally:
        for target in targets.values():
            target.stop()
        sinks.close()
    print(table(["library", "target", "bare µs", "added µs", "of upstream's"], rows))


if __name__ == "__main__":
    main()
