"""OTLP over HTTP: sends encoded requests on one kept-alive connection."""

import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import TYPE_CHECKING

from platform_otel import __version__
from platform_otel.export.connection import Connection, Resolver, open_connection, outcome_of
from platform_otel.export.endpoint import Endpoint, parse_endpoint
from platform_otel.export.http_answer import Answer, is_token
from platform_otel.export.outcome import (
    Outcome,
    Reason,
    Refusal,
    failed,
    one_line,
    partial_success,
    secret_words,
    status_message,
)
from platform_otel.export.proxies import Proxy, proxy_for
from platform_otel.process.guard import say
from platform_otel.process.import_hooks import own_imports

if TYPE_CHECKING:
    from ssl import SSLContext

PROTOBUF = "application/x-protobuf"
# https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes
_RETRYABLE = (429, 502, 503, 504)
# Without these as we set them, the request would be another one, or none.
_OURS = ("connection", "content-encoding", "content-length", "content-type", "expect", "te", "trailer", "upgrade")
_OURS_TOO = ("proxy-authorization", "proxy-connection", "transfer-encoding")

_HEADERS_ADVICE = "check OTEL_EXPORTER_OTLP_HEADERS"
_PATH_ADVICE = (
    "check the path in the endpoint: /v1/traces is added to OTEL_EXPORTER_OTLP_ENDPOINT, "
    "nothing to OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
)
ADVICE = {
    400: "the collector cannot read the request: see its log",
    401: _HEADERS_ADVICE,
    403: _HEADERS_ADVICE,
    404: _PATH_ADVICE,
    405: _PATH_ADVICE,
    407: "check the credentials in HTTP_PROXY",
    413: "lower OTEL_BSP_MAX_EXPORT_BATCH_SIZE, or raise the collector's limit",
    415: "the collector takes no protobuf there: check the endpoint",
    426: "check OTEL_EXPORTER_OTLP_PROTOCOL",
    500: "see the collector's log",
}


class OtlpHttpSender:
    """Sends requests to one endpoint. After a fork, make a new one and drop the old.

    Args:
        endpoint: the whole URL, path included.
        headers: as OTEL_EXPORTER_OTLP_HEADERS has them, decoded.
        timeout: seconds for one request, all told; 0 means no limit but the deadline.
        compression: "gzip" or "none".
        certificate, client_key, client_certificate: paths of PEM files, "" for none.
    """

    def __init__(
        self,
        endpoint: str,
        headers: Mapping[str, str],
        timeout: float,
        compression: str = "none",
        certificate: str = "",
        client_key: str = "",
        client_certificate: str = "",
    ) -> None:
        self._timeout = timeout or float("inf")
        self._gzip = compression == "gzip"
        self._certificates = certificate, client_key, client_certificate
        self._make_context: Callable[[], SSLContext] | None = None
        self._resolver = Resolver()
        # One connection, which is out of here while it is used: a process that ends may send from two threads.
        self._kept: list[Connection] = []
        # That one too, since a process may fork while it is used.
        self._opened: set[Connection] = set()
        self._secrets = secret_words(*headers.values())
        self._endpoint: Endpoint | None = None
        self._prepare(endpoint, dict(legal_headers(headers)))

    def _prepare(self, url: str, headers: Mapping[str, str]) -> None:
        """What is the same for all requests. A bad endpoint is no error here: every request is refused for it."""
        self._unusable = Outcome("refused")
        try:
            self._endpoint = parse_endpoint(url)
            self._proxy = proxy_for(self._endpoint)
        except Refusal as refusal:
            self._unusable = outcome_of(refusal)
            self._endpoint = None
        else:
            quoted = (*self._endpoint.secrets, *(self._proxy.secrets if self._proxy else ()))
            self._secrets |= secret_words(*quoted)
            self._head = _head(self._endpoint, self._proxy, headers, self._gzip)
            if self._endpoint.scheme == "https":
                self._make_context = _context_maker(*self._certificates)

    def send(self, request: bytes, deadline: float) -> Outcome:
        """Send an encoded ExportTraceServiceRequest, and say what became of it. No fault of the network is raised.

        Args:
            request: its bytes, not compressed.
            deadline: by time.monotonic(); neither it nor the timeout is exceeded.
        """
        if self._endpoint is None:
            return self._unusable
        end = min(deadline, monotonic() + self._timeout)
        body = _compressed(request) if self._gzip else request
        try:
            return self._send(self._endpoint, b"%s%d\r\n\r\n%s" % (self._head, len(body), body), end)
        except (OSError, Refusal) as error:
            return outcome_of(error)

    def close(self) -> None:
        """Give up the connection that is kept; the next request opens another."""
        while self._kept:
            self._close(self._kept.pop())

    def abandon(self) -> None:
        """In a child process: close its end of what is the parent's. Nothing is said there, so the parent goes on."""
        while self._opened:
            self._opened.pop().abandon()
        self._kept.clear()

    def _send(self, endpoint: Endpoint, message: bytes, end: float) -> Outcome:
        kept = self._usable_connection()
        if kept is not None:
            try:
                return self._ask(kept, message, end)
            except ConnectionError:
                pass  # the collector closed it just now, as it may between two requests
        return self._ask(self._open(endpoint, end), message, end)

    def _usable_connection(self) -> Connection | None:
        try:
            kept = self._kept.pop()
        except IndexError:
            return None
        if kept.is_usable():
            return kept
        self._close(kept)
        return None

    def _open(self, endpoint: Endpoint, end: float) -> Connection:
        context = self._make_context() if self._make_context else None
        connection = open_connection(endpoint, self._proxy, context, self._resolver, end)
        self._opened.add(connection)
        return connection

    def _close(self, connection: Connection) -> None:
        self._opened.discard(connection)
        connection.close()

    def _ask(self, connection: Connection, message: bytes, end: float) -> Outcome:
        """Send and read the answer; then keep the connection if another request can follow on it, else close it."""
        is_last = True
        try:
            # Some answer before they have taken all, and hang up: too large, or no certificate of ours.
            connection.offer(message, end)
            answer = connection.answer(end)
            is_last = answer.is_last
            return self._outcome(answer)
        finally:
            if is_last:
                self._close(connection)
            else:
                self._kept.append(connection)

    def _outcome(self, answer: Answer) -> Outcome:
        status, body, content_type = answer.status, _plain(answer), _content_type(answer)
        if 200 <= status < 300:
            return self._taken(body, content_type)
        if status in _RETRYABLE:
            after = retry_after(answer.headers.get("retry-after", ""), answer.headers.get("date", ""))
            return failed("retry", Reason(_named(status), code=str(status)), after)
        said = "" if status in (401, 403, 407) else one_line(_said(body, content_type), self._secrets)
        return failed("refused", Reason(_named(status), _advice(status), said, str(status)))

    def _taken(self, body: bytes, content_type: str) -> Outcome:
        if content_type == "text/html":
            return failed("taken", Reason("what answers is a web page, perhaps no collector", "check the endpoint"))
        rejected, message = partial_success(body) if content_type in (PROTOBUF, "") else (0, "")
        return Outcome("taken", rejected, one_line(message, self._secrets))


