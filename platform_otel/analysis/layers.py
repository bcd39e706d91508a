"""Where each node of a graph is drawn: in layers that calls go down, in an order in which few of them cross."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

Edge = tuple[str, str]

_SWEEPS = 12
_ROUNDS = 4
# The drawing of so many calls is full of crossings in any order.
_LARGE = 500
# A hub that calls hundreds has its place by the middle of them, exactly enough.
_MOST_COMPARED = 20


class Position(NamedTuple):
    """The layer of a node, 0 for those that nobody calls, and its place among the nodes of that layer."""

    layer: int
    order: int


def positions(nodes: Iterable[str], edges: Iterable[Edge]) -> dict[str, Position]:
    """The position of every node, the same for the same graph in whatever order it is given.

    An edge goes at least one layer down, but for those that would close a circle, and to the node itself. Ends of edges
    that are no nodes become some.
    """
    known = set(edges)
    names = sorted({*nodes, *(name for edge in known for name in edge)})
    down = _without_circles(names, {edge for edge in known if edge[0] != edge[1]})
    rows = _ordered(_rows(names, down), down)
    return {name: Position(layer, order) for layer, row in enumerate(rows) for order, name in enumerate(row)}


def crossings(rows: Sequence[Sequence[str]], edges: Iterable[Edge]) -> int:
    """How many pairs of edges cross, of those between the same two layers."""
    places = {name: (layer, order) for layer, row in enumerate(rows) for order, name in enumerate(row)}
    between: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for caller, callee in edges:
        (upper, start), (lower, end) = places[caller], places[callee]
        between.setdefault((upper, lower), []).append((start, end))
    return sum(_inversions(sorted(each)) for each in between.values())


def _inversions(pairs: Iterable[tuple[int, int]]) -> int:
    seen: list[int] = []
    count = 0
    for _, end in pairs:
        count += len(seen) - bisect_left(seen, end + 1)
        insort(seen, end)
    return count


def _neighbours(edges: Iterable[Edge]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for start, end in sorted(edges):
        found.setdefault(start, []).append(end)
    return found


# --- Layers -----------------------------------------------------------------------------------------------------------


def _without_circles(names: Sequence[str], edges: set[Edge]) -> set[Edge]:
    """The edges but for those that lead back to where a walk along them came from.

    Walks begin at nodes that nobody calls, then at those with the most callees for their callers.
    """
    callees = _neighbours(edges)
    called = dict.fromkeys(names, 0)
    for _, callee in edges:
        called[callee] += 1
    kept: set[Edge] = set()
    state: dict[str, bool] = {}  # whether the walk is below the node still
    for start in sorted(names, key=lambda name: (called[name] > 0, called[name] - len(callees.get(name, ())), name)):
        if start not in state:
            _walk(start, callees, state, kept)
    return kept


def _walk(start: str, callees: Mapping[str, Sequence[str]], state: dict[str, bool], kept: set[Edge]) -> None:
    state[start] = True
    path = [(start, iter(callees.get(start, ())))]
    while path:
        name, left = path[-1]
        callee = next(left, None)
        if callee is None:
            state[name] = False
            path.pop()
            continue
        if not state.get(callee):
            kept.add((name, callee))
        if callee not in state:
            state[callee] = True
            path.append((callee, iter(callees.get(callee, ()))))


def _rows(names: Sequence[str], edges: set[Edge]) -> list[list[str]]:
    """Each node one layer below the lowest of its callers."""
    callees, waiting = _neighbours(edges), dict.fromkeys(names, 0)
    for _, callee in edges:
        waiting[callee] += 1
    layers = dict.fromkeys(names, 0)
    ready = [name for name in names if not waiting[name]]
    while ready:
        name = ready.pop()
        for callee in callees.get(name, ()):
            layers[callee] = max(layers[callee], layers[name] + 1)
            waiting[callee] -= 1
            if not waiting[callee]:
                ready.append(callee)
    rows: list[list[str]] = [[] for _ in range(max(layers.values(), default=-1) + 1)]
    for name in names:
        rows[layers[name]].append(name)
    return rows


# --- Order ------------------------------------------------------------------------------------------------------------

_Places = dict[str, tuple[int, int]]


def _ordered(rows: list[list[str]], edges: set[Edge]) -> list[list[str]]:
    """Move each node to the middle of its neighbours, downwards and upwards by turns, and keep the best of all.

    What the middle leaves, exchanges of two that stand side by side undo mostly.
    """
    callees, callers = _neighbours(edges), _neighbours((end, start) for start, end in edges)
    rows = _connected(rows, callees, callers)
    best, fewest = rows, crossings(rows, edges)
    for sweep in range(_SWEEPS if len(edges) < _LARGE else 2):
        if not fewest:
            break
        rows = _swept(rows, callers) if sweep % 2 == 0 else _swept(rows[::-1], callees)[::-1]
        exchanged = _exchanged(rows, (callers, callees))
        found = crossings(exchanged, edges)
        if found < fewest:
            best, fewest = exchanged, found
    return best


def _connected(
    rows: Sequence[Sequence[str]], callees: Mapping[str, Sequence[str]], callers: Mapping[str, Sequence[str]]
) -> list[list[str]]:
    """Each row in the order of a walk along the edges from their ends, so that what is connected is close together."""
    neighbours = {name: [*callers.get(name, ()), *callees.get(name, ())] for row in rows for name in row}
    rank: dict[str, int] = {}
    for start in sorted(neighbours, key=lambda name: (len(neighbours[name]), name)):
        waiting = [start]
        while waiting:
            name = waiting.pop()
            if name not in rank:
                rank[name] = len(rank)
                waiting += reversed(neighbours[name])
    return [sorted(row, key=lambda name: rank[name]) for row in rows]


def _swept(rows: Sequence[Sequence[str]], neighbours: Mapping[str, Sequence[str]]) -> list[list[str]]:
    places: dict[str, float] = {}
    swept: list[list[str]] = []
    for row in rows:
        wanted = {name: _middle(name, order, row, neighbours, places) for order, name in enumerate(row)}
        ordered = sorted(row, key=lambda name: (wanted[name], name))
        swept.append(ordered)
        places.update((name, (order + 0.5) / len(row)) for order, name in enumerate(ordered))
    return swept


def _middle(
    name: str, order: int, row: Sequence[str], neighbours: Mapping[str, Sequence[str]], places: Mapping[str, float]
) -> float:
    """Where its neighbours are on average, as a share of their layers' widths; without any, where it is."""
    found = [places[each] for each in neighbours.get(name, ()) if each in places]
    return sum(found) / len(found) if found else (order + 0.5) / len(row)


def _exchanged(rows: Sequence[Sequence[str]], sides: Sequence[Mapping[str, Sequence[str]]]) -> list[list[str]]:
    """The rows after exchanges, each of which leaves fewer crossings than before."""
    exchanged = [list(row) for row in rows]
    places = {name: (layer, order) for layer, row in enumerate(exchanged) for order, name in enumerate(row)}
    for _ in range(_ROUNDS):
        changed = False
        for row in exchanged:
            for order in range(len(row) - 1):
                one, other = row[order], row[order + 1]
                if _excess(one, other, sides, places) > 0:
                    row[order], row[order + 1] = other, one
                    places[one], places[other] = places[other], places[one]
                    changed = True
        if not changed:
            break
    return exchanged


def _excess(one: str, other: str, sides: Sequence[Mapping[str, Sequence[str]]], places: _Places) -> int:
    """How many crossings more two neighbours have than the other way round."""
    excess = 0
    for side in sides:
        theirs = [places[name] for name in side.get(other, ())[:_MOST_COMPARED]]
        for layer, order in (places[name] for name in side.get(one, ())[:_MOST_COMPARED]):
            excess += sum((order > place) - (order < place) for other_layer, place in theirs if other_layer == layer)
    return excess
