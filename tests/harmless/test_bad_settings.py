"""No value of any setting harms the service: at most one line names the variable, and spans go on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from platform_otel.config import SETTINGS
from tests.receiver import Receiver
from tests.support import LAUNCHER, PATIENCE, environment, exporting_to, received

PROGRAM = """
import sys
from opentelemetry import trace
trace.get_tracer('t').start_span('work').end()
print('out')
sys.exit(7)
"""
VALUES = {
    "empty": b"",
    "blank": b" \t ",
    "negative": b"-1",
    "huge": b"9" * 30,
    "not a number": b"NaN",
    "wrong case": b"TrUe",
    "unknown": b"no-such-thing",
    "not UTF-8": b"\xff\xfe=\x80",
    "100 KB": b"x" * 100_000,
}
NAMES = [name for name, *_ in SETTINGS]
# Whatever these say is an address: spans go there.
ELSEWHERE = {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}
OFF = {("OTEL_SDK_DISABLED", "wrong case")}
# The others wait for the long run.
TELLING = ["negative", "not UTF-8"]


def outcome_with(receiver: Receiver, name: str, value: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run the program with one variable set to these bytes."""
    variables = environment(PLATFORM_TRACE_STRICT=None, OTEL_TRACES_EXPORTER="otlp", **exporting_to(receiver))
    return subprocess.run(
        [LAUNCHER, "--", sys.executable, "-c", PROGRAM],
        env={**{os.fsencode(key): os.fsencode(text) for key, text in variables.items()}, os.fsencode(name): value},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


def check(receiver: Receiver, name: str, value: str) -> None:
    """The service runs as ever, and what is said is one line about this variable."""
    outcome = outcome_with(receiver, name, VALUES[value])
    said = outcome.stderr.decode().splitlines()

    assert (outcome.returncode, outcome.stdout) == (7, b"out\n"), outcome.stderr
    assert all(line.startswith("platform-trace: ") for line in said), said
    assert len(said) <= 1, said
    assert all(len(line) < 700 for line in said), said
    if name not in ELSEWHERE and (name, value) not in OFF:
        assert [span.name for span in received(receiver, 1)] == ["work"], said


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", TELLING)
def test_a_bad_value_costs_one_line_at_most(receiver: Receiver, name: str, value: str) -> None:
    check(receiver, name, value)


@pytest.mark.matrix
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [value for value in VALUES if value not in TELLING])
def test_no_value_of_nine_harms_the_service(receiver: Receiver, name: str, value: str) -> None:
    check(receiver, name, value)
