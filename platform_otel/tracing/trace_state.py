"""The W3C header tracestate, as it is received, read, changed and sent again.

Source: https://www.w3.org/TR/trace-context-2/#tracestate-header
"""

import re
from collections.abc import ItemsView, Iterator, KeysView, ValuesView

from opentelemetry.trace import TraceState

# https://www.rfc-editor.org/rfc/rfc9110#name-whitespace
WHITESPACE = " \t"
# https://www.w3.org/TR/trace-context-2/#list-members
_STATE_MEMBER = r"([a-z0-9][a-z0-9_*/@-]{0,255})=([ -+\--<>-~]{0,255}[!-+\--<>-~])"
_MOST_STATE_MEMBERS = 32


class ReceivedTraceState(TraceState):
    """A tracestate header, parsed when it is first looked into: only then is that needed, and only once.

    The API's class would log what is wrong, and refuses keys that level 2 allows. A header that is not valid is
    an empty one.
    """

    def __init__(self, header: str = "") -> None:
        self._header = header
        self._parsed: dict[str, str] | None = None

    @classmethod
    def from_header(cls, header_list: list[str]) -> "ReceivedTraceState":
        """See :meth:`opentelemetry.trace.TraceState.from_header`."""
        return cls(",".join(header_list))

    @property
    def _members(self) -> dict[str, str]:
        if self._parsed is None:
            parsed = parse_tracestate(self._header)
            # In this order, so that another thread never takes the header as it came for the one to send.
            self._header = _header(parsed)
            self._parsed = parsed
        return self._parsed

    def __contains__(self, item: object) -> bool:
        return item in self._members

    def __getitem__(self, key: str) -> str:
        return self._members[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        return str([f"{{key={key}, value={value}}}" for key, value in self._members.items()])

    def keys(self) -> KeysView[str]:
        """The keys, the most recent first."""
        return self._members.keys()

    def values(self) -> ValuesView[str]:
        """The values, the most recent first."""
        return self._members.values()

    def items(self) -> ItemsView[str, str]:
        """Keys and values, the most recent first."""
        return self._members.items()

    def to_header(self) -> str:
        """The members as a header, without what is optional."""
        return self._header if self._members else ""

    def add(self, key: str, value: str) -> TraceState:
        """See :meth:`opentelemetry.trace.TraceState.add`."""
        return self if key in self else self.update(key, value)

    def update(self, key: str, value: str) -> TraceState:
        """See :meth:`opentelemetry.trace.TraceState.update`."""
        others = self._without(key)
        if len(others) >= _MOST_STATE_MEMBERS or parse_tracestate(f"{key}={value}") != {key: value}:
            return self
        return ReceivedTraceState(_header({key: value, **others}))

    def delete(self, key: str) -> TraceState:
        """See :meth:`opentelemetry.trace.TraceState.delete`."""
        return ReceivedTraceState(_header(self._without(key))) if key in self else self

    def _without(self, key: str) -> dict[str, str]:
        return {name: value for name, value in self._members.items() if name != key}


def _header(members: dict[str, str]) -> str:
    return ",".join([f"{key}={value}" for key, value in members.items()])


def parse_tracestate(header: str) -> dict[str, str]:
    """The members of a tracestate by key, in their order; none at all if one of them is malformed.

    Of two members with one key the first is the more recent.
    Source: https://www.w3.org/TR/trace-context-2/#tracestate-header-field-values
    """
    # Compiled with the first tracestate, and kept by re: at import it would cost every process 0.3 ms.
    member_format = re.compile(_STATE_MEMBER)
    members = [text for text in (part.strip(WHITESPACE) for part in header.split(",")) if text]
    if len(members) > _MOST_STATE_MEMBERS:
        return {}
    parsed: dict[str, str] = {}
    for member in members:
        match = member_format.fullmatch(member)
        if match is None:
            return {}
        parsed.setdefault(*match.groups())
    return parsed
