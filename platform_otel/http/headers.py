"""Which headers a span records, and as which attributes: never those that carry credentials."""

import re
from collections.abc import Iterable, Sequence

from platform_otel.http.urls import redacted_text

REDACTED = "[REDACTED]"
# Whatever the settings say. Names that only a few services use are recognised by the words in them.
_CREDENTIALS = (
    "cookie|authori[sz]ation|authenticat|token|secret|passw|credential|session|signature|assertion|jwt"
    "|api-?key|access-?key|auth-?key|private-?key|csrf|xsrf|client-cert"
)
# Names come from clients: as many as are remembered, and the longest that is a header's for us.
_MOST_NAMES = 1000
_LONGEST_NAME = 64


class Capture:
    """The headers that the settings ask for.

    Args:
        prefix: "http.request.header." or "http.response.header.".
        wanted: regular expressions that match whole names, whatever their case.
        sanitized: regular expressions; where one is found in a name, the values are not recorded.
    """

    def __init__(self, prefix: str, wanted: Sequence[str], sanitized: Sequence[str]) -> None:
        self._prefix = prefix
        self._wanted = re.compile("|".join(f"(?:{each})" for each in wanted), re.IGNORECASE).fullmatch
        self._credential = re.compile(_CREDENTIALS).search
        self._sanitized = re.compile("|".join(sanitized), re.IGNORECASE).search if sanitized else None
        # Name as it came -> attribute, "" if it is not recorded.
        self._attributes: dict[str, str] = {}

    def attributes(self, headers: Iterable[tuple[str | bytes, str | bytes]]) -> dict[str, tuple[str, ...]]:
        """All values of each of these headers, in their order, without the secrets of addresses in them."""
        found: dict[str, tuple[str, ...]] = {}
        for name, value in headers:
            if len(name) > _LONGEST_NAME:
                continue
            text = name if isinstance(name, str) else name.decode("latin-1")
            attribute = self._attributes.get(text)
            if attribute is None:
                attribute = self._attribute(text)
            if attribute:
                values = found.get(attribute, ())
                found[attribute] = (*values, self._value(text, value))
        return found

    def _attribute(self, name: str) -> str:
        lower = name.lower()
        wanted = self._wanted(name) is not None and self._credential(lower) is None
        attribute = self._prefix + lower if wanted else ""
        if len(self._attributes) >= _MOST_NAMES:
            self._attributes.clear()
        self._attributes[name] = attribute
        return attribute

    def _value(self, name: str, value: str | bytes) -> str:
        if self._sanitized is not None and self._sanitized(name):
            return REDACTED
        return redacted_text(value if isinstance(value, str) else value.decode("latin-1"))


def capture(prefix: str, wanted: Sequence[str], sanitized: Sequence[str]) -> Capture | None:
    """A Capture, if anything is wanted."""
    return Capture(prefix, wanted, sanitized) if wanted else None
