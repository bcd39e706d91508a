"""Ids for those that name them or ask for them; the same bytes as ever for those that do not."""

import subprocess

import pytest

from tests.logs.programs import DUMPING, END, NAMING, SILENT, traced, untraced


def outcome(process: "subprocess.CompletedProcess[str]") -> tuple[int, str, str]:
    return process.returncode, process.stdout, process.stderr


@pytest.mark.parametrize("program", SILENT)
def test_a_service_that_prints_no_ids_prints_the_same_bytes(program: str) -> None:
    alone = untraced(SILENT[program])

    assert outcome(traced(SILENT[program])) == outcome(alone)
    assert alone.returncode == 0, alone.stderr


@pytest.mark.parametrize("program", NAMING)
def test_a_service_that_names_the_ids_prints_those_of_its_span(program: str) -> None:
    process = traced(NAMING[program] + END)
    shown, span = (line.split() for line in process.stdout.splitlines())

    assert process.stderr == ""
    assert shown == ["ids", *span[1:], "True", "shop"]


@pytest.mark.parametrize("program", DUMPING)
def test_what_prints_everything_prints_the_ids_where_the_setting_asks_for_them(program: str) -> None:
    process = traced(DUMPING[program] + END, OTEL_PYTHON_LOG_CORRELATION="true")
    *shown, span = process.stdout.splitlines()

    assert process.stderr == ""
    assert shown
    for line in shown:
        assert [name in line for name in ("otelTraceID", "otelTraceSampled", *span.split()[1:])] == [True] * 4


PLAIN = {
    "no set-up": ("with at_work(): log.warning('hello')", ""),
    "logging.warning": ("with at_work(): logging.warning('hello')", ""),
    "basicConfig": ("with at_work(): logging.basicConfig(level='INFO'); log.info('hello')", ""),
    "basicConfig with a format": (
        "logging.basicConfig(format='%(levelname)s %(message)s')\nwith at_work(): log.error('hello')",
        "ERROR ",
    ),
    "in braces": (
        "logging.basicConfig(format='{levelname} {message}', style='{')\nwith at_work(): log.error('hello')",
        "ERROR ",
    ),
    "with dollars": (
        "logging.basicConfig(format='$levelname ${message}', style='$')\nwith at_work(): log.error('hello')",
        "ERROR ",
    ),
    "dictConfig": (
        """logging.config.dictConfig({'version': 1, 'disable_existing_loggers': False,
  'formatters': {'f': {'format': '%(levelname)s %(message)s'}},
  'handlers': {'h': {'class': 'logging.StreamHandler', 'formatter': 'f'}}, 'root': {'handlers': ['h']}})
with at_work(): log.error('hello')""",
        "ERROR ",
    ),
}


@pytest.mark.parametrize("program", PLAIN)
def test_plain_formats_have_the_ids_before_the_message_where_the_setting_asks_for_them(program: str) -> None:
    code, before = PLAIN[program]
    process = traced(f"{code}{END}", OTEL_PYTHON_LOG_CORRELATION="true")
    _, trace_id, span_id = process.stdout.split()
    ids = f"[trace_id={trace_id} span_id={span_id} resource.service.name=shop trace_sampled=True] - hello\n"

    assert process.stderr.endswith(before + ids)
    assert len(process.stderr.splitlines()) == 1


def test_a_record_outside_of_any_span_has_noughts() -> None:
    code = "logging.basicConfig(format='%(otelTraceID)s %(otelSpanID)s %(otelTraceSampled)s'); log.error('x')"

    assert traced(code).stderr == "0 0 False\n"


def test_a_record_that_no_logger_has_handled_can_be_printed_by_a_format_that_names_ids() -> None:
    code = "print(logging.Formatter('%(otelTraceID)s %(message)s').format(logging.makeLogRecord({'msg': 'made'})))"

    assert traced(code).stdout == "0 made\n"


ELSEWHERE = """
class Ids(logging.Formatter):
    def format(self, r):
        return f'{r.getMessage()} {r.otelTraceID} {r.otelSpanID} {r.otelTraceSampled} {r.otelServiceName}'
handler = logging.StreamHandler(sys.stdout)
handler.setFormatter(Ids())
"""
OTHERS = {
    "a queue's thread": """
import requests  # with the first library that is traced, threads take contexts along
records = queue.Queue()
log.addHandler(logging.handlers.QueueHandler(records))
listener = logging.handlers.QueueListener(records, handler)
with at_work(): listener.start()
log.warning("of another")
listener.stop()""",
    "a process": """
import multiprocessing
record = log.makeRecord("shop", 30, "", 1, "of another", (), None)
with at_work():
    process = multiprocessing.get_context("fork").Process(target=handler.handle, args=(record,))
    process.start(); process.join()""",
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_record_that_is_read_elsewhere_has_no_ids_rather_than_those_of_the_reader(other: str) -> None:
    process = traced(ELSEWHERE + OTHERS[other])

    assert (process.stdout, process.stderr) == ("of another 0 0 False shop\n", "")


def test_a_service_that_saves_the_thread_and_the_process_of_records_has_the_ids() -> None:
    code = f"""{ELSEWHERE}
log.addHandler(handler)
logging.logThreads = logging.logProcesses = False
with at_work() as span: log.warning("saved")
context = span.get_span_context()
print(f"{{context.trace_id:032x}} {{context.span_id:016x}}")"""
    said, ids = traced(code).stdout.splitlines()

    assert said == f"saved {ids} True shop"


def test_format_and_level_are_those_of_the_settings_where_the_service_sets_none() -> None:
    variables = {"OTEL_PYTHON_LOG_FORMAT": "%(otelServiceName)s|%(message)s", "OTEL_PYTHON_LOG_LEVEL": "info"}
    process = traced("log.info('seen'); log.debug('unseen')", OTEL_PYTHON_LOG_CORRELATION="true", **variables)

    assert process.stderr == "shop|seen\n"


@pytest.mark.parametrize("named", ["logging", "*"])
def test_switched_off_nothing_of_logging_is_touched(named: str) -> None:
    code = "print(hasattr(logging.LogRecord, 'otelTraceID'), logging.Formatter.__init__.__module__)"

    assert traced(code, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=named).stdout == "False logging\n"


def test_logging_alone_imports_nothing_of_opentelemetry() -> None:
    from tests.support import launch_code

    code = (
        "import logging, sys\nlogging.basicConfig(format='%(otelTraceID)s')\nlogging.error('x')\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    process = launch_code(code)

    assert (process.stdout, process.stderr) == ("[]\n", "0\n")
