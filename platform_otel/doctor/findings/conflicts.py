"""What the doctor may say of other tracing tools and of packages that do not fit together. Pure data."""

from platform_otel.doctor.checks import FAILED, OFF, OK, WARNING, Finding

NO_TOOL = Finding("other tracing tools", OK, "none is installed", "None of those that the doctor knows.")
TOOL = Finding(
    "{tool}",
    OFF,
    "{version} is installed; it traces only if the service calls {call}",
    "Another tracing tool is installed, and nothing that the doctor sees starts it.",
)
CONFIGURED_TOOL = Finding(
    "{tool}",
    WARNING,
    "{version} is installed and configured ({variables} set): where the service starts it, both patch the same "
    "libraries",
    "Its variables are set, so the service probably starts it. Two tools may break each other, or trace all twice.",
    "use one of the two: see whether the service calls {call}",
)
STARTED_TOOL = Finding(
    "{tool}",
    WARNING,
    "{version} starts with the service ({started}): both would patch the same libraries",
    "The command or PYTHONPATH starts it. Two tools may break each other, or trace all twice.",
    "use one of the two: leave {tool} out of the launch, or platform-trace",
)
UPSTREAM = Finding(
    "opentelemetry-instrument",
    WARNING,
    "starts with the service ({started}), by {distro}: every library would be instrumented twice",
    "Upstream's launcher or the Kubernetes operator instruments the service, too, and not by our distro.",
    "leave it out of the launch, or set OTEL_PYTHON_DISTRO=platform_otel and OTEL_PYTHON_CONFIGURATOR=platform_otel",
)
FITTING = Finding(
    "OpenTelemetry packages",
    OK,
    "{count} installed, and they fit together",
    "Each has what it needs, in a version that it takes.",
)
NOT_FITTING = Finding(
    "OpenTelemetry packages",
    WARNING,
    "{count} do not fit: {mismatches}",
    "Releases of different months are mixed. Most often a requirements file pins some of them.",
    "install releases that fit, in one go: {install}",
)
NEEDED_PACKAGES = Finding(
    "OpenTelemetry packages",
    FAILED,
    "{missing} not installed, so nothing is traced",
    "platform-otel was installed without what it needs.",
    "{install}",
)
NONE_YET = Finding(
    "OpenTelemetry packages",
    OFF,
    "{count} installed; they come with platform-otel",
    "platform-otel is not installed there either; see start file, under plan.",
)
UNSEEN = Finding(
    "packages",
    OFF,
    "not looked at, as the interpreter cannot be told",
    "See interpreter, under plan.",
)
