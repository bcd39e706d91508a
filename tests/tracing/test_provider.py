"""One provider: ours, or the application's, whenever it sets it."""

import pytest

from tests import faults
from tests.faults import Collector
from tests.receiver import Receiver
from tests.support import exporting_to, launch_code, received

OWN_PROVIDER = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.resources import Resource
memory = InMemorySpanExporter()
own = TracerProvider(resource=Resource({"team": "payments"}))
own.add_span_processor(SimpleSpanProcessor(memory))
"""
ONE_SPAN = "trace.get_tracer('t').start_span('one').end()"
SHOW = "print(sorted(span.name for span in memory.get_finished_spans()))"


def test_the_applications_provider_set_before_the_first_span_wins_and_ours_joins(receiver: Receiver) -> None:
    code = f"{OWN_PROVIDER}\ntrace.set_tracer_provider(own)\n{ONE_SPAN}\n{SHOW}"
    outcome = launch_code(code, **exporting_to(receiver, OTEL_SERVICE_NAME="identity"))

    assert (outcome.stdout, outcome.stderr) == ("['one']\n", "")
    [span] = received(receiver, 1)
    assert (span.name, span.service, span.resource["team"]) == ("one", "identity", "payments")


def test_the_applications_provider_set_after_the_first_span_wins_from_then_on(receiver: Receiver) -> None:
    code = f"""
{OWN_PROVIDER}
tracer = trace.get_tracer('t')
with tracer.start_as_current_span('ours'): pass
running = tracer.start_span('started before, ended after')
trace.set_tracer_provider(own)
running.end()
with tracer.start_as_current_span('theirs'): pass
print(trace.get_tracer_provider() is own)
{SHOW}
"""
    outcome = launch_code(code, **exporting_to(receiver))

    assert (outcome.stdout, outcome.stderr) == ("True\n['theirs']\n", "")
    assert sorted(span.name for span in received(receiver, 3)) == ["ours", "started before, ended after", "theirs"]


def test_the_applications_own_exporter_sees_its_own_resource_only() -> None:
    show = "print(dict(memory.get_finished_spans()[0].resource.attributes))"
    code = f"{OWN_PROVIDER}\ntrace.set_tracer_provider(own)\n{ONE_SPAN}\n{show}"
    outcome = launch_code(code, OTEL_TRACES_EXPORTER="none")

    assert outcome.stdout == "{'team': 'payments'}\n"


def test_a_second_provider_of_the_application_is_refused_as_without_us() -> None:
    twice = "trace.set_tracer_provider(own)\ntrace.set_tracer_provider(TracerProvider())"
    code = f"{OWN_PROVIDER}\n{twice}\nprint(trace.get_tracer_provider() is own)"
    outcome = launch_code(code)

    assert outcome.stdout == "True\n"
    assert outcome.stderr == "Overriding of current TracerProvider is not allowed\n"


def test_a_provider_that_takes_no_processor_is_said_once_and_wins() -> None:
    code = """
        from opentelemetry import trace
        provider = trace.NoOpTracerProvider()
        trace.set_tracer_provider(provider)
        print(trace.get_tracer_provider() is provider)
    """
    outcome = launch_code(code)

    assert outcome.stdout == "True\n"
    assert outcome.stderr == (
        "platform-trace: the application's tracer provider (opentelemetry.trace.NoOpTracerProvider) "
        "takes no span processor, so its spans are not exported by platform-trace\n"
    )


def test_a_provider_that_wraps_ours_does_not_lead_back_to_itself(receiver: Receiver) -> None:
    code = """
        from opentelemetry import trace
        class Wrapper(trace.TracerProvider):
            def __init__(self, inner): self.inner = inner
            def get_tracer(self, *a, **k): return self.inner.get_tracer(*a, **k)
            def add_span_processor(self, p): self.inner.add_span_processor(p)
        early = trace.get_tracer('early')
        trace.set_tracer_provider(Wrapper(trace.get_tracer_provider()))
        early.start_span('one').end()
        trace.get_tracer('late').start_span('two').end()
    """
    outcome = launch_code(code, **exporting_to(receiver))

    assert outcome.stderr == ""
    assert sorted(span.name for span in received(receiver, 2)) == ["one", "two"]


def test_ours_counts_as_an_sdk_provider_and_takes_processors(receiver: Receiver) -> None:
    code = """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        provider = trace.get_tracer_provider()
        print(isinstance(provider, TracerProvider), provider.resource.attributes["service.name"])
        memory = InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(memory))
        trace.get_tracer('t').start_span('one').end()
        print([s.name for s in memory.get_finished_spans()], provider.force_flush())
    """
    outcome = launch_code(code, **exporting_to(receiver, OTEL_SERVICE_NAME="identity"))

    assert (outcome.stdout, outcome.stderr) == ("True identity\n['one'] True\n", "")
    assert [span.name for span in received(receiver, 1)] == ["one"]


@pytest.mark.parametrize("order", ["exporter first", "provider first"])
def test_an_application_that_already_exports_to_our_collector_is_not_doubled(receiver: Receiver, order: str) -> None:
    add = "own.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))"
    put = "trace.set_tracer_provider(own)"
    lines = (add, put) if order == "exporter first" else (put, add)
    code = (
        OWN_PROVIDER
        + "from opentelemetry.sdk.trace.export import BatchSpanProcessor\n"
        + "from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter\n"
        + "\n".join(lines)
        + "\nfor i in range(3): trace.get_tracer('t').start_span(f'span {i}').end()\n"
        + "own.shutdown()\n"
    )
    outcome = launch_code(code, **exporting_to(receiver))

    assert outcome.stderr == ""
    assert sorted(span.name for span in receiver.spans()) == ["span 0", "span 1", "span 2"]


def test_a_thread_race_for_the_first_span_builds_one_pipeline(receiver: Receiver) -> None:
    code = """
        import sys, threading
        from opentelemetry import trace
        tracer = trace.get_tracer('t')
        gate = threading.Barrier(8)
        def task():
            gate.wait()
            tracer.start_span('one').end()
        threads = [threading.Thread(target=task) for _ in range(8)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        trace.get_tracer_provider().force_flush()  # by then what sends has started
        print(len(sys._current_frames()), threading.active_count())
    """
    outcome = launch_code(code, **exporting_to(receiver))

    assert (outcome.stdout, outcome.stderr) == ("2 1\n", "")  # the exporter's, which threading does not know
    assert len(received(receiver, 8)) == 8
    assert len({span.resource["service.instance.id"] for span in receiver.spans()}) == 1


def test_importing_the_api_alone_starts_no_thread_and_loads_no_sdk() -> None:
    code = """
        import sys, threading
        from opentelemetry import trace
        trace.get_tracer('t')
        print(threading.active_count(), [m for m in sys.modules if m.startswith('opentelemetry.sdk')])
    """
    assert launch_code(code).stdout == "1 []\n"


def test_without_an_exporter_context_still_flows() -> None:
    code = """
        from opentelemetry import propagate, trace
        headers = {}
        with trace.get_tracer('t').start_as_current_span('one') as span:
            propagate.inject(headers)
            print(headers['traceparent'].split('-')[1] == f'{span.get_span_context().trace_id:032x}')
    """
    outcome = launch_code(code, OTEL_TRACES_EXPORTER="none")

    assert (outcome.stdout, outcome.stderr) == ("True\n", "")


@pytest.mark.parametrize(
    "sampler, argument, kept",
    [
        ("always_off", None, 0),
        ("always_on", None, 20),
        ("traceidratio", "0", 0),
        ("parentbased_traceidratio", "1.0", 20),
        ("PARENTBASED_ALWAYS_OFF", None, 0),
    ],
)
def test_the_sampler_of_the_environment_decides(
    receiver: Receiver, sampler: str, argument: str | None, kept: int
) -> None:
    code = "from opentelemetry import trace\nfor _ in range(20): trace.get_tracer('t').start_span('one').end()"
    variables = {**exporting_to(receiver), "OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}
    outcome = launch_code(code, **variables)

    assert outcome.stderr == ""
    assert len(receiver.spans()) == kept


@pytest.mark.parametrize(
    "variables, line",
    [
        (
            {"OTEL_TRACES_SAMPLER": "sometimes"},
            "OTEL_TRACES_SAMPLER: no installed package offers 'sometimes'; using parentbased_always_on",
        ),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "nan"},
            "OTEL_TRACES_SAMPLER_ARG='nan' is not a number from 0 to 1; using 1",
        ),
        (
            {"OTEL_BSP_SCHEDULE_DELAY": "soon"},
            "OTEL_BSP_SCHEDULE_DELAY='soon' is not a whole number that is not negative; using 1000",
        ),
        (
            {"OTEL_PYTHON_ID_GENERATOR": "dice"},
            "OTEL_PYTHON_ID_GENERATOR: no installed package offers 'dice'; using random",
        ),
        (
            {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "-1"},
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT='-1' is not a whole number that is not negative; using 128",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_bad_value_costs_one_line_and_spans_are_still_delivered(
    receiver: Receiver, variables: dict[str, str], line: str
) -> None:
    code = "from opentelemetry import trace; trace.get_tracer('t').start_span('one').end()"
    outcome = launch_code(code, **{**exporting_to(receiver), **variables})

    assert outcome.returncode == 0
    assert outcome.stderr == f"platform-trace: {line}\n"
    assert [span.name for span in received(receiver, 1)] == ["one"]


def test_long_values_are_shortened_and_the_rest_is_kept(receiver: Receiver) -> None:
    attributes = "attributes={'a': 'x' * 9000, 'b': 1}"
    code = f"from opentelemetry import trace; trace.get_tracer('t').start_span('one', {attributes}).end()"
    launch_code(code, **exporting_to(receiver))

    [span] = received(receiver, 1)
    assert (len(str(span.attributes["a"])), span.attributes["b"]) == (8192, 1)


def test_a_provider_of_another_package_is_loaded_and_joined(receiver: Receiver) -> None:
    code = """
        from opentelemetry import trace
        trace.get_tracer('t').start_span('one').end()
        print(type(trace.get_tracer_provider()).__module__)
    """
    outcome = launch_code(code, **exporting_to(receiver, OTEL_PYTHON_TRACER_PROVIDER="sdk_tracer_provider"))

    assert (outcome.stdout, outcome.stderr) == ("opentelemetry.sdk.trace\n", "")
    assert [span.name for span in received(receiver, 1)] == ["one"]


def test_the_resource_says_who_we_are(receiver: Receiver) -> None:
    code = (
        "import os; from opentelemetry import trace; trace.get_tracer('t').start_span('one').end(); print(os.getpid())"
    )
    outcome = launch_code(
        code, **exporting_to(receiver, OTEL_RESOURCE_ATTRIBUTES="service.name=a%20b,team=x,service.version=1")
    )

    [span] = received(receiver, 1)
    assert span.service == "a b"
    assert span.resource["process.pid"] == int(outcome.stdout)
    assert span.resource["telemetry.distro.name"] == "platform-otel"
    assert span.resource["team"] == "x"


# Above what any step takes here, below what would be no limit at all.
SOON = 3.0


@pytest.mark.parametrize("milliseconds", [0, 1, 300])
def test_force_flush_keeps_its_time_and_says_that_spans_are_left(milliseconds: int) -> None:
    code = f"""
        import os
        from time import monotonic
        from opentelemetry import trace
        trace.get_tracer("t").start_span("one").end()
        started = monotonic()
        print(trace.get_tracer_provider().force_flush({milliseconds}), monotonic() - started < {SOON}, flush=True)
        os._exit(0)  # the end of the process would wait once more
    """
    with Collector(faults.hang_after_request) as collector:
        outcome = launch_code(code, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.port}")

    assert outcome.stdout == "False True\n"


def test_force_flush_returns_when_all_has_arrived(receiver: Receiver) -> None:
    code = """
        from opentelemetry import trace
        provider = trace.get_tracer_provider()
        print(provider.force_flush())
        trace.get_tracer("t").start_span("one").end()
        print(provider.force_flush(60_000), provider.force_flush(0), flush=True)
        import os
        os._exit(0)
    """
    outcome = launch_code(code, **exporting_to(receiver, OTEL_BSP_SCHEDULE_DELAY="60000"))

    assert outcome.stdout == "True\nTrue True\n"
    assert [span.name for span in receiver.spans()] == ["one"]


def test_shutdown_keeps_its_time_and_later_spans_cost_nothing() -> None:
    code = """
        from time import monotonic
        from opentelemetry import trace
        tracer = trace.get_tracer("t")
        tracer.start_span("one").end()
        started = monotonic()
        trace.get_tracer_provider().shutdown()
        tracer.start_span("late").end()
        trace.get_tracer_provider().shutdown()
        print(monotonic() - started < 4)
    """
    with Collector(faults.hang_after_request) as collector:
        outcome = launch_code(code, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.port}")

    assert (outcome.returncode, outcome.stdout) == (0, "True\n")
