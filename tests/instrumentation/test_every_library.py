"""Every row of the table of supported libraries: a program that uses the library makes the span that the row says."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from platform_otel.instrumentation.catalog import CATALOG, Row
from platform_otel.process.distribution import normalised
from tests.instrumentation.comparison import is_installed
from tests.instrumentation.uses import ELSEWHERE, OFF, SERVED, USES, Use
from tests.receiver import Receiver
from tests.support import LAUNCHER, SCRIPTS, SERVICES, Service, exporting_to, launch_code, received

ROWS = {row.library: row for row in CATALOG if not row.off}
OFF_ROWS = {row.library: row for row in CATALOG if row.off}
# One of each kind: a database, a cache, a queue, and libraries without a server.
TELLING = ("asyncpg", "celery", "psycopg", "redis", "requests", "sqlalchemy", "wsgiref")


def rows(libraries: dict[str, object]) -> list[object]:
    return [library if library in TELLING else pytest.param(library, marks=pytest.mark.matrix) for library in libraries]


def test_every_row_that_is_on_by_default_has_a_use() -> None:
    assert sorted([*USES, *SERVED, *ELSEWHERE]) == sorted(ROWS)


@pytest.mark.parametrize("library", rows({**USES}))
def test_using_a_library_makes_its_span(library: str, receiver: Receiver) -> None:
    assert_its_span_is_made(ROWS[library], USES[library], receiver)


@pytest.mark.matrix
@pytest.mark.parametrize("library", OFF)
def test_using_a_library_that_is_off_makes_its_span_where_it_is_named(library: str, receiver: Receiver) -> None:
    named = {"PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS": library}
    assert_its_span_is_made(OFF_ROWS[library], OFF[library], receiver, **named)


def assert_its_span_is_made(row: Row, use: Use, receiver: Receiver, **variables: str) -> None:
    for module in filter(None, (row.triggers[0].partition(".")[0], use.module)):
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    if not row.ours and not is_installed(row.distribution):
        pytest.skip(f"{row.distribution} is not installed")

    with use.server() if use.server else nullcontext() as server:
        code = use.code.replace("PORT", str(server.port) if server else "")
        outcome = launch_code(code, **exporting_to(receiver, **variables))

    assert outcome.returncode == 0, outcome.stderr
    assert "platform-trace:" not in outcome.stderr
    assert (use.kind, use.name) in {(span.kind, span.name) for span in receiver.spans()}


@pytest.mark.matrix
@pytest.mark.parametrize("server", SERVED)
def test_a_server_makes_a_span_of_a_request(server: str, receiver: Receiver) -> None:
    words = SERVED[server].split()
    if shutil.which(words[0], path=str(SCRIPTS)) is None:
        pytest.skip(f"{words[0]} is not installed")
    framework = "bare_asgi" if server in ("daphne", "granian", "hypercorn", "uvicorn") else "bare_wsgi"
    framework = "flask" if server == "werkzeug" else framework
    variables = {"FRAMEWORK": framework, "CLIENT": "httpx_async" if framework == "bare_asgi" else "requests"}

    with Service(
        LAUNCHER, "--", *words, CALLS="", PYTHONPATH=str(SERVICES), **variables, **exporting_to(receiver)
    ) as service:
        assert service.get("/tasks/1")[0] == 200

    assert [span.kind for span in received(receiver, 1)] == ["server"]


PAGE = Path(__file__).parents[2] / "docs" / "reference" / "supported-libraries.md"


def versions_on_the_page(library: str) -> list[str]:
    [line] = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{library}` |")]
    text = line.split("|")[2].strip().strip("`")
    return [part for part in text.replace(", psycopg2", "; psycopg2").split("; ") if set(part) & set("<>=")]


@pytest.mark.parametrize("library", [row.library for row in CATALOG if not row.ours])
def test_the_page_says_the_versions_that_the_instrumentation_says(library: str) -> None:
    [distribution] = [row.distribution for row in CATALOG if row.library == library]
    if not is_installed(distribution):
        pytest.skip(f"{distribution} is not installed")
    needed = [Requirement(text) for text in requires(distribution) or () if "instruments" in text]
    ranges = {(normalised(each.name), each.specifier) for each in needed}

    for text in versions_on_the_page(library):
        said = Requirement(text)
        assert (normalised(said.name), said.specifier) in ranges
