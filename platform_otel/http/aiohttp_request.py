"""What a server span says of a request to aiohttp: attributes and the headers that carry context."""

from typing import Any  # Any: aiohttp's requests, which are not imported here

from multidict import istr  # whose headers they are: with another type of text, each look-up makes a copy in lower case

from platform_otel.http.server_request import (
    FOREIGN_CONTEXT,
    W3C_CONTEXT,
    add_server,
    say_unknown_method,
    shown_path,
    shown_query,
)

_CONTEXT = tuple((istr(name), name) for name in (*W3C_CONTEXT, *FOREIGN_CONTEXT))
_HOST, _UPGRADE, _USER_AGENT = istr("Host"), istr("Upgrade"), istr("User-Agent")
_HTTP_1_1 = (1, 1)


def is_websocket(request: Any) -> bool:
    """Whether this is the handshake of a WebSocket."""
    upgrade = request.headers.get(_UPGRADE)
    return upgrade is not None and upgrade.lower() == "websocket"


def context_headers(request: Any) -> dict[str, str | list[str]]:
    """The headers that carry context."""
    headers = request.headers
    found: dict[str, str | list[str]] = {}
    for key, name in _CONTEXT:
        if key in headers:
            values = headers.getall(key)
            found[name] = values if len(values) > 1 else values[0]
    return found


def all_headers(request: Any) -> dict[str, list[str]]:
    """Every header, for propagators that read others than the W3C's."""
    return {name.lower(): request.headers.getall(name) for name in request.headers}


def http_attributes(request: Any, methods: frozenset[str]) -> dict[str, Any]:
    """What is known of a request when it arrives."""
    method, scheme, version = request.method, request.scheme, request.version
    # What nearly all have, without putting its text together.
    number = "1.1" if version == _HTTP_1_1 else f"{version.major}.{version.minor}"
    attributes: dict[str, Any] = {
        "http.request.method": method,
        "url.scheme": scheme,
        "url.path": shown_path(request.path),
        "network.protocol.version": number,
    }
    if method not in methods:
        say_unknown_method(attributes, method, methods)
    _add_connection(attributes, request, scheme)
    return attributes


def websocket_attributes(request: Any) -> dict[str, Any]:
    """The same for a WebSocket."""
    scheme = "wss" if request.scheme == "https" else "ws"
    attributes: dict[str, Any] = {
        "url.scheme": scheme,
        "url.path": shown_path(request.path),
        "network.protocol.name": "websocket",
    }
    _add_connection(attributes, request, scheme)
    return attributes


def address_of(request: Any) -> tuple[str, str]:
    """The address without its query, and the query, for the patterns of excluded addresses."""
    host = request.headers.get(_HOST) or ":".join(map(str, _bound(request)))
    return f"{request.scheme}://{host}{request.path}", request.rel_url.raw_query_string


def _add_connection(attributes: dict[str, Any], request: Any, scheme: str) -> None:
    query = request.rel_url.raw_query_string
    if query:
        attributes["url.query"] = shown_query(query)
    headers = request.headers
    host = headers.get(_HOST)
    address, port = ("", None) if host else _bound(request)
    add_server(attributes, host, scheme, address, port)
    client = request.remote
    if client:
        attributes["client.address"] = client
    agent = headers.get(_USER_AGENT)
    if agent is not None:
        attributes["user_agent.original"] = agent


def _bound(request: Any) -> tuple[Any, Any]:
    """The address that the server is bound to."""
    bound = request.transport and request.transport.get_extra_info("sockname")
    return bound[:2] if isinstance(bound, tuple) else ("", None)
