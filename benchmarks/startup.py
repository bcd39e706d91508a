"""Start-up: wall and CPU of an empty script, two app imports, the launcher alone, and uvicorn's first 200."""

import os
import subprocess
import time

from common import HERE, Proc, Sinks, args, emit, free_port, med, spread, table, wait_200

CASES = {
    "launcher": ["/bin/true"],
    "nothing": ["python", "nothing.py"],
    "import-fastapi": ["python", "imp_fastapi.py"],
    "import-flask": ["python", "imp_flask.py"],
}


def timed(argv, env, cwd):
    t = time.perf_counter()
    p = subprocess.Popen(
        argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, st, ru = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(st)
    return time.perf_counter() - t, ru.ru_utime + ru.ru_stime, p.returncode


def main():
    o = args(rounds=7, cases="launcher,nothing,import-fastapi,import-flask,uvicorn")
    sinks = Sinks("up", o.grpc_python)
    res = {c: {t.name: {"wall": [], "cpu": []} for t in o.list} for c in o.cases.split(",")}
    try:
        for r in range(-1, o.rounds):  # round -1 warms the file cache and the .pyc files
            for case in res:
                for t in o.list:
                    env = t.environ(**sinks.subst)
                    if case == "uvicorn":
                        port = free_port()
                        p = Proc(
                            t.argv("uvicorn", "fastapi_app:app", "--port", str(port), "--log-level", "warning"), env
                        )
                        try:
                            wall, rc = wait_200(p, port), 0
                            cpu = p.cpu()
                        except RuntimeError as e:
                            wall, cpu, rc = 0, 0, str(e)
                        p.kill()
                    else:
                        if case == "launcher" and (t.drop_python or not t.prefix):
                            continue
                        wall, cpu, rc = timed(t.argv(*CASES[case]), env, HERE / "apps")
                    if rc:
                        res[case][t.name]["error"] = rc
                    elif r >= 0:
                        res[case][t.name]["wall"].append(wall)
                        res[case][t.name]["cpu"].append(cpu)
    finally:
        sinks.close()
    base = o.list[0].name
    text = []
    for case, by in res.items():
        rows, b = [], by[base]
        for name, d in by.items():
            if not d["wall"]:
                if "error" in d:
                    rows.append([name, d["error"]])
                continue
            w, c = ([x * 1e3 for x in d[k]] for k in ("wall", "cpu"))
            row = [name, med(w), med(c), min(w), min(c)]
            if name != base and b["wall"]:
                bw, bc = ([x * 1e3 for x in b[k]] for k in ("wall", "cpu"))
                row += [
                    med([x - y for x, y in zip(w, bw, strict=False)]),
                    min(w) - min(bw),
                    min(c) - min(bc),
                    med([x / y for x, y in zip(w, bw, strict=False)]),
                ]
            else:
                row += [None] * 4
            rows.append([*row, spread(w), d.get("error")])
        text.append(
            f"\n{case}\n"
            + table(
                [
                    "target",
                    "wall ms",
                    "CPU ms",
                    "min wall",
                    "min CPU",
                    "added wall (paired)",
                    "added min wall",
                    "added min CPU",
                    "x " + base,
                    "±%",
                    "error",
                ],
                rows,
            )
        )
    emit(o, res, "\n".join(text))


if __name__ == "__main__":
    main()
