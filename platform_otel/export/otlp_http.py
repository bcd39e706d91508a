"""OTLP over HTTP: sends encoded requests on one kept-alive connection."""

import os
import zlib
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from time import monotonic

from platform_otel import __version__
from platform_otel.export.connection import Connection, Resolver, open_connection, outcome_of
from platform_otel.export.endpoint import Endpoint, parse_endpoint
from platform_otel.export.outcome import Outcome, Refusal, one_line, partial_success, secret_words, status_message
from platform_otel.export.proxies import Proxy, proxy_for
from platform_otel.export.tls import BROKEN_OFF, Certificates, client_context
from platform_otel.process.guard import say

PROTOBUF = "application/x-protobuf"
# https://opentelemetry.io/docs/specs/otlp/#otlphttp-response : answers are small, so this is a fault's.
_LARGEST_ANSWER = 4 * 1024 * 1024
_PIECE = 64 * 1024
# https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes
_RETRYABLE = (429, 502, 503, 504)
# https://www.rfc-editor.org/rfc/rfc9110#name-tokens
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
# Without these as we set them, the request would be another one, or none.
_OURS = ("connection", "content-encoding", "content-length", "content-type", "expect", "te", "trailer", "upgrade")
_OURS_TOO = ("proxy-authorization", "proxy-connection", "transfer-encoding")

_HEADERS_ADVICE = "check OTEL_EXPORTER_OTLP_HEADERS"
_PATH_ADVICE = (
    "check the path in the endpoint: /v1/traces is added to OTEL_EXPORTER_OTLP_ENDPOINT, "
    "nothing to OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
)
_ADVICE = {
    400: "the collector cannot read the request",
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
        self._certificates = Certificates(certificate, client_key, client_certificate)
        self._resolver = Resolver()
        # One connection, which is out of here while it is used: a process that ends may send from two threads.
        self._kept: list[Connection] = []
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

    @property
    def shown(self) -> str:
        """The endpoint for users' eyes, "" if it is none."""
        return self._endpoint.shown if self._endpoint else ""

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
        except (OSError, HTTPException, Refusal) as error:
            return outcome_of(error)

    def close(self) -> None:
        """Give up the connection that is kept; the next request opens another."""
        while self._kept:
            self._kept.pop().close()

    def _send(self, endpoint: Endpoint, message: bytes, end: float) -> Outcome:
        kept = self._usable_connection()
        if kept is not None:
            try:
                return self._ask(kept, message, end)
            except (ConnectionError, *BROKEN_OFF):
                pass  # the collector closed it just now, as it may between two requests
        return self._ask(self._open(endpoint, end), message, end)

    def _usable_connection(self) -> Connection | None:
        try:
            kept = self._kept.pop()
        except IndexError:
            return None
        if kept.is_usable():
            return kept
        kept.close()
        return None

    def _open(self, endpoint: Endpoint, end: float) -> Connection:
        secured = endpoint.scheme == "https"
        context = client_context(self._certificates, os.environ, ("http/1.1",)) if secured else None
        return open_connection(endpoint, self._proxy, context, self._resolver, end)

    def _ask(self, connection: Connection, message: bytes, end: float) -> Outcome:
        """Send and read the answer; then keep the connection if another request can follow on it, else close it."""
        usable = False
        try:
            # Some answer before they have taken all, and hang up: too large, or no certificate of ours.
            connection.offer(message, end)
            response = connection.answer(end)
            body, usable = _read(response)
            return self._outcome(response, body)
        finally:
            if usable:
                self._kept.append(connection)
            else:
                connection.close()

    def _outcome(self, response: HTTPResponse, body: bytes) -> Outcome:
        status, content_type = response.status, _content_type(response)
        if 200 <= status < 300:
            return self._taken(body, content_type)
        if status in _RETRYABLE:
            after = retry_after(response.headers.get("Retry-After", ""), response.headers.get("Date", ""))
            return Outcome("retry", message=_named(status), retry_after=after)
        said = "" if status in (401, 403, 407) else one_line(_said(body, content_type), self._secrets)
        return Outcome(
            "refused", message=f"{_named(status)}: {_advice(status)}" + (f"; it says: {said}" if said else "")
        )

    def _taken(self, body: bytes, content_type: str) -> Outcome:
        if content_type == "text/html":
            return Outcome("taken", message="what answers is a web page, perhaps no collector: check the endpoint")
        rejected, message = partial_success(body) if content_type in (PROTOBUF, "") else (0, "")
        return Outcome("taken", rejected, one_line(message, self._secrets))


# --- Requests ---------------------------------------------------------------------------------------------------------


def legal_headers(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The headers that may be sent. Each other one is said by its number: what is ill-formed may show a secret."""
    for number, (name, value) in enumerate(headers.items(), 1):
        if not (name and _TOKEN.issuperset(name) and _is_legal_value(value)):
            say(f"OTEL_EXPORTER_OTLP_HEADERS: header {number} is not legal in HTTP, so it is not sent")
        elif name.lower() in _OURS or name.lower() in _OURS_TOO:
            say(f"OTEL_EXPORTER_OTLP_HEADERS: {name.lower()} is not yours to set, so it is not sent")
        else:
            yield name, value


def _is_legal_value(value: str) -> bool:
    """Source: https://www.rfc-editor.org/rfc/rfc9110#name-field-values ."""
    return all((" " <= letter <= "\xff" and letter != "\x7f") or letter == "\t" for letter in value)


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


def _read(response: HTTPResponse) -> tuple[bytes, bool]:
    """The body as far as it is wanted, and whether it is all of it and the connection stays open.

    The status says what became of the request, so a fault in the body does not matter.
    """
    body = bytearray()
    try:
        while len(body) < _LARGEST_ANSWER and (piece := response.read(_PIECE)):
            body += piece
    except (OSError, HTTPException):
        return b"", False
    # Whatever is compressed stays so: a small answer may become a huge one.
    plain = response.headers.get("Content-Encoding", "identity") == "identity"
    return bytes(body) if plain else b"", response.isclosed() and not response.will_close


def retry_after(text: str, date: str = "") -> float | None:
    """Seconds that a Retry-After header asks for, as a number or a date; None if it says neither.

    With the answer's Date header, the clocks of the two machines need not agree.

    Source: https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
    """
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    moment = _moment(text)
    return None if moment is None else max(0.0, moment - (_moment(date) or _now()))


def _moment(text: str) -> float | None:
    """Seconds since the epoch of a date in HTTP."""
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
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _advice(status: int) -> str:
    if 300 <= status < 400:
        return "redirects are not followed: set OTEL_EXPORTER_OTLP_ENDPOINT to the collector's own address"
    return _ADVICE.get(status, "the collector does not take the request")


def _content_type(response: HTTPResponse) -> str:
    # get_content_type gives a default where there is none.
    return response.headers.get_content_type() if "Content-Type" in response.headers else ""


def _said(body: bytes, content_type: str) -> str:
    if content_type == PROTOBUF:
        return status_message(body)
    return body[:1000].decode("utf-8", "replace") if content_type == "text/plain" else ""
