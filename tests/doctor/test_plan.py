"""The plan says who runs, whether it is traced, under which name and where its spans go; or what stands against it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from platform_otel import __version__
from platform_otel.config import Config
from platform_otel.doctor.plan import plan
from platform_otel.doctor.service import Service
from tests.doctor.environments import Venv, script
from tests.doctor.support import SERVICE, Row, doctor, doctor_in
from tests.support import LAUNCHER, run

PYTHON = sys.executable


@pytest.fixture(scope="module")
def with_us(tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """An environment with us and nothing that we need."""
    venv = Venv(tmp_path_factory.mktemp("with_us") / "venv")
    venv.take("platform-otel", alone=True)
    return venv


def test_an_environment_without_us(bare: Venv) -> None:
    report = doctor(bare.python, "-m", "identity")
    row = report["plan/start file"]

    assert (report.exit_code, report.failed()) == (1, ["plan/start file"])
    assert row.detail == (
        "no platform_otel.pth: platform-otel is not installed for this interpreter, so nothing is traced"
    )
    # The environment was made without pip.
    assert row.hint == f"uv pip install --python {bare.python} platform-otel"


def test_where_there_is_pip_it_is_what_installs(tmp_path: Path) -> None:
    venv = Venv(tmp_path / "venv")
    (venv.site_packages / "pip").mkdir()
    (venv.site_packages / "pip" / "__init__.py").touch()

    assert doctor(venv.python, "-c", "pass")["plan/start file"].hint == f"{venv.python} -m pip install platform-otel"


def test_a_package_outside_of_site_packages(bare: Venv, tmp_path: Path) -> None:
    """As ``pip install --target`` leaves it: it can be imported, and its start file is not read."""
    target = Venv(tmp_path / "other")
    target.take("platform-otel", alone=True)
    report = doctor(bare.python, "-m", "identity", PYTHONPATH=str(target.site_packages))
    row = report["plan/start file"]

    assert "plan/start file" in report.failed()
    assert row.detail == (
        f"platform-otel {__version__} is in {target.site_packages}, where no start file is read, so nothing is traced"
    )
    assert row.hint == (
        "install it where the interpreter looks for start files: "
        f"PYTHONPATH= uv pip install --python {bare.python} platform-otel"
    )


def test_folders_of_the_path_that_cannot_be_looked_into(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    report = doctor(PYTHON, "-m", "identity", PYTHONPATH=f"{tmp_path / ('x' * 300)}:{file}:/proc/1/root")

    assert (report.exit_code, report.stderr) == (0, "")


def test_an_environment_with_another_release_of_ours(tmp_path: Path) -> None:
    venv = Venv(tmp_path / "venv")
    venv.take("platform-otel", alone=True)
    [metadata] = venv.site_packages.glob("platform_otel-*.dist-info")
    metadata.rename(metadata.with_name("platform_otel-0.0.7.dist-info"))
    report = doctor(venv.python, "-m", "identity")

    assert report["plan/start file"].status == "warning"
    assert f"of platform-otel 0.0.7; the doctor is of {__version__}" in report["plan/start file"].detail
    assert f"platform-otel=={__version__}" in report["plan/start file"].hint


def test_an_environment_with_us_and_without_what_we_need(with_us: Venv) -> None:
    report = doctor(with_us.python, "-m", "identity")
    row = report["conflicts/OpenTelemetry packages"]

    assert report.failed() == ["conflicts/OpenTelemetry packages"]
    assert "opentelemetry-api, opentelemetry-sdk" in row.detail
    assert row.hint.endswith("opentelemetry-api opentelemetry-sdk opentelemetry-instrumentation")


@pytest.mark.parametrize("command", [(PYTHON, "-S", "-m", "identity"), (PYTHON, "-IS", "-c", "pass")])
def test_dash_s(command: tuple[str, ...]) -> None:
    report = doctor(*command)

    assert report.failed() == ["plan/interpreter options"]
    assert report["plan/interpreter options"].detail.startswith("-S: the interpreter reads no start file")
    assert report["plan/interpreter options"].hint.startswith("leave -S out of the command")


def test_dash_s_in_the_first_line_of_a_script(tmp_path: Path) -> None:
    report = doctor(script(tmp_path / "identity", f"#!{PYTHON} -S"))

    assert report.failed() == ["plan/interpreter options"]


def test_dash_i_is_traced() -> None:
    report = doctor(PYTHON, "-I", "-m", "identity")

    assert report.exit_code == 0
    assert report["plan/interpreter options"].status == "ok"


@pytest.mark.parametrize(
    "command, variables, cause, next_step",
    [
        (SERVICE, {"OTEL_SDK_DISABLED": "true"}, "OTEL_SDK_DISABLED=true", "unset OTEL_SDK_DISABLED"),
        (("env", "-i", *SERVICE), {}, "PLATFORM_TRACE_ENABLED does not reach the service", "no env -i"),
        (("sh", "-c", f"sudo -u app {PYTHON} -m identity"), {}, "PLATFORM_TRACE_ENABLED does not", "sudo with -E"),
    ],
)
def test_switched_off(command: tuple[str, ...], variables: dict[str, str], cause: str, next_step: str) -> None:
    report = doctor(*command, **variables)

    assert report.failed() == ["plan/switch"]
    assert cause in report["plan/switch"].detail
    assert next_step in report["plan/switch"].hint


@pytest.mark.parametrize(
    "options, name, exporter",
    [
        ("-E", "gate, from OTEL_SERVICE_NAME", "stdout, by OTEL_TRACES_EXPORTER"),
        ("--preserve-env=PLATFORM_TRACE_ENABLED,OTEL_TRACES_EXPORTER", "identity, from", "stdout, by OTEL_TRACES"),
        ("PLATFORM_TRACE_ENABLED=true", "identity, from the command line", "stdout, since there is no endpoint"),
    ],
)
def test_behind_sudo_only_what_it_preserves_counts(options: str, name: str, exporter: str) -> None:
    command = ("sh", "-c", f"sudo -u app {options} {PYTHON} -m identity")
    report = doctor(*command, OTEL_SERVICE_NAME="gate", OTEL_TRACES_EXPORTER="stdout")

    assert report.failed() == []
    assert report["plan/service name"].detail.startswith(name)
    assert report["plan/exporter"].detail.startswith(exporter)


def test_a_current_folder_that_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    outcome = run("sh", "-c", f"cd {gone} && rmdir {gone} && platform-trace doctor -- python -m identity")

    assert (outcome.returncode, outcome.stderr) == (0, "")


def test_pip_is_never_traced() -> None:
    report = doctor(PYTHON, "-m", "pip", "install", "flask")

    assert report.failed() == ["plan/program"]


def test_the_doctor_is_neither_traced_nor_does_it_trace_the_interpreter_it_asks(tmp_path: Path) -> None:
    report = doctor(*SERVICE, PLATFORM_TRACE_ENABLED="true", OTEL_LOG_LEVEL="debug", OTEL_TRACES_EXPORTER="nonsense")

    assert report.stderr == ""


def test_nothing_of_the_service_runs(tmp_path: Path) -> None:
    """PYTHONPATH is the doctor's own too, so sitecustomize runs there, and only there."""
    log = tmp_path / "log"
    for name in ("identity.py", "sitecustomize.py"):
        code = f"import sys; print({name!r}, sys.orig_argv[1], file=open({str(log)!r}, 'a'))\n"
        (tmp_path / name).write_text(code)
    doctor_in(tmp_path, PYTHON, "-m", "identity", PYTHONPATH=str(tmp_path))
    doctor_in(tmp_path, PYTHON, "identity.py")

    assert log.read_text() == f"sitecustomize.py {LAUNCHER}\n"


