"""`platform-trace collector` says where it listens, stops at once when told, and explains what it cannot do."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.collector.running import Collector, Made, body
from tests.collector.test_stop import somebody_else_writes
from tests.support import LAUNCHER, run, run_code

FREE = ("--grpc-port", "0", "--http-port", "0", "--query-port", "0")


def test_one_line_says_where_it_listens(collector: Collector) -> None:
    assert collector.output() == (
        f"OTLP/gRPC {collector.grpc}, OTLP/HTTP http://{collector.http}, queries http://{collector.query}\n"
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_senders_are_answered_though_nothing_can_be_said(tmp_path: Path) -> None:
    silent = ("sh", "-c", 'exec "$@" 2>/dev/full', "sh", LAUNCHER, "collector", "--db", str(tmp_path / "db"), *FREE)
    with Collector(command=silent) as collector:
        assert collector.send(body(Made(1, 1))).status == 200
        with somebody_else_writes(tmp_path / "db"):
            assert collector.send(body(Made(2, 1))).status == 503
        assert collector.send(body(Made(2, 1))).status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_and_what_was_acknowledged_is_in_its_file(tmp_path: Path, number: int) -> None:
    with Collector(db=tmp_path / "db") as first:
        first.send(body(Made(1, 1)))
        assert first.stop(number) == 0
    with Collector(db=tmp_path / "db") as second:
        assert second.spans(Made(1, 1).trace_id)

    assert first.output().count("\n") == 1


def test_it_stops_while_somebody_watches_and_others_are_connected(collector: Collector) -> None:
    host, _, port = collector.query.partition(":")
    with socket.create_connection((host, int(port))) as watcher, socket.create_connection((host, int(port))):
        watcher.sendall(b"GET /query/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in watcher.recv(65536)

        assert collector.stop() == 0


@pytest.mark.parametrize("option", ["--grpc-port", "--http-port", "--query-port"])
def test_a_port_in_use_is_one_line_and_a_hint(option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        outcome = run(LAUNCHER, "collector", "--db", ":memory:", *FREE, option, port)

    assert outcome.returncode == 1
    assert outcome.stdout == ""
    assert outcome.stderr == (
        f"Error: cannot listen on 127.0.0.1:{port}: Address already in use\n"
        "Hint: stop what listens there, or choose other ports: "
        "--grpc-port, --http-port, --query-port; 0 is any free one\n"
    )


def test_two_collectors_do_not_share_a_port(collector: Collector) -> None:
    port = collector.grpc.rpartition(":")[2]
    outcome = run(LAUNCHER, "collector", "--db", ":memory:", *FREE, "--grpc-port", port)

    assert outcome.returncode == 1
    assert outcome.stderr.startswith(f"Error: cannot listen on 127.0.0.1:{port}")


def test_two_collectors_do_not_share_a_file(tmp_path: Path) -> None:
    with Collector(db=tmp_path / "db"):
        outcome = run(LAUNCHER, "collector", "--db", tmp_path / "db", *FREE)

    assert outcome.returncode == 1
    assert outcome.stderr == (
        f"Error: another collector uses {tmp_path / 'db'}\nHint: stop it, or name another file with --db\n"
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_another_address_needs_a_token(host: str) -> None:
    outcome = run(LAUNCHER, "collector", "--db", ":memory:", *FREE, "--host", host)

    assert outcome.returncode == 2
    assert outcome.stderr.startswith(
        f"Error: on {host} everybody who reaches it could read what is kept\nHint: add --token"
    )


@pytest.mark.parametrize("options", [("--token", "secret"), ("--insecure",)])
def test_another_address_is_listened_on_with_a_token_or_when_it_is_meant(options: tuple[str, ...]) -> None:
    with Collector("--host", "0.0.0.0", *options) as collector:
        assert collector.http.startswith("0.0.0.0:")


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6 here")
def test_the_other_loopback_is_as_good() -> None:
    with Collector("--host", "::1") as collector:
        assert collector.query.startswith("[::1]:")


@pytest.mark.parametrize(
    "option, value, says",
    [
        ("--retention", "7", "'7' is not a duration such as 30m, 12h or 7d"),
        ("--max-size", "lots", "'lots' is not a size such as 500MiB or 2GiB"),
        ("--http-port", "65536", "65536 is not in the range"),
    ],
)
def test_an_option_that_is_not_understood_is_explained(option: str, value: str, says: str) -> None:
    outcome = run(LAUNCHER, "collector", option, value)

    assert outcome.returncode == 2
    assert says in outcome.stderr


def test_the_file_is_in_the_users_data_directory(tmp_path: Path) -> None:
    with Collector(db="", XDG_DATA_HOME=str(tmp_path), HOME=str(tmp_path)):
        (found,) = tmp_path.rglob("traces.db")

    assert found.parent.name == "platform-trace"


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['starlette'] = None\n", encoding="utf-8")
    outcome = run(LAUNCHER, "collector", PYTHONPATH=str(tmp_path))

    assert outcome.returncode == 1
    assert outcome.stderr == ('Error: the collector needs starlette\nHint: pip install "platform-otel[collector]"\n')


def test_a_damaged_file_is_set_aside_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"no database" * 1000)
    with Collector(db=tmp_path / "db") as collector:
        collector.send(body(Made(1, 1)))
        lines = collector.output().splitlines()

    assert len(lines) == 2
    assert lines[0].startswith(f"platform-trace: {tmp_path / 'db'} is damaged (file is not a database); it is now ")


def test_nothing_of_a_services_side_is_loaded() -> None:
    """The two processes meet only on the wire."""
    outcome = run_code(
        """
        import sys
        import platform_otel.collector.collector
        ours = {name.split(".")[1] for name in sys.modules if name.startswith("platform_otel.")}
        print(sorted(ours), "opentelemetry.sdk" in sys.modules, "fastapi" in sys.modules)
        """
    )

    assert outcome.stdout == "['analysis', 'collector', 'errors'] False False\n"
