"""Per request: server CPU µs, rps by wrk, RSS.

Every target's server is up at once and they are driven in turn, a
small chunk of requests each on one keep-alive connection, so that all targets see the same machine in every rotation.

hot = median over chunks of the CPU spent while the chunk ran; all = whole CPU of the process tree from the first chunk
to --drain seconds after the last, over all requests (so exports in the background count).

A process keeps what chance gave it at its start, where its memory lies and how its hashes fall, which is worth up to
5 % of a request: --rounds starts all servers anew so many times, and *all* is the median over the rounds.
"""

import re
import subprocess
import time

from common import HERE, Client, Proc, Sinks, args, emit, free_port, med, spread, table, wait_200

CASES = {
    "hello": ("uvicorn", "/hello"),
    "many": ("uvicorn", "/many/499/x"),  # with BENCH_ROUTES=500
    "few": ("uvicorn", "/many/4/x"),  # with BENCH_ROUTES=5
    "out-requests": ("uvicorn", "/out-requests"),
    "out-httpx": ("uvicorn", "/out-httpx"),
    "flask": ("gunicorn", "/hello"),
    "flask-out": ("gunicorn", "/out-requests"),
    "django": ("django", "/hello"),
    "django-asgi": ("django-asgi", "/hello"),
    "aiohttp": ("aiohttp", "/hello"),
    "aiohttp-out": ("aiohttp", "/out-aiohttp"),
}


def server(t, kind, env, port, log=None):
    uvicorn = ["--port", str(port), "--log-level", "warning", "--timeout-keep-alive", "600"]
    gunicorn = ["gunicorn", "-w", "1", "-b", f"127.0.0.1:{port}", "--log-level", "warning"]
    cmd = {
        "uvicorn": ["uvicorn", "fastapi_app:app", *uvicorn],
        "gunicorn": [*gunicorn, "flask_app:app"],
        "django": [*gunicorn, "django_app:app"],
        "django-asgi": ["uvicorn", "django_app:asgi", *uvicorn],
        "aiohttp": ["python", "aiohttp_app.py", str(port)],
    }[kind]
    # Upstream looks for the settings before there is an application, and configures empty ones if it finds none.
    env = {**env, "DJANGO_SETTINGS_MODULE": "django_settings", "PYTHONPATH": str(HERE / "apps")}
    return Proc(t.argv(*cmd), env, log)


class Run:
    def __init__(self, t, case, o):
        self.t, (kind, self.path), self.err = t, CASES[case], None
        self.sinks, self.port = Sinks("up", o.grpc_python if "{grpc}" in str(t.env) else None), free_port()
        self.hot, self.rps, self.paths = [], [], {}
        self.p = server(
            t, kind, t.environ(**self.sinks.subst), self.port, f"{o.log}-{t.name}-{case}" if o.log else None
        )
        try:
            wait_200(self.p, self.port, self.path)
            time.sleep(0.2)
            self.rss0 = self.p.rss()[0]
            self.c = Client(self.port)
        except Exception as e:
            self.err = repr(e)

    def chunk(self, n):
        c0 = self.p.cpu()
        for _ in range(n):
            self.c.get(self.path)
        return (self.p.cpu() - c0) / n * 1e6

    def begin(self):
        self.cpu0, self.stats0 = self.p.cpu(), self.sinks.stats()

    def end(self, total):
        s = self.sinks.stats()
        self.all = (self.p.cpu() - self.cpu0) / total * 1e6
        self.sent = {k: (s[k] - self.stats0[k]) / total for k in ("spans", "bytes")}
        self.exports = s["requests"] - self.stats0["requests"]
        self.rss1, self.paths = self.p.rss()[0], s["paths"]

    def requests_per_second(self, seconds):
        wrk = ["wrk", "-t1", "-c4", f"-d{seconds}s", f"http://127.0.0.1:{self.port}{self.path}"]
        return float(
            re.search(r"Requests/sec:\s+([\d.]+)", subprocess.run(wrk, capture_output=True, text=True).stdout)[1]
        )


def measured(case, o):
    """One run of each target, all of them started anew and driven in turn."""
    runs = [Run(t, case, o) for t in o.list]
    try:
        ok = [r for r in runs if not r.err]
        for r in ok:
            r.chunk(o.warm)
        time.sleep(o.drain)  # start-up's and warm-up's exports go out first
        for r in ok:
            r.begin()
        for i in range(o.chunks):
            for r in ok[::-1] if i % 2 else ok:
                r.hot.append(r.chunk(o.n))
        time.sleep(o.drain)
        for r in ok:
            r.end(o.n * o.chunks)
        for _ in range(3 if o.wrk else 0):
            for r in ok:
                r.rps.append(r.requests_per_second(o.wrk))
        for r in ok:
            r.rss2 = r.p.rss()[0] if o.wrk else None
    finally:
        for r in runs:
            r.p.kill()
            r.sinks.close()
    return runs


def row_of(runs, bases):
    """The figures of one target: its run of each round, beside that of the baseline."""
    pairs = [(r, b) for r, b in zip(runs, bases, strict=True) if not r.err and not b.err]
    if not pairs:
        return {"error": runs[0].err or f"the baseline: {bases[0].err}"}
    hot = [x for r, _ in pairs for x in r.hot]
    added = [x - y for r, b in pairs for x, y in zip(r.hot, b.hot, strict=True)]
    all_added = [r.all - b.all for r, b in pairs]
    last = pairs[-1][0]
    return {
        "hot µs": med(hot),
        "added µs": med(added),
        "±%": spread(hot if runs is bases else added),
        "all µs": med([r.all for r, _ in pairs]),
        "all added": med(all_added),
        "least": min(all_added),
        "most": max(all_added),
        "hot min": min(hot),
        "spans/req": med([r.sent["spans"] for r, _ in pairs]),
        "bytes/req": med([r.sent["bytes"] for r, _ in pairs]),
        "exports": last.exports,
        "rps c4": med([x for r, _ in pairs for x in r.rps]),
        "RSS start": last.rss0,
        "RSS end": last.rss1,
        "RSS after wrk": last.rss2,
    }


def main():
    o = args(case="hello", n=200, chunks=25, rounds=1, warm=400, drain=6.0, wrk=0, log="")
    doc = {}
    for case in o.case.split(","):
        by_target = list(zip(*(measured(case, o) for _ in range(o.rounds)), strict=True))
        rows = {runs[0].t.name: row_of(runs, by_target[0]) for runs in by_target}
        doc[case] = {
            name: {**row, "paths": runs[-1].paths} for (name, row), runs in zip(rows.items(), by_target, strict=True)
        }
        heads = list(max(rows.values(), key=len))
        print(f"\n{case} (rounds {o.rounds}, chunks {o.chunks} x {o.n})")
        print(table(["target", *heads], [[name, *row.values()] for name, row in rows.items()]), flush=True)
    emit(o, doc, "")


if __name__ == "__main__":
    main()
