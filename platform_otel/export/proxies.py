"""Which proxy is asked for an endpoint, as the environment says. No sockets."""

import os
from binascii import b2a_base64
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from platform_otel.export.endpoint import Endpoint
from platform_otel.export.outcome import Refusal


class Proxy(NamedTuple):
    """An HTTP proxy.

    Args:
        authorization: value of Proxy-Authorization, "" without credentials.
        url: as gRPC takes it, credentials included: never to be shown.
        secrets: the credentials, which the proxy might quote.
    """

    host: str
    port: int
    authorization: str
    url: str
    secrets: tuple[str, ...] = ()


def proxy_for(endpoint: Endpoint) -> Proxy | None:
    """The proxy by HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY; None for none, and always for the loopback.

    Raises:
        Refusal: if what these variables name cannot be used: going past a proxy is not ours to decide.
    """
    # Without such a variable the standard library asks the system on macOS, and a forked child may crash of
    # that: https://github.com/python/cpython/issues/77906 . Besides, its module is long to import.
    named = any(value for name, value in os.environ.items() if name.lower().endswith("_proxy"))
    if endpoint.is_loopback or not named:
        return None
    from urllib.request import getproxies, proxy_bypass

    proxies = getproxies()
    url = proxies.get(endpoint.scheme) or proxies.get("all")
    if not url or proxy_bypass(endpoint.authority):
        return None
    return _parse(url, f"{endpoint.scheme.upper()}_PROXY")


def _parse(url: str, variable: str) -> Proxy:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname or "", parts.port or 80
    except ValueError:
        host, port = "", 0
    if not host.isascii() or not host or parts.scheme != "http":
        raise Refusal(
            f"{variable} or ALL_PROXY names no proxy that can be used", "give an http:// address, or set NO_PROXY"
        )
    return Proxy(host, port, _authorization(parts), parts.geturl(), _secrets(parts))


def _authorization(parts: SplitResult) -> str:
    if parts.username is None:
        return ""
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + b2a_base64(credentials.encode("utf-8", "surrogateescape"), newline=False).decode("ascii")


def _secrets(parts: SplitResult) -> tuple[str, ...]:
    written = (parts.username or "", parts.password or "")
    return tuple(text for each in written for text in (each, unquote(each)) if text)
