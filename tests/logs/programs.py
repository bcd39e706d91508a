"""Small programs that log inside a span, in the ways that services set logging up."""

import subprocess

from tests.support import launch_code, run_code

BEGIN = """
import json, logging, logging.config, logging.handlers, queue, sys
from opentelemetry import trace
span = trace.get_tracer("t").start_span("work")
log = logging.getLogger("shop")
def at_work():
    return trace.use_span(span)
def printing(formatter):
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    log.addHandler(handler)
    log.setLevel("DEBUG")
"""
END = """
context = span.get_span_context()
print("span", f"{context.trace_id:032x}", f"{context.span_id:016x}")
"""

# What prints no ids, and everything there is.
SILENT = {
    "plain": "logging.basicConfig(level='DEBUG')\nwith at_work(): log.info('%s', 'plain')",
    "dictConfig": """
logging.config.dictConfig({'version': 1, 'disable_existing_loggers': False, 'formatters': {
    'percent': {'format': '%(levelname)s %(message)s'},
    'brace': {'format': '{levelname} {message}', 'style': '{'},
    'dollar': {'format': '$levelname $message', 'style': '$'}},
  'handlers': {f: {'class': 'logging.StreamHandler', 'formatter': f} for f in ('percent', 'brace', 'dollar')},
  'root': {'handlers': ['percent', 'brace', 'dollar'], 'level': 'DEBUG'}})
with at_work(): log.info('configured')""",
    "JSON formatter": """
from pythonjsonlogger.json import JsonFormatter
printing(JsonFormatter())
with at_work(): log.info('as JSON', extra={'basket': 7})""",
    "all attributes": """
class All(logging.Formatter):
    def format(self, record): return repr((type(record), sorted(record.__dict__), len(vars(record))))
printing(All())
with at_work(): log.info('all of it')""",
    "structlog": """
import structlog
structlog.configure(processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()])
with at_work(): structlog.get_logger().bind(basket=7).info('event', piece=1)""",
    "structlog through logging": """
import structlog
structlog.configure(
    processors=[structlog.stdlib.add_logger_name, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger)
remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
printing(structlog.stdlib.ProcessorFormatter(processors=[remove, structlog.processors.KeyValueRenderer()]))
with at_work(): structlog.get_logger('shop').info('event', piece=1)""",
    "structlog with a logger that hands on all it does not know": """
import structlog
class Logger(structlog.BoundLoggerBase):
    def __getattr__(self, name): return getattr(self._logger, name)
    def info(self, event, **named): return self._proxy_to_logger('info', event, **named)
structlog.configure(processors=[structlog.processors.KeyValueRenderer()], wrapper_class=Logger)
with at_work(): structlog.get_logger().bind(basket=7).info('event')""",
    "loguru": """
from loguru import logger
logger.remove()
logger.add(sys.stdout, format='{level} {extra} {message}')
logger.add(lambda message: print(json.dumps(message.record['extra'])), serialize=True)
logger.configure(patcher=lambda record: record['extra'].update(patched=True))
with at_work(): logger.bind(basket=7).info('{} pieces', 3)""",
    "factories of its own": """
made = logging.getLogRecordFactory()
print(made is logging.LogRecord)
class Record(logging.LogRecord):
    def getMessage(self): return super().getMessage() + '!'
logging.setLogRecordFactory(Record)
printing(logging.Formatter('%(message)s'))
with at_work(): log.info('by a class', extra={'otelTraceID': 'its own'})""",
    "a queue and a pickle": """
import pickle
records = queue.Queue()
log.addHandler(logging.handlers.QueueHandler(records))
with at_work(): log.warning('%s', 'queued')
record = records.get()
print(sorted(record.__dict__), len(pickle.dumps(record)) > 0, b'platform' in pickle.dumps(record))""",
}

