"""The reference pages that say what the code says: written from its tables, or compared with them.

python docs/generate.py            write them
python docs/generate.py --check    write nothing; exit 1 and name the pages that are not up to date
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path

import click

from platform_otel import config
from platform_otel.instrumentation.catalog import CATALOG, HANDLER, Row

REFERENCE = Path(__file__).with_name("reference")
PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def main(words: Sequence[str]) -> int:
    """Write the pages or check them; the exit code."""
    pages = {REFERENCE / name: written() for name, written in PAGES.items()}
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" not in words:
        for path in stale:
            path.write_text(pages[path], encoding="utf-8")
        return 0
    for path in stale:
        sys.stderr.write(f"Error: {path.name} is not up to date\nHint: python docs/generate.py\n")
    return 1 if stale else 0


# --- settings.md ------------------------------------------------------------------------------------------------------

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
- Upstream's instrumentations read further variables of their own, such as `OTEL_PYTHON_EXCLUDED_URLS`. They are
  described in the
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


def _is_exporting(name: str) -> bool:
    return name.startswith(("OTEL_EXPORTER_OTLP_", "OTEL_BSP_")) or name.endswith("_EXPORTER")


# Title, text, and which settings belong here; each setting is in the first group that takes it.
_GROUPS: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
    ("Of platform-trace", "", lambda name: name.startswith("PLATFORM_TRACE_")),
    ("Where spans go", _EXPORTING, _is_exporting),
    ("Limits", _LIMITS, lambda name: name.endswith("_LIMIT")),
    ("Of OpenTelemetry", "", lambda name: name.startswith("OTEL_")),
)


def settings_page() -> str:
    """Every row of config.SETTINGS, in groups."""
    left = list(config.SETTINGS)
    parts = [_header("Settings", "platform_otel/config.py"), _SETTINGS]
    for title, text, takes in _GROUPS:
        rows = [row for row in left if takes(row[0])]
        left = [row for row in left if row not in rows]
        table = _table(("Variable", "Type", "Default", "Meaning"), map(_setting, rows))
        parts.append(f"## {title}\n\n{text}{table}")
    return "\n".join([*parts, _TYPES])


def _setting(row: tuple[str, str, str, str]) -> tuple[str, ...]:
    name, kind, default, text = row
    return f"`{name}`", _words(kind), f"`{default}`" if default else "none", text


def _words(kind: str) -> str:
    """The name of a type as it is; "a|b|c" as `a`, `b` or `c`."""
    if "|" not in kind:
        return kind
    *words, last = (f"`{word}`" for word in kind.split("|"))
    return f"{', '.join(words)} or {last}"


# --- command-line.md --------------------------------------------------------------------------------------------------

_LAUNCH = """\
```console
platform-trace [run] [OPTIONS] [--] COMMAND [ARGS]...
```

`COMMAND` is executed in the launcher's place: same pid, same signals, same exit code. Everything from `COMMAND` on is
the command's, also what looks like an option. `python -m platform_otel` is the same as `platform-trace`.

`--` says that a command follows. Write it in scripts: a service whose command is `demo` would otherwise be taken for
the subcommand of that name.

## Options of a launch

An option wins over the variable that it sets. `--option VALUE` and `--option=VALUE` are the same.
"""

_WITHOUT_LAUNCH = """\
Without a command to launch:

| Option | What it does |
|---|---|
| `--version` | Show the version and exit. |
| `--help` | Show the help and exit; after a subcommand, the help of that one. |
"""

_EXITS = """\
## Exit codes

A launch ends with the exit code of the command, or with the signal that ended it. The launcher's own codes:

