"""What the doctor may say of a launch: who runs, whether it is traced, its name, where its spans go. Pure data."""

from platform_otel.doctor.checks import FAILED, OFF, OK, WARNING, Finding

# --- Who runs ---------------------------------------------------------------------------------------------------------

INTERPRETER = Finding(
    "interpreter",
    OK,
    "{executable} ({implementation} {version}), {found_by}",
    "This interpreter would run the service. What follows is looked for in its environment.",
)
UNFIT_INTERPRETER = Finding(
    "interpreter",
    FAILED,
    "{executable} ({implementation} {version}), {found_by}: it cannot be traced",
    "It is older than Python 3.10, or no CPython.",
    "run the service on CPython 3.10 or later",
)
NO_LAUNCH = Finding(
    "interpreter",
    FAILED,
    "{message}",
    "The launcher could not execute this command, and says so in these words ([messages](messages.md#the-launcher)).",
    "{advice}",
)
ASSIGNMENT = Finding(
    "interpreter",
    FAILED,
    "{variable}=... is no command",
    "Only a shell takes a variable before a command; what follows platform-trace is executed without one.",
    "write it before platform-trace, or as: -- env {variable}=... COMMAND",
)
UNCLEAR = Finding(
    "interpreter",
    WARNING,
    "which interpreter runs cannot be told: {why}",
    "The command starts something that decides for itself what it starts, such as make, or that is no Python script; "
    "or it says more than the doctor surely understands of a shell and of the tools that run other commands. "
    "The service may be traced all the same; only the doctor cannot look at it.",
    "name what is launched in the end: platform-trace doctor -- python -m ..., run where the service runs",
)
OTHER_ENVIRONMENT = Finding(
    "interpreter",
    WARNING,
    "which interpreter runs cannot be told: {why}",
    "The tool before the command finds or makes the environment that the command runs in: for uv, poetry, pdm and rye "
    "the doctor knows the project's folder .venv, for others none; sudo and login shells may change PATH. "
    "The service may be traced all the same; only the doctor cannot look at it from outside.",
    "run the doctor inside, with the same options: {inside} platform-trace doctor -- ...",
)
CARRIAGE_RETURN = Finding(
    "interpreter",
    FAILED,
    "{script}: its first line ends with a carriage return, which the system takes for part of the interpreter's name",
    "The file was written with the line ends of Windows, so it cannot be executed.",
    "end its lines with a newline alone: sed -i 's/\\r$//' {script}",
)
NO_ANSWER = Finding(
    "interpreter",
    FAILED,
    "{executable}: {reason}",
    "It cannot be executed, or did not say within ten seconds what it is.",
    "see whether it starts: {executable} --version",
)
STRANGE_ANSWER = Finding(
    "interpreter",
    FAILED,
    "{executable} does not say what it is: it ended with {code}",
    "It is Python 2, which is not traced, or no Python at all; a version manager's stand-in without that version; or a "
    "start file of its environment breaks it.",
    "see what it says: {executable} -I -c 'import site'",
)

# --- Whether it is traced ---------------------------------------------------------------------------------------------

START_FILE = Finding(
    "start file",
    OK,
    "{path}, of platform-otel {version}",
    "The interpreter reads this file at its start, and it starts tracing.",
)
OTHER_RELEASE = Finding(
    "start file",
    WARNING,
    "{path}, of platform-otel {version}; the doctor is of {ours}",
    "The service's environment holds another release than the one whose doctor looks at it, and may behave otherwise.",
    "so that both agree: {install}",
)
NO_START_FILE = Finding(
    "start file",
    FAILED,
    "no platform_otel.pth: platform-otel is not installed for this interpreter, so nothing is traced",
    "The service runs in another environment than platform-trace, or in a virtual environment made without it.",
    "{install}",
)
UNREAD_START_FILE = Finding(
    "start file",
    FAILED,
    "platform-otel {version} is in {folder}, where no start file is read, so nothing is traced",
    "Start files are read in site-packages only. It was installed elsewhere, such as by pip install --target, and is "
    "found by PYTHONPATH.",
    "install it where the interpreter looks for start files: PYTHONPATH= {install}",
)
NO_DISTRIBUTION = Finding(
    "start file",
    FAILED,
    "{path} is there, but platform-otel is not installed for this interpreter, so nothing is traced",
    "The file was copied by itself, or its package has been removed by hand.",
    "{install}",
)
WITHOUT_SITE = Finding(
    "interpreter options",
    FAILED,
    "-S: the interpreter reads no start file, so nothing is traced",
    "The option keeps the interpreter from reading site-packages, and with them the start file.",
    "leave -S out of the command, or of the script's first line",
)
OPTIONS = Finding(
    "interpreter options",
    OK,
    "{options}; traced all the same",
    "-I, -E and -s do not keep the start file from being read.",
)
NEVER_TRACED = Finding(
    "program",
    FAILED,
    "{program} is never traced, nor what it starts",
    "Installers and compilers are left alone.",
    "name the service's command",
)
PASSED_THROUGH = Finding(
    "program",
    WARNING,
    "{program} is not traced itself, but the Python programs it starts are",
    "It only starts the service. The rows here are about itself, not about what it starts.",
    "to look at the service: platform-trace doctor -- and its own command",
)
DISABLED = Finding(
    "switch",
    FAILED,
    "OTEL_SDK_DISABLED=true: nothing is traced",
    "Somebody has switched tracing off.",
    "unset OTEL_SDK_DISABLED to trace again",
)
NOT_ENABLED = Finding(
    "switch",
    FAILED,
    "PLATFORM_TRACE_ENABLED does not reach the service, so nothing is traced",
    "The command takes the variable away that the launcher sets. So does sudo, with nearly all others.",
    "let the command keep its environment: no env -i, no env -u; sudo with -E, or with --preserve-env=LIST",
)

