"""The hops of a trace, or of several, as a table of text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from platform_otel.show.table import milliseconds, table

Json = Any  # a hop as /query/traces/{trace_id}/analysis has it

_SUMMED = ("callCount", "errorCount", "unpairedCount", "outlivedCount")
_TIMES = ("waitNano", "networkNano", "ownNano", "waitedNano", "unseenNano", "outlivedNano")
# Columns that are left out if there is nothing in them.
_SOME = {"errorCount": "failed", "unseenNano": "unseen", "outlivedNano": "outlived"}
_HEADS = {
    "callCount": "calls",
    "errorCount": "failed",
    "waitNano": "waited ms",
    "networkNano": "= network",
    "ownNano": "+ own work",
    "waitedNano": "+ waiting",
    "unseenNano": "+ unseen",
    "outlivedNano": "- outlived",
}


def hop_table(hops: Sequence[Json], arrow: str = "→") -> list[str]:
    """Lines: a row for each hop, and what is to be said of some of them.

    Args:
        hops: as the analysis of a trace has them, or as merged makes them.
        arrow: from caller to callee.
    """
    names = [name for name in _HEADS if name not in _SOME or any(hop[name] for hop in hops)]
    rows = [[_name(hop, arrow), *(_cell(name, hop[name]) for name in names)] for hop in hops]
    lines = table(["hop", *(_HEADS[name] for name in names)], rows, "l" + "r" * len(names))
    return [*lines, *_notes(hops)]


def merged(hops: Iterable[Json]) -> list[Json]:
    """The hops of several traces, those of the same two services summed up."""
    sums: dict[tuple[object, ...], Json] = {}
    for hop in hops:
        key = (hop["caller"], hop["callee"], hop["calleeSeen"], hop["waitedFor"])
        known = sums.get(key)
        sums[key] = {**hop, **{name: hop[name] + known[name] for name in (*_SUMMED, *_TIMES)}} if known else hop
    return list(sums.values())


def _name(hop: Json, arrow: str) -> str:
    callee = hop["callee"] or "(unknown)"
    if hop["caller"] is None:
        return f"{arrow} {callee}"
    return f"{hop['caller']} {arrow} {callee}{'' if hop['waitedFor'] else ' (message)'}"


def _cell(name: str, value: int) -> str:
    return str(value) if name in _SUMMED else milliseconds(value)


def _notes(hops: Sequence[Json]) -> list[str]:
    notes = []
    if any(hop["outlivedCount"] for hop in hops):
        notes.append("outlived: the server outlived the call, and worked on after its client.")
    if any(hop["unseenNano"] for hop in hops):
        notes.append("unseen: the other side has no span, so network and its work cannot be told apart.")
    if any(hop["unpairedCount"] and hop["caller"] is not None for hop in hops):
        notes.append("A caller without client spans is taken to wait as long as the callee works.")
    return notes and ["", *notes]
