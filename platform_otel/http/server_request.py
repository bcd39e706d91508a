"""What a server span says of its request: attributes from an ASGI scope or a WSGI environ, its name and its status.

Sources: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span,
https://asgi.readthedocs.io/en/latest/specs/www.html and https://peps.python.org/pep-3333/.
"""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any  # Any: what servers put into scopes and environs is of any type

from platform_otel.http.methods import recorded
from platform_otel.http.urls import is_port, redacted, server_named

# Context that other tracers' services send: the header, and what a span says of it.
FOREIGN_CONTEXT = ("b3", "x-b3-traceid", "uber-trace-id", "x-datadog-trace-id", "sentry-trace")
W3C_CONTEXT = ("traceparent", "tracestate", "baggage")
_CONTEXT = frozenset(("traceparent", *FOREIGN_CONTEXT))

# The headers that a server span is made from, as ASGI has them, and as WSGI has them.
_WANTED = ("host", "user-agent", *W3C_CONTEXT, *FOREIGN_CONTEXT)
_ASGI_WANTED = {name.encode(): name for name in _WANTED}
_WSGI_CONTEXT = tuple((name, f"HTTP_{name.upper().replace('-', '_')}") for name in (*W3C_CONTEXT, *FOREIGN_CONTEXT))

SERVER_ERROR = 500

# A header's value, or its values if there are several.
Headers = Mapping[str, str | list[str]]
# Header names and values as ASGI has them.
RawHeaders = Iterable[tuple[bytes, bytes]]


def asgi_headers(raw: RawHeaders) -> dict[str, str | list[str]]:
    """The headers that a span is made from, in one pass over all of them."""
    found: dict[str, str | list[str]] = {}
    for key, value in raw:
        # Most are not wanted, and this loop is a tenth of what a request costs.
        if key in _ASGI_WANTED:
            name = _ASGI_WANTED[key]
            text = value.decode("latin-1")
            if name not in found:
                found[name] = text
            else:
                former = found[name]
                found[name] = [*former, text] if isinstance(former, list) else [former, text]
    return found


def all_asgi_headers(raw: RawHeaders) -> dict[str, list[str]]:
    """Every header, for propagators that read others than the W3C's."""
    found: dict[str, list[str]] = {}
    for key, value in raw:
        found.setdefault(key.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return found


def wsgi_context(environ: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """The headers that carry context."""
    return {name: environ[key] for name, key in _WSGI_CONTEXT if key in environ}


def wsgi_headers(environ: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every header, in lower case and with dashes."""
    return [(key[5:].replace("_", "-").lower(), value) for key, value in environ.items() if key.startswith("HTTP_")]


def asgi_attributes(scope: MutableMapping[str, Any], headers: Headers, methods: frozenset[str]) -> dict[str, Any]:
    """What is known of a request when it arrives. ``headers``: see :func:`asgi_headers`."""
    method = scope["method"]
    scheme = scope.get("scheme") or "http"
    attributes: dict[str, Any] = {
        "http.request.method": method,
        "url.scheme": scheme,
        "url.path": shown_path(scope["path"]),
        "network.protocol.version": scope.get("http_version") or "1.1",
    }
    if method not in methods:
        say_unknown_method(attributes, method, methods)
    _add_asgi_connection(attributes, scope, headers, scheme)
    return attributes


def websocket_attributes(scope: MutableMapping[str, Any], headers: Headers) -> dict[str, Any]:
    """The same for a WebSocket, which has no method of its own."""
    scheme = scope.get("scheme") or "ws"
    attributes: dict[str, Any] = {
        "url.scheme": scheme,
        "url.path": shown_path(scope["path"]),
        "network.protocol.name": "websocket",
    }
    _add_asgi_connection(attributes, scope, headers, scheme)
    return attributes


def _add_asgi_connection(
    attributes: dict[str, Any], scope: MutableMapping[str, Any], headers: Headers, scheme: str
) -> None:
    query = scope.get("query_string")
    if query:
        attributes["url.query"] = shown_query(query.decode("latin-1"))
    server = scope.get("server") or (None, None)
    add_server(attributes, headers.get("host"), scheme, server[0], server[1])
    client = scope.get("client")
    if client:
        attributes["client.address"] = client[0]
    agent = headers.get("user-agent")
    if agent is not None:
        attributes["user_agent.original"] = agent if isinstance(agent, str) else agent[0]


def wsgi_attributes(environ: Mapping[str, Any], methods: frozenset[str]) -> dict[str, Any]:
    """What is known of a request when it arrives; but for the client's address, which middleware may correct."""
    method = environ.get("REQUEST_METHOD") or "GET"
    scheme = environ.get("wsgi.url_scheme") or "http"
    attributes: dict[str, Any] = {
        "http.request.method": method,
        "url.scheme": scheme,
        "url.path": shown_path(wsgi_path(environ)),
    }
    if method not in methods:
        say_unknown_method(attributes, method, methods)
    query = environ.get("QUERY_STRING")
    if query:
        attributes["url.query"] = shown_query(query)
    protocol = environ.get("SERVER_PROTOCOL") or ""
    if protocol.startswith("HTTP/"):
        attributes["network.protocol.version"] = protocol[5:]
    add_server(attributes, environ.get("HTTP_HOST"), scheme, environ.get("SERVER_NAME"), environ.get("SERVER_PORT"))
    agent = environ.get("HTTP_USER_AGENT")
    if agent:
        attributes["user_agent.original"] = agent
    return attributes


def wsgi_path(environ: Mapping[str, Any]) -> str:
    """The path that was asked for, with the root of the application."""
    path = f"{environ.get('SCRIPT_NAME') or ''}{environ.get('PATH_INFO') or ''}" or "/"
    # Bytes in the guise of characters (https://peps.python.org/pep-3333/#unicode-issues).
    return path if path.isascii() else path.encode("latin-1", "replace").decode("utf-8", "replace")


def say_unknown_method(attributes: dict[str, Any], method: str, methods: frozenset[str]) -> None:
    """Record a method that is none of the known ones."""
    attributes["http.request.method"] = recorded(method, methods)
    attributes["http.request.method_original"] = method


def shown_query(query: str) -> str:
    """A query without the values that look like secrets, and without the userinfo of addresses in it."""
    return redacted(f"?{query}")[1:]


def shown_path(path: str) -> str:
    """The same of a path: sessions may be parameters of one, and addresses parts of one."""
    return redacted(path) if "=" in path or "@" in path else path


def add_server(attributes: dict[str, Any], host: str | list[str] | None, scheme: str, address: Any, port: Any) -> None:
    """The server as the client addressed it; if it did not say, as it is bound."""
    if host and isinstance(host, str):
        address, port = server_named(scheme, host)
    if address:
        attributes["server.address"] = address
        if isinstance(port, int):
            attributes["server.port"] = port
        elif isinstance(port, str) and is_port(port):
            attributes["server.port"] = int(port)


def ignored_context(headers: Headers) -> str:
    """The headers with context that a request had though it starts a trace, comma separated; "" if it had none."""
    if _CONTEXT.isdisjoint(headers):
        return ""
    return ",".join(name for name in ("traceparent", *FOREIGN_CONTEXT) if name in headers)
