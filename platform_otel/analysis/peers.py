"""What calls say of whom they call, and servers of what they were asked: by the conventions, old and new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from platform_otel.analysis.tree import TraceSpan

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Of these, a name may be part of an address without it.
_SHOWN_WITHOUT = frozenset(_DEFAULT_PORTS.values())

# What the functions here read of a span: whoever decodes spans for them needs no other attributes.
ATTRIBUTES = frozenset(
    {
        "peer.service",
        "service.peer.name",
        "server.address",
        "server.port",
        "net.peer.name",
        "net.peer.port",
        "net.host.name",
        "net.host.port",
        "network.peer.address",
        "url.full",
        "http.url",
        "url.path",
        "http.target",
        "url.scheme",
        "http.request.method",
        "http.method",
        "rpc.service",
        "rpc.method",
        "db.system.name",
        "db.system",
        "db.namespace",
        "messaging.system",
        "messaging.destination.name",
        "messaging.destination",
    }
)


class Place(NamedTuple):
    """Where a server listens; the port is 0 if nobody says."""

    address: str
    port: int


class Request(NamedTuple):
    """What was asked for: method and path, or method and service of a remote procedure; "" where nobody says."""

    method: str
    target: str


def peer_of(span: TraceSpan) -> str:
    """Whom a call calls, as people name it; "" if it does not say."""
    return _text(span.attributes, "service.peer.name", "peer.service") or _system_of(span) or _shown(place_of(span))


def kind_of_peer(span: TraceSpan) -> str:
    """What sort of thing a call calls: database, messaging, or service."""
    if _text(span.attributes, "db.system.name", "db.system"):
        return "database"
    if _text(span.attributes, "messaging.system", "messaging.destination.name", "messaging.destination"):
        return "messaging"
    return "service"


def destination_of(span: TraceSpan) -> str:
    """The queue or topic of a message; "" if the span is of no message."""
    return _text(span.attributes, "messaging.destination.name", "messaging.destination")


def place_of(span: TraceSpan) -> Place:
    """The server that a call calls, or that a server is, as its client addressed it."""
    attributes = span.attributes
    scheme, from_url = _of_url(_text(attributes, "url.full", "http.url"))
    address = _text(attributes, "server.address", "net.peer.name", "net.host.name") or from_url.address
    address = address or _text(attributes, "network.peer.address")
    port = _number(attributes, "server.port", "net.peer.port", "net.host.port") or from_url.port
    scheme = scheme or _text(attributes, "url.scheme")
    return Place(address.lower(), port or _DEFAULT_PORTS.get(scheme, 0)) if address else Place("", 0)


def request_of(span: TraceSpan) -> Request:
    """What a call asks for, or a server was asked for."""
    attributes = span.attributes
    method = _text(attributes, "http.request.method", "http.method")
    if method:
        return Request(method, _path(attributes))
    return Request(_text(attributes, "rpc.method"), _text(attributes, "rpc.service"))


def _path(attributes: Mapping[str, object]) -> str:
    path = _text(attributes, "url.path") or _text(attributes, "http.target").partition("?")[0]
    if path:
        return path
    url = _text(attributes, "url.full", "http.url")
    rest = url.partition("://")[2].partition("#")[0].partition("?")[0]
    return "/" + rest.partition("/")[2] if rest else ""


def _system_of(span: TraceSpan) -> str:
    """A database or a broker, with what tells it from others of its kind."""
    attributes = span.attributes
    database = _text(attributes, "db.system.name", "db.system")
    if database:
        return f"{database} {_shown(place_of(span)) or _text(attributes, 'db.namespace')}".strip()
    return f"{_text(attributes, 'messaging.system')} {destination_of(span)}".strip()


def _shown(place: Place) -> str:
    if not place.address or place.port in _SHOWN_WITHOUT or not place.port:
        return place.address
    return f"{place.address}:{place.port}"


def _of_url(url: str) -> tuple[str, Place]:
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "", Place("", 0)
    authority = rest.partition("/")[0].partition("?")[0].partition("#")[0].rpartition("@")[2]
    address, _, port = authority.rpartition(":")
    if not port.isascii() or not port.isdecimal() or len(port) > 5:
        address, port = authority, "0"
    return scheme.lower(), Place(address.strip("[]"), int(port))


def _text(attributes: Mapping[str, object], *names: str) -> str:
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def _number(attributes: Mapping[str, object], *names: str) -> int:
    for name in names:
        value = attributes.get(name)
        if isinstance(value, int) and value > 0:
            return value
    return 0
