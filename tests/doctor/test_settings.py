"""Every setting has its row: the value, where it came from, and what is used in place of a bad one."""

from __future__ import annotations

from pathlib import Path

import pytest

from platform_otel.config import SETTINGS
from platform_otel.doctor.service import Service
from platform_otel.doctor.settings import settings
from tests.doctor.environments import Venv
from tests.doctor.support import SERVICE, Row, doctor
from tests.support import launch


def rows(**variables: str) -> dict[str, Row]:
    """The rows for an environment, of a service whose interpreter is unknown."""
    found = settings(Service((), variables, variables, "/"))
    return {check.name: Row(*check) for check in found}


def test_every_setting_has_its_row() -> None:
    report = doctor(*SERVICE)

    assert set(report.section("settings")) == {row[0] for row in SETTINGS}


def test_a_default_a_value_and_nothing() -> None:
    found = rows(OTEL_BSP_SCHEDULE_DELAY=" 200 ", OTEL_LOG_LEVEL="")

    assert found["OTEL_BSP_SCHEDULE_DELAY"][1:] == ("ok", "200 (from environment)", "")
    assert found["OTEL_LOG_LEVEL"].detail == "warn (default)"
    assert found["OTEL_SERVICE_NAME"].detail == "not set"


def test_what_is_set_comes_first() -> None:
    assert next(iter(rows(OTEL_CONFIG_FILE="x.yaml"))) == "OTEL_CONFIG_FILE"


def test_where_a_value_came_from() -> None:
    command = ("platform-trace", "--endpoint", "http://127.0.0.1:9", "--", "env", "OTEL_LOG_LEVEL=info", *SERVICE)
    found = doctor(*command, OTEL_SERVICE_NAME="gate").section("settings")

    assert found["OTEL_SERVICE_NAME"].detail == "gate (from environment)"
    assert found["OTEL_EXPORTER_OTLP_ENDPOINT"].detail == "http://127.0.0.1:9 (from the command)"
    assert found["OTEL_LOG_LEVEL"].detail == "info (from the command)"
    assert found["PLATFORM_TRACE_ENABLED"].detail == "true (from the launcher)"


def test_one_signals_setting_follows_the_general_one() -> None:
    found = rows(OTEL_EXPORTER_OTLP_TIMEOUT="5000", OTEL_ATTRIBUTE_COUNT_LIMIT="7")

    assert found["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"].detail == "as OTEL_EXPORTER_OTLP_TIMEOUT"
    assert found["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"].detail == "as OTEL_ATTRIBUTE_COUNT_LIMIT"


@pytest.mark.parametrize(
    "name, value, said, next_step",
    [
        (
            "OTEL_BSP_SCHEDULE_DELAY",
            "5s",
            "5s (from environment): not a whole number that is not negative; using 1000",
            "set OTEL_BSP_SCHEDULE_DELAY to a whole number that is not negative, or unset it",
        ),
        (
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "http",
            "http (from environment): not one of http/protobuf, grpc; using http/protobuf",
            "set OTEL_EXPORTER_OTLP_PROTOCOL to one of http/protobuf, grpc, or unset it",
        ),
        ("OTEL_SDK_DISABLED", "1", "1 (from environment): not true or false; using false", "to true or false"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "team",
            "(hidden) (from environment): not a list of key=value pairs, comma separated; ignoring all of it",
            "correct OTEL_RESOURCE_ATTRIBUTES",
        ),
        (
            "OTEL_EXPORTER_OTLP_CLIENT_KEY",
            "/no/such",
            "no such file, so nothing is sent by TLS",
            "in a container, see that the file is mounted",
        ),
        (
            "OTEL_EXPORTER_OTLP_CLIENT_KEY",
            "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
            "(hidden) (from environment): this is the key or certificate itself, so nothing is sent by TLS",
            "write it to a file, and set OTEL_EXPORTER_OTLP_CLIENT_KEY to the name of that",
        ),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/", "it cannot be read", "correct OTEL_EXPORTER_OTLP_CLIENT_KEY"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a", "(hidden) (from environment): it holds no header", "name=value,name=value"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "yes", "not true or false; using false", "to true or false"),
        ("OTEL_CONFIG_FILE", "x.yaml", "not supported, and ignored", "set the same by OTEL_* variables"),
    ],
)
def test_a_bad_value(name: str, value: str, said: str, next_step: str) -> None:
    row = rows(**{name: value})[name]

    assert row.status == "failed"
    assert said in row.detail
    assert next_step in row.hint