# --- Requests ---------------------------------------------------------------------------------------------------------


def legal_headers(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The headers that may be sent. Each other one is said by its number: what is ill-formed may show a secret."""
    for number, (name, value) in enumerate(headers.items(), 1):
        if not (is_token(name) and _is_legal_value(value)):
            say(f"OTEL_EXPORTER_OTLP_HEADERS: header {number} is not legal in HTTP, so it is not sent")
        elif name.lower() in _OURS or name.lower() in _OURS_TOO:
            say(f"OTEL_EXPORTER_OTLP_HEADERS: {name.lower()} is not yours to set, so it is not sent")
        else:
            yield name, value


def _is_legal_value(value: str) -> bool:
    """Source: https://www.rfc-editor.org/rfc/rfc9110#name-field-values ."""
    return all((" " <= letter <= "\xff" and letter != "\x7f") or letter == "\t" for letter in value)


def _context_maker(certificate: str, client_key: str, client_certificate: str) -> "Callable[[], SSLContext]":
    """Makes what a connection is secured by, anew for each, since certificates are replaced."""
    # Not above: ssl takes 4 ms and 5 MiB to import. Not later, where open_connection needs them: the exporter
    # thread makes the sender under own_imports.
    from platform_otel.export import secured  # noqa: F401  # for its effect
    from platform_otel.export.tls import HTTP, Certificates, client_context

    files = Certificates(certificate, client_key, client_certificate)
    return lambda: client_context(files, os.environ, HTTP)


def _head(endpoint: Endpoint, proxy: Proxy | None, headers: Mapping[str, str], gzip: bool) -> bytes:
    """The request until the number that Content-Length has, which comes last."""
    lines = {
        "host": endpoint.host_header,
        "user-agent": f"platform-otel/{__version__}",
        **{name.lower(): value for name, value in headers.items()},
        "content-type": PROTOBUF,
    }
    if gzip:
        lines["content-encoding"] = "gzip"
    target = endpoint.target
    if proxy is not None and endpoint.scheme == "http":
        target = f"http://{endpoint.host_header}{target}"
        lines.update({"proxy-authorization": proxy.authorization} if proxy.authorization else {})
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {target} HTTP/1.1\r\n{text}content-length: ".encode("latin-1")


def _compressed(request: bytes) -> bytes:
    """In the format of gzip; without that module, which does no more than this."""
    compressor = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    return compressor.compress(request) + compressor.flush()


# --- Answers ----------------------------------------------------------------------------------------------------------


def _plain(answer: Answer) -> bytes:
    """The body, if it is not compressed: that stays so, since a small answer may become a huge one."""
    return answer.body if answer.headers.get("content-encoding", "identity").lower() == "identity" else b""


def retry_after(text: str, date: str = "") -> float | None:
    """Seconds that a Retry-After header asks for, as a number or a date; None if it says neither.

    With the answer's Date header, the clocks of the two machines need not agree.

    Source: https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
    """
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    moment = _moment(text) if text else None
    return None if moment is None else max(0.0, moment - (_moment(date) or _now()))


def _moment(text: str) -> float | None:
    """Seconds since the epoch of a date in HTTP."""
    with own_imports():
        from email.utils import mktime_tz, parsedate_tz

    try:
        parsed = parsedate_tz(text)
        return float(mktime_tz(parsed)) if parsed else None
    except (ValueError, OverflowError):
        return None


def _now() -> float:
    from time import time

    return time()


def _named(status: int) -> str:
    """The status with its phrase; the collector's own phrase may be anything."""
    with own_imports():
        from http import HTTPStatus

    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _advice(status: int) -> str:
    if 300 <= status < 400:
        return "redirects are not followed: set OTEL_EXPORTER_OTLP_ENDPOINT to the collector's own address"
    return ADVICE.get(status, "the collector does not take the request")


def _content_type(answer: Answer) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()


def _said(body: bytes, content_type: str) -> str:
    if content_type == PROTOBUF:
        return status_message(body)
    return body[:1000].decode("utf-8", "replace") if content_type == "text/plain" else ""
