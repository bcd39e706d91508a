"""Whether a span reaches the collector: name, TCP, TLS and one span, in turn, until one of them fails.

Every step is the exporter's own code, so that what goes well here goes well in the service.
"""

import os
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPException
from importlib.util import find_spec
from time import monotonic
from typing import NamedTuple, TypeVar

from platform_otel.config import Config
from platform_otel.doctor import advice
from platform_otel.doctor.checks import FAILED, OFF, OK, WARNING, Check, Trouble
from platform_otel.doctor.discretion import printable
from platform_otel.doctor.one_span import OneSpan
from platform_otel.export.choice import grpc_endpoint, traces_endpoint
from platform_otel.export.connection import Address, Connection, Resolver, open_connection, outcome_of
from platform_otel.export.endpoint import Endpoint, parse_endpoint
from platform_otel.export.otlp import headers
from platform_otel.export.outcome import Refusal
from platform_otel.export.proxies import Proxy, proxy_for
from platform_otel.export.tls import Certificates, client_context
from platform_otel.process.environment import changed_for_now

Value = TypeVar("Value")

# In total, whatever the collector does.
LIMIT = 5.0
# Left of it for finding out what is spoken there, where a span is not answered.
_TO_FIND_OUT = 1.0
# In TLS 1.3 our side is done before the other has looked at our certificate, and a refusal comes later.
_TO_REFUSE = 0.5

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOL = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"


class Destination(NamedTuple):
    """Where spans go.

    Args:
        endpoint: None for what only gRPC understands, such as a socket's path.
        secured: whether by TLS.
    """

    endpoint: Endpoint | None
    secured: bool


def destination(config: Config, protocol: str) -> Destination:
    """Where the settings send spans by this protocol.

    Raises:
        Refusal: it is no address.
    """
    if protocol == "grpc":
        return _grpc_target(config)
    variable = next((name for name in _ENDPOINTS if config.is_set(name)), _ENDPOINTS[1])
    endpoint = parse_endpoint(traces_endpoint(config), variable)
    return Destination(endpoint, endpoint.scheme == "https")


def _grpc_target(config: Config) -> Destination:
    text = grpc_endpoint(config)
    if find_spec("grpc") is None:  # what reads these addresses stands beside what imports grpc
        endpoint = parse_endpoint(text if "://" in text else f"https://{text}")
        return Destination(endpoint, endpoint.scheme == "https")
    from platform_otel.export.otlp_grpc import parse_target

    parsed = parse_target(text, _of_traces(config, "INSECURE") is True)
    return Destination(parsed.endpoint, parsed.secured)


def names_a_user(config: Config) -> bool:
    """Whether the endpoint has a user name or password, which is not sent."""
    text: str = config.get(*_ENDPOINTS)
    return "@" in text.partition("://")[2].partition("/")[0]


def _of_traces(config: Config, name: str) -> object:
    return config.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}", f"OTEL_EXPORTER_OTLP_{name}")


def connection(environ: Mapping[str, str], protocol: str) -> tuple[Check, ...]:
    """One span sent, step by step.

    Args:
        environ: the service's environment.
        protocol: the one in force, "http/protobuf" or "grpc".
    """
    # Proxies and some certificates are read from the process's own.
    with changed_for_now({**dict.fromkeys(os.environ), **environ}):
        examination = _Examination(Config({**environ, _PROTOCOL: protocol}), protocol)
        try:
            examination.run()
        except Trouble as trouble:
            examination.checks.append(Check(examination.step, FAILED, trouble.detail, trouble.hint))
        return tuple(examination.checks)


def no_connection(why: str) -> tuple[Check, ...]:
    """Where nothing is sent."""
    return (Check("collector", OFF, why),)


