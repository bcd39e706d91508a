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
    ("collector", "Keep the spans and logs of this machine's services, and answer questions about them."),
    ("adopt", "Put tracing into compose files, manifests, Procfiles, units and Dockerfiles: a diff, or --write."),
    ("deploy", "Print deployment files to start from: for Docker, Kubernetes, systemd, a Procfile."),
    ("show", "Show what a running collector, or its file, has: services, traces, logs, hops."),
    ("doctor", "Say what would be traced, what not and why, and whether the collector answers."),
)

# Launching option, the variable it sets, its values ("" means any text), help.
OPTIONS = (
    ("--service-name", "OTEL_SERVICE_NAME", "", "Name of the service; otherwise inferred from its command line."),
    ("--endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", "", "Where to send spans, such as http://localhost:4318."),
    ("--exporter", "OTEL_TRACES_EXPORTER", "otlp|stdout|none", "Send spans, print them, or only pass context on."),
)

# Name, type, default, help. Types: text, secret (never shown), url (userinfo and query never shown), path,
# boolean, integer, milliseconds, number, list (comma separated), patterns (regular expressions, comma separated),
# pairs (key=value, comma separated),
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
        "PLATFORM_TRACE_SHUTDOWN_TIMEOUT",
        "milliseconds",
        "3000",
        "How long the end of a process may be delayed to send what is left; in all.",
    ),
    ("PLATFORM_TRACE_COLLECTOR_TOKEN", "secret", "", "What clients must show to platform-trace collector; as --token."),
    ("PLATFORM_TRACE_UPSTREAM", "list", "", "Prefer upstream's instrumentations to ours: names, or all."),
    (
        "PLATFORM_TRACE_TRUST_INCOMING",
        "always|never",
        "always",
        "Whose trace context a request may carry: anybody's, or nobody's; then each request starts a trace of its own.",
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
    (
        "OTEL_BSP_EXPORT_TIMEOUT",
        "milliseconds",
        "",
        "The longest that one attempt to export may take, where the exporter's own timeout is longer.",
    ),
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
    (
        "OTEL_PYTHON_EXCLUDED_URLS",
        "patterns",
        "",
        "Addresses without spans, as regular expressions. Unless set: the health checks of a server.",
    ),
    ("OTEL_PYTHON_AIOHTTP_CLIENT_EXCLUDED_URLS", "patterns", "", "The same, for calls by aiohttp."),
    ("OTEL_PYTHON_AIOHTTP_SERVER_EXCLUDED_URLS", "patterns", "", "The same, for servers of aiohttp."),
    ("OTEL_PYTHON_ASGI_EXCLUDED_URLS", "patterns", "", "The same, for ASGI applications of no framework."),
    ("OTEL_PYTHON_DJANGO_EXCLUDED_URLS", "patterns", "", "The same, for Django."),
    ("OTEL_PYTHON_FASTAPI_EXCLUDED_URLS", "patterns", "", "The same, for FastAPI."),
    ("OTEL_PYTHON_FLASK_EXCLUDED_URLS", "patterns", "", "The same, for Flask."),
    ("OTEL_PYTHON_HTTP_CLIENT_EXCLUDED_URLS", "patterns", "", "The same, for calls by http.client alone."),
    ("OTEL_PYTHON_HTTPX_EXCLUDED_URLS", "patterns", "", "The same, for calls by httpx."),
    ("OTEL_PYTHON_REQUESTS_EXCLUDED_URLS", "patterns", "", "The same, for calls by requests."),
    ("OTEL_PYTHON_STARLETTE_EXCLUDED_URLS", "patterns", "", "The same, for Starlette."),
    ("OTEL_PYTHON_URLLIB_EXCLUDED_URLS", "patterns", "", "The same, for calls by urllib."),
    ("OTEL_PYTHON_URLLIB3_EXCLUDED_URLS", "patterns", "", "The same, for calls by urllib3."),
    ("OTEL_PYTHON_WSGI_EXCLUDED_URLS", "patterns", "", "The same, for WSGI applications of no framework."),
    ("OTEL_PYTHON_DJANGO_INSTRUMENT", "boolean", "true", "Whether Django is traced."),
    (
        "OTEL_PYTHON_DJANGO_TRACED_REQUEST_ATTRS",
        "list",
        "",
        "Attributes of Django's requests, such as method and path_info, that their spans have too.",
    ),
    (
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST",
        "patterns",
        "",
        "Headers of requests that servers record, as regular expressions; never those that carry credentials.",
    ),
    ("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE", "patterns", "", "The same, of their responses."),
    ("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST", "patterns", "", "The same, of calls."),
    (
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE",
        "patterns",
        "",
        "The same, of the responses to calls.",
    ),
    (
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS",
        "patterns",
        "",
        "Of these headers, as regular expressions, only that they were there is recorded.",
    ),
    (
        "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS",
        "list",
        "CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,QUERY,TRACE",
        "HTTP methods that are recorded as they are; any other is _OTHER.",
    ),
    (
        "OTEL_PYTHON_ASYNCIO_COROUTINE_NAMES_TO_TRACE",
        "list",
        "",
        "Coroutines with a span each; switches the instrumentation of asyncio on.",
    ),
    (
        "OTEL_PYTHON_ASYNCIO_TO_THREAD_FUNCTION_NAMES_TO_TRACE",
        "list",
        "",
        "The same, for functions that asyncio.to_thread runs.",
    ),
    ("OTEL_PYTHON_ASYNCIO_FUTURE_TRACE_ENABLED", "boolean", "false", "The same, for every future."),
    (
        "OTEL_PYTHON_LOG_CORRELATION",
        "boolean",
        "false",
        "Put trace ids into the plain formats of logging, and into everything that structlog, loguru and JSON print.",
    ),
    (
        "OTEL_PYTHON_LOG_FORMAT",
        "text",
        "",
        "With OTEL_PYTHON_LOG_CORRELATION: the format for services that give logging none.",
    ),
    ("OTEL_PYTHON_LOG_LEVEL", "debug|info|warning|error", "", "The same: the level, unless the service sets one."),
    (
        "OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION",
        "boolean",
        "true",
        "With OTEL_LOGS_EXPORTER: whether the records of logging are exported.",
    ),
    (
        "OTEL_PYTHON_LOG_HANDLER_LEVEL",
        "notset|debug|info|warn|warning|error",
        "notset",
        "The same: which of them at least.",
    ),
    (
        "OTEL_PYTHON_LOG_CODE_ATTRIBUTES",
        "boolean",
        "false",
        "The same: whether they say where in the code they are from.",
    ),
    ("OTEL_PYTHON_DISTRO", "text", "", "For opentelemetry-instrument and the operator: platform_otel is ours."),
    ("OTEL_PYTHON_CONFIGURATOR", "text", "", "The same: platform_otel is ours."),
    ("OTEL_CONFIG_FILE", "path", "", "Not supported: use the OTEL_* variables."),
)

