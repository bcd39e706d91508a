"""Per request: server CPU µs, rps by wrk, RSS.

Every target's server is up at once and they are driven in turn, a
small chunk of requests each on one keep-alive connection, so that all targets see the same machine in every rotation.

hot = median over chunks of the CPU spent while the chunk ran; all = whole CPU of the process tree from the first chunk
to --drain seconds after the last, over all requests (so exports in the background count).
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
        self.sinks, self.port, self.hot = (
            Sinks("up", o.grpc_python if "{grpc}" in str(t.env) else None),
            free_port(),
            [],
        )
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
        c0, t0 = self.p.cpu(), time.perf_counter()
        for _ in range(n):
            self.c.get(self.path)
        return (self.p.cpu() - c0) / n * 1e6, (time.perf_counter() - t0) / n * 1e6


def main():
    o = args(case="hello", n=200, chunks=25, warm=400, drain=6.0, wrk=0, log="")
    doc, text = {}, []
    for case in o.case.split(","):
        runs = [Run(t, case, o) for t in o.list]
        try:
            ok = [r for r in runs if not r.err]
            for r in ok:
                r.chunk(o.warm)
            time.sleep(o.drain)  # start-up's and warm-up's exports go out first
            for r in ok:
                r.c0, r.s0 = r.p.cpu(), r.sinks.stats()
            for i in range(o.chunks):
                for r in ok[::-1] if i % 2 else ok:
                    r.hot.append(r.chunk(o.n))
            time.sleep(o.drain)
            for r in ok:
                s, r.total = r.sinks.stats(), o.n * o.chunks
                r.all = (r.p.cpu() - r.c0) / r.total * 1e6
                r.d = {k: s[k] - r.s0[k] for k in ("spans", "bytes", "requests")}
                r.rss1 = r.p.rss()[0]
                r.paths = s["paths"]
            rps = {r.t.name: [] for r in ok}
            for _ in range(3 if o.wrk else 0):
                for r in ok:
                    w = subprocess.run(
                        ["wrk", "-t1", "-c4", f"-d{o.wrk}s", f"http://127.0.0.1:{r.port}{r.path}"],
                        capture_output=True,
                        text=True,
                    ).stdout
                    rps[r.t.name].append(float(re.search(r"Requests/sec:\s+([\d.]+)", w)[1]))
            for r in ok:
                r.rss2 = r.p.rss()[0] if o.wrk else None
        finally:
            for r in runs:
                r.p.kill()
                r.sinks.close()
        base, rows = ok[0], []
        hot0 = [x for x, _ in base.hot]
        for r in runs:
            if r.err:
                rows.append([r.t.name, r.err])
                continue
            hot = [x for x, _ in r.hot]
            added = med([x - y for x, y in zip(hot, hot0, strict=False)])
            row = {
                "hot_us": med(hot),
                "added_us": added,
                "ratio": med([x / y for x, y in zip(hot, hot0, strict=False)]),
                "noise": spread([x - y for x, y in zip(hot, hot0, strict=False)]) if r is not base else spread(hot),
                "all_us": r.all,
                "all_added": r.all - base.all,
                "min_us": min(hot),
                "spans": r.d["spans"] / r.total,
                "bytes": r.d["bytes"] / r.total,
                "exports": r.d["requests"],
                "rps": med(rps[r.t.name]),
                "rss_start": r.rss0,
                "rss_end": r.rss1,
                "rss_wrk": r.rss2,
            }
            doc.setdefault(case, {})[r.t.name] = {**row, "paths": r.paths}
            rows.append([r.t.name, *row.values()])
        text.append(
            f"\n{case} (chunks {o.chunks} x {o.n})\n"
            + table(
                [
                    "target",
                    "hot µs",
                    "added µs",
                    "x " + base.t.name,
                    "±%",
                    "all µs",
                    "all added",
                    "hot min",
                    "spans/req",
                    "bytes/req",
                    "exports",
                    "rps c4",
                    "RSS start",
                    "RSS end",
                    "RSS after wrk",
                ],
                rows,
            )
        )
        print(text[-1], flush=True)
    emit(o, doc, "")


if __name__ == "__main__":
    main()