@pytest.mark.parametrize(
    "variables, name, used",
    [
        (
            {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "10s", "OTEL_EXPORTER_OTLP_TIMEOUT": "2000"},
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
            "using 2000, from OTEL_EXPORTER_OTLP_TIMEOUT",
        ),
        (
            {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "bogus", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
            "using grpc, from OTEL_EXPORTER_OTLP_PROTOCOL",
        ),
        (
            {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "10s", "OTEL_EXPORTER_OTLP_TIMEOUT": "2s"},
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
            "using 10000",
        ),
        (
            {"OTEL_PYTHON_FLASK_EXCLUDED_URLS": "(", "OTEL_PYTHON_EXCLUDED_URLS": "ready"},
            "OTEL_PYTHON_FLASK_EXCLUDED_URLS",
            "using ready, from OTEL_PYTHON_EXCLUDED_URLS",
        ),
    ],
)
def test_what_is_used_in_place_of_a_bad_value_may_be_the_general_one(
    variables: dict[str, str], name: str, used: str
) -> None:
    assert rows(**variables)[name].detail.endswith(f"; {used}")


@pytest.mark.parametrize("argument", ["many", "2", "-1", "nan"])
def test_a_bad_ratio(argument: str) -> None:
    found = rows(OTEL_TRACES_SAMPLER="traceidratio", OTEL_TRACES_SAMPLER_ARG=argument)

    assert found["OTEL_TRACES_SAMPLER_ARG"].detail.endswith("not a number from 0 to 1; using 1")


def test_a_bad_value_is_said_as_the_service_itself_says_it() -> None:
    variables = {"OTEL_BSP_SCHEDULE_DELAY": "5s", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    code = "from opentelemetry import trace; trace.get_tracer('t').start_span('one').end()"
    said = launch(SERVICE[0], "-c", code, **variables).stderr
    report = doctor(*SERVICE, **variables)

    assert report.exit_code == 1
    row = report["settings/OTEL_BSP_SCHEDULE_DELAY"]
    assert f"OTEL_BSP_SCHEDULE_DELAY='5s' is {row.detail.partition(': ')[2]}\n" in said


NOT_OFFERED = {
    "OTEL_TRACES_EXPORTER": ("zipkin", "no installed package offers zipkin; using otlp"),
    "OTEL_METRICS_EXPORTER": ("statsd", "no installed package offers statsd; using none"),
    "OTEL_PROPAGATORS": ("tracecontext,b4", "no installed package offers b4; using tracecontext"),
    "OTEL_TRACES_SAMPLER": ("mostly", "no installed package offers mostly; using parentbased_always_on"),
    "OTEL_PYTHON_ID_GENERATOR": ("xray", "no installed package offers xray; using random"),
    "OTEL_PYTHON_TRACER_PROVIDER": ("theirs", "no installed package offers theirs; using ours"),
}


@pytest.fixture(scope="module")
def not_offered() -> dict[str, Row]:
    """The rows of all of them at once."""
    return doctor(*SERVICE, **{name: value for name, (value, _) in NOT_OFFERED.items()}).section("settings")


@pytest.mark.parametrize("name", NOT_OFFERED)
def test_a_name_that_no_package_offers(not_offered: dict[str, Row], name: str) -> None:
    row = not_offered[name]

    assert (row.status, NOT_OFFERED[name][1] in row.detail) == ("failed", True)
    assert row.hint.startswith("correct it, or install the package that offers it; known are ")


def test_exporters_of_metrics_that_are_not_installed_come_with_an_extra(bare: Venv) -> None:
    row = doctor(bare.python, "-c", "pass", OTEL_METRICS_EXPORTER="otlp")["settings/OTEL_METRICS_EXPORTER"]

    assert row.detail == "otlp (from environment): no installed package offers otlp; using none"
    assert row.hint.endswith("'platform-otel[signals]'")


def test_a_name_that_a_package_offers(tmp_path: Path) -> None:
    metadata = tmp_path / "marvel-1.0.dist-info"
    metadata.mkdir()
    (metadata / "entry_points.txt").write_text("[opentelemetry_traces_sampler]\nmostly = marvel:make\n")
    found = doctor(*SERVICE, OTEL_TRACES_SAMPLER="mostly", PYTHONPATH=str(tmp_path))

    assert found["settings/OTEL_TRACES_SAMPLER"].status == "ok"


@pytest.mark.parametrize(
    "name, meant",
    [
        ("OTEL_EXPORTER_OLTP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("OTEL_SERVICENAME", "OTEL_SERVICE_NAME"),
        ("OTEL_EXPORTER_OTLP_HEADER", "OTEL_EXPORTER_OTLP_HEADERS"),
        ("otel_service_name", "OTEL_SERVICE_NAME"),
    ],
)
def test_a_misspelt_name(name: str, meant: str) -> None:
    row = rows(**{name: "hunter2"})[name]

    assert (row.status, row.detail, row.hint) == ("warning", "no setting has this name", f"did you mean {meant}?")


@pytest.mark.parametrize(
    "name",
    [
        "OTEL_PYTHON_EXCLUDED_URLS",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
        "OTEL_EXPORTER_OTLP_METRICS_INSECURE",
        "OTEL_BSP_EXPORT_TIMEOUT",
        "OTEL_BLRP_SCHEDULE_DELAY",
        "OTEL_METRIC_EXPORT_INTERVAL",
        "OTEL_PYTHON_DISTRO",
        "OTEL_PYTHON_CONFIGURATOR",
        "OTEL_PYTHON_LOG_CORRELATION",
        "OTEL_EXPERIMENTAL_CONFIG_FILE",
    ],
)
def test_a_name_of_upstreams_is_not_misspelt(name: str) -> None:
    said = [row.detail for row in rows(**{name: "x"}).values()]

    assert "no setting has this name" not in said
