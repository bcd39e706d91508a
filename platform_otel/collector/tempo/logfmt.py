"""Searching by tags, as before TraceQL: `service.name=shop http.route="/v1/things"`, each a part of the value."""

from __future__ import annotations

import re
from functools import reduce
from typing import NamedTuple

from platform_otel.collector.expression import Both, Expression, Lookup
from platform_otel.collector.outside import MOST_CONDITIONS
from platform_otel.collector.parameters import BadParameter
from platform_otel.collector.tempo.conditions import Always, Filter

_PAIR = re.compile(r'\s*([^\s="]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?=\s|$)', re.DOTALL)


class Part(NamedTuple):
    """An attribute of the span or its resource, or the span's name, that has this text in it, in any case."""

    key: str
    text: str

    def holds(self, lookup: Lookup) -> bool:
        """Whether it is so for what the lookup knows."""
        found = lookup("name") if self.key == "name" else lookup(f".{self.key}")
        shown = str(found).lower() if found is not None else ""
        return found is not None and self.text.lower() in shown


def spans(text: str) -> Filter:
    """The spans that have all of these tags.

    Raises:
        BadParameter
    """
    parts: list[Expression] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        found = _PAIR.match(text, position)
        if found is None:
            raise BadParameter(f"invalid tags: at character {position + 1}: key=value is expected")
        value = found[3] if found[2] is None else re.sub(r"\\(.)", r"\1", found[2], flags=re.DOTALL)
        parts.append(Part(found[1], value))
        position = found.end()
        if len(parts) > MOST_CONDITIONS:
            raise BadParameter(f"invalid tags: there are more than {MOST_CONDITIONS}")
    return Filter(reduce(Both, parts) if parts else Always(True))
