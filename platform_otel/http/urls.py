"""Addresses as spans may show them, and the server that one names.

What is taken out: userinfo, and the signatures of AWS, Azure and Google, as
https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/ asks; and what
https://owasp.org/www-community/vulnerabilities/Information_exposure_through_query_strings_in_url warns of: passwords,
tokens, keys and sessions, by the names that OAuth (RFC 6749, 6750, 7523), SAML and the APIs of clouds give them.
"""

import re
from collections.abc import Callable
from functools import cache, lru_cache

REDACTED = "REDACTED"

# A name of the query is a secret's if it has one of these in it, whatever its case. Tokens of pagination go with them:
# what is lost is worth less than a password.
_WITHIN = (
    "access[-_]?key|account[-_]?key|api[-_]?key|assertion|auth[-_]?key|bearer|cookie|credential|cvc|cvv|hmac|jwt|passcode"
    "|passphrase|passw|private[-_]?key|pwd|samlre|secret|sess(?:ion|id)|shared[-_]?key|signature|subscription[-_]?key"
    "|ticket|token|verifier"
    # Not those of countries, errors and the post.
    "|(?:2fa|access|activation|auth|authorization|device|login|mfa|otp|pin|recovery|reset|security|sms|totp|user"
    "|verification)[-_]?code"
)
# Or one of these as a word: user[pass] is, compass and author are not.
_WORDS = "auth|(?:db|ftp|login|mail|user)?pass|otp|pw|sid|sig|totp"
# Or is one of these.
_WHOLE = "authorization|awsaccesskeyid|code|key|pin|sign"
_SECRET = rf"(?i){_WITHIN}|(?:^|[^a-z0-9])(?:{_WORDS})(?![a-z])|^(?:{_WHOLE})$"
# In a fragment as in a query: OAuth's implicit grant has its token there. No part of a name is read twice, so that
# a huge address takes as long as it is.
_names = re.compile(r"[?&;#]([^=?&;#\s]*)=").finditer
_find_query = re.compile("[?#]").search
_value_of_a_path = re.compile(r"[^;/?#]*").match
_value_of_a_query = re.compile(r"[^&#]*").match
# A quote or a bracket is a value's end if what follows it is no longer the address's.
_value_in_a_text = re.compile(r"""(?:[^&#\s'")>]|['")>](?![\s'")>\]},;:.]|$))*""").match

_USERINFO = f"{REDACTED}:{REDACTED}@"
# A port that is none is the beginning of a password with a slash, or the like, that ought to be encoded.
_NO_PORT = r"[^/?#@:\s\[]*:(?!\d*(?:[/?#\s'\"<>(),;:.\]]|$))"
_OWN_USERINFO = rf"(?is)^([a-z][a-z0-9+.-]*://)(?:[^/?#]*@|{_NO_PORT}.*@)"
# Of an address that another one has in its path or its query.
_replace_userinfo = re.compile(r"(?<=://)[^/?#&\s]*@").sub
# The length is bounded, so that a text of many addresses is not read to its end for each.
_USERINFO_IN_A_TEXT = rf"(?<=://)(?:[^/?#\s]*@|{_NO_PORT}\S{{1,200}}@)"

# One encoded character of those that make an address what it is.
_find_encoded = re.compile("%(?:2[356f]|3[abdf]|40)", re.IGNORECASE).search
_replace_parts = re.compile(r"[^?&;#\s]+").sub
_replace_parts_of_a_text = re.compile(r"""[^?&;#\s'"()<>]+""").sub
_replace_pieces = re.compile(r"[^/=]+").sub
# An address in an address in an address: more is no accident, and each costs as much again.
_DEEPEST = 2
_HEXADECIMAL = "0123456789abcdefABCDEF"
_CHARACTERS = {f"{high}{low}": chr(int(high + low, 16)) for high in _HEXADECIMAL for low in _HEXADECIMAL}