| Code | When |
|---|---|
| 0 | `--help`, `--version`, and a subcommand that succeeded |
| 1 | A subcommand failed; what and why is on stderr ([messages](messages.md)) |
| 2 | The command line cannot be understood, or names no command |
| 126 | The command is there and cannot be executed |
| 127 | The command is not there |
| 129, 130, 143 | SIGHUP, SIGINT or SIGTERM ended `platform-trace demo`; Ctrl-C while it waits for requests is 0 |
"""


def command_line_page() -> str:
    """config.OPTIONS, config.COMMANDS and what click knows of each command."""
    options = _table(("Option", "Values", "Variable", "What it does"), map(_launching_option, config.OPTIONS))
    commands = [_command(name, text) for name, text in config.COMMANDS]
    head = [_header("Command line", "platform_otel/config.py and cli/"), _LAUNCH, options, _WITHOUT_LAUNCH]
    return "\n".join([*head, "## Subcommands\n", *commands, _EXITS])


def _launching_option(row: tuple[str, str, str, str]) -> tuple[str, ...]:
    option, variable, values, text = row
    return f"`{option}`", _words(values) if values else "text", f"`{variable}`", text


def _command(name: str, text: str) -> str:
    section = f"### `platform-trace {name}`\n\n{text}\n"
    if name == "run":
        return f"{section}\nIt takes the options of a launch.\n"
    command: click.Command = import_module(f"platform_otel.cli.{name}").command
    details = (command.help or "").partition("\n")[2].strip()
    options = [option for option in command.params if isinstance(option, click.Option)]
    rows = [(f"`{', '.join(option.opts)}`", option.help or "") for option in options]
    table = _table(("Option", "What it does"), [*rows, ("`--help`", "Show the help and exit.")])
    return "\n".join([section, *([_flowing(details)] if details else []), table])


def _flowing(text: str) -> str:
    """A docstring's paragraphs, without the line ends of the source."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n")) + "\n"


# --- supported-libraries.md -------------------------------------------------------------------------------------------

_LIBRARIES = """\
What is traced, and by what. Each library is instrumented by upstream's instrumentation for it. That one is loaded when
the service imports the library, and only if it is installed in the service's environment. A library in use whose
instrumentation is missing is not traced, and only `OTEL_LOG_LEVEL=debug` says so.

The first column is the name for `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS` and `PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS`
([how to](../how-to/turn-an-instrumentation-off.md)). The last says what installs the instrumentation: `platform-otel`
itself, its extra `all`, or only its own name.

## On by default
"""

_OFF = """\
## Off by default

Naming a library in `PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS` switches it on; that variable is a list of all that is
wanted, so name the others too. A variable in the third column does as well, without touching the others.
"""

_OTHERS = """\
## Other libraries

An installed package that offers an instrumentor to OpenTelemetry (entry point group `opentelemetry_instrumentor`) is
used too. Its instrumentor is loaded when the service imports the library that the package's extra `instruments` names;
where it names none, the module with the instrumentor's own name.
"""


def libraries_page() -> str:
    """Every row of the catalog: those that are on by default, then the others."""
    on = _table(
        ("Library", "Waits for the import of", "Instrumentation", "Installed with"),
        ((f"`{row.library}`", _triggers(row), *_instrumentation(row)) for row in CATALOG if not row.off),
    )
    off = _table(
        ("Library", "Why it is off", "Switched on by", "Instrumentation", "Installed with"),
        (
            (f"`{row.library}`", _why(row), _listed(row.asked_by) or "its name only", *_instrumentation(row))
            for row in CATALOG
            if row.off
        ),
    )
    head = _header("Supported libraries", "platform_otel/instrumentation/catalog.py")
    return f"{head}\n{_LIBRARIES}\n{on}\n{_OFF}\n{off}\n{_OTHERS}"


def _triggers(row: Row) -> str:
    if row.triggers == (HANDLER,):
        return "the module of the Lambda function's handler"
    return _listed(row.triggers) if row.triggers else "the first of the others"


def _why(row: Row) -> str:
    return f"{row.off[:1].upper()}{row.off[1:]}."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _instrumentation(row: Row) -> tuple[str, str]:
    return f"`{row.distribution}`", _source(row.distribution)


def _source(distribution: str) -> str:
    if distribution in _required("dependencies"):
        return "`platform-otel`"
    return "`platform-otel[all]`" if distribution in _required("all") else "its own name"


def _required(key: str) -> set[str]:
    """The distributions in a list of pyproject.toml. tomllib came with Python 3.11, so we look for ourselves."""
    found = re.search(rf"^{key} = \[\n(.*?)^\]", PYPROJECT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return set(re.findall(r'^  "([A-Za-z0-9-]+)', found.group(1), re.MULTILINE)) if found else set()


# --- Markdown ---------------------------------------------------------------------------------------------------------


def _header(title: str, source: str) -> str:
    note = f"Written by docs/generate.py from {source}: change it there, then run python docs/generate.py."
    return f"<!-- {note} -->\n\n# {title}\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_row(heads), "|" + "---|" * len(heads), *map(_row, rows)]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


PAGES = {
    "settings.md": settings_page,
    "command-line.md": command_line_page,
    "supported-libraries.md": libraries_page,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
