"""A Celery worker that is told to end, or whose processes have done their share, delivers every task's span once."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.receiver import Receiver
from tests.support import LAUNCHER, PATIENCE, SERVICES, environment, exporting_to, run

TASKS = 5
POOLS = {
    "prefork": ("--concurrency", "2"),
    "prefork with 2 tasks per child": ("--concurrency", "1", "--max-tasks-per-child", "2"),
    "solo": ("--pool", "solo"),
    "threads": ("--pool", "threads", "--concurrency", "2"),
    "gevent": ("--pool", "gevent", "--concurrency", "2"),
}
# Celery itself hung once where a child does two tasks, so that one waits for the long run.
TELLING = {("prefork", signal.SIGTERM)}
MATRIX = [
    pytest.param(
        pool, number, marks=() if (pool, number) in TELLING else pytest.mark.matrix, id=f"{pool}, {number.name}"
    )
    for pool in POOLS
    for number in (signal.SIGTERM, signal.SIGINT)
]


def worked(folder: Path, pool: str, number: int, *launcher: str, **variables: str) -> tuple[int, list[str]]:
    """The exit code of a worker that did its tasks and was then told to end, and its lines but for what differs."""
    for name in ("queue", "control", "done"):
        (folder / name).mkdir(parents=True)
    variables["FOLDER"] = str(folder)
    code = f"import celery_tasks; [celery_tasks.work.delay(number) for number in range({TASKS})]"
    assert run(sys.executable, "-c", code, **variables).returncode == 0
    command = [*launcher, "celery", "-A", "celery_tasks", "worker", "--loglevel", "ERROR", *POOLS[pool]]
    with (folder / "output").open("w+") as output:
        process = subprocess.Popen(
            command, cwd=SERVICES, env=environment(**variables), stdout=output, stderr=output, start_new_session=True
        )
        try:
            wait_for_tasks(folder / "done", process)
            process.send_signal(number)
            process.wait(PATIENCE)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    lines = (folder / "output").read_text().replace(str(folder), "").splitlines()
    return process.returncode, sorted({re.sub(r"\S*\d\S*", "#", line) for line in lines})


def wait_for_tasks(done: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = monotonic() + PATIENCE
    while len(list(done.iterdir())) < TASKS:
        assert process.poll() is None, "the worker ended"
        assert monotonic() < deadline, "the tasks are not done"
        sleep(0.05)


@pytest.mark.parametrize("pool, number", MATRIX)
def test_a_worker_that_is_told_to_end_delivers_what_it_has(
    receiver: Receiver, tmp_path: Path, pool: str, number: signal.Signals
) -> None:
    untraced = worked(tmp_path / "untraced", pool, number)
    variables = exporting_to(receiver, OTEL_BSP_SCHEDULE_DELAY="30000")
    traced = worked(tmp_path / "traced", pool, number, LAUNCHER, "--", **variables)

    tasks = [span for span in receiver.spans() if span.kind == "consumer"]
    assert len(tasks) == len({span.span_id for span in tasks}) == TASKS
    assert traced == untraced
