"""Text without its secrets: what the doctor prints passes through here."""

import re

from platform_otel import config

_HIDDEN = "(hidden)"
# To the last @ of the word: a password may hold any character, and showing too little is harmless.
_USERINFO = re.compile(r"(://|//)[^\s\"']*@")
_QUERY = re.compile(r"\?[^\s\"'#]*")
# A name that says it holds a secret, and what follows the sign after it. Cookie, session and bearer are
# where HTTP headers keep theirs.
_NAMED = re.compile(
    r"""(?ix)
    ([\w.-]* (?: pass(?:word|wd|phrase)? | pwd | secret | token | credential | api[_-]?key | access[_-]?key
               | private[_-]?key | license[_-]?key | auth | signature | dsn | cookie | session ) [\w.-]*)
    (\s*[=:]\s*) (?: (?:basic|bearer)\s+ )? [^\s,;&"']+
    """
)
_CREDENTIALS = re.compile(r"(?i)\b(basic|bearer)\s+[^\s,;\"']+")

# Cut off, a text could show the beginning of a password whose end says that it is one.
_LONGEST = 4096


def discreet(text: str) -> str:
    """The text with user names, passwords, query values, tokens and other named secrets hidden."""
    text = _USERINFO.sub(rf"\1{_HIDDEN}@", text)
    text = _QUERY.sub(f"?{_HIDDEN}", text) if "://" in text else text
    text = _NAMED.sub(rf"\1\2{_HIDDEN}", text)
    return _CREDENTIALS.sub(rf"\1 {_HIDDEN}", text)


def shown(kind: str, text: str) -> str:
    """A setting's value fit to be printed, on one line: hidden where :func:`platform_otel.config.shown` hides it."""
    if kind in ("secret", "pairs"):
        return config.shown(kind, text)
    if kind == "url" and "@" in text:
        scheme, slashes, rest = text.partition("://")
        text = f"{scheme}://{_HIDDEN}@{rest.rpartition('@')[2]}" if slashes else f"{_HIDDEN}@{text.rpartition('@')[2]}"
    return printable(text)


def printable(text: str, longest: int = 300) -> str:
    """Somebody else's words: on one line, short, without control characters and secrets."""
    if len(text) > _LONGEST:
        return "(too long to be shown)"
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    line = discreet(line)
    return line if len(line) <= longest else line[: longest - 3] + "..."
