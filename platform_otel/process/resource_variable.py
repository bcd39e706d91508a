"""The pairs of OTEL_RESOURCE_ATTRIBUTES, or an error where there is any."""

_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")


def pairs(text: str) -> "dict[str, str]":
    """Read "key=value,key=value"; commas in keys and values are percent-encoded, other characters may be.

    An unescaped "=" inside a value is taken as it is: people paste base64, and the first "=" ends the key anyway.

    Raises:
        ValueError: with what was expected. The specification then discards the whole value.

    Source: https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable
    """
    found: dict[str, str] = {}
    for member in text.split(","):
        key, equals, value = member.partition("=")
        if not equals and not key.strip():
            continue  # a comma too many says nothing wrong
        if not equals or not key.strip():
            raise ValueError("a list of key=value pairs, comma separated")
        found[_decoded(key.strip())] = _decoded(value.strip())
    return found


def _decoded(text: str) -> str:
    """Undo percent-encoding: RFC 3986, section 2.1. Unlike urllib.parse.unquote, not forgiving."""
    first, *escaped = text.split("%")
    if any(len(part) < 2 or not _HEXADECIMAL.issuperset(part[:2]) for part in escaped):
        raise ValueError("percent-encoded: each % is followed by two hexadecimal digits")
    octets = _octets(first) + b"".join(bytes.fromhex(part[:2]) + _octets(part[2:]) for part in escaped)
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise ValueError("text in UTF-8") from None


def _octets(text: str) -> bytes:
    # What is not UTF-8 in the environment comes as lone surrogates; they become the same bytes again.
    return text.encode("utf-8", "surrogateescape")
