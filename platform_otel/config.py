"""Every setting once: its name, type, default and help; and the values that users gave, with where from."""

# The launching path reads this module, so it imports nothing: not even typing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

ENABLED = "PLATFORM_TRACE_ENABLED"
STRICT = "PLATFORM_TRACE_STRICT"
STDOUT_FILE = "PLATFORM_TRACE_STDOUT_FILE"
PARENT_SERVICE_NAME = "PLATFORM_TRACE_PARENT_SERVICE_NAME"

# Subcommand, one line of help. A known subcommand wins over a service command of that name.
COMMANDS = (
    ("run", "Run a command traced. The word `run` itself may be left out."),
    ("demo", "Start five small services and follow a request through them."),
    ("doctor", "Say what would be traced, what not and why, and whether the collector answers."),
)

# Launching option, the variable it sets, its values ("" means any text), help.
OPTIONS = (
    ("--service-name", "OTEL_SERVICE_NAME", "", "Name of the service; otherwise inferred from its command line."),
    ("--endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", "", "Where to send spans, such as http://localhost:4318."),
    ("--exporter", "OTEL_TRACES_EXPORTER", "otlp|stdout|none", "Send spans, print them, or only pass context on."),
)

# Name, type, default, help. Types: text, secret (never shown), url (userinfo never shown), path,
# boolean, integer, milliseconds, number, list (comma separated), pairs (key=value, comma separated),
# and "a|b|c" for one of these words, whatever their case. An empty variable counts as not set.
SETTINGS = (
    (ENABLED, "boolean", "false", "Trace this process and its children. The launcher sets it."),
    (
        "PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS",
        "list",
        "",
        "Instrument only these libraries, by the names the catalog shows; empty means all.",
    ),
    (
        STRICT,
        "boolean",
        "false",
        "For work on platform-trace itself: raise what would otherwise be swallowed and said in one line.",
    ),
    (STDOUT_FILE, "text", "", "Set by the launcher, not by you: which file its standard output was."),
    (PARENT_SERVICE_NAME, "text", "", "Set in traced processes, not by you: the name inferred for the parent process."),
    ("OTEL_SDK_DISABLED", "boolean", "false", "Behave as if platform-trace were absent."),
    (
        "OTEL_LOG_LEVEL",
        "none|error|warn|warning|info|debug",
        "warn",
        "none and error: no line at all; info: a line at the first span; debug: every hook armed, fired or skipped.",
    ),
    ("OTEL_SERVICE_NAME", "text", "", "Name of the service; otherwise inferred from its command line."),
    ("OTEL_RESOURCE_ATTRIBUTES", "pairs", "", "Attributes of the service; they win over what is detected."),
    ("OTEL_TRACES_EXPORTER", "list", "", "otlp, stdout, console, none, or an exporter of another package."),
    ("OTEL_METRICS_EXPORTER", "list", "none", "otlp, console or none: metrics are exported only when asked for."),
    ("OTEL_LOGS_EXPORTER", "list", "none", "otlp, console or none: logs are exported only when asked for."),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "url", "", "Base address of the collector; /v1/traces is added."),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "url", "", "Address for spans, used exactly as given."),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf|grpc", "http/protobuf", "How to speak to the collector."),
    ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf|grpc", "http/protobuf", "The same, for spans."),
    ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf|grpc", "http/protobuf", "The same, for metrics."),
    ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/protobuf|grpc", "http/protobuf", "The same, for logs."),
    ("OTEL_EXPORTER_OTLP_HEADERS", "secret", "", "Headers for the collector: key=value, comma separated."),
    ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "secret", "", "The same, for spans."),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "milliseconds", "10000", "The longest that one export may take."),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "milliseconds", "10000", "The same, for spans."),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "none|gzip", "none", "How to compress what is sent."),
    ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none|gzip", "none", "The same, for spans."),
    ("OTEL_EXPORTER_OTLP_CERTIFICATE", "path", "", "Certificates that the collector's is checked against."),
    ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "path", "", "The same, for spans."),
    ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "path", "", "Private key of our side, for mutual TLS."),
    ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "path", "", "The same, for spans."),
    ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "path", "", "Certificate of our side, for mutual TLS."),
    ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "path", "", "The same, for spans."),
    ("OTEL_EXPORTER_OTLP_INSECURE", "boolean", "false", "Speak gRPC without TLS to an endpoint without a scheme."),
    ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "boolean", "false", "The same, for spans."),
    ("OTEL_BSP_SCHEDULE_DELAY", "milliseconds", "1000", "How long spans may wait for others to be sent with."),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "integer", "", "How many spans may wait; unless set, as many as 64 MiB hold."),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "integer", "512", "How many spans are sent at once."),
    ("OTEL_TRACES_SAMPLER", "text", "parentbased_always_on", "Which traces are recorded."),
    ("OTEL_TRACES_SAMPLER_ARG", "text", "", "What the sampler takes; for a ratio, a number from 0 to 1."),
    ("OTEL_PROPAGATORS", "list", "tracecontext,baggage", "In which headers context travels."),
    ("OTEL_PYTHON_ID_GENERATOR", "text", "random", "An id generator of another package."),
    ("OTEL_PYTHON_TRACER_PROVIDER", "text", "", "A tracer provider of another package; ours then joins it."),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "integer", "8192", "Longer attribute values are shortened; characters."),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", "integer", "128", "The most attributes of a span, event or link."),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "integer", "8192", "The same as the general one, for spans."),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "integer", "128", "The most attributes of a span."),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", "integer", "128", "The most events of a span."),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", "integer", "128", "The most links of a span."),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "integer", "128", "The most attributes of an event."),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "integer", "128", "The most attributes of a link."),
    ("OTEL_SEMCONV_STABILITY_OPT_IN", "list", "http,database", "Which semantic conventions instrumentations use."),
    ("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "list", "", "Leave these libraries alone; * means all of them."),
    ("OTEL_CONFIG_FILE", "path", "", "Not supported: use the OTEL_* variables."),
)

