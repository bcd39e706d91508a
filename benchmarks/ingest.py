"""Load for a collector: VENV/bin/python benchmarks/ingest.py SPANS URL PID [THREADS].

Sends SPANS unique spans as OTLP/HTTP protobuf (512 a batch, traces of 8 spans over 4 services, 8 attributes each) as
fast as the server takes them; prints accepted spans/s, the server's CPU per span, its memory, and three trace ids.
"""

import http.client
import random
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

n, url, pid = int(sys.argv[1]), urlsplit(sys.argv[2]), int(sys.argv[3])
threads = int(sys.argv[4]) if len(sys.argv) > 4 else 2
rnd = random.Random(7)
SERVICES = ["gate", "identity", "llm-gateway", "prompts"]
ROUTES = [f"/v1/thing{i}/{{id}}" for i in range(40)]


def batch(i, now):
    r = ExportTraceServiceRequest()
    scopes = {}
    for s in SERVICES:
        rs = r.resource_spans.add()
        for k, v in (("service.name", s), ("service.version", "1.2.3"), ("host.name", f"{s}-0")):
            a = rs.resource.attributes.add()
            a.key, a.value.string_value = k, v
        sc = rs.scope_spans.add()
        sc.scope.name = "platform"
        scopes[s] = sc
    first = None
    for _ in range(64):
        tid = rnd.getrandbits(128).to_bytes(16, "big")
        first = first or tid.hex()
        parent, start = b"", now - rnd.randrange(10**9, 60 * 10**9)
        route = rnd.choice(ROUTES)
        for depth in range(8):
            x = scopes[SERVICES[depth // 2]].spans.add()
            x.trace_id, x.span_id, x.parent_span_id = tid, rnd.getrandbits(64).to_bytes(8, "big"), parent
            x.kind = 2 if depth % 2 == 0 else 3
            x.name = f"GET {route}" if x.kind == 2 else "GET"
            x.start_time_unix_nano = start + depth * 10**6
            x.end_time_unix_nano = start + rnd.randrange(20, 40) * 10**6 - depth * 10**6
            x.flags = 0x301 if x.kind == 2 and depth else 0x101
            for k, v in (
                ("http.request.method", "GET"),
                ("http.route", route),
                ("url.path", f"/v1/thing/{rnd.randrange(10**6)}"),
                ("url.scheme", "http"),
                ("user_agent.original", "python-httpx/0.28.1"),
                ("client.address", "10.0.0.7"),
            ):
                a = x.attributes.add()
                a.key, a.value.string_value = k, v
            for k, v in (("http.response.status_code", 500 if rnd.random() < 0.01 else 200), ("server.port", 8080)):
                a = x.attributes.add()
                a.key, a.value.int_value = k, v
            parent = x.span_id
    return first, r.SerializeToString()


now = time.time_ns()
made = [batch(i, now) for i in range(n // 512)]
todo, lock, lat, bad = iter(made), threading.Lock(), [], []


def cpu():
    return time.clock_gettime((~pid << 3) | 2)


def send():
    c = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    while True:
        with lock:
            item = next(todo, None)
        if item is None:
            return
        t = time.perf_counter()
        while True:
            c.request("POST", url.path, item[1], {"content-type": "application/x-protobuf"})
            r = c.getresponse()
            r.read()
            if r.status in (429, 503):
                time.sleep(0.05)
                continue
            if r.status >= 300:
                bad.append(r.status)
            break
        lat.append(time.perf_counter() - t)


c0, t0 = cpu(), time.perf_counter()
ts = [threading.Thread(target=send) for _ in range(threads)]
[t.start() for t in ts]
[t.join() for t in ts]
took, used = time.perf_counter() - t0, cpu() - c0
lat.sort()
rss = [int(x.split()[1]) // 1024 for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS")]
sent = len(made) * 512
print(
    f"spans {sent} in {took:.1f} s = {sent / took:,.0f}/s accepted; "
    f"server CPU {used / sent * 1e6:.2f} us/span = {sent / used:,.0f}/s per core; "
    f"ack p50 {lat[len(lat) // 2] * 1e3:.1f} p99 {lat[int(len(lat) * 0.99)] * 1e3:.1f} ms; "
    f"RSS {rss[0]} MiB; refused {len(bad)} {bad[:3]}"
)
print("ids", [made[i][0] for i in (0, len(made) // 2, len(made) - 1)])