# --- The name, and where spans go -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command, variables, said",
    [
        (("uvicorn", "identity.main:app"), {}, "identity, from the command line"),
        (("uvicorn", "identity.main:app"), {"OTEL_SERVICE_NAME": "gate"}, "gate, from OTEL_SERVICE_NAME"),
        (SERVICE, {"OTEL_RESOURCE_ATTRIBUTES": "service.name=gate"}, "gate, from OTEL_RESOURCE_ATTRIBUTES"),
        (("env", "OTEL_SERVICE_NAME=gate", *SERVICE), {}, "gate, from OTEL_SERVICE_NAME"),
        (SERVICE, {}, "unknown_service:python: neither a setting nor the command line says it"),
    ],
)
def test_the_service_name_and_where_it_is_from(command: tuple[str, ...], variables: dict[str, str], said: str) -> None:
    assert doctor(*command, **variables)["plan/service name"].detail == said


def rows(**variables: str) -> dict[str, Row]:
    """The plan for an environment, of a service whose interpreter is unknown."""
    found = plan(Service((), variables, variables, "/"), Config(variables))
    return {check.name: Row(*check) for check in found}


@pytest.mark.parametrize(
    "line, exporter, said",
    [
        ("exec python -c pass > log", None, "stdout; but the shell redirects stdout"),
        ("python -c pass | cat", None, "stdout; but the shell redirects stdout"),
        ("exec python -c pass >&2", "stdout,otlp", "stdout, otlp; but the shell redirects stdout"),
        ("exec python -c pass > log", "console", "console, by OTEL_TRACES_EXPORTER"),
        ("exec python -c pass 2>&1", None, "stdout, since there is no endpoint"),
    ],
)
def test_standard_output_that_a_shell_redirects(tmp_path: Path, line: str, exporter: str | None, said: str) -> None:
    row = doctor_in(tmp_path, "sh", "-c", line, OTEL_TRACES_EXPORTER=exporter)["plan/exporter"]

    assert row.detail.startswith(said)
    assert (row.status, "OTEL_TRACES_EXPORTER=console" in row.hint) == (
        ("warning", True) if "but" in said else ("ok", False)
    )


