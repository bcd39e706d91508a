"""Answers of HTTP/1.1, read from bytes that somebody else receives. No sockets.

In place of http.client, which imports the packages email and ssl: 11 ms and 6 MiB in every process that sends.

Source: https://www.rfc-editor.org/rfc/rfc9112
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from platform_otel.export.outcome import Refusal

TLS_IS_SPOKEN = ("TLS is spoken there", "use https:// in OTEL_EXPORTER_OTLP_ENDPOINT")
_GRPC_HINT = "use port 4318, or OTEL_EXPORTER_OTLP_PROTOCOL=grpc"
# https://opentelemetry.io/docs/specs/otlp/#otlphttp-response : answers are small, so this is a fault's.
_LARGEST_BODY = 4 * 1024 * 1024
# All that comes before the body, interim answers included.
_LARGEST_HEAD = 64 * 1024
_MOST_HEADERS = 100
_PIECE = 64 * 1024
# https://www.rfc-editor.org/rfc/rfc9110#name-tokens
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_HEXADECIMAL = b"0123456789abcdefABCDEF"
# Digits of a length, at most; Python would refuse thousands of them by another error.
_LONGEST_NUMBER = 20


class Reader:
    """What the other side sends.

    Args:
        receive: gives the next bytes, at most so many; none at the end.
        ahead: what came and is not read yet; another reader of the same bytes begins with it.
    """

    def __init__(self, receive: Callable[[int], bytes], ahead: bytearray) -> None:
        self._receive = receive
        self.ahead = ahead

    def peek(self) -> bytes:
        """What came and is not read yet, at least one byte; none at the end."""
        if not self.ahead:
            self._receive_more()
        return bytes(self.ahead)

    def read(self, size: int) -> bytes:
        """So many bytes; fewer at the end."""
        while len(self.ahead) < size and self._receive_more():
            pass
        return self._taken(size)

    def line(self, longest: int) -> bytes:
        """A line with the LF that ends it; what there is of it if it is longer, or the last without an end."""
        searched = 0
        while (end := self.ahead.find(b"\n", searched)) < 0 and len(self.ahead) < longest:
            searched = len(self.ahead)
            if not self._receive_more():
                break
        return self._taken(longest if end < 0 else min(end + 1, longest))

    def _receive_more(self) -> bool:
        received = self._receive(_PIECE)
        self.ahead += received
        return bool(received)

    def _taken(self, size: int) -> bytes:
        taken = bytes(self.ahead[:size])
        del self.ahead[:size]
        return taken


class Head(NamedTuple):
    """What comes before the body.

    Args:
        version: "1.0", "1.1" or another that begins with 1.
        headers: names in lower case; the values of one that is repeated are joined by commas.
    """

    version: str
    status: int
    headers: dict[str, str]


class Answer(NamedTuple):
    """A whole answer, or as much of it as is wanted.

    Args:
        body: none if something is wrong with it, and cut where it is far too long; as it came, never decompressed.
        is_last: whether no other answer can follow on this connection.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    is_last: bool


def read_answer(reader: Reader) -> Answer:
    """The next answer that is not interim.

    Raises:
        OSError: of receiving; ConnectionResetError if the head is not all there.
        Refusal: what comes is no answer of HTTP/1.
    """
    head = read_head(reader)
    try:
        body, is_whole = _body(reader, head)
    except (OSError, Refusal):
        # The status says what became of the request, so a fault in the body does not matter.
        body, is_whole = b"", False
    goes_on = is_whole and head.version != "1.0" and "close" not in _words(head.headers.get("connection", ""))
    return Answer(head.status, head.headers, body, is_last=not goes_on or bool(reader.ahead))


# --- Heads ------------------------------------------------------------------------------------------------------------


def read_head(reader: Reader) -> Head:
    """What comes before the body of the next answer that is not interim. Raises as ``read_answer``."""
    _check_that_it_is_http(reader.peek())
    lines = _lines(reader)
    # 101 is no interim answer: another protocol would follow, which nobody asked for.
    while (head := _head(lines)).status < 200 and head.status != 101:
        pass
    return head


def _check_that_it_is_http(start: bytes) -> None:
    """Say what it is instead, before waiting for the end of a line that never comes."""
    if start[:5] == b"HTTP/"[: len(start)]:
        return
    # The first frame of HTTP/2 is SETTINGS (type 4). https://www.rfc-editor.org/rfc/rfc9113#name-frame-format
    if start[:3] == b"PRI" or (start[:1] == b"\0" and start[3:4] in (b"\x04", b"\x07")):
        raise Refusal("HTTP/2 is spoken there, as by a gRPC port", _GRPC_HINT)
    # An alert of TLS (type 21). https://www.rfc-editor.org/rfc/rfc8446#section-5.1
    if start[:2] == b"\x15\x03":
        raise Refusal(*TLS_IS_SPOKEN)
    raise Refusal("what answers there is no HTTP server", "check the host and port in OTEL_EXPORTER_OTLP_ENDPOINT")


