"""Where upstream's start-up goes: ms per step, per instrumentor, per import, as JSON.

VENV/bin/python benchmarks/breakdown.py. Steps are timed in the order opentelemetry-instrument runs them, in one process
that has imported nothing else.
"""

import json
import sys
import time

T0 = time.perf_counter()
pc = time.perf_counter
steps = {}


def step(name, f, *a, **k):
    t = pc()
    try:
        return f(*a, **k)
    finally:
        steps[name] = round(steps.get(name, 0) + (pc() - t) * 1e3, 1)


def imp(name):
    __import__(name)
    return sys.modules[name]


imp_auto = step(
    "import opentelemetry.instrumentation.auto_instrumentation",
    imp,
    "opentelemetry.instrumentation.auto_instrumentation",
)
L = step("import ...auto_instrumentation._load", imp, "opentelemetry.instrumentation.auto_instrumentation._load")
md = sys.modules["importlib.metadata"]
step("entry_points(): first scan of every distribution", lambda: list(L.entry_points(group="opentelemetry_distro")))
step("entry_points(): second scan", lambda: list(L.entry_points(group="opentelemetry_distro")))
eps = list(L.entry_points(group="opentelemetry_distro"))
dcls = step("load distro entry point (imports SDK: traces+metrics+logs)", eps[0].load) if eps else L.DefaultDistro
distro = dcls()
step("distro.configure", distro.configure)

C = imp("opentelemetry.sdk._configuration")
import opentelemetry.sdk.resources as R


def timed(name, note=""):
    """Time a function of the configurator as a step of its own."""
    f = getattr(C, name, None)
    if f:
        setattr(C, name, lambda *a, **k: step("  configurator: " + name + note, f, *a, **k))


for n in ("_import_exporters", "_import_samplers", "_import_id_generator"):
    timed(n)
orig_create = R.Resource.create
R.Resource.create = staticmethod(
    lambda *a, **k: step("  configurator: Resource.create (detectors)", orig_create, *a, **k)
)
for n in ("_init_tracing", "_init_metrics", "_init_logging"):
    timed(n, " (incl. Resource, threads)")
step("_load_configurators (all)", L._load_configurators)

F = L._EntryPointDistFinder
f = F()
ins = list(L.entry_points(group="opentelemetry_instrumentor"))
step("distributions x entry_points mapping (dist finder)", lambda: f._mapping)
per = {}
skipped = []
for ep in ins:
    t = pc()
    try:
        conflict = L.get_dist_dependency_conflicts(f.dist_for(ep))
    except Exception as e:
        conflict = e
    t1 = pc()
    d = {"check": round((t1 - t) * 1e3, 2)}
    if conflict:
        skipped.append(ep.name)
    else:
        try:
            mods = set(sys.modules)
            cls = ep.load()
            t2 = pc()
            d["import"] = round((t2 - t1) * 1e3, 2)
            cls().instrument(skip_dep_check=True)
            d["instrument"] = round((pc() - t2) * 1e3, 2)
            d["new_modules"] = len(set(sys.modules) - mods)
        except Exception as e:
            d["error"] = repr(e)[:80]
            skipped.append(ep.name)
    per[ep.name] = d
steps[f"instrumentors: dependency checks ({len(ins)})"] = round(sum(d["check"] for d in per.values()), 1)
steps["instrumentors: imports (incl. the instrumented libraries)"] = round(
    sum(d.get("import", 0) for d in per.values()), 1
)
steps["instrumentors: instrument()"] = round(sum(d.get("instrument", 0) for d in per.values()), 1)
out = {
    "total_ms": round((pc() - T0) * 1e3, 1),
    "steps": steps,
    "instrumentors": dict(
        sorted(
            ((k, v) for k, v in per.items() if "import" in v),
            key=lambda kv: -(kv[1].get("import", 0) + kv[1].get("instrument", 0)),
        )
    ),
    "skipped": skipped,
    "modules": len(sys.modules),
}
if __name__ == "__main__":
    print(json.dumps(out, indent=1))
    sys.stdout.flush()
    import os

    os._exit(0)
