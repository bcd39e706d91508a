"""What an adoption is asked for, what it knows of the surroundings of a file, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from platform_otel.adopt.text import Edit
from platform_otel.process.service_name import is_generic

PACKAGE = "platform-otel[all]"


def _nothing(_: str) -> str | None:
    return None


class Wanted(NamedTuple):
    """What the user asks for, and what is known.

    Args:
        collector: the endpoint that services are to send spans to, "" for none.
        scripts: names of programs that are Python, as the project's metadata has them.
        read: the text of a file by its path from the file that is adopted; None if it cannot be read.
    """

    collector: str = ""
    scripts: frozenset[str] = frozenset()
    read: Callable[[str], str | None] = _nothing


class Note(NamedTuple):
    """Something that is left to the reader: where, why, and the lines to paste, if there are any."""

    line: int
    subject: str
    reason: str
    paste: tuple[str, ...] = ()


class Plan(NamedTuple):
    """The edits of a file, what is left to the reader, and images that must hold our package."""

    edits: tuple[Edit, ...] = ()
    notes: tuple[Note, ...] = ()
    images: tuple[str, ...] = ()


def together(plans: Iterable[Plan]) -> Plan:
    """Several plans as one."""
    several = list(plans)
    return Plan(
        tuple(edit for plan in several for edit in plan.edits),
        tuple(note for plan in several for note in plan.notes),
        tuple(dict.fromkeys(image for plan in several for image in plan.images)),
    )


_FIRST_OF_ITS_KIND = ("api", "app", "application", "asgi", "main", "python", "run", "serve", "server", "service", "web",
                      "wsgi")  # fmt: skip
_KINDS_OF_PROCESSES = ("beat", "clock", "cron", "flower", "jobs", "queue", "scheduler", "web", "workers")


def name_for(deployed: str, inferred: str) -> str:
    """What a service is called: as it is deployed, unless many are deployed by that name.

    Args:
        deployed: its key or its workload's name, such as "identity" or "worker".
        inferred: what its command line says, "" if nothing.
    """
    is_shared = is_generic(deployed) or deployed.lower() in _KINDS_OF_PROCESSES
    if not is_shared or not inferred or inferred == deployed:
        return deployed
    return inferred if deployed.lower() in _FIRST_OF_ITS_KIND else f"{inferred}-{deployed}"


# Images that services are put into: their tags are versions of Python, or of a system.
_OF_NO_SERVICE = ("alpine", "debian", "miniconda3", "micromamba", "pypy", "python", "ubuntu", "uv")


def version_of_image(image: str) -> str:
    """The tag of an image, "" if it has none that says a version of the service: ``latest``, or that of Python."""
    name = image.partition("@")[0]
    repository, _, tag = name.rpartition("/")[2].partition(":")
    # A variable may have a colon of its own: identity:${TAG:-1.4.2}.
    says_version = any(character.isdecimal() or character == "$" for character in tag) and " " not in tag
    return tag if says_version and repository and repository not in _OF_NO_SERVICE else ""


def launcher_options(name: str | None, collector: str | None) -> Sequence[str]:
    """What the launcher is told where no variable can be set."""
    return [*(["--service-name", name] if name else []), *(["--endpoint", collector] if collector else [])]
