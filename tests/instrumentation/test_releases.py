"""The lowest releases that are supported, and the newest Django: their spans are those of the other releases."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.http.clients import Outcome
from tests.http.exchanges import spans_by_case
from tests.http.test_client_oracle import outcome
from tests.http.test_server_oracle import CASES, COMMANDS, spans
from tests.instrumentation.comparison import is_installed
from tests.packaging.environments import Environment, interpreter, with_uv
from tests.receiver import ReceivedSpan

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]


class Release(NamedTuple):
    """What to install, the Python for it, and the cases in which the framework itself does something else."""

    python: str
    requirements: tuple[str, ...]
    otherwise: tuple[str, ...] = ()


# Until 5.0, Django does not notice by ASGI that the client has gone: what has no end goes on, also without us.
GOES_ON = ("client goes away",)
# What a stream raises, the task group of older releases raises in a group of exceptions.
IN_A_GROUP = ("broken stream",)
FRAMEWORKS = {
    ("django", "4.2"): Release("3.10", ("django==4.2", "gunicorn")),
    ("django by asgi", "4.2"): Release("3.10", ("django==4.2", "uvicorn"), GOES_ON),
    ("django", "newest"): Release("3.13", ("django", "gunicorn")),
    ("django by asgi", "newest"): Release("3.13", ("django", "uvicorn")),
    # Later releases of yarl refuse what this aiohttp makes of a Host header.
    ("aiohttp", "3.8"): Release("3.10", ("aiohttp==3.8.0", "yarl<1.10")),
    ("fastapi", "0.110"): Release("3.10", ("fastapi==0.110.0", "uvicorn"), IN_A_GROUP),
    ("flask", "3.0"): Release("3.10", ("flask==3.0.0", "gunicorn")),
    ("starlette", "0.36"): Release("3.10", ("starlette==0.36.0", "uvicorn"), IN_A_GROUP),
}


# A scheme that it does not know, aiohttp 3.8 sends; and what a timeout is called has changed with Python 3.11.
ODD = ("scheme", "timeout")
CLIENTS = {
    ("aiohttp", "3.8"): Release("3.10", ("aiohttp==3.8.0", "yarl<1.10"), ODD),
    ("httpx", "0.26"): Release("3.10", ("httpx==0.26.0",)),
    ("httpx async", "0.26"): Release("3.10", ("httpx==0.26.0",)),
    ("requests", "2.31"): Release("3.10", ("requests==2.31.0",)),
    ("urllib3", "1.26"): Release("3.10", ("urllib3==1.26.20",)),
}


@pytest.mark.parametrize("framework, version", FRAMEWORKS)
def test_every_request_has_the_span_that_it_has_with_another_release(
    framework: str, version: str, tmp_path: Path
) -> None:
    release = FRAMEWORKS[framework, version]
    environment = environment_with(framework, release, tmp_path)
    cases = {name: case for name, case in CASES.items() if name not in release.otherwise}

    found = spans_by_case(command_in(environment, framework), cases)
    known = {name: spans(framework, upstream=False)[name] for name in cases}
    assert shown(found) == shown(known)


@pytest.mark.parametrize("library, version", CLIENTS)
def test_every_call_has_the_spans_that_it_has_with_another_release(library: str, version: str, tmp_path: Path) -> None:
    release = CLIENTS[library, version]
    environment = environment_with(library, release, tmp_path)

    found = outcome(library, upstream=False, python=str(environment.python))
    known = outcome(library, upstream=False)
    for name in known.spans.keys() - set(release.otherwise):
        # Without what an exception says, which is the library's, and the parent, which is new each time.
        assert [told(span)[2:] for span in found.spans[name]] == [told(span)[2:] for span in known.spans[name]], name
    assert printed(found, release) == printed(known, release)


def environment_with(library: str, release: Release, folder: Path) -> Environment:
    if not is_installed(library.partition(" ")[0]):
        pytest.skip(f"{library} is not installed")
    environment = with_uv(folder / "environment", interpreter(release.python))
    environment.install("--editable", str(ROOT), *release.requirements)
    return environment


def printed(found: Outcome, release: Release) -> list[str]:
    return [line for line in found.printed.splitlines() if not line.startswith(release.otherwise)]


def command_in(environment: Environment, framework: str) -> tuple[str, ...]:
    """The command of the other tests, with the launcher, the server and the interpreter of an environment."""
    words = [word for word in COMMANDS[framework] if word != "--"]
    server = "python" if words[0] == sys.executable else words[0]
    return (str(environment.command), "--", str(environment.folder / "bin" / server), *words[1:])


def shown(found: Mapping[str, tuple[int, list[ReceivedSpan]]]) -> dict[str, tuple[int, list[tuple[object, ...]]]]:
    """By case: the status of the answer, and all that a span says but for ids, times and tracebacks."""
    return {case: (status, [told(span) for span in of_case]) for case, (status, of_case) in found.items()}


def told(span: ReceivedSpan) -> tuple[object, ...]:
    exceptions = [event.attributes["exception.type"] for event in span.events]
    own = (span.name, span.kind, span.scope.name, span.status, span.attributes, exceptions)
    return span.message, span.parent_id, *own