_ROWS = {row[0]: row for row in SETTINGS}


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
        """The value in force of these settings, as ``find`` has it."""
        return self.find(*names)[0]

    def find(self, *names: str) -> "tuple[Any, str]":
        """The first good value of these settings, and the name of the one that says it.

        If none says a good one: the default of the last, and "". What is said of a bad value names what is used.
        """
        bad = []
        for name in names:
            if self.is_set(name):
                try:
                    found = parse(_ROWS[name][1], self._environ[name].strip())
                except ValueError as expected:
                    bad.append((name, str(expected)))
                else:
                    self._say(bad, self._used(names[-1], name))
                    return found, name
        self._say(bad, self._used(names[-1]))
        _, kind, default, _ = _ROWS[names[-1]]
        return parse(kind, default) if default else _NOTHING.get(kind, ""), ""

    def used(self, *names: str) -> str:
        """What becomes of a bad value among these settings, in words."""
        return self._used(names[-1], Config(self._environ).find(*names)[1])

    def _used(self, last: str, name: str = "") -> str:
        return f"using {self._environ[name].strip()}, from {name}" if name else instead(_ROWS[last][2])

    def _say(self, bad: "list[tuple[str, str]]", used: str) -> None:
        for name, expected in bad:
            self._warn(f"{name}={shown(_ROWS[name][1], self._environ[name])} is not {expected}; {used}")


