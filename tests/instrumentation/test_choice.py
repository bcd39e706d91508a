"""One choice per library, with the reason that the doctor prints."""

import pytest

from platform_otel.config import Config
from platform_otel.instrumentation.catalog import Row
from platform_otel.instrumentation.choice import Choice, choose
from platform_otel.instrumentation.discovery import EntryPoint, Installed

CATALOG = (
    Row(
        "records",
        "records",
        off="it makes log records",
        asked_by=("OTEL_LOGS_EXPORTER", "OTEL_PYTHON_LOG_CORRELATION"),
    ),
    Row("tasks", "tasks", off="it breaks tasks"),
    Row("web", "web.server"),
)
# One that upstream has an instrumentor for as well, and one that it has none for.
OURS = (Row("client", "client", ours="client"), Row("server", "server", ours="server", upstream=False))


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
        ({"OTEL_PYTHON_LOG_CORRELATION": "true"}, {"records", "web"}),
        ({"OTEL_PYTHON_LOG_CORRELATION": " "}, {"web"}),
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
        "it makes log records; to have it, set OTEL_LOGS_EXPORTER or OTEL_PYTHON_LOG_CORRELATION, "
        "or name it in PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS"
    )


def test_what_is_not_installed_says_what_to_install() -> None:
    choices = chosen(installed())

    assert choices["web"].reason == "opentelemetry-instrumentation-web is not installed"


def test_an_instrumentor_that_the_catalog_does_not_know_waits_for_the_library_of_its_name() -> None:
    [choice] = [choice for library, choice in chosen(installed("other-thing")).items() if library == "other-thing"]

    assert (choice.row.triggers, choice.reason) == (("other_thing",), "by instrumentation-other-thing")


def ours(found: Installed, **variables: str) -> dict[str, str]:
    return {choice.row.library: choice.reason for choice in choose(OURS, Config(variables), found) if choice.is_ours}


def test_ours_is_in_force_whether_or_not_upstreams_is_installed() -> None:
    expected = {"client": "by platform-otel", "server": "by platform-otel"}

    assert ours(installed()) == ours(installed("client")) == expected


@pytest.mark.parametrize(
    "variables",
    [
        {"PLATFORM_TRACE_UPSTREAM": "all"},
        {"PLATFORM_TRACE_UPSTREAM": "client, server"},
        {"OTEL_SEMCONV_STABILITY_OPT_IN": "http/dup"},
        {"OTEL_SEMCONV_STABILITY_OPT_IN": "http,http/dup"},
        {"OTEL_SEMCONV_STABILITY_OPT_IN": "database"},
        {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "client,server"},
        {"PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS": "other"},
    ],
)
def test_the_settings_take_ours_out_of_force(variables: dict[str, str]) -> None:
    assert ours(installed("client"), **variables) == {}


def test_upstreams_is_preferred_by_name() -> None:
    [client, server] = choose(OURS, Config({"PLATFORM_TRACE_UPSTREAM": "client"}), installed("client"))

    assert client.reason == "since PLATFORM_TRACE_UPSTREAM says so, by instrumentation-client"
    assert (client.is_ours, server.is_ours) == (False, True)


def test_ours_stays_where_the_preferred_one_is_not_installed() -> None:
    assert "client" in ours(installed(), PLATFORM_TRACE_UPSTREAM="all")


def test_what_upstream_has_nothing_for_says_so() -> None:
    [_, server] = choose(OURS, Config({"PLATFORM_TRACE_UPSTREAM": "all"}), installed("client"))

    assert server.reason == "PLATFORM_TRACE_UPSTREAM says so, and upstream has nothing for it"
