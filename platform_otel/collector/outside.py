"""What the APIs of other tools have in common here: a question, its reply, and how both are told to the query port."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from platform_otel.collector.json_pieces import encoded
from platform_otel.collector.reader import Reader

JSON = "application/json"

# They are nested in one another as deep as there are of them, and Python's stack is some 1,000 deep.
MOST_CONDITIONS = 200


class Asked(NamedTuple):
    """A request: what its path and its query say, and which type of answer it wants.

    Args:
        query: by name, what was given for it, in order; names that nobody reads are not looked at.
    """

    path: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    accept: str = ""

    def value(self, *names: str) -> str:
        """What is given for the first of these names that has something; "" if none has."""
        return next((text for name in names for text in self.query.get(name, ()) if text), "")


class Reply(NamedTuple):
    """The answer."""

    body: bytes
    content_type: str = JSON
    status: int = 200


class OutsideQuestion(NamedTuple):
    """A path, what answers there, and how this API words what went wrong (status and text)."""

    path: str
    answer: Callable[[Reader, Asked], Reply]
    failed: Callable[[int, str], Reply]


def in_json(document: Any, status: int = 200, check: Callable[[], object] = bool) -> Reply:
    """A reply in JSON, unless the check says that it takes too long. Any: what json.dumps takes."""
    return Reply(encoded(document, check), JSON, status)