_ROWS = {row[0]: row for row in SETTINGS}


def boolean(text: "str | None") -> bool:
    """True only for "true", whatever its case, as the specification asks."""
    return text is not None and text.strip().lower() == "true"


def parse(kind: str, text: str) -> "Any":
    """The value that ``text`` says, by the kind of its setting.

    Raises:
        ValueError: with what was expected, such as "a whole number that is not negative".
    """
    return _PARSERS.get(kind, _one_of(kind))(text)


class Config:
    """What the user set, read from one environment. A bad value is said once and its default used."""

    def __init__(self, environ: "Mapping[str, str]", warn: "Callable[[str], object]" = str) -> None:
        self._environ = environ
        self._warn = warn

    def is_set(self, name: str) -> bool:
        """Whether the user gave a value, good or bad. An empty one is none."""
        return bool(self._environ.get(name, "").strip())

    def get(self, *names: str) -> "Any":
        """The value of the first of these settings that has a good one, else the last one's default."""
        for name in names:
            _, kind, default, _ = _ROWS[name]
            if self.is_set(name):
                try:
                    return parse(kind, self._environ[name].strip())
                except ValueError as expected:
                    self._warn(_problem(name, kind, self._environ[name], str(expected), default))
        return parse(kind, default) if default else _NOTHING.get(kind, "")


def _problem(name: str, kind: str, text: str, expected: str, default: str) -> str:
    used = f"using {default}" if default else "ignoring it"
    return f"{name}={shown(kind, text)} is not {expected}; {used}"


def shown(kind: str, text: str) -> str:
    """A value fit to be printed: short, on one line, without its secrets."""
    if kind in ("secret", "pairs"):
        return "(hidden)"
    if kind == "url":
        text = _without_secrets(text)
    return ascii(text if len(text) <= 60 else text[:57] + "...")


def _without_secrets(url: str) -> str:
    """An address without its userinfo, whatever characters that has, and without what its query says."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    if "@" in rest:
        rest = "(hidden)@" + rest.rpartition("@")[2]
    if "?" in rest:
        rest = rest.partition("?")[0] + "?(hidden)"
    return scheme + separator + rest


def _integer(text: str) -> int:
    # isdecimal alone would let through digits of other scripts, and int() underscores and huge numbers.
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise ValueError("a whole number that is not negative")
    return int(text)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("true or false")
    return text.lower() == "true"


def _list(text: str) -> "tuple[str, ...]":
    return tuple(item for item in (part.strip() for part in text.split(",")) if item)


def _one_of(kind: str) -> "Callable[[str], str]":
    words = kind.split("|")

    def parse_word(text: str) -> str:
        if text.lower() not in words:
            raise ValueError("one of " + ", ".join(words))
        return text.lower()

    return parse_word


def _text(text: str) -> str:
    return text


_PARSERS = {
    "text": _text,
    "secret": _text,
    "url": _text,
    "path": _text,
    "pairs": _text,
    "boolean": _boolean,
    "integer": _integer,
    "milliseconds": _integer,
    "list": _list,
}
_NOTHING: "dict[str, Any]" = {"list": (), "integer": None, "milliseconds": None}  # Any: by the kind
