"""`platform-trace show`: what a running collector, or its file, has."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, TextIO, TypeVar

import click

from platform_otel.cli.terminal import echo, style
from platform_otel.cli.token import token_option
from platform_otel.errors import PlatformTraceError, UsageError
from platform_otel.show.source import NoSuchTrace, Source, opened

Command = TypeVar("Command", bound=Callable[..., object])

_UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 24 * 3600 * 10**9}


def _duration(_: click.Context, __: click.Parameter, text: str | None) -> int | None:
    """Nanoseconds."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)(ns|us|ms|s|m|h|d)", text.strip(), re.ASCII)
    if found is None:
        raise click.BadParameter(f"{text!r} is not a duration such as 250ms, 1.5s or 2h")
    return round(float(found[1]) * _UNITS[found[2]])


def _moment(context: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """Nanoseconds since the epoch, of as many, or of how long ago."""
    if text is None or re.fullmatch(r"\d{1,19}", text, re.ASCII):
        return None if text is None else int(text)
    try:
        return time.time_ns() - (_duration(context, parameter, text) or 0)
    except click.BadParameter:
        raise click.BadParameter(
            f"{text!r} is neither how long ago, such as 15m, nor nanoseconds since the epoch"
        ) from None


def _of_source(command: Command) -> Command:
    """The options that say whom to ask."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print what the collector answers."),
        token_option("What the collector wants to be shown."),
        click.option("--db", default="", help="Read a collector's file in place of asking one that runs."),
        click.option("--url", default="", help="Query port of a running collector; by default http://127.0.0.1:16686."),
    ):
        command = option(command)
    return command


def _of_window(command: Command) -> Command:
    """The options of what is found in the traces of a while."""
    for option in (
        click.option("--limit", type=click.IntRange(1, 200), help="How many; by default 20."),
        click.option("--end", callback=_moment, help="Until when; by default now."),
        click.option("--start", callback=_moment, help="From when, such as 15m (ago); by default an hour ago."),
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
@click.option("--start", callback=_moment, help="From when, such as 15m (ago); by default an hour ago.")
@click.option("--end", callback=_moment, help="Until when; by default now.")
def services(url: str, db: str, token: str, as_json: bool, **window: object) -> None:
    """The services of a while: spans, errors, operations."""
    from platform_otel.show.lists import services as lines

    with opened(url, db, token) as source:
        answer = source.ask("/query/services", **_given(window))
    _print(answer, as_json, lines)


@command.command("traces")
@_of_source
@click.option("--service", help="With a span of this service.")
@click.option("--operation", help="With a span of this name.")
@click.option("--kind", help="With a span of this kind, such as server.")
@click.option("--status", help="With a span of this status: unset, ok or error.")
@click.option("--where", help="With a span for which this holds, such as 'http.route = /a and duration > 100ms'.")
@click.option("--min-duration", callback=_duration, help="That took at least as long, such as 250ms.")
@click.option("--max-duration", callback=_duration, help="That took at most as long.")
@click.option("--start", callback=_moment, help="That began since then, such as 15m (ago).")
@click.option("--end", callback=_moment, help="That began before then.")
@click.option("--order", help="newest (by default) or slowest first.")
@click.option("--limit", type=click.IntRange(1, 200), help="How many; by default 20.")
@click.option("--after", help="Where the page before ended, as its last line says.")
def traces(url: str, db: str, token: str, as_json: bool, **filters: object) -> None:
    """Search for traces: those of which one span is as asked."""
    from platform_otel.show.lists import traces as lines

    with opened(url, db, token) as source:
        answer = source.ask("/query/traces", **_given(filters))
    _print(answer, as_json, lines)


@command.command("trace")
@click.argument("trace_id", metavar="ID")
@_of_source
@click.option("--otlp", "as_otlp", is_flag=True, help="Print the spans as OTLP/JSON.")
def trace(trace_id: str, url: str, db: str, token: str, as_json: bool, as_otlp: bool) -> None:
    """A trace: its spans, what is on the critical path (drawn heavily), and who waited for whom."""
    from platform_otel.show.trace import read

    with opened(url, db, token) as source:
        found = read(source, _whole_id(source, trace_id))
    if as_otlp:
        _print_json(found.otlp)
    else:
        _print({"trace": found.otlp, "analysis": found.analysis}, as_json, lambda _: _trace_lines(found))


@command.command("logs")
@click.argument("trace_id", metavar="ID")
@_of_source
@click.option("--otlp", "as_otlp", is_flag=True, help="Print the log records as OTLP/JSON; so does --json.")
def logs(trace_id: str, url: str, db: str, token: str, as_json: bool, as_otlp: bool) -> None:
    """The log records of a trace."""
    from platform_otel.show.lists import logs as lines

    with opened(url, db, token) as source:
        # Log records may be there before their trace.
        whole = trace_id if len(trace_id) == 32 else _whole_id(source, trace_id)
        answer = source.ask(f"/query/traces/{_checked(whole)}/logs")
    _print(answer, as_json or as_otlp, lines)


@command.command("hops")
@click.argument("trace_id", metavar="[ID]", default="")
@_of_source
@click.option("--limit", type=click.IntRange(1, 200), default=20, help="How many traces without ID; by default 20.")
def hops(trace_id: str, url: str, db: str, token: str, as_json: bool, limit: int) -> None:
    """Who waited for whom, in one trace or in the newest ones together."""
    from platform_otel.show.hop_table import hop_table, merged

    with opened(url, db, token) as source:
        ids = [_whole_id(source, trace_id)] if trace_id else _newest(source, limit)
        found = merged(hop for each in ids for hop in source.ask(f"/query/traces/{each}/analysis")["hops"])
    answer = {"traces": len(ids), "hops": found}
    arrow = style().arrow
    _print(
        answer, as_json, lambda _: [f"{len(ids)} traces" if len(ids) != 1 else "1 trace", "", *hop_table(found, arrow)]
    )


@command.command("errors")
@_of_source
@click.option("--service", help="That began in this service, or took it down.")
@_of_window
def errors(url: str, db: str, token: str, as_json: bool, **values: object) -> None:
    """Errors by where they began, with the services that they took down."""
    from platform_otel.show.findings import errors as lines

    with opened(url, db, token) as source:
        answer = source.ask("/query/errors", **_given(values))
    _print(answer, as_json, lines)


@command.command("broken")
@_of_source
@_of_window
def broken(url: str, db: str, token: str, as_json: bool, **values: object) -> None:
    """Where traces break: the services between which context got lost, and why."""
    from platform_otel.show.findings import broken as lines

    with opened(url, db, token) as source:
        answer = source.ask("/query/broken", **_given(values))
    _print(answer, as_json, lines)


@command.command("slow")
@_of_source
@_of_window
def slow(url: str, db: str, token: str, as_json: bool, **values: object) -> None:
    """Where the time goes that need not go: slow hops, queues, repeated calls."""
    from platform_otel.show.findings import slow as lines

    with opened(url, db, token) as source:
        answer = source.ask("/query/slow", **_given(values))
    _print(answer, as_json, lines)


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
@click.option("--start", callback=_moment, default="1d", help="From when, such as 15m (ago); by default a day ago.")
@click.option("--end", callback=_moment, help="Until when; by default now.")
def coverage(
    url: str,
    db: str,
    token: str,
    as_json: bool,
    expect: TextIO | None,
    backend: str | None,
    start: int,
    end: int | None,
) -> None:
    """Which services are traced, since when and by what; which hops between them are whole.

    Besides our collector it asks Jaeger and Tempo. A line of the list is a service, or a hop as in gate -> identity;
    what follows a # is a comment. The exit code is 1 if a service is not traced, or a hop broken or missing.
    """
    from platform_otel.show import coverage as shown
    from platform_otel.show.backends import Window, backend_at

    wanted = shown.expected(_text_of(expect)) if expect else shown.Expected()
    with opened(url, db, token) as source:
        window = Window(start, end if end is not None else time.time_ns())
        found = shown.coverage(backend_at(source, "collector" if db else backend or ""), window, wanted)
    _print(shown.as_json(found), as_json, lambda _: shown.lines(found, style().arrow))
    sys.exit(0 if found.is_whole else 1)


def _text_of(file: TextIO) -> str:
    try:
        return file.read()
    except UnicodeDecodeError:
        raise UsageError(f"{file.name} is not in UTF-8", "write one service on a line, or A -> B") from None


def _given(values: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


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
    from platform_otel.show.trace import hops, notes, spans_on_one_clock, summary, waterfall

    its_style = style()
    yield f"Trace {found.analysis['traceId']} ({summary(spans_on_one_clock(found))})"
    yield ""
    yield from waterfall(found, its_style)
    for more in (notes(found), hops(found, its_style)):
        yield from ("", *more) if more else ()
