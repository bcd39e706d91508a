"""Seconds that the exit takes longer for tracing, with spans, metrics and logs pending, by what the collector does.

From the last line that the program prints to its end, beside the same program without us, in pairs, interleaved; the
median and the worst of the differences. Run from the repository's root, by the interpreter that has the development
tools: .venv/bin/python benchmarks/exit_faults.py [ROUNDS]
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import textwrap

from tests import faults
from tests.lifecycle.test_collector_faults import CODE, ENDINGS, FAULTS, served
from tests.support import LAUNCHER, SERVICES, environment


def seconds(code, prefix, **variables):
    command = [*prefix, sys.executable, "-c", code]
    process = subprocess.Popen(
        command, cwd=SERVICES, env=environment(**variables), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    process.stdout.readline()
    begun = time.perf_counter()
    code = process.wait()
    took = time.perf_counter() - begun
    process.stdout.close()
    return took, code


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    cases = {"is healthy": lambda: served(faults.healthy), **FAULTS}
    print(f"{'the collector':26}{'the end':14}{'median s':>9}{'worst s':>9}  exit codes kept")
    for fault, collector in cases.items():
        for ending, how in ENDINGS.items():
            code = textwrap.dedent(CODE.format(ending=how))
            added, kept = [], True
            for _ in range(rounds):
                with collector() as endpoint:
                    variables = {
                        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
                        "OTEL_METRICS_EXPORTER": "otlp",
                        "OTEL_LOGS_EXPORTER": "otlp",
                        "OTEL_BSP_SCHEDULE_DELAY": "30000",
                    }
                    bare, expected = seconds(code, [])
                    traced, got = seconds(code, [LAUNCHER, "--"], **variables)
                added.append(traced - bare)
                kept = kept and got == expected
            print(f"{fault:26}{ending:14}{statistics.median(added):9.3f}{max(added):9.3f}  {kept}", flush=True)


if __name__ == "__main__":
    main()
