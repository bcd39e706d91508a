"""What the doctor may say of a library. Pure data."""

from platform_otel.doctor.checks import OFF, OK, WARNING, Finding

INSTRUMENTED = Finding(
    "{library}",
    OK,
    "{version}, {by}",
    "It is instrumented when the service imports it.",
)
LEFT_ALONE = Finding(
    "{library}",
    OFF,
    "{version}: {reason}",
    "A setting leaves it alone, or it is off by default; the reason names the settings that change it.",
)
MISSING = Finding(
    "{library}",
    WARNING,
    "{version}: {reason}",
    "The library is installed and its instrumentation is not, so its calls are not traced.",
    "{install}",
)
MISSING_OF_STANDARD = Finding(
    "{library}",
    OFF,
    "{version}: {reason}",
    "The same for a module of the standard library, which is always there. Nothing is lost if the service does not use "
    "it.",
    "{install}",
)
MISSING_INSIDE = Finding(
    "{library}",
    OFF,
    "{version}: {reason}",
    "The same for a library that works inside of requests which are traced anyway: no call is lost.",
    "{install}",
)
NO_MODULE = Finding(
    "{library}",
    WARNING,
    "{version}: not traced, since {instrumentation} lacks its module {module}",
    "The instrumentation's files are incomplete.",
    "{install}",
)
NEEDS_MORE = Finding(
    "{library}",
    WARNING,
    "{version}: not traced, since {instrumentation} needs {missing}, not installed",
    "The instrumentation was installed without what it needs.",
    "{install}",
)
OUT_OF_RANGE = Finding(
    "{library}",
    WARNING,
    "{version}: not traced, since {instrumentation} needs {range}",
    "The library is newer or older than those that its instrumentation was made for.",
    "install another version of one of them: {install}",
)
BUT_FOR = Finding(
    "{library}",
    OFF,
    "not traced, as nothing is (see {obstacle}); then {detail}",
    "Something under plan keeps the whole service from being traced. What follows holds once that is mended.",
)
OTHERS = Finding(
    "others",
    OFF,
    "{count} more that can be traced are not installed",
    "[Supported libraries](supported-libraries.md) names them.",
)
UNSEEN = Finding(
    "libraries",
    OFF,
    "not looked at, as the interpreter cannot be told",
    "See interpreter, under plan.",
)
