"""Answers of HTTP/1.1: those that h11 understands are understood alike, and no other ones keep a connection."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain, pairwise, repeat

import h11
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from platform_otel.export.http_answer import Answer, Reader, read_answer, read_head
from platform_otel.export.outcome import Refusal

MIB = 1024 * 1024
# What h11 gives in its own form.
FRAMING = ("content-length", "transfer-encoding")
WITHOUT_BODY = (204, 304)
NO_ANSWER = (Refusal, ConnectionResetError)


def reader(*pieces: bytes) -> Reader:
    left = list(pieces)
    return Reader(lambda size: left.pop(0) if left else b"", bytearray())


def read(*pieces: bytes) -> Answer:
    return read_answer(reader(*pieces))


def cut(whole: bytes, places: Iterable[int]) -> list[bytes]:
    """The same bytes in pieces, none of them empty."""
    ends = sorted({place % (len(whole) + 1) for place in places} | {0, len(whole)})
    return [whole[start:end] for start, end in pairwise(ends)]


def as_h11_reads(answer: bytes) -> Answer | None:
    """The same by h11; None if it refuses the answer, for whatever is wrong with it."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Content-Length", "0")]))
    client.send(h11.EndOfMessage())
    client.receive_data(answer)
    body, head, ended = b"", None, False
    try:
        while not isinstance(event := client.next_event(), (h11.EndOfMessage, h11.ConnectionClosed)):
            if event is h11.NEED_DATA:
                assert not ended
                ended = True
                client.receive_data(b"")
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
    except h11.RemoteProtocolError:
        return None
    if head is None:
        return None
    keeps = not ended and client.our_state is client.their_state is h11.DONE
    return Answer(head.status_code, joined(head.headers), body, is_last=not keeps or bool(client.trailing_data[0]))


def joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.decode("ascii"), []).append(value.decode("latin-1"))
    return {name: ", ".join(values) for name, values in found.items()}


def told(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    return answer.status, {name: text for name, text in answer.headers.items() if name not in FRAMING}, answer.body


# --- Answers that are well-formed -------------------------------------------------------------------------------------

ends = st.sampled_from([b"\r\n", b"\r\n", b"\n"])
names = st.text("abcXYZ09-_!~", min_size=1, max_size=8).map(str.encode) | st.sampled_from(
    [b"Content-Type", b"Retry-After", b"Date"]
)
words = st.text('abc XYZ\t,;="\x01\x7f\xa0\xff', max_size=12).map(lambda text: text.encode("latin-1"))
padding = st.sampled_from([b"", b" ", b"\t", b"  "])
closing = st.sampled_from(
    [b"", b"", b"Connection: close\r\n", b"connection: x , CLOSE\r\n", b"Connection: keep-alive\r\n"]
)


@st.composite
def header_lines(draw: st.DrawFn) -> bytes:
    name, value, before, after, end = draw(st.tuples(names, words, padding, padding, ends))
    folded = draw(st.lists(st.tuples(st.sampled_from([b" ", b"\t "]), words), max_size=1))
    return name + b":" + before + value + after + b"".join(end + space + more for space, more in folded) + end


def sections(most: int = 4) -> st.SearchStrategy[bytes]:
    return st.lists(header_lines(), max_size=most).map(b"".join)


@st.composite
def chunks(draw: st.DrawFn, body: bytes) -> bytes:
    written = bytearray()
    for piece in cut(body, draw(st.lists(st.integers(0, 1000), max_size=4))):
        size, extension = draw(st.sampled_from([b"%x", b"%X", b"0%x"])), draw(st.sampled_from([b"", b";a=b", b"  "]))
        written += size % len(piece) + extension + b"\r\n" + piece + b"\r\n"
    return bytes(written) + b"0\r\n" + draw(sections(2)) + draw(ends)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """The header that says where it ends, and the body as it is sent."""
    body = draw(st.binary(max_size=60))
    kind = draw(st.sampled_from(["length", "twice", "chunks", "until it closes", "both"]))
    length = b"Content-Length: %d\r\n" % len(body)
    if kind == "length":
        return length, body
    if kind == "twice":
        return length + b"content-length: %d , %d\r\n" % (len(body), len(body)), body
    if kind == "until it closes":
        return b"", body
    return b"Transfer-encoding: CHUNKED\r\n" + (length if kind == "both" else b""), draw(chunks(body))


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    interim = draw(st.lists(st.sampled_from([100, 102, 103, 199]), max_size=2))
    status = draw(st.sampled_from([200, 200, 202, 204, 304, 400, 429, 503, 999]))
    version = draw(st.sampled_from([b"1.1", b"1.1", b"1.0"]))
    phrase = draw(st.sampled_from([b"", b" ", b" Fine", b" F\xefne again"]))
    framing, body = draw(bodies())
    before = b"".join(b"HTTP/1.1 %d Wait\r\n%s\r\n" % (code, draw(sections(1))) for code in interim)
    start = b"HTTP/%s %d%s" % (version, status, phrase) + draw(ends)
    head = draw(sections()) + draw(closing) + framing + draw(sections(2)) + draw(ends)
    return before + start + head + (b"" if status in WITHOUT_BODY else body)


@given(answers(), st.lists(st.integers(0, 2000), max_size=12))
def test_a_well_formed_answer_is_read_as_h11_reads_it_in_whatever_pieces_it_comes(
    answer: bytes, places: list[int]
) -> None:
    theirs = as_h11_reads(answer)
    assert theirs is not None
    ours = read(*cut(answer, places))

    assert told(ours) == told(theirs)
    # After a body with two ends the connection had better be closed, even where both are the same.
    has_two_ends = set(FRAMING) <= set(ours.headers) and ours.status not in WITHOUT_BODY
    assert ours.is_last == (theirs.is_last or has_two_ends)


# --- Answers that something happened to -------------------------------------------------------------------------------

CHARACTERS = (b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b",", b"-", b"+", b"_", b"0", b"1", b"5", b"\xff", b"a;")
LINES = (
    b"\r\n\r\n",
    b"HTTP/1.1 ",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"Connection: close\r\n",
)
edits = st.lists(
    st.tuples(st.integers(0, 2000), st.integers(0, 3), st.sampled_from((b"", *CHARACTERS, *LINES))),
    min_size=1,
    max_size=3,
)


def edited(answer: bytes, changes: Iterable[tuple[int, int, bytes]]) -> bytes:
    for place, gone, fragment in changes:
        start = place % (len(answer) + 1)
        answer = answer[:start] + fragment + answer[start + gone :]
    return answer


def after_interim_answers(answer: bytes) -> bytes:
    while answer[9:10] == b"1" and answer[9:12] != b"101":
        answer = re.split(b"\n\r?\n", answer, maxsplit=1)[1]
    return answer


@given(answers(), edits, st.lists(st.integers(0, 2000), max_size=6))
@example(b"HTTP/1.1 200\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", [], [])
@example(b"HTTP/1.1 200\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", [], [])
@example(b"HTTP/1.1 200\r\nContent-Length : 1\r\n\r\na", [], [])
@example(b"HTTP/1.1 200\r\n Content-Length: 1\r\n\r\na", [], [])
@example(b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n1\r\r\na\r\n0\r\n\r\n", [], [])
@example(b"HTTP/1.1 101 Other\r\n\r\nHTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", [], [])
@example(b"HTTP/1.1 100\r\nTransfer-Encoding: gzip\r\n\r\nHTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", [], [])
def test_an_answer_that_was_damaged_is_read_as_h11_reads_it_or_is_the_last_on_its_connection(
    answer: bytes, changes: list[tuple[int, int, bytes]], places: list[int]
) -> None:
    damaged = edited(answer, changes)
    # h11 refuses a space there, which is legal: https://www.rfc-editor.org/rfc/rfc9112#section-7.1.1
    assume(b" ;" not in damaged and b"\t;" not in damaged)
    theirs = as_h11_reads(damaged)
    try:
        ours = read(*cut(damaged, places))
    except NO_ANSWER:
        # Of versions h11 takes any.
        assert theirs is None or not damaged.startswith(b"HTTP/1.")
    else:
        # Without a body, what a head says of its end does not matter, and no interim answer has one; h11 refuses it all
        # the same.
        final = theirs or as_h11_reads(after_interim_answers(damaged))
        assert ours.is_last or final is not None or ours.status in WITHOUT_BODY
        assert theirs is None or told(ours) == told(theirs)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5))
