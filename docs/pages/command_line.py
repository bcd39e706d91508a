"""docs/reference/command-line.md."""

from importlib import import_module

import click

from pages.markdown import header, table, words
from platform_otel import config

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


def page() -> str:
    """config.OPTIONS, config.COMMANDS and what click knows of each command."""
    options = table(("Option", "Values", "Variable", "What it does"), map(_launching_option, config.OPTIONS))
    commands = [_command(name, text) for name, text in config.COMMANDS]
    head = [header("Command line", "platform_otel/config.py and cli/"), _LAUNCH, options, _WITHOUT_LAUNCH]
    return "\n".join([*head, "## Subcommands\n", *commands, _EXITS])


def _launching_option(row: tuple[str, str, str, str]) -> tuple[str, ...]:
    option, variable, values, text = row
    return f"`{option}`", words(values) if values else "text", f"`{variable}`", text


def _command(name: str, text: str) -> str:
    section = f"### `platform-trace {name}`\n\n{text}\n"
    if name == "run":
        return f"{section}\nIt takes the options of a launch.\n"
    command: click.Command = import_module(f"platform_otel.cli.{name}").command
    parts = [section, *_details(command), _options(command)]
    if isinstance(command, click.Group):
        parts += [_subcommand(name, each) for each in command.commands.values()]
    return "\n".join(parts)


def _subcommand(name: str, command: click.Command) -> str:
    words = [each.make_metavar(click.Context(command)) for each in command.params if isinstance(each, click.Argument)]
    first = (command.help or "").partition("\n")[0]
    head = f"#### `{' '.join(['platform-trace', name, str(command.name), *words])}`\n\n{first}\n"
    return "\n".join([head, *_details(command), _options(command)])


def _details(command: click.Command) -> list[str]:
    details = (command.help or "").partition("\n")[2].strip()
    return [_flowing(details)] if details else []


def _options(command: click.Command) -> str:
    options = [option for option in command.params if isinstance(option, click.Option)]
    rows = [(f"`{', '.join(option.opts)}`", option.help or "") for option in options]
    return table(("Option", "What it does"), [*rows, ("`--help`", "Show the help and exit.")])


def _flowing(text: str) -> str:
    """A docstring's paragraphs, without the line ends of the source."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n")) + "\n"
