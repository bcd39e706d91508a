"""One row per library that can be traced: by whose instrumentation, when and how it comes into force. Pure data."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# Stands for the module of the Lambda function's handler, see aws_lambda.py.
HANDLER = "_HANDLER"


class Row:
    """A library with an instrumentation: a published instrumentor, one of ours, or both.

    Args:
        library: the instrumentor's entry point name, which is how users switch it on and off.
        triggers: the modules after whose import the instrumentor is loaded, whichever comes first. One without
            triggers follows the first library that has one.
        distribution: what to install for upstream's.
        off: why it is off by default, a clause that begins with "it"; "" if it is on.
        asked_by: the settings that switch such a library on. Its name in PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS
            does too.
        arguments: what ``instrument()`` is given.
        special: the module beside this one that puts upstream's in force, where ``instrument()`` alone will not do.
        ours: the module beside this one that instruments the library itself; "" if upstream's does.
        upstream: whether there is a published instrumentor, which only rows of ours may lack.
    """

    __slots__ = ("arguments", "asked_by", "distribution", "library", "off", "ours", "special", "triggers")

    def __init__(
        self,
        library: str,
        *triggers: str,
        distribution: str = "",
        off: str = "",
        asked_by: "tuple[str, ...]" = (),
        arguments: "Mapping[str, object] | None" = None,
        special: str = "",
        ours: str = "",
        upstream: bool = True,
    ) -> None:
        self.library = library
        self.triggers = triggers
        self.distribution = distribution or (_distribution(library) if upstream else "")
        self.off = off
        self.asked_by = asked_by
        self.arguments = arguments or {}
        self.special = special
        self.ours = ours


def _distribution(library: str) -> str:
    return f"opentelemetry-instrumentation-{library.replace('_', '-')}"


_BOTOCORE = "opentelemetry-instrumentation-botocore"
_GRPC = "opentelemetry-instrumentation-grpc"
_HTTPX = "opentelemetry-instrumentation-httpx"

_ASYNCIO = (
    "OTEL_METRICS_EXPORTER",
    "OTEL_PYTHON_ASYNCIO_COROUTINE_NAMES_TO_TRACE",
    "OTEL_PYTHON_ASYNCIO_FUTURE_TRACE_ENABLED",
    "OTEL_PYTHON_ASYNCIO_TO_THREAD_FUNCTION_NAMES_TO_TRACE",
)
_LOGS = ("OTEL_LOGS_EXPORTER",)
_METRICS = ("OTEL_METRICS_EXPORTER",)

_COMMANDS = "it puts all requests of a server that a command starts under one span, and records the command line"
_NUMBERS = "it makes metrics, not spans"
_RECORDS = "it makes log records, not spans"
_TASKS = "it makes no spans unless told for what, slows down every task, and fails gather() of one coroutine twice"
_TEMPLATES = "it makes spans of work inside the process, for every template that is compiled, loaded and rendered"

# threading, logging and asyncio have no triggers though they are modules: they are imported in the middle of
# each other and of opentelemetry's own imports, where an instrumentor finds them half there.
CATALOG = (
    Row("aio-pika", "aio_pika"),
    Row("aiobotocore", "aiobotocore.client", distribution=_BOTOCORE),
    Row("aiohttp-client", "aiohttp", ours="aiohttp_client"),
    Row("aiohttp-server", "aiohttp.web", special="aiohttp_server_upstream", ours="aiohttp_server"),
    Row("aiokafka", "aiokafka"),
    Row("aiopg", "aiopg"),
    Row("asyncclick", "asyncclick", off=_COMMANDS),
    Row("asyncio", off=_TASKS, asked_by=_ASYNCIO),
    Row("asyncpg", "asyncpg"),
    Row("aws-lambda", HANDLER, special="aws_lambda"),
    Row("boto3", "boto3", distribution="opentelemetry-instrumentation-boto3sqs"),
    Row("botocore", "botocore.client"),
    Row("cassandra", "cassandra.cluster"),
    Row("celery", "celery.app.base"),
    Row("cheroot", "cheroot.wsgi", ours="cheroot", upstream=False),
    Row("click", "click", off=_COMMANDS),
    Row("confluent_kafka", "confluent_kafka"),
    Row("daphne", "daphne.server", ours="daphne", upstream=False),
    Row(
        "django",
        "django.core.handlers.asgi",
        "django.core.handlers.wsgi",
        special="django_upstream",
        ours="django",
    ),
    Row("exceptions", off=_RECORDS, asked_by=_LOGS),
    Row("falcon", "falcon", special="falcon"),
    Row("fastapi", "fastapi", arguments={"exclude_spans": ["receive", "send"]}, ours="fastapi"),
    Row("flask", "flask", ours="flask"),
    Row("granian", "granian.server", ours="granian", upstream=False),
    Row("grpc_aio_client", "grpc", distribution=_GRPC, special="grpc"),
    Row("grpc_aio_server", "grpc", distribution=_GRPC, special="grpc"),
    Row("grpc_client", "grpc", distribution=_GRPC),
    Row("grpc_server", "grpc", distribution=_GRPC, special="grpc"),
    Row("gunicorn", "gunicorn.app.base", ours="gunicorn", upstream=False),
    Row("http_client", "http.client", ours="http_client", upstream=False),
    Row("httpx", "httpx", ours="httpx"),
    Row("httpx2", "httpx2", distribution=_HTTPX),
    Row("hypercorn", "hypercorn.app_wrappers", ours="hypercorn", upstream=False),
    Row("jinja2", "jinja2", off=_TEMPLATES),
    Row("kafka", "kafka", distribution="opentelemetry-instrumentation-kafka-python"),
    Row("logging", off=_RECORDS, asked_by=_LOGS, special="logging"),
    Row("mysql", "mysql.connector"),
    Row("mysqlclient", "MySQLdb"),
    Row("openai", "openai", distribution="opentelemetry-instrumentation-openai-v2"),
    Row("pika", "pika"),
    Row("psycopg", "psycopg"),
    Row("psycopg2", "psycopg2"),
    Row("pymemcache", "pymemcache"),
    Row("pymongo", "pymongo"),
    Row("pymssql", "pymssql"),
    Row("pymysql", "pymysql"),
    Row("pyramid", "pyramid.config"),
    Row("redis", "redis"),
    Row("remoulade", "remoulade"),
    Row("requests", "requests", ours="requests"),
    Row("sqlalchemy", "sqlalchemy"),
    Row("sqlite3", "sqlite3", special="sqlite3"),
    Row("starlette", "starlette.applications", special="starlette_upstream", ours="starlette"),
    Row("structlog", "structlog", off=_RECORDS, asked_by=_LOGS),
    Row("system_metrics", off=_NUMBERS, asked_by=_METRICS),
    Row("threading", ours="threading"),
    Row("tornado", "tornado.web", "tornado.httpclient"),
    Row("tortoiseorm", "tortoise"),
    Row("urllib", "urllib.request", ours="urllib"),
    Row("urllib3", "urllib3", ours="urllib3"),
    Row("uvicorn", "uvicorn.config", ours="uvicorn", upstream=False),
    Row("vertexai", "google.cloud.aiplatform_v1"),
    Row("waitress", "waitress.server", ours="waitress", upstream=False),
    Row("werkzeug", "werkzeug.serving", ours="werkzeug", upstream=False),
    Row("wsgiref", "wsgiref.simple_server", ours="wsgiref", upstream=False),
)
