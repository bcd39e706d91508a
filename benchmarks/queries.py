"""Jaeger's and Tempo's APIs of a platform-trace collector: each call, at a million spans.

python benchmarks/queries.py [--spans 1000000] [--rounds 9] [--out F]

The spans are those of ingest.py, sent to a collector of its own, whose file is in a temporary folder. Each call
is made so many times, in turn with the others, over one connection; milliseconds are the median and the longest, bytes
those of the answer. Beside them stand our own queries for the same.
"""

import argparse
import http.client
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

from ingest import ROUTES, Own, batches
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

AT_ONCE = 100_000


def calls(trace):
    """By name: the path, what is asked, and the header Accept."""
    now = time.time()
    v1 = {"service": "gate", "start": int((now - 3600) * 1e6), "end": int((now + 60) * 1e6), "limit": 20}
    stamps = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + s)) for s in (-3600, 60)]
    v3 = {"query.service_name": "gate", "query.start_time_min": stamps[0], "query.start_time_max": stamps[1]}
    seconds = {"start": int(now - 3600), "end": int(now + 60), "limit": 20}
    operation = f"GET {ROUTES[3]}"

    def search(q):
        return "/api/search", {**seconds, "q": q}, "application/json"

    def get(path, **parameters):
        return path, parameters, "application/json"

    return {
        "ours: a trace": get(f"/query/traces/{trace}"),
        "ours: service and operation": get("/query/traces", service="gate", operation=operation),
        "v1 services": get("/api/services"),
        "v1 operations": get("/api/services/gate/operations"),
        "v1 operations with kinds": get("/api/operations", service="gate"),
        "v1 trace": get(f"/api/traces/{trace}"),
        "v1 20 traces of a service": get("/api/traces", **v1),
        "v1 100 traces of a service": get("/api/traces", **{**v1, "limit": 100}),
        "v1 by operation and duration": get("/api/traces", **v1, operation=operation, minDuration="30ms"),
        "v1 by a tag": get("/api/traces", **v1, tags='{"http.response.status_code":"500"}'),
        "v1 by a tag of none": get("/api/traces", **v1, tags='{"no.such":"1"}'),
        "v1 dependencies": get("/api/dependencies", endTs=int((now + 60) * 1e3), lookback=3_600_000),
        "v3 services": get("/api/v3/services"),
        "v3 operations": get("/api/v3/operations", service="gate"),
        "v3 trace": get(f"/api/v3/traces/{trace}"),
        "v3 20 traces of a service": get("/api/v3/traces", **v3, **{"query.num_traces": 20}),
        "tempo echo": get("/api/echo"),
        "tempo trace, protobuf": (f"/api/v2/traces/{trace}", {}, "application/protobuf"),
        "tempo {}": search("{}"),
        "tempo service and name": search(f'{{resource.service.name="gate" && name="{operation}"}}'),
        "tempo status": search("{status=error}"),
        "tempo duration": search("{duration>38ms}"),
        "tempo attribute": search("{span.http.response.status_code>=500}"),
        "tempo regular expression": search('{span.http.route=~"/v1/thing(3|4)/.*"}'),
        "tempo two sets": search('{resource.service.name="prompts"} && {span.http.response.status_code>=500}'),
        "tempo attribute of none": search("{span.no.such=1}"),
        "tempo hostile expression": search('{span.user_agent.original=~"(((.*)*.)*x)*y"}'),
        "tempo tags": get("/api/v2/search/tags", limit=5000),
        "tempo values of a service's name": get("/api/v2/search/tag/resource.service.name/values"),
        "tempo values of a route": get("/api/v2/search/tag/span.http.route/values"),
        "tempo values with a filter": get("/api/v2/search/tag/name/values", q='{resource.service.name="gate"}'),
    }


def with_ids(made):
    """Each batch with the ids of its traces."""
    for _, body in made:
        spans = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
        yield list(dict.fromkeys(span.trace_id for span in spans)), body


def with_new_ids(ids, body):
    """The same once more, as other traces: making spans anew would take as long as sending them ten times."""
    new = [os.urandom(16) for _ in ids]
    for old, other in zip(ids, new, strict=True):
        body = body.replace(old, other)
    return new, body


def measured(collector, asked, rounds):
    """By name: milliseconds (median, longest), bytes and status."""
    c = http.client.HTTPConnection(collector.query, timeout=60)
    took = {name: [] for name in asked}
    seen = {}
    for _ in range(rounds):
        for name, (path, parameters, accept) in asked.items():
            t = time.perf_counter()
            c.request("GET", f"{path}?{urlencode(parameters)}" if parameters else path, headers={"accept": accept})
            r = c.getresponse()
            answer = r.read()
            took[name].append((time.perf_counter() - t) * 1e3)
            seen[name] = (len(answer), r.status)
    return {name: (statistics.median(ms), max(ms), *seen[name]) for name, ms in took.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        collector = Own(Path(folder) / "db")
        try:
            made = list(with_ids(batches(min(AT_ONCE, options.spans))))
            collector.send(made)
            for _ in range(AT_ONCE, options.spans, AT_ONCE):
                made = [with_new_ids(*each) for each in made]
                collector.send(made)
            before = collector.rss()
            figures = measured(collector, calls(made[len(made) // 2][0][0].hex()), options.rounds)
            after = collector.rss()
        finally:
            collector.stop()
    for name, (median, longest, size, status) in figures.items():
        print(f"{name:34} {median:8.1f} {longest:8.1f} ms {size:10,} B {status}")
    print(f"resident before {before:.0f} MiB, after {after:.0f} MiB")
    if options.out:
        Path(options.out).write_text(
            json.dumps({"spans": options.spans, "figures": figures}, indent=1), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
