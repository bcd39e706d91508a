"""`platform-trace demo`: five small services, two requests through them, and their traces."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from platform_otel.errors import PlatformTraceError

if TYPE_CHECKING:
    from platform_otel.analysis.tree import TraceSpan
    from platform_otel.demo.fleet import Fleet, Launch
    from platform_otel.demo.receiver import Receiver

GOOD_REQUEST = "/people/ada/answers/haiku"
FAILING_REQUEST = "/people/ada/answers/elegy"
ANOTHER_REQUEST = "/people/grace/answers/limerick"

SECONDS_TO_ARRIVE = 30
# A trace that is not complete is shown as it is when nothing of it has arrived for so long.
SECONDS_OF_QUIET = 3
WIDEST = 120

_NEEDED = ("fastapi", "flask", "gunicorn", "httpx", "requests", "starlette", "uvicorn")
_NEEDED_TO_TRACE = ("fastapi", "flask", "httpx", "requests", "sqlite3", "starlette")


@click.command("demo")
@click.option("--once", is_flag=True, help="End after the two traces, on a terminal too.")
def command(once: bool) -> None:
    """Start five small services and follow a request through them.

    Each service is started by its ordinary command behind platform-trace. Two requests go through all of them, one of
    which fails; the trace of each is printed as a tree. On a terminal the services then stay, for requests of your
    own, until Ctrl-C.
    """
    _demand_extra()
    from platform_otel.demo.interruption import Interrupted

    try:
        with _running() as (fleet, receiver):
            _show_two_requests(fleet, receiver)
            if _on_terminal() and not once:
                _serve(fleet, receiver)
    except Interrupted as interrupted:
        sys.exit(128 + interrupted.number)


def _demand_extra() -> None:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    missing += [
        f"opentelemetry-instrumentation-{name}"
        for name in _NEEDED_TO_TRACE
        if find_spec(f"opentelemetry.instrumentation.{name}") is None
    ]
    if missing:
        raise PlatformTraceError(f"the demo needs {', '.join(missing)}", 'pip install "platform-otel[demo]"')


@contextmanager
def _running() -> Iterator[tuple[Fleet, Receiver]]:
    """The services and the receiver of their spans, for a while. Nothing of them is left afterwards."""
    from platform_otel.demo.fleet import SERVICES, Fleet, free_ports, plan
    from platform_otel.demo.interruption import Interruption
    from platform_otel.demo.receiver import Receiver

    with Interruption() as interruption, ExitStack() as stack:
        with interruption.held():
            folder = stack.enter_context(TemporaryDirectory(prefix="platform-trace-", ignore_cleanup_errors=True))
            receiver = stack.enter_context(Receiver())
            ports = free_ports(service.name for service in SERVICES)
            fleet = Fleet(plan(os.environ, folder, ports, receiver.url), folder)
            stack.callback(fleet.stop)
            # Called first of all: what was started is stopped in peace.
            stack.callback(interruption.ignore)
        _show_plan(fleet.launches)
        fleet.start(interruption.held)
        fleet.wait_until_up()
        yield fleet, receiver


def _show_plan(launches: Sequence[Launch]) -> None:
    width = max(len(launch.service) for launch in launches)
    click.echo("Five services, each started by its ordinary command behind platform-trace:\n")
    for launch in launches:
        click.echo(f"  {launch.service.ljust(width)}  {launch.shown()}")


def _show_two_requests(fleet: Fleet, receiver: Receiver) -> None:
    for path in (GOOD_REQUEST, FAILING_REQUEST):
        _ask(fleet.launches[0].port, path)
        _show(_await_trace(receiver, path))


def _ask(port: int, path: str) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS_TO_ARRIVE)
    try:
        connection.request("GET", path)
        connection.getresponse().read()
    except OSError as error:
        raise PlatformTraceError(f"gate does not answer: {error}", "run the demo again") from error
    finally:
        connection.close()


def _await_trace(receiver: Receiver, path: str) -> list[TraceSpan]:
    from platform_otel.demo.traces import is_complete, trace_of

    if not receiver.wait_for(lambda spans: is_complete(trace_of(spans, path)), SECONDS_TO_ARRIVE):
        trace = trace_of(receiver.spans(), path)
        if trace:
            _show(trace)
        raise PlatformTraceError(
            f"the trace of GET {path} is not complete after {SECONDS_TO_ARRIVE} s: {len(trace)} spans have arrived",
            "please report this, with the output of: platform-trace --version",
        )
    return trace_of(receiver.spans(), path)


def _serve(fleet: Fleet, receiver: Receiver) -> None:
    """Show what arrives until a signal comes; Ctrl-C is how this is meant to end."""
    from platform_otel.demo.feed import Feed
    from platform_otel.demo.interruption import Interrupted

    url = f"http://127.0.0.1:{fleet.launches[0].port}"
    click.echo(f"\ngate listens on {url} until Ctrl-C, and the trace of each request appears here. Try:\n")
    click.echo(f"  curl {url}{ANOTHER_REQUEST}")
    feed = Feed(receiver)
    try:
        while True:
            for trace in feed.next(SECONDS_OF_QUIET):
                _show(trace)
    except Interrupted as interrupted:
        if interrupted.number != signal.SIGINT:
            raise
        click.echo()


def _show(trace: Sequence[TraceSpan]) -> None:
    from platform_otel.analysis.tree import build_tree, render_tree
    from platform_otel.demo.traces import summary, title

    heading = f"Trace of {title(trace)}"
    click.echo(f"\n{click.style(heading, bold=True) if _colour() else heading} ({summary(trace)})\n")
    for line in render_tree(build_tree(trace), colour=_colour(), ascii_only=not _prints("├✗━→…"), width=_width()):
        click.echo(line)


def _on_terminal() -> bool:
    # Without a standard output, Python has None there.
    return sys.stdout is not None and sys.stdout.isatty()


def _colour() -> bool:
    return _on_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _prints(text: str) -> bool:
    """Whether standard output can encode the text."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _width() -> int:
    # A terminal that does not know its size says 0.
    columns = shutil.get_terminal_size((100, 24)).columns or 100
    return min(WIDEST, columns) if _on_terminal() else 100
