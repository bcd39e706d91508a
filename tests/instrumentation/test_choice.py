"""One choice per library, with the reason that the doctor prints."""

import pytest

from platform_otel.config import Config
from platform_otel.instrumentation.catalog import Row
from platform_otel.instrumentation.choice import Choice, choose
from platform_otel.instrumentation.discovery import EntryPoint, Installed

CATALOG = (
    Row("records", "records", off="it makes log records", asked_by=("OTEL_LOGS_EXPORTER", "OTEL_RECORDS")),
    Row("tasks", "tasks", off="it breaks tasks"),
    Row("web", "web.server"),
)


def installed(*libraries: str) -> Installed:
    found = Installed()
    for library in libraries:
        found.add(EntryPoint("opentelemetry_instrumentor", library, "some:Thing", f"instrumentation-{library}", ""))
    return found


def chosen(found: Installed, **variables: str) -> dict[str, Choice]:
    return {choice.row.library: choice for choice in choose(CATALOG, Config(variables), found)}


@pytest.mark.parametrize(
    "variables, in_force",
    [
        ({}, {"web"}),
        ({"OTEL_LOGS_EXPORTER": "otlp"}, {"records", "web"}),
        ({"OTEL_LOGS_EXPORTER": "none"}, {"web"}),
        ({"OTEL_LOGS_EXPORTER": " None "}, {"web"}),
        ({"OTEL_LOGS_EXPORTER": "console,otlp"}, {"records", "web"}),
        ({"OTEL_METRICS_EXPORTER": "otlp"}, {"web"}),
        ({"OTEL_RECORDS": "some"}, {"records", "web"}),
        ({"OTEL_RECORDS": " "}, {"web"}),
        ({"PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS": "tasks"}, {"tasks"}),
        ({"PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS": "tasks,web,records"}, {"records", "tasks", "web"}),
        ({"PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS": "web", "OTEL_LOGS_EXPORTER": "otlp"}, {"web"}),
        (
            {
                "PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS": "tasks,web",
                "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "tasks",
            },
            {"web"},
        ),
        ({"OTEL_LOGS_EXPORTER": "otlp", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}, set()),
    ],
)
def test_the_settings_say_what_is_in_force(variables: dict[str, str], in_force: set[str]) -> None:
    choices = chosen(installed("records", "tasks", "web"), **variables)

    assert {library for library, choice in choices.items() if choice.entry_point is not None} == in_force


def test_what_is_off_by_default_says_why_and_how_to_have_it() -> None:
    choices = chosen(installed("records", "tasks", "web"))

    assert choices["tasks"].reason == (
        "it breaks tasks; to have it, name it in PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS"
    )
    assert choices["records"].reason == (
        "it makes log records; to have it, set OTEL_LOGS_EXPORTER or OTEL_RECORDS, "
        "or name it in PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS"
    )


def test_what_is_not_installed_says_what_to_install() -> None:
    choices = chosen(installed())

    assert choices["web"].reason == "opentelemetry-instrumentation-web is not installed"


def test_an_instrumentor_that_the_catalog_does_not_know_waits_for_the_library_of_its_name() -> None:
    [choice] = [choice for library, choice in chosen(installed("other-thing")).items() if library == "other-thing"]

    assert (choice.row.triggers, choice.reason) == (("other_thing",), "by instrumentation-other-thing")
