"""A service that gives up its rights after its start runs on, whatever we can no longer import."""

import os

import pytest

from tests.receiver import Receiver
from tests.support import exporting_to, launch_code, run_code

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")

CODE = """
    import os, tempfile
    {before}
    import opentelemetry.trace
    {drop}
    tracer = opentelemetry.trace.get_tracer("t")
    for _ in range(3):
        with tracer.start_as_current_span("after"):
            pass
    print("done")
"""
DROPS = {
    "another user": "os.setgid(65534); os.setuid(65534)",
    "another root": "os.chroot(tempfile.mkdtemp()); os.chdir('/'); os.setgid(65534); os.setuid(65534)",
    "no file": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))",
}


@pytest.mark.parametrize("before", ["", "import spans; spans.work('before')"], ids=["before a span", "after a span"])
@pytest.mark.parametrize("drop", DROPS)
def test_it_costs_at_most_a_line(receiver: Receiver, drop: str, before: str) -> None:
    code = CODE.format(drop=DROPS[drop], before=before)
    variables = exporting_to(receiver, OTEL_BSP_SCHEDULE_DELAY="30000", PLATFORM_TRACE_STRICT="false")
    traced = launch_code(code, **variables)
    untraced = run_code(code)

    lines = [line for line in traced.stderr.splitlines() if not line.startswith("platform-trace: ")]
    assert (traced.returncode, traced.stdout, lines) == (untraced.returncode, untraced.stdout, [])
    assert len(traced.stderr.splitlines()) <= 2, traced.stderr  # why, and how many spans that cost
