"""At exit: how long it takes, what is printed, what is lost.

Seconds from SIGTERM to exit of a uvicorn app, and from a short script's last line to its exit, with spans
pending, when the collector is up, refuses, or is a black hole; what is printed in --quiet seconds without a collector;
and (mode up) how many of 10 requests' spans reach the collector when SIGTERM comes at once, under uvicorn and gunicorn.
Sleep-bound, so targets run side by side (--jobs).
"""

import re
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common import Client, Proc, Sinks, args, emit, free_port, table, wait_200
from request import server


def env_of(t, sinks, mode):
    e = t.environ(**sinks.subst)
    if mode != "up":
        for k, v in t.exit_env.items():
            e[k] = v.replace("{hport}", sinks.subst["hport"])
    return e


def delivered(t, env, sinks, kind):
    """Spans (Datadog: traces) per request that arrive when SIGTERM follows 10 requests at once; 0 = all lost."""
    port = free_port()
    p = server(t, kind, env, port)
    try:
        wait_200(p, port, "/hello")
        time.sleep(2)  # short of the 5 s batch schedule
        before = sinks.stats()["spans"]
        c = Client(port)
        for _ in range(10):
            c.get("/hello")
        p.term(60)
        time.sleep(0.5)
        return (sinks.stats()["spans"] - before) / 10
    finally:
        p.kill()


def one(t, mode, o):
    sinks = Sinks(mode, o.grpc_python)
    out = {}
    try:
        env = env_of(t, sinks, mode)
        log = f"{tempfile.gettempdir()}/bench-exit-{t.name}-{mode}.log"
        port = free_port()
        p = Proc(t.argv("uvicorn", "fastapi_app:app", "--port", str(port), "--log-level", "warning"), env, log)
        try:
            wait_200(p, port)
            c = Client(port)
            end = time.time() + (o.quiet if mode != "up" else 3)
            while True:
                c.get("/hello")
                if time.time() > end:
                    break
                time.sleep(0.5)
            txt = Path(log).read_text(errors="replace")
            out["lines"], out["chars"] = txt.count("\n"), len(txt)
            out["server"] = p.term(o.limit)
            out["lines_exit"] = Path(log).read_text(errors="replace").count("\n") - out["lines"]
        finally:
            p.kill()
        s = Proc(t.argv("python", "script.py"), env, log + ".script")
        try:
            s.p.wait(o.limit)
            end = time.time()
            txt = Path(log + ".script").read_text(errors="replace")
            out["script"] = end - float(re.search(r"^END ([\d.]+)", txt, re.MULTILINE)[1])
        except subprocess.TimeoutExpired:
            out["script"] = None
        finally:
            s.kill()
        if mode == "up":
            out["delivered"] = [delivered(t, env, sinks, k) for k in ("uvicorn", "gunicorn")]
        out["script_lines"] = Path(log + ".script").read_text(errors="replace").count("\n")
    except Exception as e:
        out["error"] = repr(e)
    finally:
        sinks.close()
    return t.name, mode, out


def main():
    o = args(quiet=30, limit=180, jobs=4, modes="up,refused,hole")
    modes = o.modes.split(",")
    res = {t.name: {} for t in o.list}
    with ThreadPoolExecutor(o.jobs) as ex:
        for name, mode, out in ex.map(lambda a: one(*a), [(t, m, o) for m in modes for t in o.list]):
            res[name][mode] = out
    g = lambda d, k: d.get("error") or (d.get(k) if d.get(k) is not None else f">{o.limit}")  # noqa: E731
    head = (
        ["target", "spans/req kept at SIGTERM: uvicorn, gunicorn"]
        + [f"server {m} s" for m in modes]
        + [f"script {m} s" for m in modes]
        + [f"lines/{o.quiet}s {m} (+exit)" for m in modes if m != "up"]
        + ["chars " + m for m in modes if m != "up"]
    )
    rows = [
        [n, d.get("up", {}).get("delivered")]
        + [g(d[m], "server") for m in modes]
        + [g(d[m], "script") for m in modes]
        + [f"{g(d[m], 'lines')} (+{d[m].get('lines_exit')})" for m in modes if m != "up"]
        + [g(d[m], "chars") for m in modes if m != "up"]
        for n, d in res.items()
    ]
    emit(o, res, table(head, rows))


if __name__ == "__main__":
    main()