_LONGEST_ORIGIN, _LONGEST_PORT = 300, 5
_LONGEST_REMEMBERED_NAME = 64
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Those that take long to compile, 2 ms in all: not before there is an address to look at, for a quick start."""
    return re.compile(pattern)


def redacted(url: str) -> str:
    """An address, or its path, without its userinfo and without the values in it that look like secrets."""
    if "@" in url:
        url = _without_userinfo(url)
    if "=" in url:
        url = redacted_query(url)
    return _without_encoded(url, _replace_parts, _DEEPEST) if "%" in url else url


def _without_userinfo(url: str) -> str:
    return _replace_userinfo(_USERINFO, _compiled(_OWN_USERINFO).sub(rf"\1{_USERINFO}", url))


def redacted_query(text: str, in_a_text: bool = False) -> str:
    """A query with its ``?``, or what has one, without the values that look like secrets."""
    pieces: list[str] = []
    done = 0
    query: int | None = 0 if in_a_text else None
    for name in _names(text):
        if name.start() >= done and _is_secret(name[1]):
            if query is None:
                found = _find_query(text)
                query = found.start() if found else len(text)
            match = _value_in_a_text if in_a_text else _value_of_a_query if name.start() >= query else _value_of_a_path
            value = match(text, name.end())
            pieces += text[done : name.end()], REDACTED
            done = value.end() if value else name.end()
    return "".join([*pieces, text[done:]]) if pieces else text


def redacted_text(text: str) -> str:
    """A message without what :func:`redacted` takes out of the addresses in it."""
    if "@" in text:
        text = _compiled(_USERINFO_IN_A_TEXT).sub(_USERINFO, text)
    if "=" in text:
        text = redacted_query(text, in_a_text=True)
    return _without_encoded(text, _replace_parts_of_a_text, _DEEPEST) if "%" in text else text


def _without_encoded(text: str, replace: Callable[..., str], depth: int) -> str:
    """The text without those values and steps of a path that have a secret in them once they are decoded."""
    if depth == 0 or _find_encoded(text) is None:
        return text

    def shown(part: re.Match[str]) -> str:
        return _without_secret(part[0], depth) if "%" in part[0] else part[0]

    return replace(shown, text)


def _without_secret(part: str, depth: int) -> str:
    """What stands between two delimiters of a query: of it as much as can be shown."""
    shown = _replace_pieces(lambda piece: REDACTED if _is_telling(piece[0], depth) else piece[0], part)
    if not _betrays(shown, _decoded(shown), depth):
        return shown
    name, equals, _ = part.partition("=")
    named = f"{name}={REDACTED}"
    return named if equals and not _betrays(named, _decoded(named), depth) else REDACTED


def _is_telling(piece: str, depth: int) -> bool:
    """Whether a value or a step of a path has a secret in it, as an address, or as a query by itself."""
    if "%" not in piece:
        return False
    decoded = _decoded(piece)
    return _betrays(piece, decoded, depth) or ("=" in decoded and redacted_query(f"?{decoded}")[1:] != decoded)


def _betrays(part: str, decoded: str, depth: int) -> bool:
    if decoded == part:
        return False
    if "@" in decoded and _without_userinfo(decoded) != decoded:
        return True
    if "=" in decoded and redacted_query(decoded) != decoded:
        return True
    return "%" in decoded and _without_encoded(decoded, _replace_parts, depth - 1) != decoded


def _decoded(text: str) -> str:
    """Decoded once, byte for character: no delimiter and no name of a secret is other than ASCII."""
    first, *rest = text.split("%")
    return first + "".join([_CHARACTERS.get(each[:2], "%" + each[:2]) + each[2:] for each in rest])


def _is_secret(name: str) -> bool:
    return _is_remembered_secret(name) if len(name) <= _LONGEST_REMEMBERED_NAME else _is_a_secret(name)


def _is_a_secret(name: str) -> bool:
    return _compiled(_SECRET).search(_decoded(name) if "%" in name else name) is not None


def is_port(text: str) -> bool:
    """Whether it is written as ports are."""
    return text.isascii() and text.isdecimal() and len(text) <= _LONGEST_PORT


# A service has few names; those of a stranger push each other out.
_is_remembered_secret = lru_cache(maxsize=1024)(_is_a_secret)


def server_named(scheme: str, host: str) -> tuple[str, int | None]:
    """The same of a scheme and what the header Host says, which repeat: asked for each request that arrives."""
    ask = _remembered_server if len(scheme) + len(host) <= _LONGEST_ORIGIN else _server_named
    return ask(scheme, host)


def server_of(url: str) -> tuple[str, int | None]:
    """Host and port that an address names, the port by its scheme if it names none; ("", None) if it is no address."""
    start = url.find("://") + 3
    end = url.find("/", start)
    origin = url[:end] if end >= 0 else url
    return _parsed(origin) if len(origin) <= _LONGEST_ORIGIN else ("", None)


def _server_named(scheme: str, host: str) -> tuple[str, int | None]:
    return server_of(f"{scheme}://{host}")


# Without it, a third of a microsecond more for each request.
_remembered_server = lru_cache(maxsize=256)(_server_named)


@lru_cache(maxsize=256)
def _parsed(origin: str) -> tuple[str, int | None]:
    scheme, _, authority = origin.partition("://")
    authority = re.split(r"[?#]", authority, maxsplit=1)[0].rpartition("@")[2]
    host, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        host, port = authority, ""
    known = int(port) if is_port(port) else _PORTS.get(scheme.lower())
    return host.strip("[]").lower(), known
