"""docs/reference/settings.md."""

from collections.abc import Callable

from pages.markdown import header, table, words
from platform_otel import config

_SETTINGS = """\
Every setting is an environment variable. `OTEL_*` variables mean what the
[OpenTelemetry specification](https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/) says;
`PLATFORM_TRACE_*` variables exist only for what OpenTelemetry has no name for.

- An empty variable counts as not set.
- A bad value never stops a service. One line on stderr names the variable, the value and the default that is used
  ([messages](messages.md)).
- `true` and `false`, and words from a fixed set, are read whatever their case. Only `true` is true: `1` and `yes` are
  not.
- The launcher's options set three of these variables ([command line](command-line.md)).
- Upstream's instrumentations read further variables of their own. They are described in the
  [documentation of opentelemetry-python-contrib](https://opentelemetry-python-contrib.readthedocs.io/).
"""

_TYPES = """\
## Types

| Type | What it takes |
|---|---|
| boolean | `true` or `false` |
| integer | A whole number that is not negative |
| list | Words separated by commas |
| milliseconds | A whole number that is not negative |
| pairs | `key=value` separated by commas; values percent-encoded; never shown in a message |
| path | A file name |
| patterns | Regular expressions separated by commas |
| secret | Any text; never shown in a message |
| text | Any text |
| url | An address; a user name and password in it are never shown in a message |
"""

_EXPORTING = """\
The `_TRACES_` form of a variable wins over the general one. More in [where spans go](../how-to/where-spans-go.md).
While `OTEL_BSP_MAX_QUEUE_SIZE` is not set, spans wait until they take 64 MiB; its default is for exporters of other
packages.

"""

_LIMITS = """\
While `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT` is not set, attributes of events may be 32768 characters long, so that a
traceback keeps its end.

"""


_HTTP = """\
More on excluded requests in [server spans beside upstream's](http-differences-servers.md#excluded-requests).

"""


def _is_http(name: str) -> bool:
    return name.startswith("OTEL_INSTRUMENTATION_HTTP_") or name.endswith("_EXCLUDED_URLS")


def _is_exporting(name: str) -> bool:
    return name.startswith(("OTEL_EXPORTER_OTLP_", "OTEL_BSP_")) or name.endswith("_EXPORTER")


# Title, text, and which settings belong here; each setting is in the first group that takes it.
_GROUPS: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
    ("Of platform-trace", "", lambda name: name.startswith("PLATFORM_TRACE_")),
    ("Where spans go", _EXPORTING, _is_exporting),
    ("Limits", _LIMITS, lambda name: name.endswith("_LIMIT")),
    ("HTTP", _HTTP, _is_http),
    ("Of OpenTelemetry", "", lambda name: name.startswith("OTEL_")),
)


_HEADS = ("Variable", "Type", "Default", "Meaning")


def page() -> str:
    """Every row of config.SETTINGS, in groups."""
    left = list(config.SETTINGS)
    parts = [header("Settings", "platform_otel/config.py"), _SETTINGS]
    for title, text, takes in _GROUPS:
        rows = [row for row in left if takes(row[0])]
        left = [row for row in left if row not in rows]
        parts.append(f"## {title}\n\n{text}{table(_HEADS, map(_setting, rows))}")
    return "\n".join([*parts, _TYPES])


def _setting(row: tuple[str, str, str, str]) -> tuple[str, ...]:
    name, kind, default, text = row
    return f"`{name}`", words(kind), f"`{default}`" if default else "none", text
