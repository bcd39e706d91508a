"""With OTEL_LOGS_EXPORTER, records reach the collector under their span, and what is printed stays the same."""

from __future__ import annotations

from typing import Any

import pytest

from tests.collector.running import Collector, eventually
from tests.logs.programs import BEGIN, END, SILENT, untraced
from tests.support import launch_code


def exported(collector: Collector, code: str, **variables: str) -> tuple[str, str]:
    process = launch_code(
        code,
        OTEL_LOGS_EXPORTER="otlp",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{collector.http}",
        OTEL_SERVICE_NAME="shop",
        **variables,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout, process.stderr


def bodies(collector: Collector, trace_id: str) -> list[tuple[str, str]]:
    """Body and span id of each record of a trace."""
    answer: dict[str, Any] = collector.get(f"/query/traces/{trace_id}/logs")
    return [
        (record["body"]["stringValue"], record["spanId"])
        for resource in answer["resourceLogs"]
        for scope in resource["scopeLogs"]
        for record in scope["logRecords"]
    ]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_records_reach_the_collector_under_their_span_and_no_loop_is(protocol: str) -> None:
    """The root logger is at DEBUG and prints: what the exporters themselves log would be exported, and so on."""
    code = f"""{BEGIN}
logging.basicConfig(level="DEBUG", format="%(name)s %(message)s")
import requests
silent = logging.getLogger("silent")
silent.propagate = False
silent.addHandler(logging.NullHandler())
with at_work():
    log.debug("first"); silent.warning("second"); log.info("odd", extra={{"odd": object()}})
span.end()
from opentelemetry._logs import get_logger_provider
for _ in range(3):
    get_logger_provider().force_flush()
{END}"""
    with Collector() as collector:
        endpoint = {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"http://{collector.grpc}"} if protocol == "grpc" else {}
        printed, logged = exported(collector, code, OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=protocol, **endpoint)
        _, trace_id, span_id = printed.split()
        eventually(lambda: len(bodies(collector, trace_id)) >= 3)
        found = bodies(collector, trace_id)

    assert sorted(found) == [(body, span_id) for body in ("first", "odd", "second")]
    assert logged == "shop first\nshop odd\n"


@pytest.mark.parametrize(
    "program",
    [
        "plain",
        "structlog through logging",
        *(pytest.param(name, marks=pytest.mark.matrix) for name in ("dictConfig", "JSON formatter")),
    ],
)
def test_exporting_records_changes_nothing_of_what_is_printed(program: str) -> None:
    alone = untraced("import requests\n" + SILENT[program])
    with Collector() as collector:
        printed = exported(collector, BEGIN + "import requests\n" + SILENT[program])

    assert printed == (alone.stdout, alone.stderr)


def test_a_service_that_logs_without_set_up_prints_what_it_prints_without_us() -> None:
    """With a handler on the root logger, logging's last resort would fall silent."""
    code = "import requests\nlog.warning('careful'); logging.warning('by the module'); print(logging.root.handlers[1:])"
    alone = untraced(code)
    with Collector() as collector:
        printed = exported(collector, BEGIN + code)

    assert printed == (alone.stdout, alone.stderr)
    assert "careful" in alone.stderr
