"""`platform-trace demo`: five small services, two requests through them, and their traces."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from platform_otel.cli.collector import missing_packages
from platform_otel.cli.terminal import colour, echo, on_terminal, style
from platform_otel.errors import PlatformTraceError

if TYPE_CHECKING:
    from platform_otel.demo.fleet import Fleet, Launch
    from platform_otel.show.source import Collector
    from platform_otel.show.trace import Trace

GOOD_REQUEST = "/people/ada/answers/haiku"
FAILING_REQUEST = "/people/ada/answers/elegy"
ANOTHER_REQUEST = "/people/grace/answers/limerick"

SECONDS_TO_ARRIVE = 30
# A trace that is not complete is shown as it is when nothing of it has arrived for so long.
SECONDS_OF_QUIET = 3

_NEEDED = ("fastapi", "flask", "gunicorn", "httpx", "requests", "starlette", "uvicorn")
_NEEDED_TO_TRACE = ("fastapi", "flask", "httpx", "requests", "sqlite3", "starlette")


@click.command("demo")
@click.option("--once", is_flag=True, help="End after the two traces, on a terminal too.")
def command(once: bool) -> None:
    """Start five small services and follow a request through them.

    Each service is started by its ordinary command behind platform-trace, and a collector beside them. Two requests go
    through all of them, one of which fails; the trace of each is printed as a tree, and who waited for whom as a table.
    On a terminal services and collector then stay, for requests of your own, until Ctrl-C.
    """
    _demand_extra()
    from platform_otel.demo.interruption import Interrupted

    try:
        with _running() as (fleet, collector):
            _show_two_requests(fleet, collector)
            if on_terminal() and not once:
                _serve(fleet, collector)
    except Interrupted as interrupted:
        sys.exit(128 + interrupted.number)


def _demand_extra() -> None:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    missing += [name for name in missing_packages() if name not in missing]
    missing += [
        f"opentelemetry-instrumentation-{name}"
        for name in _NEEDED_TO_TRACE
        if find_spec(f"opentelemetry.instrumentation.{name}") is None
    ]
    if missing:
        raise PlatformTraceError(f"the demo needs {', '.join(missing)}", 'pip install "platform-otel[demo]"')


@contextmanager
def _running() -> Iterator[tuple[Fleet, Collector]]:
    """The services and the collector of their spans, for a while. Nothing of them is left afterwards."""
    from platform_otel.demo.fleet import SERVICES, Fleet, collector, free_ports, plan
    from platform_otel.demo.interruption import Interruption
    from platform_otel.show.source import Collector

    with Interruption() as interruption, ExitStack() as stack:
        with interruption.held():
            folder = stack.enter_context(TemporaryDirectory(prefix="platform-trace-", ignore_cleanup_errors=True))
            ports = free_ports([*(service.name for service in SERVICES), "otlp", "query"])
            fleet = Fleet(plan(os.environ, folder, ports, f"http://127.0.0.1:{ports['otlp']}"), folder)
            beside = Fleet([collector(os.environ, folder, ports)], folder)
            # It ends last, as the services send what they have when they end.
            stack.callback(beside.stop)
            stack.callback(fleet.stop)
            # Called first of all: what was started is stopped in peace.
            stack.callback(interruption.ignore)
        _show_plan(fleet.launches)
        for each in (beside, fleet):
            each.start(interruption.held)
        for each in (beside, fleet):
            each.wait_until_up()
        yield fleet, Collector(f"http://127.0.0.1:{ports['query']}")


def _show_plan(launches: Sequence[Launch]) -> None:
    width = max(len(launch.service) for launch in launches)
    click.echo("Five services, each started by its ordinary command behind platform-trace:\n")
    for launch in launches:
        click.echo(f"  {launch.service.ljust(width)}  {launch.shown()}")


def _show_two_requests(fleet: Fleet, collector: Collector) -> None:
    from platform_otel.show.trace import hops

    for path in (GOOD_REQUEST, FAILING_REQUEST):
        _ask(fleet.launches[0].port, path)
        trace = _await_trace(collector, path)
        _show(trace)
        if path == GOOD_REQUEST:
            _print("\nWho waited for whom, and for what:\n", *hops(trace, style()))
    _print(
        f"\nA collector has both, and answers on {collector.url} as long as this runs:\n",
        f"  platform-trace show traces --url {collector.url}\n",
        "One that stays, for your own services: platform-trace collector",
    )


def _ask(port: int, path: str) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS_TO_ARRIVE)
    try:
        connection.request("GET", path)
        connection.getresponse().read()
    except OSError as error:
        raise PlatformTraceError(f"gate does not answer: {error}", "run the demo again") from error
    finally:
        connection.close()


def _await_trace(collector: Collector, path: str) -> Trace:
    from platform_otel.demo.feed import await_trace
    from platform_otel.show.otlp import spans

    trace, is_complete = await_trace(collector, path, SECONDS_TO_ARRIVE)
    if trace is not None and is_complete:
        return trace
    if trace is not None:
        _show(trace)
    number = len(spans(trace.otlp)) if trace is not None else 0
    raise PlatformTraceError(
        f"the trace of GET {path} is not complete after {SECONDS_TO_ARRIVE} s: {number} spans have arrived",
        "please report this, with the output of: platform-trace --version",
    )


def _serve(fleet: Fleet, collector: Collector) -> None:
    """Show what arrives until a signal comes; Ctrl-C is how this is meant to end."""
    from platform_otel.demo.feed import Feed
    from platform_otel.demo.interruption import Interrupted

    url = f"http://127.0.0.1:{fleet.launches[0].port}"
    click.echo(f"\ngate listens on {url} until Ctrl-C, and the trace of each request appears here. Try:\n")
    click.echo(f"  curl {url}{ANOTHER_REQUEST}")
    feed = Feed(collector)
    try:
        while True:
            for trace in feed.next(SECONDS_OF_QUIET):
                _show(trace)
    except Interrupted as interrupted:
        if interrupted.number != signal.SIGINT:
            raise
        click.echo()


def _show(trace: Trace) -> None:
    from platform_otel.demo.traces import title
    from platform_otel.show.trace import notes, spans_on_one_clock, summary, waterfall

    spans = spans_on_one_clock(trace)
    heading = f"Trace of {title(spans)}"
    _print(
        f"\n{click.style(heading, bold=True) if colour() else heading} ({summary(spans)})\n",
        *waterfall(trace, style()),
        *notes(trace),
    )


def _print(*lines: str) -> None:
    for line in lines:
        echo(line)
