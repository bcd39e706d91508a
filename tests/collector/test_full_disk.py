"""A file system that is really full: senders are told to come again, nothing acknowledged is lost, and it goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import grpc
import pytest

from tests.collector.running import Answer, Collector, Made, body, eventually
from tests.collector.test_crash import Senders, check
from tests.collector.test_exporters import export
from tests.support import LAUNCHER, PATIENCE, environment

SMALL, ROOMY = 4 * 2**20, 64 * 2**20
# Mounted where only the command sees it, and gone with the command.
MOUNT = 'mount -t tmpfs -o size="$1" none "$2" && shift 2 && exec "$@"'
PORTS = ("--grpc-port", "0", "--http-port", "0", "--query-port", "0")


def on_own_disk(size: int, folder: Path, *command: str) -> list[str]:
    """The command with a file system of its own in this folder, of so many bytes."""
    own = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    tried = ["unshare is not here"]
    if shutil.which("unshare"):
        words = [*own, "sh", "-c", MOUNT, "sh", str(size), str(folder)]
        done = subprocess.run([*words, "true"], capture_output=True, text=True, timeout=PATIENCE, check=False)
        if done.returncode == 0:
            return [*words, *command]
        tried = done.stderr.splitlines() or tried
    pytest.skip(f"no file system can be mounted: {tried[0]}")


class Disk:
    """The file system as the collector sees it: the folder in the root directory of its process."""

    def __init__(self, collector: Collector, folder: Path) -> None:
        self.folder = Path(f"/proc/{collector.process.pid}/root{folder}")
        self._ballast = self.folder / "ballast"

    def fill(self) -> None:
        with open(self._ballast, "ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def free(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "disk"
    made.mkdir()
    return made


@contextmanager
def collecting(folder: Path, size: int = SMALL) -> Iterator[tuple[Collector, Disk]]:
    command = on_own_disk(size, folder, LAUNCHER, "collector", "--db", str(folder / "db"), *PORTS)
    with Collector(command=command) as collector:
        yield collector, Disk(collector, folder)


def large(number: int) -> Made:
    """A span that does not become small when it is compressed."""
    return Made(number, 1, attributes={"noise": os.urandom(20_000).hex()})


def until_refused(collector: Collector, numbers: Iterator[int]) -> tuple[list[int], Answer]:
    """Send until it is refused: the traces that were acknowledged, and the refusal."""
    acknowledged: list[int] = []
    for number in numbers:
        answer = collector.send(body(large(number)))
        if answer.status != 200:
            return acknowledged, answer
        acknowledged.append(number)
    raise AssertionError("it is an endless iterator")


def all_there(collector: Collector, acknowledged: Sequence[int]) -> bool:
    return all(len(collector.spans(Made(number, 1).trace_id)) == 1 for number in acknowledged)


def test_a_full_disk_is_answered_with_503_and_what_was_acknowledged_is_there(folder: Path) -> None:
    with collecting(folder) as (collector, _):
        acknowledged, refusal = until_refused(collector, count(1))

        assert (refusal.status, refusal.headers["retry-after"]) == (503, "1")
        assert acknowledged
        assert all_there(collector, acknowledged)
        eventually(lambda: collector.output().count("\n") == 2)
        assert f"cannot write to {folder / 'db'}: " in collector.output()
        assert "senders are told to come again" in collector.output()


def test_when_a_full_disk_is_freed_the_collector_goes_on(folder: Path) -> None:
    with collecting(folder) as (collector, disk):
        numbers = count(1)
        assert collector.send(body(Made(next(numbers), 1))).status == 200
        disk.fill()
        acknowledged, _ = until_refused(collector, numbers)
        assert collector.send(body(large(next(numbers)))).status == 503
        disk.free()
        eventually(lambda: collector.send(body(large(next(numbers)))).status == 200)

        assert all_there(collector, [1, *acknowledged])
        lines = collector.output().splitlines()[1:]
        assert [line.partition(str(folder))[0] for line in lines] == [
            "platform-trace: cannot write to ",
            "platform-trace: writing to ",
        ]


def test_a_full_disk_is_unavailable_over_grpc(folder: Path) -> None:
    with collecting(folder) as (collector, disk), grpc.insecure_channel(collector.grpc) as channel:
        disk.fill()
        until_refused(collector, count(1))
        with pytest.raises(grpc.RpcError) as caught:
            export(channel, body(large(10**6)))

        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=pytest.mark.matrix)])
def test_a_disk_that_is_full_and_free_by_turns_under_load_loses_nothing(
    folder: Path, tmp_path: Path, times: int
) -> None:
    with collecting(folder, ROOMY) as (collector, disk):
        senders = Senders(collector, first=1)
        for _ in range(times):
            disk.fill()
            refused = senders.refused
            eventually(lambda before=refused: senders.refused > before)  # type: ignore[misc]  # a default binds it
            disk.free()
            taken = len(senders.acknowledged)
            eventually(lambda before=taken: len(senders.acknowledged) > before)  # type: ignore[misc]  # the same
        acknowledged = senders.join()
        copy = as_if_killed(collector, disk, tmp_path)

    check(copy, acknowledged)


def as_if_killed(collector: Collector, disk: Disk, folder: Path) -> Path:
    """The file and its log at a moment of which the collector knows nothing."""
    collector.process.send_signal(signal.SIGSTOP)
    for suffix in ("", "-wal"):
        shutil.copyfile(disk.folder / f"db{suffix}", folder / f"copy{suffix}")
    collector.process.send_signal(signal.SIGCONT)
    return folder / "copy"


def test_a_start_on_a_full_disk_is_one_line_and_a_hint(folder: Path) -> None:
    fill = 'head -c 8000000 /dev/zero > "$1/ballast" 2>&-; shift; exec "$@"'
    start = ("sh", "-c", fill, "sh", str(folder), LAUNCHER, "collector", "--db", str(folder / "db"), *PORTS)
    done = subprocess.run(
        on_own_disk(SMALL, folder, *start),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith(f"Error: cannot use {folder / 'db'}: ")
    assert hint == "Hint: name another file with --db"
