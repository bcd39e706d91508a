"""No secret that the doctor comes across is in what it prints."""

from __future__ import annotations

import pytest

from platform_otel.config import discreet, without_secrets
from platform_otel.doctor.discretion import printable
from tests.doctor.servers import answering, grpc_server
from tests.doctor.support import SERVICE, doctor, doctor_in_words
from tests.support import launch_code

# Twenty of them: each is a word that stands nowhere else.
IN_HEADER = "hunter01"
IN_TRACES_HEADER = "hunter02"
BEARER = "hunter03"
USER = "hunter04"
PASSWORD = "hunter05"
IN_QUERY = "hunter06"
IN_TRACES_QUERY = "hunter07"
ATTRIBUTE = "hunter08"
ENCODED_ATTRIBUTE = "hunter09"
BAD_ATTRIBUTE = "hunter10"
OF_DATADOG = "hunter11"
OF_NEW_RELIC = "hunter12"
OF_SENTRY = "hunter13"
OF_ELASTIC = "hunter14"
OF_AWS = "hunter15"
OF_DATABASE = "hunter16"
GLUED = "hunter17"
NEXT = "hunter18"
ASSIGNED = "hunter19"
IN_PROXY = "hunter20"
SECRETS = [f"hunter{number:02}" for number in range(1, 21)]

ENVIRONMENT = {
    "OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={IN_HEADER},authorization=Bearer%20{BEARER}",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": f"x-api-key={IN_TRACES_HEADER},authorization=Bearer%20{BEARER}",
    "OTEL_RESOURCE_ATTRIBUTES": f"team={ATTRIBUTE},note=%20{ENCODED_ATTRIBUTE},service.namespace={BAD_ATTRIBUTE}",
    "DD_API_KEY": OF_DATADOG,
    "DD_SERVICE": OF_DATADOG,
    "NEW_RELIC_LICENSE_KEY": OF_NEW_RELIC,
    "SENTRY_DSN": f"https://{OF_SENTRY}@sentry.example/1",
    "ELASTIC_APM_SECRET_TOKEN": OF_ELASTIC,
    "AWS_SECRET_ACCESS_KEY": OF_AWS,
    "DATABASE_URL": f"postgres://app:{OF_DATABASE}@db/app",
    "OTEL_EXPORTER_OLTP_HEADERS": f"x-api-key={IN_HEADER}",
    "http_proxy": f"http://proxy:{IN_PROXY}@127.0.0.1:9",
}
COMMAND = ("env", f"TOKEN={ASSIGNED}", *SERVICE, f"--password={GLUED}", "--token", NEXT)


def endpoint(port: int) -> dict[str, str]:
    address = f"http://{USER}:{PASSWORD}@127.0.0.1:{port}"
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"{address}/?api_key={IN_QUERY}",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{address}/v1/traces?token={IN_TRACES_QUERY}",
    }


def told(text: str) -> list[str]:
    """The secrets that are in a text, in any of their forms."""
    return [secret for secret in SECRETS if secret in text]


# What a collector quotes of what it was sent.
QUOTED = f"{IN_TRACES_HEADER} Bearer {BEARER} {USER}:{PASSWORD} token={IN_TRACES_QUERY} password={GLUED}".encode()


@pytest.mark.parametrize("status", [200, 400])
def test_no_secret_is_told(status: int) -> None:
    with answering(status, QUOTED, Content_Type="text/plain") as server:
        variables = {**ENVIRONMENT, **endpoint(server.port)}
        as_json, as_text = doctor(*COMMAND, **variables), doctor_in_words(*COMMAND, **variables)

    assert told(server.asked[0][0] + str(server.asked[0][1])) == [IN_TRACES_HEADER, BEARER, IN_TRACES_QUERY]
    assert "Failed" in as_text.stdout or status == 200
    assert told(as_json.stdout + as_json.stderr + as_text.stdout + as_text.stderr) == []


