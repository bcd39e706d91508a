"""The Markdown that the pages share."""

from collections.abc import Iterable, Sequence


def header(title: str, source: str) -> str:
    """The title, and a note for whoever opens the page to change it."""
    note = f"Written by docs/generate.py from {source}: change it there, then run python docs/generate.py."
    return f"<!-- {note} -->\n\n# {title}\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with these heads."""
    lines = [_row(heads), "|" + "---|" * len(heads), *map(_row, rows)]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def listed(names: Sequence[str]) -> str:
    """Names of code, separated by commas."""
    return ", ".join(f"`{name}`" for name in names)


def words(kind: str) -> str:
    """The name of a type as it is; "a|b|c" as `a`, `b` or `c`."""
    if "|" not in kind:
        return kind
    *first, last = kind.split("|")
    return f"{listed(first)} or `{last}`"
