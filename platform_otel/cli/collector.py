"""`platform-trace collector`: takes spans and logs, keeps them in a file, and answers questions about them."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from importlib.util import find_spec

import click

from platform_otel.cli.token import token_option
from platform_otel.errors import PlatformTraceError, UsageError

_NEEDED = ("google.protobuf", "google.rpc", "grpc", "h11", "opentelemetry.proto", "re2", "starlette", "uvicorn")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_BYTES = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def _duration(_: click.Context, __: click.Parameter, text: str) -> int:
    """Nanoseconds."""
    found = re.fullmatch(r"(\d{1,5})([smhd])", text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is not a duration such as 30m, 12h or 7d")
    return int(found[1]) * _SECONDS[found[2]] * 10**9


def _size(_: click.Context, __: click.Parameter, text: str) -> int:
    """Bytes."""
    found = re.fullmatch(r"(\d{1,5})([KMGT])(?:i?B)?", text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is not a size such as 500MiB or 2GiB")
    return int(found[1]) * _BYTES[found[2]]


_PORT = click.IntRange(0, 65535)


@click.command("collector")
@click.option("--host", default="127.0.0.1", help="Address to listen on; others than the loopback need --token.")
@click.option("--grpc-port", type=_PORT, default=4317, help="Port for OTLP over gRPC; 0 is any free one.")
@click.option("--http-port", type=_PORT, default=4318, help="Port for OTLP over HTTP; 0 is any free one.")
@click.option("--query-port", type=_PORT, default=16686, help="Port for queries; 0 is any free one.")
@click.option("--db", default="", help="The file; by default in the user's data directory. :memory: keeps none.")
@click.option("--retention", callback=_duration, default="7d", help="How long a trace is kept, such as 12h or 7d.")
@click.option("--max-size", callback=_size, default="1GiB", help="How much is kept, such as 500MiB or 2GiB.")
@click.option("--durable", is_flag=True, help="What is acknowledged outlives a loss of power too.")
@token_option("What clients must show.")
@click.option("--insecure", is_flag=True, help="Listen on another address without a token: all who reach it may read.")
@click.option("--allow-host", multiple=True, help="A name that browsers may know the query port by. Repeatable.")
@click.option("--allow-origin", multiple=True, help="A page that may send OTLP, as http://HOST:PORT. Repeatable.")
def command(
    host: str,
    grpc_port: int,
    http_port: int,
    query_port: int,
    db: str,
    retention: int,
    max_size: int,
    durable: bool,
    token: str,
    insecure: bool,
    allow_host: tuple[str, ...],
    allow_origin: tuple[str, ...],
) -> None:
    """Keep the spans and logs of this machine's services, and answer questions about them.

    It takes OTLP over gRPC and HTTP, says so when what it was sent is in its file, and answers queries by HTTP. What is
    too old goes, and so does what is too much: whole traces, the oldest first. It runs until Ctrl-C or SIGTERM.
    """
    _demand_extra()
    # grpcio's own lines on stderr say nothing that we do not.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from platform_otel.collector.access import Access, host_name, is_loopback
    from platform_otel.collector.collector import Options, Ports, run
    from platform_otel.collector.store import Retention

    if not is_loopback(host) and not token and not insecure:
        raise UsageError(
            f"on {host} everybody who reaches it could read what is kept",
            "add --token SECRET (or PLATFORM_TRACE_COLLECTOR_TOKEN), or --insecure if that is meant",
        )
    hosts = frozenset(host_name(each) for each in (host, *allow_host))
    options = Options(
        path=db or default_path(),
        host=host,
        ports=Ports(grpc_port, http_port, query_port),
        retention=Retention(retention, max_size),
        durable=durable,
        access=Access(token, hosts, frozenset(each.rstrip("/") for each in allow_origin)),
    )
    run(options, lambda ports: _say_ready(host, ports), _say)


def default_path() -> str:
    """The file in the user's data directory, as the platform has it."""
    home = os.path.expanduser("~")
    if sys.platform == "darwin":
        folder = os.path.join(home, "Library", "Application Support")
    else:
        # A relative path is to be ignored: https://specifications.freedesktop.org/basedir-spec/latest/
        named = os.environ.get("XDG_DATA_HOME", "")
        folder = named if os.path.isabs(named) else os.path.join(home, ".local", "share")
    return os.path.join(folder, "platform-trace", "traces.db")


def _demand_extra() -> None:
    if missing := missing_packages():
        raise PlatformTraceError(f"the collector needs {', '.join(missing)}", 'pip install "platform-otel[collector]"')


def missing_packages() -> list[str]:
    """What a collector needs and is not installed."""
    return [name for name in _NEEDED if not _is_there(name)]


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is missing
        return False


def _say_ready(host: str, ports: tuple[int, int, int]) -> None:
    shown = f"[{host}]" if ":" in host else host
    grpc, http, query = ports
    click.echo(f"OTLP/gRPC {shown}:{grpc}, OTLP/HTTP http://{shown}:{http}, queries http://{shown}:{query}")


def _say(line: str) -> None:
    # Nobody may be there to read it, or its disk may be full: that is no reason to end.
    with suppress(OSError, ValueError):
        click.echo(f"platform-trace: {line}", err=True)
