"""Whose clock is off, as far as calls prove it: no server begins before its call, nor after the answer came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from statistics import median
from typing import NamedTuple

from platform_otel.analysis.family import Handover
from platform_otel.analysis.tree import duration

MILLISECOND = 10**6
# Clocks that are kept by NTP differ by as much now and then, and nothing is drawn wrong by it.
TOLERANCE = 2 * MILLISECOND
# An offset between two services fits most of their calls: a few are special, as those that were given up.
_MOST = 0.8

_Pair = tuple[str, str]


class _Offset(NamedTuple):
    """What must be added to a callee's times, and between what it may be."""

    needed: int
    least: float
    most: float

    def reversed(self) -> _Offset:
        """The same of the caller's times."""
        return _Offset(-self.needed, -self.most, -self.least)


class ClockSkew(NamedTuple):
    """A service whose clock is off.

    Args:
        behind: by how many nanoseconds; negative if it is ahead.
        proof: the calls whose times no single clock can give.
        of: how many calls from and to it there are.
    """

    service: str
    behind: int
    proof: Sequence[Handover]
    of: int


def clock_skews(handovers: Iterable[Handover]) -> list[ClockSkew]:
    """The services whose clocks are off, by name.

    Offsets are known between pairs of services only. The time of most of the services that are so connected counts as
    right; if there is no majority, that of those who call.
    """
    by_pair = _by_pair(handovers)
    right: dict[str, int] = {}
    for component in _components({pair: _offset(of_pair) for pair, of_pair in by_pair.items()}):
        right.update(_against_majority(component))
    off = sorted((service, offset) for service, offset in right.items() if abs(offset) > TOLERANCE)
    found = [ClockSkew(service, offset, *_proof(service, by_pair)) for service, offset in off]
    return [skew for skew in found if skew.proof]


def _by_pair(found: Iterable[Handover]) -> dict[_Pair, list[Handover]]:
    pairs: dict[_Pair, list[Handover]] = {}
    for each in found:
        pairs.setdefault((each.caller.service, each.callee.service), []).append(each)
    return pairs


# --- Between two services ---------------------------------------------------------------------------------------------


def _bounds(each: Handover) -> tuple[int, int | None]:
    """What must be added to the callee's times at least, and at most, for them to be possible; None for any.

    Only a call that went well and took longer than its answer shows that the answer was there before it ended.
    """
    caller, callee = each
    least = caller.start - callee.start
    answered = caller.kind == "client" and callee.kind == "server" and caller.status != "error"
    return least, max(least, caller.end - callee.end) if answered and duration(caller) >= duration(callee) else None


def _is_impossible(each: Handover) -> bool:
    """Whether no single clock can give the times of both.

    What ends after its caller may go on behind the answer's back; what begins then cannot.
    """
    least, most = _bounds(each)
    return least > TOLERANCE or (most is not None and each.callee.start - each.caller.end > TOLERANCE)


def _offset(of_pair: Sequence[Handover]) -> _Offset:
    """What makes the callee's times possible; 0 if they are, or if nothing makes most of them possible."""
    bounds = [_bounds(each) for each in of_pair]
    impossible = [_bounds(each) for each in of_pair if _is_impossible(each)]
    if not impossible:
        return _Offset(0, max(least for least, _ in bounds), min(inf if most is None else most for _, most in bounds))
    offset = round(median((least + (least if most is None else most)) / 2 for least, most in impossible))
    if sum(_fits(each, offset) for each in bounds) < _MOST * len(bounds):
        return _Offset(0, 0, 0)
    return _Offset(offset, offset, offset)


def _fits(bounds: tuple[int, int | None], offset: int) -> bool:
    least, most = bounds
    slack = max(TOLERANCE, abs(offset) // 10)
    return offset >= least - slack and (most is None or offset <= most + slack)


# --- Among all of them ------------------------------------------------------------------------------------------------


def _components(between: Mapping[_Pair, _Offset]) -> list[dict[str, int]]:
    """The services that calls connect, each with its offset from the first of them, which nobody calls if possible."""
    neighbours: dict[str, list[tuple[str, _Offset]]] = {}
    called = {callee for _, callee in between}
    for (caller, callee), offset in sorted(between.items()):
        neighbours.setdefault(caller, []).append((callee, offset))
        neighbours.setdefault(callee, []).append((caller, offset.reversed()))
    components: list[dict[str, int]] = []
    seen: set[str] = set()
    for start in sorted(neighbours, key=lambda name: (name in called, name)):
        if start not in seen:
            components.append(_reached_from(start, neighbours))
            seen.update(components[-1])
    return components


def _reached_from(start: str, neighbours: Mapping[str, Sequence[tuple[str, _Offset]]]) -> dict[str, int]:
    """Whoever may have the first one's clock is taken to have it."""
    offsets = {start: 0}
    waiting = [start]
    for name in waiting:
        for neighbour, offset in neighbours[name]:
            if neighbour not in offsets:
                may_be_right = not offset.needed and offset.least <= -offsets[name] <= offset.most
                offsets[neighbour] = 0 if may_be_right else offsets[name] + offset.needed
                waiting.append(neighbour)
    return offsets


def _against_majority(offsets: Mapping[str, int]) -> dict[str, int]:
    """The same offsets, from the time that most of the services have; the first of them wins a draw."""
    slack = max(TOLERANCE, max(map(abs, offsets.values())) // 4)
    agreeing = [[each for each in offsets.values() if abs(each - mine) <= slack] for mine in offsets.values()]
    largest = max(agreeing, key=len)
    right = round(median(largest))
    return {name: 0 if abs(mine - right) <= slack else mine - right for name, mine in offsets.items()}


def _proof(service: str, by_pair: Mapping[_Pair, Sequence[Handover]]) -> tuple[list[Handover], int]:
    touching = [each for pair, of_pair in by_pair.items() if service in pair for each in of_pair]
    return [each for each in touching if _is_impossible(each)], len(touching)