def instead(default: str) -> str:
    """What becomes of a bad value, in words."""
    return f"using {default}" if default else "ignoring it"


# --- Without secrets --------------------------------------------------------------------------------------------------

_HIDDEN = "(hidden)"
# What a number or a word does not hold, and a token pasted in its place often does.
_NO_WORD = "=:%@"
# A longer one, unless it begins as paths do, is rather what should be in the file.
_LONGEST_NAME = 60
# Patterns take the square of a word's length.
_LONGEST_WORD = 2000
# What is in the names of secrets; cookie, session and bearer are where HTTP headers keep theirs.
_ANNOUNCING = (
    "pass(?:word|wd|phrase)?|pwd|secret|token|credential|(?:api|access|private|license)[_-]?key"
    "|auth|signature|dsn|cookie|session"
)
# In order: a key or certificate; user name and password before a host; what such a name announces; credentials.
_SECRETS = (
    (r"-----BEGIN[\s\S]*", _HIDDEN),
    (r"[^\s\"':/=]+:(?!//)[^\s\"']*@", f"{_HIDDEN}@"),
    (
        rf"(?i)([\w.-]*(?:{_ANNOUNCING})[\w.-]*)(\s*[=:]\s*)(?:(?:basic|bearer)\s+)?[^\s,;&\"']+",
        rf"\1\2{_HIDDEN}",
    ),
    (r"(?i)\b(basic|bearer)\s+[^\s,;\"']+", rf"\1 {_HIDDEN}"),
)


def shown(kind: str, text: str) -> str:
    """A value fit for a message: short, on one line, without its secrets."""
    text = without_secrets(kind, text)
    return text if text == _HIDDEN else ascii(text if len(text) <= 60 else text[:57] + "...")


def without_secrets(kind: str, text: str) -> str:
    """A value as far as it may be shown, by the kind of its setting; people also paste tokens where none belongs."""
    if kind in ("secret", "pairs") or (kind == "path" and _is_no_path(text)):
        return _HIDDEN
    if kind == "url" or "://" in text:
        return _without_credentials(text)
    if kind not in ("text", "path", "list", "patterns") and any(letter in text for letter in _NO_WORD):
        return _HIDDEN
    return discreet(text)


def _is_no_path(text: str) -> bool:
    return "\n" in text or "-----" in text or (len(text) > _LONGEST_NAME and not text.startswith(("/", ".", "~")))


def _without_credentials(url: str) -> str:
    """An address without its userinfo, whatever letters that has, and its query; nothing if they cannot be told."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    end = next((at for at, letter in enumerate(rest) if letter in "?#" or letter.isspace()), len(rest))
    address, query = rest[:end], rest[end:]
    if "@" in query:  # of a query, or of a password with such a letter
        return scheme + separator + _HIDDEN
    if "@" in address:
        address = f"{_HIDDEN}@" + address.rpartition("@")[2]
    return scheme + separator + address + (f"?{_HIDDEN}" if query else "")


def discreet(text: str) -> str:
    """Any text with user names, passwords, query values, tokens and other named secrets hidden."""
    if any(len(word) > _LONGEST_WORD for word in text.split()):
        return _HIDDEN
    from urllib.parse import unquote

    decoded = unquote(text, errors="surrogateescape")
    return _HIDDEN if decoded != text and _hiding(decoded) != decoded else _hiding(text)


def _hiding(text: str) -> str:
    import re  # here, for it is needed only where something is said

    text = re.sub(r"[^\s\"'/]*//[^\s\"']+", lambda address: _without_credentials(address.group()), text)
    for pattern, hidden in _SECRETS:
        text = re.sub(pattern, hidden, text)
    return text


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


def _patterns(text: str) -> "tuple[str, ...]":
    import re  # here, for most processes set none

    try:
        for pattern in _list(text):
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        raise ValueError("regular expressions, comma separated") from None
    return _list(text)


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
    "patterns": _patterns,
}
_NOTHING: "dict[str, Any]" = {"list": (), "patterns": (), "integer": None, "milliseconds": None}  # Any: by the kind