# --- Under which name -------------------------------------------------------------------------------------------------

SERVICE_NAME = Finding(
    "service name",
    OK,
    "{service}, from {source}",
    "The first that is set of OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, "
    "the [platform's variables](platforms.md), the command line.",
)
NO_COMMAND = Finding(
    "service name",
    OFF,
    "no command was given whose line could say it",
    "platform-trace doctor alone looks at the environment that platform-trace is installed in.",
    "give it after --, as in: platform-trace doctor -- uvicorn identity.main:app",
)
UNSEEN_NAME = Finding(
    "service name",
    OFF,
    "no setting says it, and the service's own command line is not known",
    "The service's own process may find its name; the doctor cannot, as it cannot tell what runs.",
)
NO_NAME = Finding(
    "service name",
    WARNING,
    "{unknown}: neither a setting nor the command line says it",
    "The command line names nothing but words that many services share, such as main or app.",
    "name it: --service-name NAME, or OTEL_SERVICE_NAME=NAME",
)

# --- Where spans go ---------------------------------------------------------------------------------------------------

EXPORTERS = Finding("exporter", OK, "{exporters}, by OTEL_TRACES_EXPORTER", "The variable says where spans go.")
NO_EXPORTER = Finding(
    "exporter",
    WARNING,
    "none, by OTEL_TRACES_EXPORTER: context is passed on, no span is exported",
    "The variable says so.",
    "unset OTEL_TRACES_EXPORTER to export spans",
)
OTLP = Finding("exporter", OK, "otlp, since {variable} is set", "With an endpoint, spans are sent to it.")
STDOUT = Finding(
    "exporter",
    OK,
    "stdout, since there is no endpoint: one JSON line per span, a tree on a terminal",
    "Neither an exporter nor an endpoint is set.",
    "to send spans to a collector: --endpoint URL, or OTEL_EXPORTER_OTLP_ENDPOINT=URL",
)
STDOUT_ELSEWHERE = Finding(
    "exporter",
    WARNING,
    "{exporters}; but the shell redirects stdout, and into another file no span is printed",
    "The output of a child that somebody else reads, or that goes to a file, is left alone unless it is asked for.",
    "to send spans to a collector: --endpoint URL; to print them there all the same: OTEL_TRACES_EXPORTER=console",
)
ENDPOINT = Finding("endpoint", OK, "{endpoint}, {origin}", "Where spans are sent, path included.")
USER_NOT_SENT = Finding(
    "endpoint",
    WARNING,
    "{endpoint}, {origin}; its user name and password are not sent",
    "They are part of the address, and become no header.",
    "send them as a header: OTEL_EXPORTER_OTLP_HEADERS",
)
ONLY_GRPC = Finding(
    "endpoint",
    OK,
    "what only gRPC understands, {origin}",
    "Such as unix:/run/collector.sock. Of the connection only the test span is tried.",
)
NO_ENDPOINT = Finding(
    "endpoint",
    FAILED,
    "{variable} is no address that can be used",
    "It cannot be read as http://HOST:PORT.",
    "see connection",
)
PROTOCOL = Finding("protocol", OK, "{protocol}, {origin}", "How the exporter speaks to the collector.")
NO_GRPC = Finding(
    "protocol",
    WARNING,
    "{protocol}: {variable} asks for grpc, and grpcio is not installed",
    "Spans go to the same address by HTTP, which a gRPC port does not understand.",
    "{install}",
)

# --- Which traces -----------------------------------------------------------------------------------------------------

SAMPLER = Finding("sampler", OK, "{sampler}{by_parent}", "Which of the traces that begin in this service are recorded.")
SAMPLED_SHARE = Finding(
    "sampler",
    OK,
    "{sampler}: a share of {ratio} of all traces is recorded{by_parent}",
    "The trace id decides, so that every service of a trace decides alike.",
)
NOT_SAMPLED = Finding(
    "sampler",
    WARNING,
    "{sampler}: no trace that begins here is recorded{by_parent}",
    "The variables say so, or the share is 0.",
    "unset OTEL_TRACES_SAMPLER to record every trace",
)