def test_any_bytes_are_an_answer_or_none(pieces: list[bytes]) -> None:
    for start in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        try:
            read(*filter(None, [start]), *pieces)
        except NO_ANSWER:
            pass


# --- Limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" * 5000,
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx:\r\n" + b" y\r\n" * 30_000 + b"\r\n",
    ],
    ids=["interim answers", "headers", "a long one", "a folded one"],
)
def test_what_comes_before_the_body_is_bounded(answer: bytes) -> None:
    with pytest.raises(Refusal, match="too many headers"):
        read(*cut(answer, range(0, len(answer), 1000)))


@pytest.mark.parametrize(
    "head, body",
    [
        (b"Content-Length: 600000000\r\n\r\n", bytes(1000)),
        (b"Server: x\r\n\r\n", bytes(1000)),
        (b"Transfer-Encoding: chunked\r\n\r\n23C34600\r\n", bytes(1000)),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 1000),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 1000 + b"\r\nx\r\n"),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1" * 1000),
    ],
    ids=["with a length", "without", "in a huge chunk", "in small chunks", "chunks with extensions", "a chunk's size"],
)
def test_of_a_body_and_what_surrounds_it_four_mebibytes_are_read_at_most(head: bytes, body: bytes) -> None:
    pieces = chain([b"HTTP/1.1 200 OK\r\n" + head], repeat(body))
    received: list[bytes] = []

    def receive(size: int) -> bytes:
        received.append(next(pieces))
        return received[-1]

    answer = read_answer(Reader(receive, bytearray()))

    assert (answer.status, answer.is_last) == (200, True)
    assert sum(map(len, received)) < 4.1 * MIB


# --- What follows an answer -------------------------------------------------------------------------------------------


def test_what_comes_with_an_answer_and_belongs_to_none_ends_the_connection() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"

    assert not read(answer).is_last
    assert read(answer + answer).is_last


def test_two_answers_follow_one_another() -> None:
    one = reader(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")

    assert [read_answer(one)[::2], read_answer(one)[::2]] == [(200, b"ab"), (503, b"")]


def test_what_follows_a_proxys_answer_is_left_for_who_reads_next() -> None:
    tunnel = reader(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n\0\0\x06\x04")

    assert read_head(tunnel).status == 200
    assert tunnel.read(9) == b"\0\0\x06\x04"
