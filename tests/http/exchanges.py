"""Requests written byte by byte, so that they can be as odd as clients are, and the spans that each has led to."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence

from tests.receiver import ReceivedSpan, Receiver
from tests.support import PATIENCE, Service, exporting_to, received

PARENT = "b7ad6b7169203331"
LAST = "f" * 32


def traceparent(number: int) -> str:
    """One that nobody else has: by it the spans of a request are found."""
    return f"00-{number:032x}-{PARENT}-01"


def request(
    path: str, *headers: str, method: str = "GET", version: str = "1.1", body: bytes = b"", host: str = "service:8080"
) -> bytes:
    """The bytes of a request on a connection of its own."""
    lines = [f"{method} {path} HTTP/{version}", *headers]
    if host:
        lines.append(f"Host: {host}")
    if version == "1.1":
        lines.append("Connection: close")
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def exchange(port: int, sent: bytes, at_most: int | None = None) -> bytes:
    """What a server answers; the connection is cut after so many bytes. 0: what is sent ends early, and is answered."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(sent)
        if at_most == 0:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while not at_most or len(answer) < at_most:
            try:
                part = connection.recv(65536)
            except ConnectionResetError:
                break
            if not part:
                break
            answer += part
    return answer


def status_of(answer: bytes) -> int:
    """The status code in a response's first line; 0 if there is none."""
    words = answer.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/") else 0


def spans_by_case(
    command: Sequence[str], cases: Mapping[str, tuple[bytes, int | None]], **variables: str
) -> dict[str, tuple[int, list[ReceivedSpan]]]:
    """Status and spans of each case, by its name.

    Args:
        command: the service's, with ``{port}``.
        cases: the bytes to send, without a traceparent, and after how many received bytes to cut the connection.
        variables: of the service's environment.
    """
    with Receiver() as receiver:
        statuses: dict[str, int] = {}
        with Service(*command, **exporting_to(receiver, **variables)) as service:
            for number, (name, (sent, at_most)) in enumerate(cases.items(), start=1):
                line, rest = sent.split(b"\r\n", 1)
                with_parent = line + f"\r\ntraceparent: {traceparent(number)}\r\n".encode() + rest
                statuses[name] = status_of(exchange(service.port, with_parent, at_most))
            # What comes last has arrived when all has: a server's spans end in another order than requests do.
            exchange(service.port, request("/last", f"traceparent: 00-{LAST}-{PARENT}-01"))
            received(receiver, 1, lambda span: span.trace_id == LAST)
            service.stop()
        spans = receiver.spans()
    return {
        name: (statuses[name], [span for span in spans if span.trace_id == f"{number:032x}"])
        for number, name in enumerate(cases, start=1)
    }
