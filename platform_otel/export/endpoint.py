"""Where a request goes: an endpoint taken apart. No sockets."""

import socket
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from platform_otel.export.outcome import Refusal

_PORTS = {"http": 80, "https": 443}
# What may stand in a request's target; the rest is percent-encoded. RFC 3986, section 3.3 and 3.4.
_LEGAL = "%/?:@!$&'()*+,;=~[]"


class Endpoint(NamedTuple):
    """An http or https address. Its userinfo is left out: it becomes no header and is never shown.

    Args:
        host: in ASCII, an IPv6 address without brackets.
        target: path and query, as they are sent.
        secrets: userinfo and values of the query, which a collector might quote.
    """

    scheme: str
    host: str
    port: int
    target: str
    secrets: tuple[str, ...] = ()

    @property
    def authority(self) -> str:
        """Host and port, as a CONNECT names them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def host_header(self) -> str:
        """Host and port, without the port that the scheme implies."""
        return self.authority.removesuffix(f":{_PORTS[self.scheme]}")

    @property
    def shown(self) -> str:
        """The address for users' eyes: without userinfo and query."""
        return f"{self.scheme}://{self.host_header}{self.target.partition('?')[0]}"

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine by its address or name; other names are not resolved for that."""
        return self.host.lower().rstrip(".") == "localhost" or _packed(self.host)[:1] == b"\x7f"


def parse_endpoint(url: str, variable: str = "OTEL_EXPORTER_OTLP_ENDPOINT") -> Endpoint:
    """Take the address in this variable apart.

    Raises:
        Refusal: if it is none.
    """
    try:
        parts = urlsplit(url)
        host, port, target = _host(parts), parts.port, _target(parts)
    except ValueError:  # UnicodeError is one
        host, port, target = "", 0, ""
    if not host or port == 0 or parts.scheme not in _PORTS:
        raise Refusal(f"{variable} is no address such as http://localhost:4318: correct it")
    return Endpoint(parts.scheme, host, port or _PORTS[parts.scheme], target, _secrets(parts))


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    # The codec is imported for names that need it only.
    host = host if host.isascii() else host.encode("idna").decode("ascii")
    return "" if any(letter <= " " or letter in '\x7f"<>\\^`{|}' for letter in host) else host


def _target(parts: SplitResult) -> str:
    query = f"?{parts.query}" if parts.query else ""
    # The environment may hold bytes that are not UTF-8; they are sent as they are.
    return quote((parts.path or "/") + query, safe=_LEGAL, errors="surrogateescape")


def _secrets(parts: SplitResult) -> tuple[str, ...]:
    values = [pair.rpartition("=")[2] for pair in parts.query.split("&")]
    written = [parts.username or "", parts.password or "", *values]
    return tuple(text for each in written for text in (each, unquote(each)) if text)


def _packed(host: str) -> bytes:
    """The bytes of an IP address, ::1 and mapped ones as IPv4; none for a name."""
    try:
        # As getaddrinfo takes it: 127.1 is an address, too.
        return socket.inet_aton(host)
    except OSError:
        pass
    try:
        packed = socket.inet_pton(socket.AF_INET6, host)
    except OSError:
        return b""
    if packed == bytes(15) + b"\x01":
        return b"\x7f\0\0\x01"
    return packed[12:] if packed.startswith(bytes(10) + b"\xff\xff") else b""
