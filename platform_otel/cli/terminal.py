"""What standard output can show: colours, characters, columns."""

from __future__ import annotations

import os
import shutil
import sys

import click

from platform_otel.errors import PlatformTraceError
from platform_otel.show.trace import Style

_WIDEST = 120


def on_terminal() -> bool:
    """Whether somebody looks on."""
    # Without a standard output, Python has None there.
    return sys.stdout is not None and sys.stdout.isatty()


def style() -> Style:
    """How traces are to be shown."""
    return Style(colour(), not prints("├✗━┄→…"), width())


def colour() -> bool:
    """Whether colours are welcome: https://no-color.org."""
    return on_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def prints(text: str) -> bool:
    """Whether standard output can encode the text."""
    return encodable(text) == text


def echo(text: str = "") -> None:
    """Print a line; what cannot be encoded is escaped.

    Raises:
        PlatformTraceError: as ``put``.
    """
    put(encodable(text) + "\n")


def put(text: str | bytes) -> None:
    """Print this as it is.

    Raises:
        PlatformTraceError: standard output takes nothing, as where a disk is full.
    """
    try:
        click.echo(text, nl=False)
    except BrokenPipeError:  # click ends the command for it without a word
        raise
    except OSError as error:
        raise unwritable(error) from None


def unwritable(error: OSError) -> PlatformTraceError:
    """What to say of standard output, of which nothing more is expected."""
    _leave_the_rest()
    return PlatformTraceError(
        f"standard output cannot be written: {error.strerror}", "give it another one, such as a file"
    )


def _leave_the_rest() -> None:
    """What is still in the buffer would fail again at the interpreter's end, with words and an exit code of its own."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def encodable(text: str) -> str:
    """The text as standard output can show it: names may hold any character."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:
        return text.encode("ascii", "backslashreplace").decode()


def width() -> int:
    """Columns."""
    # A terminal that does not know its size says 0.
    columns = shutil.get_terminal_size((100, 24)).columns or 100
    return min(_WIDEST, columns) if on_terminal() else 100
