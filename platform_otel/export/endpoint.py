"""Where requests go: an endpoint taken apart. No sockets."""

import socket
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from platform_otel.export.outcome import Refusal

_PORTS = {"http": 80, "https": 443}
# What may stand in a request's target; the rest is percent-encoded. RFC 3986, section 3.3 and 3.4.
_LEGAL = "%/?:@!$&'()*+,;=~[]"
_ADVICE = "write it as http://HOST:PORT; in a user name or password, write / as %2F, : as %3A and @ as %40"
# What gRPC understands beside host and port. https://github.com/grpc/grpc/blob/master/doc/naming.md
_ONLY_OF_GRPC = ("unix:", "unix-abstract:", "vsock:", "dns:", "ipv4:", "ipv6:", "xds:")


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
        """The address for users' eyes: without userinfo and query, and without what may be part of a password."""
        path = self.target.partition("?")[0]
        return f"{self.scheme}://(hidden)" if "@" in path else f"{self.scheme}://{self.host_header}{path}"

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
        raise Refusal(f"{variable} is no address such as http://localhost:4318", _ADVICE)
    return Endpoint(parts.scheme, host, port or _PORTS[parts.scheme], target, _secrets(parts))


class Target(NamedTuple):
    """Where a channel of gRPC leads.

    Args:
        name: as gRPC takes it.
        endpoint: host and port; None for what only gRPC understands, such as "unix:/run/collector.sock".
    """

    name: str
    secured: bool
    endpoint: Endpoint | None


def parse_target(url: str, insecure: bool, variable: str = "OTEL_EXPORTER_OTLP_ENDPOINT") -> Target:
    """Where the address in this variable leads, and whether by TLS: as its scheme says; without one, unless insecure.

    Raises:
        Refusal: if it is no address.

    Source: https://opentelemetry.io/docs/specs/otel/protocol/exporter/#configuration-options
    """
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if url.startswith(_ONLY_OF_GRPC):
        return Target(url, not insecure, None)
    parsed = parse_endpoint(url if scheme else f"{'http' if insecure else 'https'}://{url}", variable)
    return Target(f"dns:///{parsed.authority}", parsed.scheme == "https", parsed)


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
