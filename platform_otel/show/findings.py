"""What is found in many traces, as text: errors, broken links, what is slow; a paragraph for each, worst first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from platform_otel.analysis.characters import fit, printable
from platform_otel.show.lists import moment

Json = Any  # what a collector answers

# Columns: three lines of a terminal, for a name or message without end.
_WIDEST = 300

CAUSES = {
    "caller_not_traced": "the caller is not traced",
    "header_not_forwarded": "the header was not forwarded",
    "foreign_header": "the header is of another tracer",
    "parent_never_arrived": "the parent never arrived",
    "sampled_out": "the caller was sampled out",
    "clock_skew": "a clock is off",
}
_KINDS = {"slow_hop": "slow hop", "queue": "queue or network", "repeated_calls": "repeated calls"}


def errors(answer: Json) -> Iterator[str]:
    """Where errors began."""
    return _paragraphs(answer, answer["groups"], _error, "No error")


def broken(answer: Json) -> Iterator[str]:
    """Where context got lost."""
    return _paragraphs(answer, answer["links"], _link, "Nothing is broken")


def slow(answer: Json) -> Iterator[str]:
    """What takes time."""
    return _paragraphs(answer, answer["findings"], _slowness, "Nothing is slow")


def _paragraphs(answer: Json, found: Json, lines: Callable[[Json], list[str]], nothing: str) -> Iterator[str]:
    for each in found:
        head, *rest = (fit(printable(line), _WIDEST, "...") for line in lines(each))
        yield from (head, *(f"  {line}" for line in rest))
        yield ""
    yield f"{'' if found else f'{nothing} in these. '}Looked at {_extent(answer)}."


def _extent(answer: Json) -> str:
    traces = _traces(answer["lookedAt"])
    if answer["complete"] or answer["reached"] is None:
        return traces
    return f"the newest {traces}, back to {moment(int(answer['reached']))}"


def _error(group: Json) -> list[str]:
    where = f"{group['service']}  {group['operation']}"
    towards = f" calling {group['peer']}" if group["peer"] else ""
    took_down = ", ".join(f"{each['service']} ({each['traceCount']})" for each in group["tookDown"])
    return [
        f"{where}{towards}: {group['type'] or 'error'}",
        *([group["message"]] if group["message"] else []),
        f"{_times(group['count'])} in {_traces(group['traceCount'])}, {_seen(group)}",
        *([f"took down {took_down}"] if took_down else []),
        _example(group),
    ]


def _link(link: Json) -> list[str]:
    where = f"{link['caller'] or '(unknown)'} -> {link['callee']}  {link['operation']}"
    return [
        f"{where}: {CAUSES.get(link['cause'], link['cause'])}",
        link["evidence"],
        f"{_times(link['count'])}, {_seen(link)}",
        _example(link) + (f", called by {link['callerTraceId']}" if _is_other(link) else ""),
    ]


def _is_other(link: Json) -> bool:
    return link["callerTraceId"] not in (None, link["traceId"])


def _slowness(found: Json) -> list[str]:
    where = f"{found['service']}  {found['operation']}"
    called = f"{found['caller']} -> " if found["caller"] else ""
    return [
        f"{called}{where}: {_KINDS.get(found['what'], found['what'])}",
        found["evidence"],
        f"{_times(found['count'])}, {found['share']:.0%} of the time of these traces",
        _example(found),
    ]


def _seen(found: Json) -> str:
    first, last = moment(int(found["firstSeenUnixNano"])), moment(int(found["lastSeenUnixNano"]))
    return f"at {last}" if first == last else f"from {first} to {last}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _traces(count: int) -> str:
    return "1 trace" if count == 1 else f"{count} traces"


def _example(found: Json) -> str:
    return f"for example {found['traceId']}"
