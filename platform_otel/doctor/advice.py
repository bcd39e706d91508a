"""Which finding a failure on the way to the collector is. Pure: no sockets."""

from collections.abc import Sequence
from typing import NamedTuple

from platform_otel.doctor.checks import Trouble
from platform_otel.doctor.discretion import printable
from platform_otel.doctor.findings import connection as finding
from platform_otel.export.connection import outcome_of
from platform_otel.export.endpoint import Endpoint
from platform_otel.export.outcome import Outcome, Reason, Refusal
from platform_otel.export.proxies import Proxy

_DENIED = ("401", "403", "UNAUTHENTICATED", "PERMISSION_DENIED")
_NOT_READY = ("429", "502", "503", "504", "RESOURCE_EXHAUSTED", "UNAVAILABLE")
_ANOTHER_PORT = "see that host and port are the collector's"


class Hop(NamedTuple):
    """Who is connected to: the collector, or the proxy before it.

    Args:
        variable: what names the proxy, "" without one.
    """

    host: str
    port: int
    is_loopback: bool
    variable: str

    @property
    def server(self) -> str:
        """Host and port, as an address has them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def hop_to(endpoint: Endpoint, proxy: Proxy | None) -> Hop:
    """The first one on the way to the endpoint."""
    if proxy is None:
        return Hop(endpoint.host, endpoint.port, endpoint.is_loopback, "")
    return Hop(proxy.host, proxy.port, False, f"{endpoint.scheme.upper()}_PROXY or ALL_PROXY")


def of_refusal(refusal: Refusal) -> Trouble:
    """An address, a proxy's or the collector's, that cannot be used."""
    return finding.NO_ADDRESS.trouble(cause=refusal.reason.cause, advice=refusal.reason.advice)


def of_step(step: str, error: Exception, hop: Hop) -> Trouble:
    """A step before the span that failed.

    Args:
        step: "name", "TCP" or "TLS".
        error: what was raised.
        hop: whom the step was to reach.
    """
    if isinstance(error, ConnectionRefusedError):
        return _refused(hop)
    if isinstance(error, TimeoutError):
        return _unanswered(step, hop)
    reason = reason_of(outcome_of(error))
    if step == "name":
        unknown = finding.UNKNOWN_PROXY if hop.variable else finding.UNKNOWN_NAME
        return unknown.trouble(cause=printable(reason.cause), variable=hop.variable)
    advice = reason.advice or _ANOTHER_PORT
    return finding.STEP_FAILED.trouble(step=step, cause=printable(reason.cause), advice=advice)


def _refused(hop: Hop) -> Trouble:
    if hop.variable:
        return finding.REFUSED_BY_PROXY.trouble(server=hop.server, variable=hop.variable)
    return (finding.REFUSED_HERE if hop.is_loopback else finding.REFUSED).trouble(server=hop.server)


def _unanswered(step: str, hop: Hop) -> Trouble:
    if step == "name":
        return finding.NO_NAME_SERVER.trouble(host=hop.host)
    return (finding.NO_TLS if step == "TLS" else finding.NO_TCP).trouble(server=hop.server)


def reason_of(outcome: Outcome) -> Reason:
    """Why, in parts."""
    return outcome.reason or Reason(outcome.message)


def of_silence(waited: float, patience: float) -> Trouble:
    """A span that was not answered in time.

    Args:
        waited: seconds that the doctor has for it.
        patience: seconds that the service waits; 0 for as long as it takes.
    """
    if 0 < patience <= waited:
        return finding.NO_ANSWER.trouble(seconds=f"{patience:g}")
    service = f"{patience:g} s" if patience else "as long as it takes"
    return finding.NO_ANSWER_YET.trouble(seconds=f"{waited:g}", service=service)


def of_span(reason: Reason, headers: Sequence[str], has_user: bool) -> Trouble:
    """A span that the collector did not take.

    Args:
        reason: the exporter's.
        headers: the names of those that were sent.
        has_user: whether the endpoint has a user name or password.
    """
    cause = printable(f"{reason.cause} ({reason.said})" if reason.said else reason.cause)
    if reason.code in _DENIED:
        return _denied(cause, headers, has_user)
    if reason.code in _NOT_READY:
        return finding.NOT_READY.trouble(cause=cause)
    if reason.code == "UNIMPLEMENTED":
        return finding.ANOTHER_SERVER.trouble(cause=cause)
    if reason.advice:
        return finding.NOT_TAKEN.trouble(cause=cause, advice=reason.advice)
    return finding.NOT_TAKEN_WITHOUT_ADVICE.trouble(cause=cause)


def _denied(cause: str, headers: Sequence[str], has_user: bool) -> Trouble:
    user = "; a user name and password in the endpoint are not sent" if has_user else ""
    if not headers:
        return finding.DENIED.trouble(cause=cause, user=user)
    names = ", ".join(printable(name) for name in headers)
    return finding.DENIED_WITH_HEADERS.trouble(cause=cause, user=user, headers=names)
