"""The cases of tests/adopt/cases, and what a file means with the tracing taken out again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from platform_otel.adopt.adoption import Outcome, adopt
from platform_otel.adopt.files import beside, scripts_near
from platform_otel.adopt.plan import Note, Wanted
from platform_otel.adopt.text import diff

CASES = Path(__file__).with_name("cases")
COLLECTOR = "http://collector:4318"
# What the cases refer to, and is no case itself.
_BESIDE = (".expected", ".env", ".sh", ".toml")


def cases() -> list[Path]:
    """Every case, sorted."""
    return sorted(
        path
        for path in CASES.rglob("*")
        if path.is_file() and path.suffix not in _BESIDE and "context" not in path.parts
    )


def name_of(case: Path) -> str:
    """As in "compose/anchors.yaml"."""
    return str(case.relative_to(CASES))


def text_of(case: Path) -> str:
    """Its text, line ends as they are."""
    return case.read_bytes().decode()


def adopted(case: Path, text: str) -> Outcome:
    """What comes of this text in the place of the case."""
    return adopt(str(case), text, Wanted(COLLECTOR, scripts_near(str(case)), partial(beside, str(case))))


def shown(case: Path, before: str, outcome: Outcome) -> str:
    """The diff, and a line for each note: what the file of expectations has."""
    return "".join([diff(name_of(case), before, outcome.text), *_noted(outcome.notes)])


def _noted(notes: Iterable[Note]) -> Iterator[str]:
    for note in notes:
        yield f"{note.line}: {note.subject}: {note.reason}\n"
        yield from (f"    {line}\n" for line in note.paste)


# --- what a file means without tracing --------------------------------------------------------------------------------

_OPTIONS = ("--service-name", "--endpoint")
_PREFIX = re.compile(r"(?:\S*platform-trace|\S+ -m platform_otel) (?:--service-name \S+ )?(?:--endpoint \S+ )?-- ")
_OURS = re.compile(r"OTEL_(SERVICE_NAME|EXPORTER_OTLP_ENDPOINT|RESOURCE_ATTRIBUTES)|K8S_\w+|SERVICE_VERSION")


def without_tracing(value: Any) -> Any:
    """Parsed YAML without any prefix and any variable that an adoption adds."""
    if isinstance(value, dict):
        inner = {key: without_tracing(each) for key, each in value.items() if not _OURS.fullmatch(str(key))}
        return {key: each for key, each in inner.items() if key not in ("env", "environment") or each}
    if isinstance(value, list):
        return [without_tracing(each) for each in _without_prefix(value) if not _is_ours(each)]
    return _PREFIX.sub("", value).replace("uv run python -m", "uv run -m") if isinstance(value, str) else value


def _without_prefix(words: list[Any]) -> list[Any]:
    at = next((at for at, word in enumerate(words) if str(word).endswith("platform-trace")), -1)
    if at < 0:
        return words
    behind = words.index("--", at) + 1
    # uv runs a script by itself; behind the prefix Python has to be named.
    behind += words[:at] == ["uv", "run"] and words[behind] == "python"
    return words[:at] + words[behind:]


def _is_ours(item: Any) -> bool:
    name = item.get("name", "") if isinstance(item, dict) and len(item) == 2 else item
    return bool(_OURS.match(str(name))) and (isinstance(item, dict) or "=" in str(item))
