"""Whether a span reaches the collector: name, TCP, TLS and one span, in turn, until one of them fails.

Every step is the exporter's own code, so that what goes well here goes well in the service.
"""

import os
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from time import monotonic
from typing import TypeVar

from platform_otel.config import Config
from platform_otel.doctor import advice
from platform_otel.doctor.checks import Check, Trouble
from platform_otel.doctor.discretion import printable
from platform_otel.doctor.findings import connection as finding
from platform_otel.doctor.one_span import OneSpan
from platform_otel.export.choice import (
    ENDPOINTS,
    PROTOCOLS,
    certificate_files,
    grpc_endpoint,
    of_traces,
    traces_endpoint,
)
from platform_otel.export.connection import NOT_IN_TIME, Address, Connection, Resolver, open_connection
from platform_otel.export.endpoint import Endpoint, Target, parse_endpoint, parse_target
from platform_otel.export.otlp import headers, seconds_for_an_attempt
from platform_otel.export.otlp_http import legal_headers
from platform_otel.export.outcome import Outcome, Reason, Refusal
from platform_otel.export.proxies import Proxy, proxy_for
from platform_otel.export.tls import GRPC, HTTP, Certificates, client_context
from platform_otel.process.environment import changed_for_now

Value = TypeVar("Value")

# In total, whatever the collector does.
LIMIT = 5.0
# Left of it for finding out what is spoken there, where a span is not answered.
_TO_FIND_OUT = 1.0
# In TLS 1.3 our side is done before the other has looked at our certificate, and a refusal comes later.
_TO_REFUSE = 0.5


def destination(config: Config, protocol: str) -> Target:
    """Where the settings send spans by this protocol.

    Raises:
        Refusal: it is no address.
    """
    variable = next((name for name in ENDPOINTS if config.is_set(name)), ENDPOINTS[1])
    if protocol == "grpc":
        return parse_target(grpc_endpoint(config), of_traces(config, "INSECURE"), variable)
    endpoint = parse_endpoint(traces_endpoint(config), variable)
    return Target(endpoint.shown, endpoint.scheme == "https", endpoint)


def names_a_user(config: Config) -> bool:
    """Whether the endpoint has a user name or password, which is not sent."""
    text: str = config.get(*ENDPOINTS)
    return "@" in text.partition("://")[2].partition("/")[0]


def header_names(text: str) -> list[str]:
    """The names of the headers that are sent, as far as they may be shown.

    What is pasted without its name is taken for one, such as a token before the "=" that it ends with: a word with
    digits, or with capitals inside, is none.
    """
    written = {name.lower(): name for name in (pair.partition("=")[0].strip() for pair in text.split(","))}
    names = (written.get(name, name) for name, _ in legal_headers(headers(text)))
    return sorted({name.lower() if _looks_like_a_name(name) else "(hidden)" for name in names})


def _looks_like_a_name(name: str) -> bool:
    words = name.replace("_", "-").split("-")
    return all(word.isalpha() and (word.islower() or word.isupper() or word.istitle()) for word in words)


def connection(environ: Mapping[str, str], protocol: str) -> tuple[Check, ...]:
    """One span sent, step by step.

    Args:
        environ: the service's environment.
        protocol: the one in force, "http/protobuf" or "grpc".
    """
    # Proxies and some certificates are read from the process's own.
    with changed_for_now({**dict.fromkeys(os.environ), **environ}):
        examination = _Examination(Config({**environ, PROTOCOLS[0]: protocol}), protocol)
        try:
            examination.run()
        except Trouble as trouble:
            examination.checks.append(trouble.check)
        return tuple(examination.checks)


