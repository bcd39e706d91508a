"""What the benches share: targets, processes, /proc readings, a tiny HTTP client, tables."""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def free_port(n=1):
    """A free port P such that P..P+n-1 are free."""
    while True:
        socks = []
        try:
            s = socket.socket()
            s.bind(("127.0.0.1", 0))
            p = s.getsockname()[1]
            socks.append(s)
            for i in range(1, n):
                s = socket.socket()
                socks.append(s)
                s.bind(("127.0.0.1", p + i))
            return p
        except OSError:
            continue
        finally:
            for s in socks:
                s.close()


class Target:
    def __init__(self, d, defaults):
        self.name, self.venv = d["name"], Path(os.path.expandvars(d["venv"]))
        self.prefix, self.env = d.get("prefix", []), {**defaults, **d.get("env", {})}
        self.drop_python, self.exit_env = d.get("drop_python"), d.get("exit_env", {})

    def argv(self, *cmd):
        """The command under this target's launcher; commands are looked up in its venv."""

        def look(x):
            p = self.venv / "bin" / x
            return str(p) if p.exists() else x

        pre = [look(self.prefix[0]), *self.prefix[1:]] if self.prefix else []
        if self.drop_python:  # a launcher that runs scripts and console commands in its own process
            return [*pre, *(cmd[1:] if cmd[0] == "python" else cmd)]
        return [*pre, look(cmd[0]), *cmd[1:]]

    def environ(self, **subst):
        e = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("OTEL_", "PLATFORM_TRACE_", "DD_", "NEW_RELIC", "PYTHON", "VIRTUAL_ENV", "LOGFIRE"))
        }
        e["PATH"] = f"{self.venv}/bin:{e['PATH']}"
        e["BENCH_UPSTREAM"] = subst.get("up", "http://127.0.0.1:9")
        for k, v in self.env.items():
            if v is not None:
                for a, b in subst.items():
                    v = v.replace(f"{{{a}}}", b)  # noqa: PLW2901  # filled in step by step
                e[k] = v
        e.update(subst.get("extra") or {})
        return e


def load_targets(path, names=None):
    doc = json.loads(Path(path).read_text())
    out = [Target(d, doc.get("env", {})) for d in doc["targets"]]
    return [next(t for t in out if t.name == n) for n in names] if names else out


class Proc:
    def __init__(self, argv, env, log=None, cwd=HERE / "apps"):
        self.t0 = time.perf_counter()
        # Open as long as the process is.
        self.log = open(log, "wb") if log else subprocess.DEVNULL  # noqa: SIM115
        self.p = subprocess.Popen(
            argv,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT if log else subprocess.DEVNULL,
            start_new_session=True,
        )
        self.pid = self.p.pid

    def tree(self):
        kids = {}
        for d in os.listdir("/proc"):
            if d.isdigit():
                try:
                    s = Path(f"/proc/{d}/stat").read_text()
                except OSError:
                    continue
                kids.setdefault(int(s[s.rindex(")") + 2 :].split()[1]), []).append(int(d))
        out, todo = [], [self.pid]
        while todo:
            x = todo.pop()
            out.append(x)
            todo += kids.get(x, [])
        return out

    def cpu(self):
        """CPU seconds (user+system, all threads, ns resolution) of the live process tree."""
        n = 0.0
        for pid in self.tree():
            try:
                n += time.clock_gettime((~pid << 3) | 2)  # the process's CPU clock, as clock_getcpuclockid(3) makes it
            except OSError:
                pass
        return n

    def rss(self):
        """MiB of the live process tree: (RSS, PSS)."""
        rss = pss = 0
        for pid in self.tree():
            try:
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Rss:"):
                        rss += int(line.split()[1])
                    elif line.startswith("Pss:"):
                        pss += int(line.split()[1])
            except OSError:
                pass
        return round(rss / 1024, 1), round(pss / 1024, 1)

    def kill(self):
        if self.p.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)  # its own session: only what we started
        self.p.wait()

    def term(self, limit=150):
        """Seconds from SIGTERM to exit; None past the limit."""
        t = time.perf_counter()
        os.kill(self.pid, signal.SIGTERM)
        try:
            self.p.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
            return None
        return time.perf_counter() - t


