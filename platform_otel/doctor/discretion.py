"""Somebody else's words, fit to be printed: what the doctor prints passes through here."""

from platform_otel.config import discreet

# Cut off, a text could show the beginning of a password whose end says that it is one.
_LONGEST = 4096


def printable(text: str, longest: int = 300) -> str:
    """Somebody else's words: on one line, short, without control characters and secrets."""
    if len(text) > _LONGEST:
        return "(too long to be shown)"
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    line = discreet(line)
    return line if len(line) <= longest else line[: longest - 3] + "..."