class _Examination:
    """The steps that were done."""

    def __init__(self, config: Config, protocol: str) -> None:
        self.checks: list[Check] = []
        self._config = config
        self._protocol = protocol
        self._deadline = monotonic() + LIMIT
        self._resolver = Resolver()

    def run(self) -> None:
        """Raises Trouble where a step fails."""
        try:
            _, secured, endpoint = destination(self._config, self._protocol)
            proxy = proxy_for(endpoint) if endpoint else None
        except Refusal as refusal:
            raise advice.of_refusal(refusal) from None
        if endpoint is not None:
            self._reach(endpoint, proxy, secured)
        self.checks.append(self._send(None if secured or proxy else endpoint))

    def _reach(self, endpoint: Endpoint, proxy: Proxy | None, secured: bool) -> None:
        hop = advice.hop_to(endpoint, proxy)
        if proxy:
            self._say(finding.PROXY.check(server=hop.server, variable=hop.variable))
        found = _do("name", lambda: self._resolver.addresses(hop.host, hop.port, self._deadline), hop)
        self._say(finding.NAME.check(addresses=_addresses(hop.host, found)))
        _do("TCP", lambda: self._open(endpoint, proxy, None).close(), hop)
        self._say(finding.TCP.check(server=hop.server))
        if secured:
            context = _do("TLS", self._context, hop)
            _do("TLS", lambda: self._secure(endpoint, proxy, context), hop)
            self._say(finding.TLS.check())

    def _say(self, check: Check) -> None:
        self.checks.append(check)

    def _open(self, endpoint: Endpoint, proxy: Proxy | None, context: ssl.SSLContext | None) -> Connection:
        return open_connection(endpoint, proxy, context, self._resolver, self._deadline)

    def _context(self) -> ssl.SSLContext:
        files = Certificates(**certificate_files(self._config))
        return client_context(files, os.environ, GRPC if self._protocol == "grpc" else HTTP)

    def _secure(self, endpoint: Endpoint, proxy: Proxy | None, context: ssl.SSLContext) -> None:
        opened = self._open(endpoint, proxy, context)
        try:
            with suppress(TimeoutError):
                opened.reader(min(self._deadline, monotonic() + _TO_REFUSE)).peek()
        finally:
            opened.close()

    # --- The span ---

    def _send(self, plain: Endpoint | None) -> Check:
        """Send it. ``plain`` is where it goes in plain text, None if it does not."""
        if self._protocol == "grpc" and find_spec("grpc") is None:
            return finding.NOT_SENT.check()
        span = OneSpan(self._config)
        outcome = span.send(self._deadline - _TO_FIND_OUT)
        if outcome.status != "taken" or outcome.reason:
            raise self._not_taken(outcome, plain)
        said = printable(outcome.message)
        if outcome.rejected:
            raise finding.REJECTED.trouble(said=said)
        return finding.WARNED.check(said=said) if said else finding.SENT.check(trace=span.trace_id)

    def _not_taken(self, outcome: Outcome, plain: Endpoint | None) -> Trouble:
        reason = advice.reason_of(outcome)
        if plain is not None and _is_unanswered(outcome, reason) and self._speaks_tls(plain):
            return finding.TLS_IS_SPOKEN.trouble()
        if reason.cause == NOT_IN_TIME:
            return advice.of_silence(LIMIT - _TO_FIND_OUT, seconds_for_an_attempt(self._config))
        if reason.code in ("404", "405") and self._names_the_path():
            return finding.PATH_TWICE.trouble(cause=printable(reason.cause))
        return advice.of_span(reason, header_names(of_traces(self._config, "HEADERS")), names_a_user(self._config))

    def _names_the_path(self) -> bool:
        """Whether the endpoint ends with the path that is added to it."""
        return traces_endpoint(self._config).endswith("/v1/traces/v1/traces")

    def _speaks_tls(self, endpoint: Endpoint) -> bool:
        """Whether that is why plain text was not answered: few servers say so, most hang up."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            self._open(endpoint, None, context).close()
        except (OSError, Refusal):
            return False
        return True


def _do(step: str, act: Callable[[], Value], hop: advice.Hop) -> Value:
    """What the act returns. Raises Trouble where it fails."""
    try:
        return act()
    except (OSError, Refusal) as error:
        raise advice.of_step(step, error, hop) from None


def _is_unanswered(outcome: Outcome, reason: Reason) -> bool:
    return outcome.status == "retry" and not reason.code


def _addresses(host: str, found: list[Address]) -> str:
    numbers = dict.fromkeys(str(each.address[0]) for each in found)
    return host if list(numbers) == [host] else f"{host} is {', '.join(numbers)}"
