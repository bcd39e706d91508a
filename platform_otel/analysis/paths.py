"""A path of services over many traces: each hop of it, split as the hops of one trace are, and how that is spread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from platform_otel.analysis.alignment import align
from platform_otel.analysis.calls import Parts, calls
from platform_otel.analysis.hops import Hop, hops
from platform_otel.analysis.tree import TraceSpan, TreeNode, build_tree, walk

Path = tuple[str, ...]

# Services that call each other in turns would make paths without end.
LONGEST = 16
_QUANTILES = (50, 95, 99)


class Spread(NamedTuple):
    """What half, 95 % and 99 % of the traces do not exceed, in nanoseconds."""

    p50: int
    p95: int
    p99: int


class PathHop(NamedTuple):
    """One hop of the path over the traces that take it.

    Args:
        caller: None for the requests from outside that the path begins with.
        calls, failed: of all these traces.
        wait: how long the caller waited in a trace.
        parts: each part of it; see :class:`platform_otel.analysis.calls.Parts`.
        worst: the trace where it waited longest, and how long that was.
    """

    caller: str | None
    callee: str
    calls: int
    failed: int
    wait: Spread
    parts: Mapping[str, Spread]
    worst: tuple[str, int]


class Paths(NamedTuple):
    """What is known of paths.

    Args:
        known: the paths that traces take, each with the number of traces, the most usual first.
        path: the one that is split; () if there is none.
        traces: how many traces take it.
        hops: from its first service to its last; before them how its first service was called from outside, if it was.
    """

    known: Sequence[tuple[Path, int]]
    path: Path
    traces: int
    hops: Sequence[PathHop]


def paths(spans: Iterable[TraceSpan], path: Path = ()) -> Paths:
    """The paths that these traces take.

    Args:
        spans: of any number of whole traces.
        path: which one to split, from any service on; the most usual one that has a hop, if it is not given.
    """
    roots = {trace: build_tree(of_trace) for trace, of_trace in sorted(_by_trace(spans).items())}
    taken = {trace: chains(of_trace) for trace, of_trace in roots.items()}
    counts = Counter(chain for of_trace in taken.values() for chain in of_trace)
    known = sorted(counts.items(), key=lambda item: (-item[1], -len(item[0]), item[0]))
    path = path or next((chain for chain, _ in known if len(chain) > 1), ())
    along = [trace for trace, of_trace in taken.items() if any(_leads_along(chain, path) for chain in of_trace)]
    split = {trace: hops(calls(align(roots[trace]).roots)) for trace in along}
    pairs = [(None, path[0]), *pairwise(path)] if along else []
    return Paths(known, path, len(along), [hop for caller, callee in pairs for hop in _hops(caller, callee, split)])


def chains(roots: Iterable[TreeNode]) -> set[Path]:
    """The services from where a trace begins to where it goes no further, each named once in a row."""
    below: dict[int, Path] = {}
    found: set[Path] = set()
    for node in walk(roots):
        chain = below.pop(id(node), ())
        if len(chain) < LONGEST and chain[-1:] != (node.span.service,):
            chain = (*chain, node.span.service)
        below.update((id(child), chain) for child in node.children)
        if not node.children:
            found.add(chain)
    return found - {chain[:length] for chain in found for length in range(len(chain))}


def _by_trace(spans: Iterable[TraceSpan]) -> dict[str, list[TraceSpan]]:
    traces: dict[str, list[TraceSpan]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    return traces


def _leads_along(chain: Path, path: Path) -> bool:
    return bool(path) and any(chain[start : start + len(path)] == path for start in range(len(chain)))


def _hops(caller: str | None, callee: str, split: Mapping[str, Sequence[Hop]]) -> Iterator[PathHop]:
    """The hop, if there is one: not every path begins outside."""
    found = [
        (trace, hop)
        for trace, of_trace in split.items()
        for hop in of_trace
        if (hop.caller, hop.callee) == (caller, callee)
    ]
    if not found:
        return
    worst = max(found, key=lambda item: (item[1].wait, item[0]))
    yield PathHop(
        caller=caller,
        callee=callee,
        calls=sum(hop.calls for _, hop in found),
        failed=sum(hop.failed for _, hop in found),
        wait=spread(hop.wait for _, hop in found),
        parts={name: spread(getattr(hop.parts, name) for _, hop in found) for name in Parts._fields},
        worst=(worst[0], worst[1].wait),
    )


def spread(values: Iterable[int]) -> Spread:
    """How values are spread, by nearest rank; of one at least."""
    ordered = sorted(values)
    return Spread(*(ordered[max(0, -(-share * len(ordered) // 100) - 1)] for share in _QUANTILES))
