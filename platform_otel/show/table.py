"""Tables of text: numbers to the right, words to the left, and nothing that steers a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from platform_otel.analysis.characters import columns, fit, pad, printable

_WIDEST_CELL = 60


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], to_the_right: str) -> list[str]:
    """Lines for a table.

    Args:
        heads: of the columns.
        rows: their cells; whatever is in them is made printable.
        to_the_right: a letter for each column: r for those that stand to the right, l for others.
    """
    cells = [list(heads), *([fit(printable(cell), _WIDEST_CELL, "...") for cell in row] for row in rows)]
    widths = [max(map(columns, column)) for column in zip(*cells, strict=True)]
    return [_line(row, widths, to_the_right) for row in cells]


def _line(row: Sequence[str], widths: Sequence[int], to_the_right: str) -> str:
    padded = (
        " " * (width - columns(cell)) + cell if side == "r" else pad(cell, cell, width)
        for cell, width, side in zip(row, widths, to_the_right, strict=True)
    )
    return "  ".join(padded).rstrip()


def milliseconds(nanoseconds: int) -> str:
    """A duration."""
    return f"{nanoseconds / 1e6:,.2f}"
