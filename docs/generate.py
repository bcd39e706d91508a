"""The reference pages that say what the code says: written from its tables, or compared with them.

python docs/generate.py            write them
python docs/generate.py --check    write nothing; exit 1 and name the pages that are not up to date
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from pages import command_line, doctor, libraries, platforms, settings

REFERENCE = Path(__file__).with_name("reference")
PAGES = {
    "settings.md": settings.page,
    "command-line.md": command_line.page,
    "supported-libraries.md": libraries.page,
    "platforms.md": platforms.page,
    "doctor.md": doctor.page,
}


def main(words: Sequence[str]) -> int:
    """Write the pages or check them; the exit code."""
    pages = {REFERENCE / name: written() for name, written in PAGES.items()}
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" not in words:
        for path in stale:
            path.write_text(pages[path], encoding="utf-8")
        return 0
    for path in stale:
        sys.stderr.write(f"Error: {path.name} is not up to date\nHint: python docs/generate.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
