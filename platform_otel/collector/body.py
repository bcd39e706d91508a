"""The body of a request as it comes in, decompressed and bounded while it does."""

from __future__ import annotations

import zlib
from threading import Lock
from typing import Protocol

IDENTITY = "identity"
# What Content-Encoding may say.
ENCODINGS = (IDENTITY, "gzip", "deflate")
LARGEST_BODY = 64 * 1024 * 1024
_PIECE = 1024 * 1024
_GZIP = 16 + zlib.MAX_WBITS


class TooLarge(Exception):
    """The body is larger than any may be."""


class Busy(Exception):
    """The bodies that are being worked on take all the memory that they may."""


class NotDecompressed(Exception):
    """The body is not compressed as it says."""


class Budget:
    """How many bytes of bodies may be in memory at the same time."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._lock = Lock()

    def take(self, size: int) -> None:
        """Take some of it.

        Raises:
            Busy: not as much is left.
        """
        with self._lock:
            if size > self._left:
                raise Busy("too much is being received at once")
            self._left -= size

    def give_back(self, size: int) -> None:
        """Put back what was taken."""
        with self._lock:
            self._left += size


class Body:
    """Gathers a body. A context manager: its bytes count towards the budget as long.

    Args:
        encoding: one of ENCODINGS.
    """

    def __init__(self, budget: Budget, encoding: str = IDENTITY) -> None:
        self._budget = budget
        self._decoder = None if encoding == IDENTITY else _Decoder(encoding)
        self._gathered = bytearray()

    def __enter__(self) -> Body:
        return self

    def __exit__(self, *_: object) -> None:
        self._budget.give_back(len(self._gathered))
        self._gathered = bytearray()

    def add(self, data: bytes) -> None:
        """Take the next bytes from the wire.

        Raises:
            Busy, NotDecompressed, TooLarge
        """
        if self._decoder is None:
            self._keep(data)
        else:
            self._decoder.add(data, self._keep)

    def whole(self) -> bytes:
        """All of it, once it has ended.

        Raises:
            NotDecompressed: it ends too early.
        """
        if self._decoder is not None:
            self._decoder.finish()
        return bytes(self._gathered)

    def _keep(self, data: bytes) -> None:
        if len(self._gathered) + len(data) > LARGEST_BODY:
            raise TooLarge(f"at most {LARGEST_BODY} bytes are taken")
        self._budget.take(len(data))
        self._gathered += data


class _Keep(Protocol):
    """Takes the next decompressed bytes; an exception of its ends the decompression."""

    def __call__(self, data: bytes, /) -> None: ...


class _Decoder:
    """Decompresses piece by piece, so that a bomb is noticed before it is whole."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._inflate = zlib.decompressobj(_GZIP if name == "gzip" else zlib.MAX_WBITS)
        self._began = False
        self._first = b""

    def add(self, data: bytes, keep: _Keep) -> None:
        if not self._began and len(self._first + data) < 2:
            self._first += data
            return
        if not self._began:
            data = self._begin(self._first + data)
        try:
            self._decompress(data, keep)
        except zlib.error as error:
            raise NotDecompressed(f"not {self._name}: {error}") from None

    def finish(self) -> None:
        if not self._inflate.eof:
            raise NotDecompressed(f"not {self._name}: it ends too early")

    def _begin(self, data: bytes) -> bytes:
        """Some send deflate without its header: RFC 9110, section 8.4.1.2."""
        self._began = True
        has_header = data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
        if self._name == "deflate" and not has_header:
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        return data

    def _decompress(self, data: bytes, keep: _Keep) -> None:
        while data:
            if self._inflate.eof:
                # gzip allows members to follow one another.
                if self._name != "gzip":
                    raise NotDecompressed(f"not {self._name}: something follows its end")
                self._inflate = zlib.decompressobj(_GZIP)
            keep(self._inflate.decompress(data, _PIECE))
            data = self._inflate.unconsumed_tail or self._inflate.unused_data