class Sinks:
    """One HTTP and one gRPC sink, or black holes, or nothing listening."""

    def __init__(self, mode="up", grpc_python=None):
        self.h, self.g, self.u = free_port(), free_port(2), free_port()
        self.procs = []
        if mode != "refused":
            self._start(sys.executable, "http" if mode == "up" else "hole", self.h)
            self._start(
                grpc_python if mode == "up" and grpc_python else sys.executable,
                ("grpc" if grpc_python else "http") if mode == "up" else "hole",
                self.g,
            )
        self._start(sys.executable, "http", self.u)
        self.subst = {
            "http": f"http://127.0.0.1:{self.h}",
            "grpc": f"http://127.0.0.1:{self.g}",
            "up": f"http://127.0.0.1:{self.u}",
            "hport": str(self.h),
        }

    def _start(self, py, mode, port):
        p = subprocess.Popen([py, str(HERE / "sink.py"), mode, str(port)], stdout=subprocess.PIPE)
        p.stdout.readline()
        self.procs.append(p)

    def stats(self):
        out = {"requests": 0, "bytes": 0, "spans": 0, "paths": {}}
        for port in (self.h, self.g + 1):
            try:
                c = Client(port)
                s = json.loads(c.get("/_stats"))
            except OSError:
                continue
            for k in ("requests", "bytes", "spans"):
                out[k] += s[k]
            for k, v in s["paths"].items():
                out["paths"][k] = out["paths"].get(k, 0) + v
        return out

    def close(self):
        for p in self.procs:
            p.kill()
            p.wait()


class Client:
    """One connection, re-opened when the server closes it; no allocation to speak of."""

    def __init__(self, port):
        self.port, self.s = port, None

    def get(self, path):
        if self.s is None:
            self.s = socket.create_connection(("127.0.0.1", self.port), 30)
            self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.s.sendall(
            b"GET %s HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: bench\r\naccept: */*\r\n\r\n" % path.encode()
        )
        buf = b""
        while True:
            d = self.s.recv(65536)
            if not d:
                self.s.close()
                self.s = None
                break
            buf += d
            i = buf.find(b"\r\n\r\n")
            if i >= 0:
                low = buf[:i].lower()
                j = low.find(b"content-length:")
                if j >= 0:
                    n = int(low[j + 15 :].split(b"\r\n", 1)[0])
                    if len(buf) >= i + 4 + n:
                        if b"connection: close" in low:
                            self.s.close()
                            self.s = None
                        break
        if not buf.startswith(b"HTTP/1.1 200"):
            raise OSError(f"{path}: {buf[:60]!r}")
        return buf[buf.find(b"\r\n\r\n") + 4 :]


def wait_200(proc, port, path="/hello", limit=60):
    """Seconds from the start of proc until the first 200."""
    while time.perf_counter() - proc.t0 < limit:
        if proc.p.poll() is not None:
            raise RuntimeError(f"exited {proc.p.returncode}")
        try:
            Client(port).get(path)
            return time.perf_counter() - proc.t0
        except OSError:
            time.sleep(0.002)
    raise RuntimeError("no 200")


def med(xs):
    xs = [x for x in xs if x is not None]
    return statistics.median(xs) if xs else None


def spread(xs):
    """Half the interquartile range over the median, in %: the noise mark."""
    if len(xs) < 3:
        return None
    q = statistics.quantiles(xs, n=4)
    return round(50 * (q[2] - q[0]) / statistics.median(xs), 1)


def table(head, rows):
    rows = [
        [
            ""
            if c is None
            else f"{c:.3g}"
            if isinstance(c, float) and abs(c) < 10
            else f"{c:.0f}"
            if isinstance(c, float)
            else str(c)
            for c in r
        ]
        for r in rows
    ]
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(out + ["| " + " | ".join(r) + " |" for r in rows])


def args(**defaults):
    a = argparse.ArgumentParser()
    a.add_argument("--targets", default=str(HERE / "targets.json"))
    a.add_argument("--only", help="comma-separated target names, in order; the first is the baseline")
    a.add_argument("--grpc-python", help="an interpreter with grpcio, for the gRPC sink")
    a.add_argument("--out", help="write the JSON here")
    for k, v in defaults.items():
        a.add_argument("--" + k.replace("_", "-"), default=v, type=type(v))
    o = a.parse_args()
    o.list = load_targets(o.targets, o.only.split(",") if o.only else None)
    return o


def emit(o, doc, text):
    print(text)
    if o.out:
        Path(o.out).write_text(json.dumps(doc, indent=1))
    else:
        print(json.dumps(doc))
