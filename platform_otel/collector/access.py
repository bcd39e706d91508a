"""Who may speak to the collector: tokens, the names that it answers to, and the pages that may ask."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

COOKIE = "platform_trace_token"
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


class Access(NamedTuple):
    """What is asked of clients.

    Args:
        token: "" if none is asked for.
        hosts: the names that a browser may know the query port by, besides those of the loopback.
        origins: the pages that may send OTLP from a browser, such as http://localhost:3000.
    """

    token: str = ""
    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()

    def is_authorized(self, headers: Mapping[str, str]) -> bool:
        """Whether a client shows the token, if there is one: in Authorization or in our cookie."""
        return not self.token or any(self.is_token(each) for each in (_bearer(headers), _cookie(headers)))

    def is_token(self, text: str) -> bool:
        """Whether this is the token; the time that it takes tells nothing."""
        return hmac.compare_digest(text.encode(errors="replace"), self.token.encode())

    def is_known_host(self, headers: Mapping[str, str]) -> bool:
        """Whether the client means us: a page of another name may have its name resolved to our address."""
        name = host_name(headers.get("host", ""))
        return name in _LOOPBACK_NAMES or name in self.hosts

    def is_own_origin(self, headers: Mapping[str, str]) -> bool:
        """Whether no page asks, or one of ours."""
        origin = headers.get("origin")
        # What follows the scheme, as it is: a browser sends no more than a host with its port.
        return origin is None or origin.partition("://")[2] == headers.get("host")

    def is_allowed_origin(self, headers: Mapping[str, str]) -> bool:
        """Whether no page sends OTLP, or one that may."""
        origin = headers.get("origin")
        return origin is None or origin in self.origins


def host_name(host: str) -> str:
    """The name in a Host header, without its port, in lower case; "" if it is none."""
    try:
        return "" if "@" in host else urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach this address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bearer(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _cookie(headers: Mapping[str, str]) -> str:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""