# What names them, and prints a line "ids TRACE_ID SPAN_ID SAMPLED SERVICE" for each record.
NAMING = {
    "%": "printing(logging.Formatter('ids %(otelTraceID)s %(otelSpanID)s %(otelTraceSampled)s %(otelServiceName)s'))\n"
    "with at_work(): log.info('one')",
    "{": "printing(logging.Formatter('ids {otelTraceID} {otelSpanID} {otelTraceSampled} {otelServiceName}', style='{'))"
    "\nwith at_work(): log.info('one')",
    "$": "printing(logging.Formatter('ids $otelTraceID $otelSpanID $otelTraceSampled $otelServiceName', style='$'))\n"
    "with at_work(): log.info('one')",
    "dictConfig": """
logging.config.dictConfig({'version': 1, 'disable_existing_loggers': False, 'formatters': {
    'f': {'format': 'ids %(otelTraceID)s %(otelSpanID)s %(otelTraceSampled)s %(otelServiceName)s'}},
  'handlers': {'h': {'class': 'logging.StreamHandler', 'formatter': 'f', 'stream': 'ext://sys.stdout'}},
  'root': {'handlers': ['h'], 'level': 'DEBUG'}})
with at_work(): log.info('configured')""",
    "JSON formatter": """
from pythonjsonlogger.json import JsonFormatter
class Ids(JsonFormatter):
    def serialize_log_record(self, data): return ' '.join(['ids', *(str(data[n]) for n in self._required_fields)])
printing(Ids('%(otelTraceID)s %(otelSpanID)s %(otelTraceSampled)s %(otelServiceName)s'))
with at_work(): log.info('as JSON')""",
    "attributes of the record": """
class Ids(logging.Formatter):
    def format(self, r): return f'ids {r.otelTraceID} {r.otelSpanID} {r.otelTraceSampled} {r.otelServiceName}'
printing(Ids())
with at_work(): log.info('by name')""",
    "another thread": """
from logging.handlers import QueueHandler, QueueListener
form = logging.Formatter('ids %(otelTraceID)s %(otelSpanID)s %(otelTraceSampled)s %(otelServiceName)s')
handler = logging.StreamHandler(sys.stdout)
handler.setFormatter(form)
records = queue.Queue()
listener = QueueListener(records, handler)
log.addHandler(QueueHandler(records))
with at_work(): log.warning('queued')
listener.start(); listener.stop()""",
    "a factory before": """
logging.setLogRecordFactory(lambda *words, **named: logging.LogRecord(*words, **named))
printing(logging.Formatter('ids %(otelTraceID)s %(otelSpanID)s %(otelTraceSampled)s %(otelServiceName)s'))
with at_work(): log.info('one')""",
    "a factory after": """
printing(logging.Formatter('ids %(otelTraceID)s %(otelSpanID)s %(otelTraceSampled)s %(otelServiceName)s'))
class Record(logging.LogRecord): pass
logging.setLogRecordFactory(Record)
with at_work(): log.info('one')""",
    "structlog": """
import structlog
def ids(logger, name, event):
    return ' '.join(['ids', event['otelTraceID'], event.get('otelSpanID'), str(event.get('otelTraceSampled')),
                     event['otelServiceName']])
structlog.configure(processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, ids])
with at_work(): structlog.get_logger().bind(basket=7).info('event')""",
    "loguru": """
from loguru import logger
logger.remove()
form = 'ids {extra[otelTraceID]} {extra[otelSpanID]} {extra[otelTraceSampled]} {extra[otelServiceName]}'
logger.add(sys.stdout, format=form)
logger.configure(patcher=lambda record: record['extra'].update(patched=True))
with at_work(): logger.info('one')""",
}

# What prints everything there is, where the setting asks for the ids.
DUMPING = {
    "JSON formatter": SILENT["JSON formatter"],
    "structlog": SILENT["structlog"],
    "loguru": SILENT["loguru"],
    "structlog through logging": SILENT["structlog through logging"],
}


def untraced(program: str) -> "subprocess.CompletedProcess[str]":
    return run_code(BEGIN + program)


def traced(program: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return launch_code(BEGIN + program, OTEL_SERVICE_NAME="shop", **{"OTEL_TRACES_EXPORTER": "none", **variables})
