"""Whatever a service gives to the tracing API costs the field that it was meant for, at most."""

import sys

import pytest

from tests.receiver import Receiver
from tests.support import exporting_to, launch, received

VALUES = 43


def test_forty_hostile_values_cost_their_own_fields_at_most(receiver: Receiver) -> None:
    outcome = launch(sys.executable, "hostile_values.py", PLATFORM_TRACE_STRICT=None, **exporting_to(receiver))

    assert (outcome.returncode, outcome.stdout) == (0, f"True {VALUES}\n"), outcome.stderr
    assert all(line.startswith("platform-trace: ") for line in outcome.stderr.splitlines()), outcome.stderr
    spans = received(receiver, 3 * VALUES + 1)
    names = [span.name for span in spans]
    assert [name for name in names if name.startswith("good")] == [f"good {number}" for number in range(VALUES)]
    bad = {span.name: span for span in spans if span.name.startswith("bad")}
    assert list(bad) == [f"bad {number}" for number in range(VALUES)]
    assert {span.attributes.get("after") for span in bad.values()} == {"good"}


@pytest.mark.parametrize("exporter", ["stdout", "console"])
def test_the_printed_form_survives_them_too(exporter: str) -> None:
    outcome = launch(sys.executable, "hostile_values.py", PLATFORM_TRACE_STRICT=None, OTEL_TRACES_EXPORTER=exporter)

    assert outcome.returncode == 0, outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert outcome.stdout.count('"name":"good ') == VALUES
