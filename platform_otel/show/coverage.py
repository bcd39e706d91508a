"""Which services of a fleet are traced, since when and by what, and which hops between them are whole."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from platform_otel.analysis.broken import CLOCK_SKEW, BrokenLink, broken_links
from platform_otel.analysis.tree import TraceSpan
from platform_otel.errors import UsageError
from platform_otel.show import otlp
from platform_otel.show.backends import Backend, Window
from platform_otel.show.findings import CAUSES
from platform_otel.show.lists import moment
from platform_otel.show.table import table

Json = Any  # OTLP/JSON

_TRACES = 20
# A while is halved so often to find its first trace: ten times make 84 s of a day.
_HALVINGS = 10
# Spans that belong together may come so much later.
_SETTLED = 10 * 10**9
_EXPECTED = re.compile(r"(?P<service>(?!->)[^\s#][^#]*?)(?:\s*->\s*(?P<callee>[^#]*?))?\s*(?:#.*)?")


class Expected(NamedTuple):
    """What there should be: services, and hops between two."""

    services: tuple[str, ...] = ()
    hops: tuple[tuple[str, str], ...] = ()


class Covered(NamedTuple):
    """A service: when its first span of that while began, or None, and what traced it."""

    service: str
    since: int | None
    by: str


class Hop(NamedTuple):
    """Calls from one service to another: how many of them are whole, and what is broken, with its evidence."""

    caller: str
    callee: str
    whole: int
    cause: str = ""
    evidence: str = ""


class Coverage(NamedTuple):
    """The services, those that are not traced among them, and the hops."""

    services: tuple[Covered, ...]
    hops: tuple[Hop, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every service is traced and no hop broken or missing."""
        return all(each.since is not None for each in self.services) and not any(map(_is_broken, self.hops))


def expected(text: str) -> Expected:
    """Read a list: a line for each service, or a hop as ``gate -> identity``; # begins a comment.

    Raises:
        UsageError: a line is neither.
    """
    services: list[str] = []
    hops: list[tuple[str, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        found = _EXPECTED.fullmatch(line.strip())
        if found is None and line.strip() and not line.strip().startswith("#"):
            raise UsageError(f"line {number} of the expected services is none", "write one on a line, or A -> B")
        if found is not None:
            services += [name for name in (found["service"], found["callee"]) if name]
            hops += [(found["service"], found["callee"])] if found["callee"] else []
    return Expected(tuple(dict.fromkeys(services)), tuple(dict.fromkeys(hops)))


def coverage(backend: Backend, window: Window, wanted: Expected) -> Coverage:
    """Ask a backend for what is there, and say what of it is as it should be."""
    there = set(backend.services(window))
    newest = {name: backend.traces(name, window, _TRACES) for name in sorted(there)}
    documents = [document for found in newest.values() for document in found]
    names = list(dict.fromkeys([*wanted.services, *sorted(name for name, found in newest.items() if found)]))
    services = tuple(_covered(backend, name, window, newest.get(name, ())) for name in names)
    return Coverage(services, tuple(_hops(documents, window.end, wanted.hops)))


# --- services ---------------------------------------------------------------------------------------------------------


def _covered(backend: Backend, service: str, window: Window, newest: Sequence[Json]) -> Covered:
    begun = _begins(newest, service)
    if not begun:
        return Covered(service, None, "")
    first = _begins(_first(backend, service, window), service) or begun
    return Covered(service, min(*first, *begun), _traced_by(newest, service))


def _first(backend: Backend, service: str, window: Window) -> list[Json]:
    """Traces of the slice of that while in which the service's first one is."""
    start, end = window
    for _ in range(_HALVINGS):
        middle = (start + end) // 2
        if backend.traces(service, Window(start, middle), 1):
            end = middle
        else:
            start = middle
    return backend.traces(service, Window(start, end), _TRACES)


def _begins(documents: Iterable[Json], service: str) -> list[int]:
    spans = (span for document in documents for span in otlp.spans(document))
    return [span.start for span in spans if span.service == service]


def _traced_by(documents: Iterable[Json], service: str) -> str:
    """What wrote its latest spans: ours with its version, or whatever the resource names."""
    latest: tuple[int, str] = (0, "")
    for document in documents:
        for of_resource in document.get("resourceSpans", ()):
            attributes = otlp.attributes(of_resource.get("resource", {}).get("attributes", ()))
            starts = [span.start for span in otlp.spans({"resourceSpans": [of_resource]})]
            if attributes.get("service.name") == service and starts:
                latest = max(latest, (max(starts), _writer(attributes)))
    return latest[1]


def _writer(attributes: Mapping[str, object]) -> str:
    for kind in ("telemetry.distro", "telemetry.sdk"):
        if name := attributes.get(f"{kind}.name"):
            return f"{name} {attributes.get(f'{kind}.version', '')}".strip()
    return "unknown"


# --- hops -------------------------------------------------------------------------------------------------------------


def _hops(documents: Iterable[Json], now: int, wanted: Sequence[tuple[str, str]]) -> Iterator[Hop]:
    spans = {(span.trace_id, span.span_id): span for document in documents for span in otlp.spans(document)}
    whole = Counter(_calls(spans))
    broken = {
        (link.caller, link.callee): link
        for link in reversed(broken_links(list(spans.values()), now - _SETTLED))
        if link.cause != CLOCK_SKEW
    }
    for caller, callee in dict.fromkeys([*wanted, *sorted({*whole, *broken})]):
        yield _hop(caller, callee, whole[caller, callee], broken.get((caller, callee)))


def _calls(spans: dict[tuple[str, str], TraceSpan]) -> Iterator[tuple[str, str]]:
    for span in spans.values():
        parent = spans.get((span.trace_id, span.parent_id))
        if parent is not None and parent.service != span.service:
            yield parent.service, span.service


def _hop(caller: str, callee: str, whole: int, link: BrokenLink | None) -> Hop:
    if link is None:
        return Hop(caller, callee, whole) if whole else Hop(caller, callee, 0, "no call was seen")
    return Hop(caller, callee, whole, CAUSES.get(link.cause, link.cause), link.evidence)


def _is_broken(hop: Hop) -> bool:
    return bool(hop.cause)


# --- text -------------------------------------------------------------------------------------------------------------


def lines(found: Coverage, arrow: str = "->") -> Iterator[str]:
    """A line for each service and each hop, and a sum."""
    rows = [(each.service, _since(each), each.by) for each in found.services]
    yield from table(("service", "since", "traced by"), rows, "lll")
    if found.hops:
        yield ""
        hops = [
            (f"{each.caller or '(unknown)'} {arrow} {each.callee}", str(each.whole), each.cause) for each in found.hops
        ]
        yield from table(("hop", "whole", "broken"), hops, "lrl")
    traced = sum(each.since is not None for each in found.services)
    broken = sum(map(_is_broken, found.hops))
    yield ""
    yield f"{traced} of {len(found.services)} services are traced; {broken} of {len(found.hops)} hops are broken."


def _since(service: Covered) -> str:
    return "not traced" if service.since is None else moment(service.since)


def as_json(found: Coverage) -> Json:
    """The same as plain data."""
    return {
        "whole": found.is_whole,
        "services": [
            {"service": each.service, "traced": each.since is not None, "tracedBy": each.by}
            | ({"sinceUnixNano": str(each.since)} if each.since is not None else {})
            for each in found.services
        ],
        "hops": [each._asdict() for each in found.hops],
    }
