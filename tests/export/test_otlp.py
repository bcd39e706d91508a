"""The OTLP exporter as a process has it: what its settings mean, and what a fork leaves of it."""

import sys
from collections.abc import Mapping
from time import monotonic

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from platform_otel.config import Config
from platform_otel.export.otlp import OtlpDestination
from platform_otel.process.identity import Identity
from tests import faults
from tests.export.test_otlp_grpc import server
from tests.faults import Authority, Collector
from tests.receiver import Receiver
from tests.support import LAUNCHER, exporting_to, launch_code, received, run

# Above what any step takes here, below what would be no limit at all.
SOON = 5.0


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_BSP_EXPORT_TIMEOUT": "200"},
        {"OTEL_EXPORTER_OTLP_TIMEOUT": "0", "OTEL_BSP_EXPORT_TIMEOUT": "200"},
        {"OTEL_EXPORTER_OTLP_TIMEOUT": "200", "OTEL_BSP_EXPORT_TIMEOUT": "60000"},
        {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "200", "OTEL_BSP_EXPORT_TIMEOUT": "0"},
    ],
)
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_an_attempt_takes_no_longer_than_the_shorter_of_the_two_timeouts(
    variables: Mapping[str, str], protocol: str
) -> None:
    with Collector(faults.hang_after_request) as collector:
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}"}
        config = Config({**endpoint, **variables, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol})
        sender = OtlpDestination(config, Identity(dict), (10, 10)).sender()
        started = monotonic()
        outcome = sender.send(b"", float("inf"))

    assert outcome.status == "retry"
    assert monotonic() - started < SOON


def test_an_attempt_that_took_too_long_is_made_again() -> None:
    code = "from opentelemetry import trace; trace.get_tracer('t').start_span('one').end()"
    with Collector(faults.in_turn(faults.hang_after_request, faults.healthy)) as collector:
        endpoint = f"http://127.0.0.1:{collector.port}"
        outcome = launch_code(code, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_BSP_EXPORT_TIMEOUT="100")

        assert collector.wait_for(lambda each: len(each.requests) == 2)
    assert "not delivered" not in outcome.stderr


FORK = """
import os, sys
from opentelemetry import trace
tracer = trace.get_tracer('t')
def send(name):
    tracer.start_span(name).end()
    assert trace.get_tracer_provider().force_flush()
send('before')
child = os.fork()
if child == 0:
    send('child')
    sys.exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
send('after')
"""
# In development mode, Python warns of every socket that nobody closes.
DEVELOPMENT = (LAUNCHER, "--", sys.executable, "-X", "dev", "-W", "ignore::DeprecationWarning", "-c")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_forked_child_lets_go_of_the_connection_and_the_parent_goes_on_with_it(
    scheme: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with Collector(faults.healthy, authority.server() if scheme == "https" else None) as collector:
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"{scheme}://localhost:{collector.port}",
            "OTEL_EXPORTER_OTLP_CERTIFICATE": authority.certificate,
        }
        outcome = run(*DEVELOPMENT, FORK, **variables)

        assert (outcome.stdout, outcome.stderr) == ("3\n", "")
        assert (len(collector.requests), collector.connections) == (3, 2)


def test_a_forked_child_leaves_the_channel_of_its_parent_alone() -> None:
    with server() as (port, got):
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
        outcome = run(*DEVELOPMENT, FORK, **endpoint)

    assert (outcome.stdout, outcome.stderr) == ("3\n", "")
    assert len(got.requests) == 3


def test_hostile_spans_of_the_applications_own_provider_cost_only_themselves(receiver: Receiver) -> None:
    code = """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
        from opentelemetry.trace import SpanContext, TraceFlags
        class Hostile:
            def __str__(self): raise ValueError
            __len__ = __hash__ = __iter__ = __str__
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
        context = SpanContext(1, 2, False, TraceFlags(1))
        strange = [
            ReadableSpan("attributes", context, attributes={"a": Hostile(), "b": [Hostile()], "c": 1}),
            ReadableSpan("times", context, start_time="now", end_time=-5),
            ReadableSpan(5, context, kind="server"),
            ReadableSpan("resource", context, resource=None),
            ReadableSpan("events", context, events=[None]),
            ReadableSpan("no context", None),
        ]
        for span in strange:
            provider._active_span_processor.on_end(span)
        with provider.get_tracer("t").start_as_current_span("good", attributes={"n": 1}) as span:
            span.set_attribute("dropped by the SDK", 2 ** 70)
    """
    outcome = launch_code(code, **exporting_to(receiver), PLATFORM_TRACE_STRICT=None)

    assert (outcome.returncode, outcome.stdout) == (0, ""), outcome.stderr
    [good] = received(receiver, 1, lambda span: span.name == "good")
    assert good.attributes["n"] == 1
    [cut] = received(receiver, 1, lambda span: span.name == "attributes")
    assert cut.attributes == {"c": 1}


def test_a_full_batch_fits_into_four_mebibytes_with_one_scope_however_many_tracers_were_asked_for() -> None:
    code = """
        from opentelemetry import trace
        for number in range(1000):
            tracer = trace.get_tracer("shop", "1", attributes={"team": "x" * 1000})
            tracer.start_span("buy", attributes={"prompt": "x" * 8000}).end()
    """
    with Collector(faults.healthy) as collector:
        resource = {"OTEL_SERVICE_NAME": "gate", "OTEL_RESOURCE_ATTRIBUTES": f"notes={'n' * 4000}"}
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1000"}
        launch_code(code, **endpoint, **resource)

    bodies = [request.body for request in collector.requests]
    requests = [ExportTraceServiceRequest.FromString(body) for body in bodies]
    assert max(map(len, bodies)) < 4 * 1024 * 1024
    assert [len(request.resource_spans[0].scope_spans) for request in requests] == [1] * len(requests)
    assert sum(len(request.resource_spans[0].scope_spans[0].spans) for request in requests) == 1000
