"""A stranger who makes up hosts, methods, paths and user agents fills neither memory nor metrics."""

from __future__ import annotations

import random
import socket
import string
from pathlib import Path

import pytest

from tests.http.measured import SERVER, MetricsReceiver
from tests.receiver import Receiver
from tests.support import LAUNCHER, Service, exporting_to, received

COMMAND = ("uvicorn", "fastapi_service:app", "--port", "{port}", "--log-level", "critical")
MIB = 1024 * 1024
# What a service may take more: fragmentation, and the caches that are bounded.
MORE = 30 * MIB


def resident(pid: int) -> int:
    """The memory that a process has, in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


def word(chance: random.Random, most: int, letters: str = string.ascii_letters + string.digits) -> str:
    return "".join(chance.choices(letters, k=chance.randint(1, most)))


def request(chance: random.Random) -> bytes:
    """A request of which next to nothing was there before."""
    known = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD")
    method = chance.choice(known) if chance.random() < 0.5 else word(chance, 12, string.ascii_uppercase)
    path = "/".join(word(chance, 30) for _ in range(chance.randint(1, 6)))
    lines = (
        f"{method} /{path}?{word(chance, 8)}={word(chance, 40)} HTTP/1.1",
        f"Host: {word(chance, 40)}.example:{chance.randint(1, 65535)}",
        f"User-Agent: {word(chance, 60)}",
        f"X-{word(chance, 10)}: {word(chance, 60)}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def send(port: int, number: int, chance: random.Random) -> None:
    """Send so many on kept connections, one after the other, as a server that answers each takes them."""
    for _ in range(number // 100):
        with socket.create_connection(("127.0.0.1", port), 30) as connection:
            # Answers to HEAD have no body, and some methods end the connection: so the end is what we wait for.
            pieces = [request(chance) for _ in range(99)]
            connection.sendall(
                b"".join(pieces) + request(chance).replace(b"\r\nUser", b"\r\nConnection: close\r\nUser")
            )
            while connection.recv(65536):
                pass


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc to read a process's memory")
@pytest.mark.parametrize("number", [5_000, pytest.param(50_000, marks=pytest.mark.matrix)])
def test_made_up_requests_leave_the_memory_as_it_was_and_the_series_few(receiver: Receiver, number: int) -> None:
    chance = random.Random(5)
    with MetricsReceiver() as metrics:
        variables = {**metrics.variables(), "OTEL_TRACES_EXPORTER": "otlp", **exporting_to(receiver)}
        with Service(LAUNCHER, "--", *COMMAND, **variables) as service:
            send(service.port, 2_000, chance)
            before = resident(service.process.pid)
            send(service.port, number, chance)
            more = resident(service.process.pid) - before

        series = metrics.series(SERVER)

    assert more < MORE
    assert sum(each.number for each in series) >= 2_000 + number
    assert len(series) <= 2_000
    received(receiver, 2_000 + number)
