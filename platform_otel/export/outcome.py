"""What became of a request: an Outcome, and the few fields of OTLP's answers that tell it. No sockets."""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

_LONGEST_MESSAGE = 300
# Shorter words are no secrets, and hiding them would eat the message.
_SHORTEST_SECRET = 4
# Reading megabytes of made-up fields would keep the service's threads waiting.
_LARGEST_MESSAGE = 64 * 1024


Status = Literal["taken", "refused", "retry"]


class Reason(NamedTuple):
    """Why a request failed, in parts.

    Args:
        cause: what happened.
        advice: what to do about it.
        said: the collector's own words, without secrets.
        code: the status of its answer, such as "401" or "UNAVAILABLE"; "" if there was none.
    """

    cause: str
    advice: str = ""
    said: str = ""
    code: str = ""

    def __str__(self) -> str:
        line = f"{self.cause}: {self.advice}" if self.advice else self.cause
        return f"{line}; it says: {self.said}" if self.said else line


class Outcome(NamedTuple):
    """What became of one request.

    Args:
        status: "taken": the collector has it; "refused": sending it again is useless; "retry": it may be.
        rejected: how many spans a partial success refused, as the collector counts them.
        message: one line for the user, without secrets; "" if there is nothing to say.
        retry_after: seconds that the collector asked us to wait, if it did.
        reason: the parts of the message, where it has any.
    """

    status: Status
    rejected: int = 0
    message: str = ""
    retry_after: float | None = None
    reason: Reason | None = None


def failed(status: Status, reason: Reason, retry_after: float | None = None) -> Outcome:
    """What became of a request that failed for this reason."""
    return Outcome(status, message=str(reason), retry_after=retry_after, reason=reason)


class Refusal(Exception):
    """This request cannot succeed however often it is sent."""

    def __init__(self, cause: str, advice: str) -> None:
        self.reason = Reason(cause, advice)
        super().__init__(str(self.reason))


def one_line(text: str, secrets: Iterable[str] = ()) -> str:
    """What a collector said, fit to be shown: short, printable, on one line, without these secrets."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "(hidden)")
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[:4096]).split())
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 3] + "..."


def secret_words(*texts: str) -> frozenset[str]:
    """The words of these texts that must not be shown; of "Bearer abc123" the second alone is one, too."""
    words = {word for text in texts for word in (text, *text.split())}
    return frozenset(word for word in words if len(word) >= _SHORTEST_SECRET)


def partial_success(answer: bytes) -> tuple[int, str]:
    """Rejected spans and message of an ExportTraceServiceResponse; (0, "") if all were taken or it cannot be read.

    Source: https://opentelemetry.io/docs/specs/otlp/#partial-success
    """
    try:
        partial = _bytes(answer, 1)
        rejected = _count(partial, 1)
        return rejected, _text(partial, 2) or ("it does not say why" if rejected else "")
    except ValueError:
        return 0, ""


def status_message(answer: bytes) -> str:
    """The message of a google.rpc.Status, the body of a failed request; "" if it cannot be read.

    Source: https://opentelemetry.io/docs/specs/otlp/#failures
    """
    try:
        return _text(answer, 2)
    except ValueError:
        return ""


def retry_delay(status: bytes) -> float | None:
    """Seconds to wait by the RetryInfo among the details of a google.rpc.Status; None if there is none.

    Source: https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-throttling
    """
    try:
        details = [value for number, value in _fields(status) if number == 3 and isinstance(value, bytes)]
        for detail in details:
            if _text(detail, 1).endswith("/google.rpc.RetryInfo"):
                duration = _bytes(_bytes(detail, 2), 1)
                return _count(duration, 1) + _count(duration, 2) / 1e9
    except ValueError:
        pass
    return None


# --- Protocol Buffers, as much as answers need: https://protobuf.dev/programming-guides/encoding/ ---------------------


def _bytes(message: bytes, wanted: int) -> bytes:
    """The last field of this number, as the format asks; empty if there is none."""
    found = [value for number, value in _fields(message) if number == wanted and isinstance(value, bytes)]
    return found[-1] if found else b""


def _text(message: bytes, wanted: int) -> str:
    return _bytes(message, wanted).decode("utf-8", "replace")


def _count(message: bytes, wanted: int) -> int:
    """An int64 that counts something; a negative one is nonsense, so 0."""
    found = [value for number, value in _fields(message) if number == wanted and isinstance(value, int)]
    return found[-1] if found and found[-1] < 1 << 63 else 0


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field; none of a message too large for an answer; ValueError where it is no message."""
    position = 0
    while position < len(message) <= _LARGEST_MESSAGE:
        tag, position = _varint(message, position)
        if tag < 8:
            raise ValueError("no field has the number 0")
        if tag & 7 == 0:
            number, position = _varint(message, position)
            yield tag >> 3, number
        else:
            start, position = _extent(message, position, tag & 7)
            yield tag >> 3, message[start:position]


def _extent(message: bytes, position: int, wire_type: int) -> tuple[int, int]:
    """Where the value of a field that is no varint starts and ends."""
    if wire_type == 2:
        size, position = _varint(message, position)
    else:
        size = {1: 8, 5: 4}.get(wire_type, len(message) + 1)
    if position + size > len(message):
        raise ValueError("it ends in the middle of a field, or has fields of an unknown type")
    return position, position + size


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift, byte in enumerate(message[position : position + 10]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value, position + shift + 1
    raise ValueError("it ends in the middle of a number")
