"""threading, logging, asyncio and click: what their instrumentors would do to a service, they do not do."""

import pytest

from tests.instrumentation.comparison import needs, spans_of
from tests.receiver import Receiver
from tests.support import launch_code

ALL = "asyncio,logging,requests,threading"

with_asyncio_and_logging = needs("opentelemetry-instrumentation-asyncio", "opentelemetry-instrumentation-logging")
with_threading = needs("opentelemetry-instrumentation-threading")
with_click = needs("opentelemetry-instrumentation-click")
with_logging = needs("opentelemetry-instrumentation-logging")

TRACED = """
import sys
def traced(library, name):
    module = sys.modules.get(f"opentelemetry.instrumentation.{library}")
    return module is not None and getattr(module, name)().is_instrumented_by_opentelemetry
"""


@with_asyncio_and_logging
@pytest.mark.parametrize("first", ["asyncio", "logging", "threading", "concurrent.futures", "ssl, urllib.request"])
def test_importing_them_first_harms_nothing(first: str) -> None:
    code = f"{TRACED}import {first}; import asyncio, requests\nasyncio.run(asyncio.sleep(0))\n"
    code += "print(traced('asyncio', 'AsyncioInstrumentor'), traced('logging', 'LoggingInstrumentor'))"
    outcome = launch_code(code, PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS=ALL)

    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "True True\n", "")


@with_asyncio_and_logging
@pytest.mark.parametrize("first", ["asyncio", "logging", "threading"])
def test_a_script_that_imports_nothing_else_harms_nothing_either(first: str) -> None:
    outcome = launch_code(f"import {first}; print('imported')", PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS=ALL)

    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "imported\n", "")


@with_threading
def test_context_goes_along_into_threads(receiver: Receiver) -> None:
    code = """
        from concurrent.futures import ThreadPoolExecutor
        from threading import Thread
        import requests
        from opentelemetry import trace
        tracer = trace.get_tracer("service")
        def work():
            tracer.start_span("work").end()
        with tracer.start_as_current_span("request"):
            with ThreadPoolExecutor(1) as pool:
                pool.submit(work)
            thread = Thread(target=work)
            thread.start()
            thread.join()
    """
    spans = spans_of(receiver, code)
    [request] = [span for span in spans if span.name == "request"]

    assert [span.parent_id for span in spans if span.name == "work"] == [request.span_id] * 2


@pytest.mark.parametrize(
    "program",
    [
        "logging.getLogger('service').warning('nothing is configured')",
        "logging.warning('by the module')",
        "logging.basicConfig(level='INFO'); logging.info('configured')",
        "logging.basicConfig(format='%(message)s %(levelname)s', level='INFO'); logging.info('with a format')",
        "logging.getLogger().addHandler(logging.StreamHandler()); logging.error('with a handler of its own')",
        "logging.error('shown', exc_info=ValueError('with its type')); print(len(logging.getLogger().handlers))",
        # Its handler prints the time, unless there is another handler.
        "from flask import Flask, logging as f; f.default_handler.setFormatter(None); Flask('x').logger.error('flask')",
        "from werkzeug._internal import _log; _log('info', 'by werkzeug')",
    ],
)
@with_logging
@pytest.mark.parametrize("asked", ["", "flask,logging,requests"], ids=["by default", "with logging instrumented"])
def test_what_a_program_logs_is_the_same(receiver: Receiver, program: str, asked: str) -> None:
    code = f"import logging, requests\n{program}"

    assert spans_of(receiver, code, PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS=asked) == []


@with_logging
@pytest.mark.parametrize(
    "variables, expected",
    [
        ({}, "False 0"),
        ({"OTEL_LOGS_EXPORTER": "console"}, "False 0"),
        ({"OTEL_LOGS_EXPORTER": "console", "OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION": "false"}, "False 0"),
        ({"OTEL_LOGS_EXPORTER": "none"}, "False 0"),
        ({"PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS": ALL}, "True 0"),
    ],
)
def test_no_handler_is_added_even_where_records_are_exported(variables: dict[str, str], expected: str) -> None:
    code = TRACED + (
        "import logging, requests\n"
        "handlers = [handler for handler in logging.getLogger().handlers]\n"
        "print(traced('logging', 'LoggingInstrumentor'), len(handlers))\n"
    )
    outcome = launch_code(code, OTEL_TRACES_EXPORTER="none", **variables)

    assert outcome.stdout.splitlines()[0] == expected


@with_logging
def test_records_are_correlated_where_that_is_asked_for() -> None:
    code = "import requests, logging; logging.getLogger('service').warning('hello')"
    outcome = launch_code(code, OTEL_PYTHON_LOG_CORRELATION="true", OTEL_TRACES_EXPORTER="none")

    assert "trace_id=0 span_id=0" in outcome.stderr


COMMAND = """
import click
@click.command()
def serve():
    click.echo("served")
serve([], prog_name="serve")
"""


@with_click
def test_a_command_is_no_span_unless_asked_for(receiver: Receiver) -> None:
    assert spans_of(receiver, COMMAND) == []


@with_click
def test_a_command_is_a_span_where_click_is_named(receiver: Receiver) -> None:
    [span] = spans_of(receiver, COMMAND, PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS="click")

    assert span.name == "serve"
