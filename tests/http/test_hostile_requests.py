"""Whatever clients send, the answers are those of the untraced application, and nothing of ours raises."""

from __future__ import annotations

import sys

import pytest

from tests.receiver import Receiver
from tests.support import SERVICES, environment, exporting_to, launch, received


def test_hostile_requests_change_no_answer(receiver: Receiver) -> None:
    outcome = launch(sys.executable, "hostile_requests.py", "1000", **exporting_to(receiver))

    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert len(received(receiver, 100)) >= 100


def test_hostile_requests_to_aiohttp_change_no_answer() -> None:
    outcome = launch(sys.executable, "hostile_requests_aiohttp.py", "300", OTEL_TRACES_EXPORTER="none")

    assert (outcome.returncode, outcome.stderr) == (0, "")


@pytest.mark.matrix
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_hostile_requests_change_no_answer() -> None:
    import subprocess

    # Each example is a request by ASGI and one by WSGI.
    outcome = subprocess.run(
        ["platform-trace", "--", sys.executable, "hostile_requests.py", "50000"],
        cwd=SERVICES,
        env=environment(OTEL_TRACES_EXPORTER="none"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (outcome.returncode, outcome.stderr) == (0, "")
