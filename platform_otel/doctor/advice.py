"""What to do about a span that does not get through: the exporter's own words, and the next step. Pure text."""

from collections.abc import Sequence

from platform_otel.doctor.checks import Trouble
from platform_otel.doctor.discretion import printable
from platform_otel.export.endpoint import Endpoint

_ADDRESS = "write it as http://HOST:PORT; in a user name or password, write / as %2F, : as %3A and @ as %40"
_FIREWALL = "a firewall or network policy may drop the packets; or it is another host"
_LOG = "see the collector's log"
_NAMES = (
    "check its spelling; in a container or pod only the names of its own network are known, such as otel-collector or "
    "collector.NAMESPACE.svc"
)
_NOT_READY = "the collector, or what stands before it, is overloaded or not ready: see its log, and try again"
_PORTS = "collectors take OTLP over HTTP on port 4318 and over gRPC on 4317"
_STUCK = "see that the collector runs and is not stuck, and that host and port are its own"
_PEM = "correct the path or the file: PEM, which begins -----BEGIN"
# What follows the names of the variables whose files cannot be used.
_OF_FILES = ("not in PEM format", "not a path", "the key does not belong", "No such file", "Permission denied", "Is a ")
_HEADERS = "set OTEL_EXPORTER_OTLP_HEADERS, such as authorization=Bearer%20TOKEN"


def of_refusal(refusal: Exception) -> Trouble:
    """An address, a proxy's or the collector's, that cannot be used."""
    detail, hint = _parted(str(refusal))
    return Trouble(detail, _ADDRESS if hint == "correct it" else hint)


def of_step(step: str, message: str, error: Exception, endpoint: Endpoint) -> Trouble:
    """A step before the span that failed.

    Args:
        step: "name", "TCP" or "TLS".
        message: what the exporter would say.
        error: what it would say it of.
        endpoint: where the step was to lead.
    """
    detail, hint = _parted(message)
    if isinstance(error, ConnectionRefusedError):
        return Trouble(f"{endpoint.authority}: connection refused", _refused(endpoint))
    if isinstance(error, TimeoutError):
        taken = "takes the connection and does not answer" if step == "TLS" else "does not answer"
        return Trouble(f"{endpoint.authority} {taken}", _STUCK if step == "TLS" else _FIREWALL)
    if step == "name":
        return Trouble(detail, _NAMES)
    if hint.startswith(_OF_FILES):
        return Trouble(message, _PEM)
    return Trouble(detail, hint or "see that host and port are the collector's")


def _refused(endpoint: Endpoint) -> str:
    if endpoint.is_loopback:
        where = "name where it runs: inside a container localhost is the container itself"
        return f"start the collector, or {where}; {_PORTS}"
    return f"see that the collector runs and listens on 0.0.0.0, not only on its own localhost; {_PORTS}"


def of_span(message: str, headers: Sequence[str], has_user: bool) -> Trouble:
    """A span that the collector did not take.

    Args:
        message: what the exporter would say.
        headers: the names of those that were sent.
        has_user: whether the endpoint has a user name or password.
    """
    detail, hint = _parted(message)
    if detail[:3] in ("401", "403") or detail in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return Trouble(detail, _denied(headers, has_user))
    if detail[:3] in ("429", "502", "503", "504"):
        return Trouble(detail, _NOT_READY)
    if detail.isupper():  # a status code of gRPC; what follows may be the collector's own words
        return Trouble(printable(message), _OF_CODES.get(detail, f"{_LOG}; {_PORTS}"))
    if detail == "the collector did not answer in time":
        return Trouble("the collector takes the connection and does not answer", _STUCK)
    return Trouble(detail, hint or f"{_LOG}; {_PORTS}")


_OF_CODES = {
    "RESOURCE_EXHAUSTED": _NOT_READY,
    "UNAVAILABLE": _NOT_READY,
    "UNIMPLEMENTED": f"another gRPC server listens there: correct host and port; {_PORTS}",
}


def _denied(headers: Sequence[str], has_user: bool) -> str:
    names = ", ".join(printable(name) for name in headers)
    sent = f"sent were the headers {names}: see whether their values are right, or" if names else "no header was sent:"
    user = "; a user name and password in the endpoint are not sent" if has_user else ""
    return f"{sent} {_HEADERS}{user}"


def _parted(message: str) -> tuple[str, str]:
    """Cause and advice, which the exporter's messages have on one line; what a collector says stays with the cause."""
    message, _, said = printable(message).partition("; it says: ")
    detail, _, hint = message.partition(": ")
    return (f"{detail} ({said})" if said else detail), hint