class _Examination:
    """The steps that were done, and the one at work."""

    def __init__(self, config: Config, protocol: str) -> None:
        self.checks: list[Check] = []
        self.step = "endpoint"
        self._config = config
        self._protocol = protocol
        self._deadline = monotonic() + LIMIT
        self._resolver = Resolver()

    def run(self) -> None:
        """Raises Trouble where a step fails."""
        try:
            endpoint, secured = destination(self._config, self._protocol)
            proxy = proxy_for(endpoint) if endpoint else None
        except Refusal as refusal:
            raise advice.of_refusal(refusal) from None
        if endpoint is not None:
            self._reach(endpoint, proxy, secured)
        self.step = "test span"
        self.checks.append(self._send(None if secured or proxy else endpoint))

    def _reach(self, endpoint: Endpoint, proxy: Proxy | None, secured: bool) -> None:
        host, port = (proxy.host, proxy.port) if proxy else (endpoint.host, endpoint.port)
        if proxy:
            self._say("proxy", f"{host}:{port}, by HTTP_PROXY, HTTPS_PROXY or ALL_PROXY")
        found = self._do("name", lambda: self._resolver.addresses(host, port, self._deadline), endpoint)
        self._say("name", _addresses(host, found))
        self._do("TCP", lambda: self._open(endpoint, proxy, None).close(), endpoint)
        self._say("TCP", f"{host}:{port} takes connections")
        if secured:
            context = self._do("TLS", self._context, endpoint)
            self._do("TLS", lambda: self._secure(endpoint, proxy, context), endpoint)
            self._say("TLS", "the collector's certificate is trusted")

    def _do(self, step: str, act: Callable[[], Value], endpoint: Endpoint) -> Value:
        self.step = step
        try:
            return act()
        except (OSError, HTTPException, Refusal) as error:
            raise advice.of_step(step, outcome_of(error).message, error, endpoint) from None

    def _say(self, step: str, detail: str) -> None:
        self.checks.append(Check(step, OK, detail))

    def _open(self, endpoint: Endpoint, proxy: Proxy | None, context: ssl.SSLContext | None) -> Connection:
        return open_connection(endpoint, proxy, context, self._resolver, self._deadline)

    def _context(self) -> ssl.SSLContext:
        names = ("CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE")
        files = Certificates(*(str(_of_traces(self._config, name)) for name in names))
        if self._protocol == "grpc":
            return client_context(
                files, os.environ, ("h2",), ("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "REQUESTS_CA_BUNDLE")
            )
        return client_context(files, os.environ, ("http/1.1",))

    def _secure(self, endpoint: Endpoint, proxy: Proxy | None, context: ssl.SSLContext) -> None:
        opened = self._open(endpoint, proxy, context)
        try:
            with suppress(TimeoutError):
                opened.reader(min(self._deadline, monotonic() + _TO_REFUSE)).peek(1)
        finally:
            opened.close()

    # --- The span ---

    def _send(self, plain: Endpoint | None) -> Check:
        """Send it. ``plain`` is where it goes in plain text, None if it does not."""
        if self._protocol == "grpc" and find_spec("grpc") is None:
            detail = "not sent, as gRPC is not installed beside platform-trace"
            return Check("test span", OFF, detail, 'to send one: pip install "platform-otel[grpc]"')
        span = OneSpan(self._config)
        outcome = span.send(self._deadline - _TO_FIND_OUT)
        said = printable(outcome.message)
        unanswered = outcome.status == "retry" and not said[:3].isdigit()
        if unanswered and plain is not None and self._speaks_tls(plain):
            raise Trouble("TLS is spoken there, and the endpoint says http://", "write https:// in the endpoint")
        if outcome.status != "taken" or "web page" in said:
            raise self._not_taken(said)
        if outcome.rejected:
            raise Trouble(f"the collector rejects the span (partial success): {said}", "see the collector's log")
        if said:
            return Check("test span", WARNING, f"acknowledged with a warning: {said}", "do what it asks for")
        return Check("test span", OK, f"sent and acknowledged, trace {span.trace_id}")

    def _not_taken(self, message: str) -> Trouble:
        sent = headers(str(_of_traces(self._config, "HEADERS")))
        return advice.of_span(message, sorted(sent), names_a_user(self._config))

    def _speaks_tls(self, endpoint: Endpoint) -> bool:
        """Whether that is why plain text was not answered: few servers say so, most hang up."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            self._open(endpoint, None, context).close()
        except OSError:
            return False
        return True


def _addresses(host: str, found: list[Address]) -> str:
    numbers = dict.fromkeys(str(each.address[0]) for each in found)
    return host if list(numbers) == [host] else f"{host} is {', '.join(numbers)}"
