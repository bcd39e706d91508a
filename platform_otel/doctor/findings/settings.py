"""What the doctor may say of a setting. Pure data."""

from platform_otel.doctor.checks import FAILED, OK, WARNING, Finding

VALUE = Finding(
    "{name}", OK, "{value} (from {origin})", "It is set: in the environment, by the launcher or the command."
)
DEFAULT = Finding("{name}", OK, "{default} (default)", "It is not set.")
NOT_SET = Finding("{name}", OK, "not set", "It is not set, and has no default.")
AS_GENERAL = Finding("{name}", OK, "as {general}", "It is not set, and the general setting is.")
BAD_VALUE = Finding(
    "{name}",
    FAILED,
    "{value} (from {origin}): not {expected}; {used}",
    "The value is not of the setting's [type](settings.md#types). The service prints the same.",
    "set {name} to {expected}, or unset it",
)
BAD_RATIO = Finding(
    "{name}",
    FAILED,
    "{value} (from {origin}): not {expected}; using 1",
    "The sampler takes a share, with a point.",
    "give it a share, such as 0.1, or unset it",
)
BAD_PAIRS = Finding(
    "{name}",
    FAILED,
    "{value} (from {origin}): not {expected}; ignoring all of it",
    "One of the pairs cannot be read. The specification then discards them all.",
    "correct {name}: key=value,key=value, percent-encoded",
)
NO_FILES = Finding(
    "{name}",
    FAILED,
    "{value} (from {origin}): not supported, and ignored",
    "OpenTelemetry's configuration files are not read.",
    "set the same by OTEL_* variables, and unset it",
)
NO_PATH = Finding(
    "{name}",
    FAILED,
    "{value} (from {origin}): this is the key or certificate itself, so nothing is sent by TLS",
    "The setting takes the name of a file.",
    "write it to a file, and set {name} to the name of that",
)
NO_FILE = Finding(
    "{name}",
    FAILED,
    "{value} (from {origin}): no such file, so nothing is sent by TLS",
    "The path leads nowhere from where the doctor runs.",
    "correct {name}; in a container, see that the file is mounted",
)
UNREADABLE_FILE = Finding(
    "{name}",
    FAILED,
    "{value} (from {origin}): it cannot be read, so nothing is sent by TLS",
    "It is a folder, or its mode does not allow it to the user who runs the doctor.",
    "correct {name}, or let the service's user read the file",
)
NO_HEADER = Finding(
    "{name}",
    FAILED,
    "{value} (from {origin}): it holds no header, so none is sent",
    "It holds no name=value.",
    "correct {name}: name=value,name=value, values percent-encoded",
)
ILLEGAL_HEADERS = Finding(
    "{name}",
    FAILED,
    "{value} (from {origin}): {count} of {all} headers are not legal and not sent",
    "A name or value has characters that HTTP does not allow, or a name is the exporter's own, such as content-type.",
    "correct {name}: name=value,name=value, values percent-encoded",
)
NOT_OFFERED = Finding(
    "{name}",
    FAILED,
    "{value} (from {origin}): no installed package offers {words}; {used}",
    "The name is misspelt, or the package that has it is not installed for the service.",
    "correct it, or install the package that offers it; known are {known}",
)
NO_SIGNALS = Finding(
    "{name}",
    FAILED,
    "{value} (from {origin}): no installed package offers {words}; {used}",
    "The SDK's exporters for metrics and logs come with an extra of platform-otel.",
    "{install}",
)
MISSPELT = Finding(
    "{name}",
    WARNING,
    "no setting has this name",
    "A variable is set whose name is one letter off a setting's.",
    "did you mean {meant}?",
)
NO_SETTING = Finding(
    "{name}",
    WARNING,
    "no setting has this name",
    "A variable is set whose name begins as ours do, and no setting has it.",
    "correct it, or unset it: every setting is among the rows above",
)