LATER = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    "variables, exporter, endpoint, protocol",
    [
        ({}, "stdout, since there is no endpoint: one JSON line per span, a tree on a terminal", "", ""),
        (
            LATER,
            "otlp, since OTEL_EXPORTER_OTLP_ENDPOINT is set",
            "http://127.0.0.1:9/v1/traces, from OTEL_EXPORTER_OTLP_ENDPOINT",
            "http/protobuf, default",
        ),
        (
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "otlp, since OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set",
            "http://127.0.0.1:9, from OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "grpc, from OTEL_EXPORTER_OTLP_PROTOCOL",
        ),
        (
            {**LATER, "OTEL_TRACES_EXPORTER": "otpl,console"},
            "otlp (no package offers otpl), console, by OTEL_TRACES_EXPORTER",
            "http://127.0.0.1:9/v1/traces, from OTEL_EXPORTER_OTLP_ENDPOINT",
            "http/protobuf, default",
        ),
        (
            {**LATER, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "bogus", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "otlp, since OTEL_EXPORTER_OTLP_ENDPOINT is set",
            "http://127.0.0.1:9, from OTEL_EXPORTER_OTLP_ENDPOINT",
            "grpc, from OTEL_EXPORTER_OTLP_PROTOCOL",
        ),
        (
            {**LATER, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            "otlp, since OTEL_EXPORTER_OTLP_ENDPOINT is set",
            "http://127.0.0.1:9/v1/traces, from OTEL_EXPORTER_OTLP_ENDPOINT",
            "http/protobuf, default",
        ),
        ({**LATER, "OTEL_TRACES_EXPORTER": "console"}, "console, by OTEL_TRACES_EXPORTER", "", ""),
        (
            {**LATER, "OTEL_TRACES_EXPORTER": "none"},
            "none, by OTEL_TRACES_EXPORTER: context is passed on, no span is exported",
            "",
            "",
        ),
    ],
)
def test_the_exporter_the_endpoint_and_the_protocol_and_why(
    variables: dict[str, str], exporter: str, endpoint: str, protocol: str
) -> None:
    found = rows(**variables)

    assert found["exporter"].detail == exporter
    assert (found["endpoint"].detail if endpoint else "") == endpoint
    assert (found["protocol"].detail if protocol else "") == protocol
    assert ("endpoint" in found, "protocol" in found) == (bool(endpoint), bool(protocol))


def test_grpc_without_its_extra(bare: Venv) -> None:
    report = doctor(bare.python, "-m", "identity", **LATER, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    row = report["plan/protocol"]

    assert row.status == "warning"
    assert row.detail.startswith("http/protobuf: OTEL_EXPORTER_OTLP_PROTOCOL asks for grpc, and ")
    assert row.hint.endswith("'platform-otel[grpc]'")


@pytest.mark.parametrize(
    "sampler, argument, status, said",
    [
        ("", "", "ok", "parentbased_always_on, default; a caller's decision counts"),
        ("always_off", "", "warning", "always_off, from OTEL_TRACES_SAMPLER: no trace that begins here is recorded"),
        ("traceidratio", "0", "warning", "no trace that begins here is recorded"),
        (
            "parentbased_traceidratio",
            "0.1",
            "ok",
            "a share of 0.1 of all traces is recorded; a caller's decision counts",
        ),
    ],
)
def test_the_sampler(sampler: str, argument: str, status: str, said: str) -> None:
    row = rows(OTEL_TRACES_SAMPLER=sampler, OTEL_TRACES_SAMPLER_ARG=argument)["sampler"]

    assert row.status == status
    assert said in row.detail


@pytest.mark.parametrize("sampler", ["always_of", "foo_always_off"])
def test_a_sampler_that_no_package_offers_is_not_said_to_be_in_force(sampler: str) -> None:
    row = doctor(*SERVICE, OTEL_TRACES_SAMPLER=sampler)["plan/sampler"]

    assert row.status == "ok"
    assert row.detail == f"parentbased_always_on, as no package offers {sampler}; a caller's decision counts"


def test_a_share_of_all_traces_is_no_share() -> None:
    row = rows(OTEL_TRACES_SAMPLER="traceidratio")["sampler"]

    assert row.detail == "traceidratio, from OTEL_TRACES_SAMPLER"


def test_the_name_of_a_service_that_cannot_be_looked_at_is_no_warning() -> None:
    row = doctor("make", "serve")["plan/service name"]

    assert (row.status, row.detail) == ("off", "no setting says it, and the service's own command line is not known")
