"""RSS and PSS of the process tree after start, and after --n requests by wrk (FastAPI hello under uvicorn)."""

import re
import subprocess
import time

from common import Sinks, args, emit, free_port, table, wait_200
from request import CASES, server


def main():
    o = args(n=20000, case="hello")
    kind, path = CASES[o.case]
    doc = {}
    for t in o.list:
        sinks, port = Sinks("up", o.grpc_python if "{grpc}" in str(t.env) else None), free_port()
        p = server(t, kind, t.environ(**sinks.subst), port)
        d = doc[t.name] = {"requests": 0}
        try:
            wait_200(p, port, path)
            time.sleep(1)
            d["start"], d["start_pss"] = p.rss()
            while d["requests"] < o.n:
                w = subprocess.run(
                    ["wrk", "-t1", "-c4", "-d4s", f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True
                ).stdout
                d["requests"] += int(re.search(r"(\d+) requests in", w)[1])
            time.sleep(6)
            d["end"], d["end_pss"] = p.rss()
            s = sinks.stats()
            d["spans_per_req"] = round(s["spans"] / d["requests"], 3)
        except Exception as e:
            d["error"] = repr(e)
        finally:
            p.kill()
            sinks.close()
    base = doc[o.list[0].name]
    emit(
        o,
        doc,
        table(
            [
                "target",
                "RSS start MiB",
                "added",
                "RSS end",
                "added",
                "growth",
                "requests",
                "spans/req delivered",
                "error",
            ],
            [
                [
                    n,
                    d.get("start"),
                    round(d.get("start", 0) - base["start"], 1),
                    d.get("end"),
                    round(d.get("end", 0) - base["end"], 1),
                    round(d.get("end", 0) - d.get("start", 0), 1),
                    d["requests"],
                    d.get("spans_per_req"),
                    d.get("error"),
                ]
                for n, d in doc.items()
            ],
        ),
    )


if __name__ == "__main__":
    main()
