"""Log records: CPU µs that trace ids cost per record, ours beside upstream's LoggingInstrumentor.

Each target is a process of its own that logs inside a span, with a handler that throws the text away; they are asked
for a chunk in turn. *silent* is a format that names no id, *ids* one that names all four, *JSON* a formatter that
prints every attribute (python-json-logger), with the ids asked for.

Run by an interpreter that has both: .venv/bin/python benchmarks/logs.py [--rounds 15] [--records 20000]
"""

import argparse
import os
import subprocess
import sys
import time

from common import med, table

TARGETS = ("bare", "upstream", "ours")
CASES = ("silent", "ids", "JSON")
NAMED = "%(asctime)s %(message)s %(otelTraceID)s %(otelSpanID)s %(otelTraceSampled)s %(otelServiceName)s"
# The same width without us: what the ids cost, not what printing them does, is the difference to "silent".
FORMATS = {"silent": "%(asctime)s %(message)s", "ids": NAMED}


def child(target, case):
    import logging

    class Nowhere:
        def write(self, text):
            pass

        def flush(self):
            pass

    from opentelemetry import trace

    if target == "upstream":
        from opentelemetry.instrumentation.logging import LoggingInstrumentor
        from opentelemetry.sdk.trace import TracerProvider

        trace.set_tracer_provider(TracerProvider())
        LoggingInstrumentor().instrument(inject_trace_context=case != "silent", enable_log_auto_instrumentation=False)
    if case == "JSON":
        from pythonjsonlogger.json import JsonFormatter

        formatter = JsonFormatter("%(asctime)s %(message)s")
    else:
        formatter = logging.Formatter(FORMATS["silent" if target == "bare" else case])
    log, handler = logging.getLogger("shop"), logging.StreamHandler(Nowhere())
    handler.setFormatter(formatter)
    log.addHandler(handler)
    log.propagate = False
    log.setLevel("INFO")
    with trace.get_tracer("t").start_as_current_span("request"):
        for line in sys.stdin:
            records = range(int(line))
            begun = time.process_time()
            for number in records:
                log.info("record %d", number)
            print((time.process_time() - begun) / len(records) * 1e6, flush=True)


def begin(target, case):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PLATFORM_"))}
    if target == "ours":
        environment.update(PLATFORM_TRACE_ENABLED="true", OTEL_TRACES_EXPORTER="none")
        if case == "JSON":
            environment["OTEL_PYTHON_LOG_CORRELATION"] = "true"
    command = [sys.executable, __file__, "--target", target, "--case", case]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(process, records):
    process.stdin.write(f"{records}\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--records", type=int, default=20000)
    parser.add_argument("--target")
    parser.add_argument("--case")
    options = parser.parse_args()
    if options.target:
        child(options.target, options.case)
        return
    rows = []
    for case in CASES:
        processes = {target: begin(target, case) for target in TARGETS}
        for process in processes.values():
            ask(process, 1000)
        took = {target: [] for target in TARGETS}
        for _ in range(options.rounds):
            for target, process in processes.items():
                took[target].append(ask(process, options.records))
        for process in processes.values():
            process.stdin.close()
            process.wait()
        more = [[a - b for a, b in zip(took[target], took["bare"], strict=True)] for target in TARGETS[1:]]
        rows.append((case, med(took["bare"]), *map(med, more)))
    print("CPU µs per record; what each costs more than bare, median of the differences of each round\n")
    print(table(("case", "bare", "upstream +", "ours +"), [(c, *(f"{v:.2f}" for v in vs)) for c, *vs in rows]))


if __name__ == "__main__":
    main()
