"""RSS and PSS of the process tree at its start, after --n requests by wrk, and after --more (FastAPI under uvicorn)."""

import re
import subprocess
import time

from common import Sinks, args, emit, free_port, table, wait_200
from request import CASES, server


def drive(port, path, number):
    """At least so many requests; how many they were."""
    done = 0
    while done < number:
        w = subprocess.run(
            ["wrk", "-t1", "-c4", "-d4s", f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True
        ).stdout
        done += int(re.search(r"(\d+) requests in", w)[1])
    time.sleep(6)  # the last exports go out
    return done


def main():
    o = args(n=20000, more=0, case="hello")
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
            d["requests"] = drive(port, path, o.n)
            d["end"], d["end_pss"] = p.rss()
            if o.more:
                d["requests"] += drive(port, path, o.more)
                d["more"], d["more_pss"] = p.rss()
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
                "more, growth",
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
                    round(d["more"] - d["end"], 1) if "more" in d else None,
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