def test_no_secret_is_told_over_grpc() -> None:
    # gRPC sends nothing of the address, so nothing of it can be quoted.
    quoted = f"{IN_TRACES_HEADER} Bearer {BEARER} token={IN_TRACES_QUERY} password={GLUED}"
    with grpc_server(refusal="INTERNAL", details=quoted) as server:
        variables = {**ENVIRONMENT, **endpoint(server.port), "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
        report = doctor(*COMMAND, **variables)

    assert "INTERNAL" in report["connection/test span"].detail
    assert told(report.stdout + report.stderr) == []


# What a service says of the same values, as much as it ever says.
AS_USERS_DO = {
    "PLATFORM_TRACE_STRICT": "",
    "OTEL_LOG_LEVEL": "debug",
    "OTEL_TRACES_EXPORTER": "otlp",
    "PLATFORM_TRACE_SHUTDOWN_TIMEOUT": "500",
}
ONE_SPAN = """
    from opentelemetry import metrics, trace
    trace.get_tracer("t").start_span("one").end()
"""


@pytest.mark.parametrize(
    "variables",
    [
        # A password with a slash makes a port of what is before it.
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{USER}:{PASSWORD}/{PASSWORD}@127.0.0.1:4318"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://ada:x://{PASSWORD}@127.0.0.1:4318"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"ada:{PASSWORD}@127.0.0.1:9"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://ada@{PASSWORD}@127.0.0.1:9"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": f"http://ada:{PASSWORD}@127.0.0.1:9"},
        {"OTEL_TRACES_EXPORTER": f"password={PASSWORD}"},
        {"OTEL_RESOURCE_ATTRIBUTES": BAD_ATTRIBUTE},
        {"OTEL_EXPORTER_OTLP_HEADERS": f"x=%0A{IN_HEADER}"},
        {"OTEL_EXPORTER_OTLP_HEADERS": IN_HEADER},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://user:123/{PASSWORD}@127.0.0.1:1"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http:/u:{PASSWORD}@127.0.0.1"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"https://u:443/{PASSWORD}@127.0.0.1"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"https://u:443?{PASSWORD}@127.0.0.1"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:1/v1?user=me@corp.example&code={IN_QUERY}"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:1/x? {IN_QUERY}"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:1/x#{IN_QUERY}"},
        {"OTEL_EXPORTER_OTLP_TIMEOUT": f"authorization=Bearer {BEARER}"},
        {"OTEL_BSP_SCHEDULE_DELAY": f"Authorization%3DBearer%20{BEARER}"},
        {"OTEL_TRACES_SAMPLER": f"authorization=Bearer {BEARER}"},
        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": f"token={BEARER}"},
        {"OTEL_PROPAGATORS": f"authorization=Bearer {BEARER}"},
        {"OTEL_PYTHON_ID_GENERATOR": f"ada:{PASSWORD}@host"},
        {"OTEL_METRICS_EXPORTER": f"http://ada:{PASSWORD}@host"},
        {"OTEL_SERVICE_NAME": f"password={PASSWORD}"},
        {"K_SERVICE": f"Authorization%3DBearer%20{BEARER}"},
        {"OTEL_EXPORTER_OTLP_CLIENT_KEY": f"-----BEGIN PRIVATE KEY-----\n{PASSWORD}\n-----END PRIVATE KEY-----"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.invalid", "http_proxy": f"http://ada:{IN_PROXY}/@[::"},
    ],
    ids=lambda variables: ",".join(variables.values()),
)
def test_no_secret_is_told_of_a_value_that_cannot_be_used(variables: dict[str, str]) -> None:
    report, service = doctor(*SERVICE, **variables), launch_code(ONE_SPAN, **{**AS_USERS_DO, **variables})

    assert (told(report.stdout + report.stderr), told(service.stderr)) == ([], [])
    assert service.returncode == 0


@pytest.mark.parametrize(
    "command",
    [
        (f"TOKEN={ASSIGNED}", *SERVICE),
        (f"--password={GLUED}",),
        ("sh", "-c", f"PGPASSWORD={ASSIGNED} make serve --password={GLUED}"),
        ("sh", "-c", f"no-such-command --password={GLUED} --token {NEXT}"),
        ("platform-trace", f"--password={GLUED}", *SERVICE),
        ("nice", f"--password={GLUED}", *SERVICE),
        ("sh", "-c", f". ./env.sh --password={GLUED}; exec python app.py"),
    ],
)
def test_no_secret_is_told_of_a_command_that_cannot_be_launched_or_told(command: tuple[str, ...]) -> None:
    report = doctor(*command)

    assert report["plan/interpreter"].status in ("failed", "warning")
    assert told(report.stdout) == []


@pytest.mark.parametrize(
    "text, said",
    [
        ("http://ada:hunter2@host:4318/v1", "http://(hidden)@host:4318/v1"),
        ("http://ada:hun/ter@2@host", "http://(hidden)@host"),
        ("http://host/v1?a=hunter2&b=c", "http://host/v1?(hidden)"),
        ("the password: hunter2, and more", "the password: (hidden), and more"),
        ("x-api-key=hunter2;a=b", "x-api-key=(hidden);a=b"),
        ("authorization: Bearer hunter2", "authorization: (hidden)"),
        ("sent Bearer hunter2", "sent Bearer (hidden)"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_a_text_without_its_secrets(text: str, said: str) -> None:
    assert discreet(text) == said


@pytest.mark.parametrize(
    "kind, text, said",
    [
        ("text", "identity", "identity"),
        ("secret", "a=hunter2", "(hidden)"),
        ("pairs", "a=hunter2", "(hidden)"),
        ("url", "http://host:4318", "http://host:4318"),
        ("url", "http://ada:x://hunter2@host", "http://(hidden)@host"),
        ("url", "ada:hunter2@host:4318", "(hidden)@host:4318"),
        ("url", "https://host?k=hunter2", "https://host?(hidden)"),
        ("list", "a\x1b[31m\nb", "a [31m b"),
        ("http/protobuf|grpc", "http://ada:hunter2@host:4317", "http://(hidden)@host:4317"),
        ("text", "password=hunter2", "password=(hidden)"),
    ],
)
def test_a_value_as_it_is_shown(kind: str, text: str, said: str) -> None:
    assert printable(without_secrets(kind, text)) == said


def test_somebody_elses_words_are_short() -> None:
    assert len(printable("word " * 500)) == 300
    assert printable("http://ada:" + "hunter2" * 1000 + "@host") == "(too long to be shown)"
