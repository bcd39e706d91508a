"""With OTEL_LOG_LEVEL=info one line says whose spans go where, as they really do."""

from __future__ import annotations

import pytest

from tests.receiver import Receiver
from tests.support import exporting_to, launch_code, received

ONE_SPAN = "from opentelemetry import trace; trace.get_tracer('t').start_span('one').end()"
OWN_PROVIDER = """
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    trace.set_tracer_provider(TracerProvider(resource=Resource.create({0})))
    trace.get_tracer('t').start_span('one').end()
"""


def said(code: str, **variables: str) -> list[str]:
    stderr = launch_code(code, OTEL_LOG_LEVEL="info", **variables).stderr
    return [line for line in stderr.splitlines() if line.startswith("platform-trace: service ")]


def test_the_line_names_the_service_the_exporter_the_protocol_and_the_endpoint(receiver: Receiver) -> None:
    [line] = said(ONE_SPAN, OTEL_SERVICE_NAME="gate", **exporting_to(receiver))
    way = f"by otlp (http/protobuf) to {receiver.url}/v1/traces"

    assert line == f"platform-trace: service gate, from OTEL_SERVICE_NAME: spans go {way}"


@pytest.mark.parametrize(
    "variables, way",
    [
        ({}, "to standard output"),
        ({"OTEL_TRACES_EXPORTER": "none"}, "to nobody, only their context is passed on"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "by otlp (grpc) to http://127.0.0.1:9/",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "otlp,console"},
            "by otlp (http/protobuf) to http://127.0.0.1:9/v1/traces and to standard output",
        ),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_the_line_says_every_way(variables: dict[str, str], way: str) -> None:
    assert said(ONE_SPAN, OTEL_SERVICE_NAME="gate", **variables) == [
        f"platform-trace: service gate, from OTEL_SERVICE_NAME: spans go {way}"
    ]


@pytest.mark.parametrize(
    "resource, name, source",
    [
        ('{"service.name": "mine"}', "mine", "the application's tracer provider"),
        # Spans of a provider that names no service arrive under ours.
        ('{"service.name": "unknown_service"}', "gate", "K_SERVICE"),
    ],
)
def test_where_the_application_has_a_provider_the_line_names_what_spans_arrive_as(
    receiver: Receiver, resource: str, name: str, source: str
) -> None:
    lines = said(OWN_PROVIDER.replace("{0}", resource), K_SERVICE="gate", **exporting_to(receiver))

    assert [span.service for span in received(receiver, 1)] == [name]
    assert [line.partition(": spans")[0] for line in lines] == [f"platform-trace: service {name}, from {source}"]


def test_without_the_level_nothing_is_said() -> None:
    assert launch_code(ONE_SPAN).stderr == ""
