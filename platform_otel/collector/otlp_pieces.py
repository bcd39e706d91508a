"""A large OTLP message as several smaller ones, told apart on the wire without decoding what is inside.

Parsing holds the interpreter, and reading one span back means parsing its whole batch: neither may take long.
Traces, logs and metrics are alike here: a request has field 1 for each resource, that one field 2 for each scope,
and that one field 2 for each span, record or metric.
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator

LARGEST_PIECE = 1024 * 1024
# Nothing that is parsed as a whole may be larger: neither a span, nor what a resource or a scope has of its own.
LARGEST_ITEM = 4 * 1024 * 1024

# The field that repeats, by depth: resources in the request, scopes in a resource, items in a scope.
_REPEATED = (1, 2, 2)
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def pieces(body: bytes, largest: int = LARGEST_PIECE) -> Iterator[bytes | None]:
    """Messages with the same content in the same order, each of about this size at most; None for an item left out.

    Raises:
        ValueError: it is no message, or a resource or a scope is larger than LARGEST_ITEM.
    """
    if len(body) <= largest:
        yield body
    else:
        yield from _pieces(memoryview(body), largest, 0)


def _pieces(message: memoryview, largest: int, depth: int) -> Iterator[bytes | None]:
    if depth == len(_REPEATED):
        yield bytes(message) if len(message) <= LARGEST_ITEM else None
        return
    rest, children = _told_apart(message, _REPEATED[depth])
    if len(rest) > LARGEST_ITEM:
        raise ValueError(f"a resource or a scope is larger than {LARGEST_ITEM} bytes")
    # Each piece repeats the rest, so it has as much again of its own: a large one is not repeated often.
    room = max(largest, 2 * len(rest))
    gathered = bytearray(rest)
    for child in children:
        for part in _pieces(child, largest, depth + 1) if len(child) > largest else (bytes(child),):
            if part is None:
                yield None
                continue
            if len(gathered) > len(rest) and len(gathered) + len(part) > room:
                yield bytes(gathered)
                gathered[len(rest) :] = b""
            gathered += _field(_REPEATED[depth], part)
    yield bytes(gathered)


def _told_apart(message: memoryview, repeated: int) -> tuple[bytes, list[memoryview]]:
    """The message without this field, and the field's values."""
    rest, children = [], []
    start = 0
    while start < len(message):
        key, position = _varint(message, start)
        end, value = _value(message, key & 7, position)
        if key >> 3 == repeated and key & 7 == _LENGTH:
            children.append(message[value:end])
        else:
            rest.append(message[start:end])
        start = end
    return b"".join(rest), children


def _value(message: memoryview, wire_type: int, position: int) -> tuple[int, int]:
    """Where a field ends, and where its value begins."""
    length, value = 0, position
    if wire_type == _VARINT:
        _, value = _varint(message, position)
    elif wire_type == _LENGTH:
        length, value = _varint(message, position)
    elif wire_type in (_FIXED64, _FIXED32):
        length = 8 if wire_type == _FIXED64 else 4
    else:
        raise ValueError(f"wire type {wire_type}")
    if value + length > len(message):
        raise ValueError("it ends too early")
    return value + length, value


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """A number, and where it ends."""
    number = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise ValueError("it ends too early")
        byte = message[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
    raise ValueError("a number without end")


def _field(number: int, value: bytes) -> bytes:
    length, size = bytearray(), len(value)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes((number << 3 | _LENGTH,)) + bytes(length) + value