def _lines(reader: Reader) -> Iterator[str]:
    """Lines without their ends, as long as they are not too many."""
    left = _LARGEST_HEAD
    while True:
        line = reader.line(left)
        left -= len(line)
        if line[-1:] != b"\n":
            raise ConnectionResetError if left else _wrong("too many headers")
        text = line[:-1].removesuffix(b"\r").decode("latin-1")
        if "\r" in text or "\0" in text:
            raise _wrong("a control character in a header")
        yield text


def _head(lines: Iterator[str]) -> Head:
    version, _, rest = next(lines).partition(" ")
    code = rest.partition(" ")[0]
    status = _number(code) or 0
    if version[:-1] != "HTTP/1." or not version[-1].isdecimal() or len(code) != 3 or status < 100:
        raise _wrong("its first line")
    return Head(version[5:], status, _headers(lines))


def _headers(lines: Iterator[str]) -> dict[str, str]:
    """The headers until the empty line; those of the trailer, too."""
    headers: dict[str, str] = {}
    for line in _unfolded(lines):
        name, colon, value = line.partition(":")
        if not (colon and is_token(name)):
            raise _wrong("a header")
        name, value = name.lower(), value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _unfolded(lines: Iterator[str]) -> list[str]:
    """The lines until the empty one; one that begins with a space continues the line before."""
    unfolded: list[str] = []
    while line := next(lines):
        if unfolded and line[0] in " \t":
            unfolded[-1] += " " + line.lstrip(" \t")
        else:
            unfolded.append(line)
        if len(unfolded) > _MOST_HEADERS:
            raise _wrong("too many headers")
    return unfolded


def is_token(text: str) -> bool:
    """Whether a header can have this name."""
    return bool(text) and _TOKEN.issuperset(text)


# --- Bodies -----------------------------------------------------------------------------------------------------------


def _body(reader: Reader, head: Head) -> tuple[bytes, bool]:
    """The body as far as it is wanted, and whether it is whole and its end is known.

    Source: https://www.rfc-editor.org/rfc/rfc9112#name-message-body-length
    """
    encoding, length = head.headers.get("transfer-encoding"), head.headers.get("content-length")
    if head.status in (101, 204, 304):
        return b"", head.status != 101
    if encoding is not None:
        if encoding.lower() != "chunked":
            raise _wrong("its encoding")
        body, is_whole = _chunks(reader)
        # With a length, too, somebody on the way may see another end.
        return body, is_whole and length is None
    if length is not None:
        size = _length(length)
        return _exactly(reader, min(size, _LARGEST_BODY)), size <= _LARGEST_BODY
    return reader.read(_LARGEST_BODY), False


def _exactly(reader: Reader, size: int) -> bytes:
    body = reader.read(size)
    if len(body) < size:
        raise ConnectionResetError
    return body


def _length(text: str) -> int:
    """Repeated it is legal as long as it is the same."""
    words = _words(text)
    size = _number(words.pop())
    if words or size is None:
        raise _wrong("its length")
    return size


def _chunks(reader: Reader) -> tuple[bytes, bool]:
    body = bytearray()
    left = _LARGEST_BODY
    while left > 0:
        line = reader.line(left)
        size = _chunk_size(line)
        if size == 0:
            _headers(_lines(reader))
            return bytes(body), True
        body += _exactly(reader, min(size, left))
        # What surrounds the chunks counts, too: a body of many small ones is mostly that.
        left -= len(line) + size + 2
        if left > 0 and reader.read(2) != b"\r\n":
            raise _wrong("a chunk")
    return bytes(body), False


def _chunk_size(line: bytes) -> int:
    size = line.removesuffix(b"\r\n").partition(b";")[0].rstrip(b" \t")
    if line[-2:] != b"\r\n" or not 0 < len(size) <= _LONGEST_NUMBER or size.strip(_HEXADECIMAL):
        raise _wrong("a chunk")
    return int(size, 16)


def _number(digits: str) -> int | None:
    """None for what int would take beside digits, such as "+1" and "1_0"."""
    # Of Latin-1, no other letters count as decimal than 0 to 9.
    return int(digits) if digits.isdecimal() and len(digits) <= _LONGEST_NUMBER else None


def _words(text: str) -> set[str]:
    return {word.strip(" \t").lower() for word in text.split(",")}


def _wrong(what: str) -> Refusal:
    return Refusal(f"the answer is not HTTP as it should be ({what})", "check the port")
