"""Load for a collector, and what it then answers. Standard library and opentelemetry-proto only.

python benchmarks/ingest.py SPANS URL PID [THREADS]        any collector: send to it flat out
python benchmarks/ingest.py [--sizes 10000,...] [--out F]  a platform-trace collector of its own, at growing sizes

Spans are unique, sent as OTLP/HTTP protobuf: 512 a batch, traces of 8 spans over 4 services, 8 attributes each. Flat
out means two connections, each of which sends as soon as it is answered. CPU is the server's own clock over all its
threads; beside it stands what it took the load to make a span just before, as a measure of the machine's speed at that
moment. With a collector of its own it also measures: seconds until ready; at each size, three traces read back whole,
bytes per span in the file, resident memory, queries; at the end, acknowledgements at 10,000 spans a second, the same
while somebody searches by attributes without a pause, and how long it takes to stop, to start again, and to start again
after kill -9. While somebody searches, /query/status is asked every 20 ms: the event loop itself answers it, so its
longest answer is longer than the event loop was ever held.
"""

import argparse
import http.client
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PER_BATCH = 512
RATE = 10_000
SECONDS_AT_RATE = 30
SERVICES = ["gate", "identity", "llm-gateway", "prompts"]
ROUTES = [f"/v1/thing{i}/{{id}}" for i in range(40)]
rnd = random.Random(7)


def batch(now):
    """The id of the first trace, and the body."""
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


