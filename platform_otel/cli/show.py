"""`platform-trace show`: what a running collector, or its file, has."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, NamedTuple, TextIO, TypeVar

import click

from platform_otel.cli.terminal import echo, style
from platform_otel.cli.times import duration, moment
from platform_otel.cli.token import token_option
from platform_otel.errors import PlatformTraceError, UsageError
from platform_otel.show.source import NoSuchTrace, Source, opened

Command = TypeVar("Command", bound=Callable[..., object])


class _Asked(NamedTuple):
    """What the options say that all commands have: whom to ask, and how to print the answer."""

    url: str
    db: str
    token: str
    as_json: bool

    def opened(self) -> AbstractContextManager[Source]:
        return opened(self.url, self.db, self.token)

    def show(self, question: str, values: dict[str, object], lines: Callable[[Any], Iterable[str]]) -> None:
        """Print what is answered to one question, of which the user gave some values."""
        given = {name: value for name, value in values.items() if value is not None}
        with self.opened() as source:
            answer = source.ask(question, **given)
        _print(answer, self.as_json, lines)


def _of_source(asking: Callable[..., None]) -> Callable[..., None]:
    """The options that say whom to ask; the command has them as one value."""

    @wraps(asking)
    def command(url: str, db: str, token: str, as_json: bool, **others: object) -> None:
        asking(_Asked(url, db, token, as_json), **others)

    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print what the collector answers."),
        token_option("What the collector wants to be shown."),
        click.option("--db", default="", help="Read a collector's file in place of asking one that runs."),
        click.option("--url", default="", help="Query port of a running collector; by default http://127.0.0.1:16686."),
    ):
        option(command)
    return command


def _of_window(command: Command) -> Command:
    """The options of what is found in the traces of a while."""
    for option in (
        click.option("--limit", type=click.IntRange(1, 200), help="How many; by default 20."),
        click.option("--end", callback=moment, help="Until when; by default now."),
        click.option("--start", callback=moment, help="From when, such as 15m (ago); by default an hour ago."),
    ):
        command = option(command)
    return command


@click.group("show")
def command() -> None:
    """Show what a running collector, or its file, has: services, traces, logs, hops, errors.

    Each of these asks the collector at --url, or reads the file at --db, also while a collector writes to it. The first
    digits of a trace's id are enough.
    """


@command.command("services")
@_of_source
@click.option("--start", callback=moment, help="From when, such as 15m (ago); by default an hour ago.")
@click.option("--end", callback=moment, help="Until when; by default now.")
def services(asked: _Asked, **window: object) -> None:
    """The services of a while: spans, errors, operations."""
    from platform_otel.show.lists import services as lines

    asked.show("/query/services", window, lines)


@command.command("traces")
@_of_source
@click.option("--service", help="With a span of this service.")
@click.option("--caller", help="With a span whose parent is of this other service.")
@click.option("--operation", help="With a span of this name.")
@click.option("--kind", help="With a span of this kind, such as server.")
@click.option("--status", help="With a span of this status: unset, ok or error.")
@click.option("--where", help="With a span for which this holds, such as 'http.route = /a and duration > 100ms'.")
@click.option("--min-duration", callback=duration, help="That took at least as long, such as 250ms.")
@click.option("--max-duration", callback=duration, help="That took at most as long.")
@click.option("--start", callback=moment, help="That began since then, such as 15m (ago).")
@click.option("--end", callback=moment, help="That began before then.")
@click.option("--order", help="newest (by default) or slowest first.")
@click.option("--limit", type=click.IntRange(1, 200), help="How many; by default 20.")
@click.option("--after", help="Where the page before ended, as its last line says.")
def traces(asked: _Asked, **filters: object) -> None:
    """Search for traces: those of which one span is as asked."""
    from platform_otel.show.lists import traces as lines

    asked.show("/query/traces", filters, lines)


@command.command("trace")
@click.argument("trace_id", metavar="ID")
@_of_source
@click.option("--otlp", "as_otlp", is_flag=True, help="Print the spans as OTLP/JSON.")
def trace(asked: _Asked, trace_id: str, as_otlp: bool) -> None:
    """A trace: its spans, what is on the critical path (drawn heavily), and who waited for whom."""
    from platform_otel.show.trace import read

    with asked.opened() as source:
        found = read(source, _whole_id(source, trace_id))
    if as_otlp:
        _print_json(found.otlp)
    else:
        _print({"trace": found.otlp, "analysis": found.analysis}, asked.as_json, lambda _: _trace_lines(found))


@command.command("logs")
@click.argument("trace_id", metavar="ID")
@_of_source
@click.option("--otlp", "as_otlp", is_flag=True, help="Print the log records as OTLP/JSON; so does --json.")
def logs(asked: _Asked, trace_id: str, as_otlp: bool) -> None:
    """The log records of a trace."""
    from platform_otel.show.lists import logs as lines

    with asked.opened() as source:
        # Log records may be there before their trace.
        whole = trace_id if len(trace_id) == 32 else _whole_id(source, trace_id)
        answer = source.ask(f"/query/traces/{_checked(whole)}/logs")
    _print(answer, asked.as_json or as_otlp, lines)


@command.command("hops")
@click.argument("trace_id", metavar="[ID]", default="")
@_of_source
@click.option("--limit", type=click.IntRange(1, 200), default=20, help="How many traces without ID; by default 20.")
def hops(asked: _Asked, trace_id: str, limit: int) -> None:
    """Who waited for whom, in one trace or in the newest ones together."""
    from platform_otel.show.hop_table import hop_table, merged

    with asked.opened() as source:
        ids = [_whole_id(source, trace_id)] if trace_id else _newest(source, limit)
        found = merged(hop for each in ids for hop in source.ask(f"/query/traces/{each}/analysis")["hops"])
    answer = {"traces": len(ids), "hops": found}
    arrow = style().arrow
    _print(
        answer,
        asked.as_json,
        lambda _: [f"{len(ids)} traces" if len(ids) != 1 else "1 trace", "", *hop_table(found, arrow)],
    )


@command.command("errors")
@_of_source
@click.option("--service", help="That began in this service, or took it down.")
@_of_window
def errors(asked: _Asked, **values: object) -> None:
    """Errors by where they began, with the services that they took down."""
    from platform_otel.show.findings import errors as lines

    asked.show("/query/errors", values, lines)


@command.command("broken")
@_of_source
@_of_window
def broken(asked: _Asked, **values: object) -> None:
    """Where traces break: the services between which context got lost, and why."""
    from platform_otel.show.findings import broken as lines

    asked.show("/query/broken", values, lines)


@command.command("slow")
@_of_source
@_of_window
def slow(asked: _Asked, **values: object) -> None:
    """Where the time goes that need not go: slow hops, queues, repeated calls."""
    from platform_otel.show.findings import slow as lines

    asked.show("/query/slow", values, lines)


@command.command("coverage")
@_of_source
@click.option(
    "--expect", type=click.File(encoding="utf-8-sig"), help="A list of services and hops that there should be."
)
@click.option(
    "--backend",
    type=click.Choice(("collector", "jaeger", "tempo")),
    help="What answers at --url; by default it is found out.",
)
@click.option("--start", callback=moment, default="1d", help="From when, such as 15m (ago); by default a day ago.")
@click.option("--end", callback=moment, help="Until when; by default now.")
def coverage(asked: _Asked, expect: TextIO | None, backend: str | None, start: int, end: int | None) -> None:
    """Which services are traced, since when and by what; which hops between them are whole.

    Besides our collector it asks Jaeger and Tempo. A line of the list is a service, or a hop as in gate -> identity;
    what follows a # is a comment. The exit code is 1 if a service is not traced, or a hop broken or missing.
    """
    from platform_otel.show import coverage as shown
    from platform_otel.show.backends import Window, backend_at

    wanted = shown.expected(_text_of(expect)) if expect else shown.Expected()
    with asked.opened() as source:
        window = Window(start, end if end is not None else time.time_ns())
        found = shown.coverage(backend_at(source, "collector" if asked.db else backend or ""), window, wanted)
    _print(shown.as_json(found), asked.as_json, lambda _: shown.lines(found, style().arrow))
    sys.exit(0 if found.is_whole else 1)


def _text_of(file: TextIO) -> str:
    try:
        return file.read()
    except UnicodeDecodeError:
        raise UsageError(f"{file.name} is not in UTF-8", "write one service on a line, or A -> B") from None


def _newest(source: Source, limit: int) -> list[str]:
    return [each["traceId"] for each in source.ask("/query/traces", limit=limit)["traces"]]


def _checked(trace_id: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{1,32}", trace_id):
        raise NoSuchTrace(
            "that is no trace id", "it is up to 32 hexadecimal digits; platform-trace show traces lists them"
        )
    return trace_id.lower()


def _whole_id(source: Source, digits: str) -> str:
    """The id that begins with these digits."""
    found = source.ask("/query/traces", id=_checked(digits), limit=2)["traces"]
    if not found:
        raise NoSuchTrace(f"there is no trace {digits}", "platform-trace show traces lists what is there")
    if len(found) > 1:
        raise PlatformTraceError(f"several traces begin with {digits}", "write more digits of the id")
    whole: str = found[0]["traceId"]
    return whole


# --- Output -----------------------------------------------------------------------------------------------------------


def _print(answer: Any, as_json: bool, lines: Callable[[Any], Iterable[str]]) -> None:
    if as_json:
        _print_json(answer)
    else:
        for line in lines(answer):
            echo(line)


def _print_json(answer: Any) -> None:
    # All but ASCII is escaped, control characters too.
    echo(json.dumps(answer, indent=2))


def _trace_lines(found: Any) -> Iterable[str]:
    from platform_otel.show.trace import hops, linked_from, notes, spans_on_one_clock, summary, waterfall

    its_style = style()
    yield f"Trace {found.analysis['traceId']} ({summary(spans_on_one_clock(found))})"
    yield ""
    yield from waterfall(found, its_style)
    for more in (notes(found), linked_from(found), hops(found, its_style)):
        yield from ("", *more) if more else ()