def batches(spans):
    now = time.time_ns()
    return [batch(now) for _ in range(max(1, spans // PER_BATCH))]


class Server:
    """A process that is measured from outside."""

    def __init__(self, url, pid):
        self.url, self.pid = urlsplit(url), pid

    def cpu(self):
        # The process's clock as clock_getcpuclockid(3) names it.
        return time.clock_gettime((~self.pid << 3) | 2)

    def rss(self):
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

    def send(self, made, threads=2, rate=0):
        """Send batches, flat out or at a rate; the figures."""
        todo, lock, lat, bad = iter(made), threading.Lock(), [], []
        due = time.perf_counter()

        def work():
            nonlocal due
            c = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=60)
            while True:
                with lock:
                    item = next(todo, None)
                    if rate:
                        due += PER_BATCH / rate
                    at = due
                if item is None:
                    return
                if rate:
                    time.sleep(max(0, at - time.perf_counter()))
                t = time.perf_counter()
                while True:
                    c.request("POST", self.url.path, item[1], {"content-type": "application/x-protobuf"})
                    r = c.getresponse()
                    r.read()
                    if r.status in (429, 503):
                        time.sleep(0.05)
                        continue
                    if r.status >= 300:
                        bad.append(r.status)
                    break
                lat.append(time.perf_counter() - t)

        c0, t0 = self.cpu(), time.perf_counter()
        ts = [threading.Thread(target=work) for _ in range(threads)]
        [t.start() for t in ts]
        [t.join() for t in ts]
        took, used, sent = time.perf_counter() - t0, self.cpu() - c0, len(made) * PER_BATCH
        lat.sort()
        return {
            "spans": sent,
            "per_second": round(sent / took),
            "cpu_us_per_span": round(used / sent * 1e6, 2),
            "ack_p50_ms": round(lat[len(lat) // 2] * 1e3, 1),
            "ack_p90_ms": round(lat[int(len(lat) * 0.9)] * 1e3, 1),
            "ack_p99_ms": round(lat[int(len(lat) * 0.99)] * 1e3, 1),
            "ack_max_ms": round(lat[-1] * 1e3, 1),
            "rss_mib": round(self.rss()),
            "refused": len(bad),
        }


class Own(Server):
    """A platform-trace collector, started and stopped here."""

    def __init__(self, db):
        ports = ["--grpc-port", "0", "--http-port", "0", "--query-port", "0", "--max-size", "8GiB"]
        command = [str(Path(sys.executable).with_name("platform-trace")), "collector", "--db", str(db), *ports]
        began = time.perf_counter()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        found = re.search(r"OTLP/HTTP (\S+), queries http://(\S+)", self.process.stdout.readline())
        self.ready = time.perf_counter() - began
        super().__init__(found[1] + "/v1/traces", self.process.pid)
        self.query = found[2]

    def stop(self):
        began = time.perf_counter()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        return time.perf_counter() - began

    def ask(self, path, **parameters):
        """What it answers, and milliseconds: the median of nine, and the longest."""
        c = http.client.HTTPConnection(self.query, timeout=60)
        took = []
        for _ in range(9):
            t = time.perf_counter()
            c.request("GET", f"{path}?{urlencode(parameters)}" if parameters else path)
            r = c.getresponse()
            answer = r.read()
            took.append((time.perf_counter() - t) * 1e3)
            if r.status != 200:
                raise SystemExit(f"{path}: {r.status} {answer[:200]}")
        return json.loads(answer), [round(statistics.median(took), 1), round(max(took), 1)]

    def searched(self, made):
        """Figures at the rate while one searches; the longest search and the longest answer of the event loop."""
        done, longest = threading.Event(), {"search": 0.0, "event_loop": 0.0}

        def ask(what, path, pause):
            c = http.client.HTTPConnection(self.query, timeout=60)
            while not done.wait(pause):
                t = time.perf_counter()
                c.request("GET", path)
                r = c.getresponse()
                r.read()
                if r.status != 200:
                    raise SystemExit(f"{path}: {r.status}")
                longest[what] = max(longest[what], time.perf_counter() - t)

        search = f"/query/traces?{urlencode({'where': 'no.such = 1'})}"
        asked = (("search", search, 0), ("event_loop", "/query/status", 0.02))
        threads = [threading.Thread(target=ask, args=each) for each in asked]
        [t.start() for t in threads]
        figures = self.send(made, threads=4, rate=RATE)
        done.set()
        [t.join() for t in threads]
        figures.update({f"longest_{what}_ms": round(took * 1e3, 1) for what, took in longest.items()})
        return figures

    def answers(self, ids):
        """Whether traces are there whole, and how long each query takes."""
        asked = {
            "services": ("/query/services", {}),
            "operations": ("/query/operations", {}),
            "graph": ("/query/graph", {}),
            "newest": ("/query/traces", {}),
            "slowest": ("/query/traces", {"order": "slowest"}),
            "operation": ("/query/traces", {"service": "gate", "operation": f"GET {ROUTES[3]}"}),
            "errors": ("/query/traces", {"status": "error"}),
            "attribute": ("/query/traces", {"where": "http.response.status_code >= 500"}),
            "attribute of none": ("/query/traces", {"where": "no.such = 1"}),
        }
        figures = {}
        for i in ids:
            trace, figures["trace"] = self.ask(f"/query/traces/{i}")
            spans = sum(len(s["spans"]) for r in trace["resourceSpans"] for s in r["scopeSpans"])
            if spans != 8:
                raise SystemExit(f"trace {i} has {spans} of 8 spans")
        for name, (path, parameters) in asked.items():
            answer, figures[name] = self.ask(path, **parameters)
            if name == "attribute of none":
                figures[name].append(answer["lookedAt"])
        return figures


def own(sizes, out):
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "db"
        collector = Own(db)
        rows, there = [], 0
        print(f"ready in {collector.ready:.2f} s, {collector.rss():.0f} MiB")
        for size in sizes:
            began = time.process_time()
            made = batches(size - there)
            making = time.process_time() - began
            row = collector.send(made)
            there += row["spans"]
            row["making_us_per_span"] = round(making / row["spans"] * 1e6, 1)
            files = sum(os.path.getsize(f"{db}{s}") for s in ("", "-wal") if os.path.exists(f"{db}{s}"))
            row.update(total=there, bytes_per_span=round(files / there, 1))
            row["queries_ms"] = collector.answers(made[i][0] for i in (0, len(made) // 2, len(made) - 1))
            row["rss_after_queries_mib"] = round(collector.rss())
            rows.append(row)
            print(json.dumps(row))
        paced = collector.send(batches(RATE * SECONDS_AT_RATE), threads=4, rate=RATE)
        print(f"at {RATE}/s:", json.dumps(paced))
        searched = collector.searched(batches(RATE * SECONDS_AT_RATE))
        print(f"at {RATE}/s, searched:", json.dumps(searched))
        stopped = collector.stop()
        file = os.path.getsize(db) / (there + paced["spans"] + searched["spans"])
        again = Own(db)
        print(f"stopped in {stopped:.2f} s; {file:.1f} bytes/span; ready again in {again.ready:.2f} s")
        again.send(batches(10_000))
        again.process.kill()
        again.process.wait()
        killed = Own(db)
        print(f"ready again after kill -9 in {killed.ready:.2f} s")
        killed.stop()
        figures = {
            "ready_s": collector.ready,
            "sizes": rows,
            "paced": paced,
            "searched": searched,
            "stop_s": stopped,
            "file_bytes": file,
        }
        figures.update(ready_again_s=again.ready, ready_after_kill_s=killed.ready)
        if out:
            Path(out).write_text(json.dumps(figures, indent=1), encoding="utf-8")


def main():
    words = sys.argv[1:]
    if words and words[0].isdigit():
        made = batches(int(words[0]))
        figures = Server(words[1], int(words[2])).send(made, int(words[3]) if len(words) > 3 else 2)
        print(json.dumps(figures))
        print("ids", [made[i][0] for i in (0, len(made) // 2, len(made) - 1)])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--out")
    options = parser.parse_args()
    own([int(size) for size in options.sizes.split(",")], options.out)


if __name__ == "__main__":
    main()
