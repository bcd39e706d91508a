"""The commands, but for launching itself: each is imported only when used."""

import errno
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click

from platform_otel import __version__
from platform_otel.config import COMMANDS, OPTIONS
from platform_otel.errors import PlatformTraceError


class _Commands(click.Group):
    """Lists and loads the commands of the table; ``run`` is the launcher's own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, _ in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        helps = dict(COMMANDS)
        if cmd_name not in helps:
            return None
        command: click.Command = _run if cmd_name == "run" else import_module(f"platform_otel.cli.{cmd_name}").command
        command.short_help = helps[cmd_name]
        return command


def _launching_options() -> list[click.Parameter]:
    return [
        click.Option([option], help=f"{text} [{variable}]", metavar=values or "TEXT")
        for option, variable, values, text in OPTIONS
    ]


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    params=_launching_options(),
    subcommand_metavar="[run] [--] COMMAND [ARGS]...",
    epilog="Example: platform-trace uvicorn identity.main:app",
)
@click.version_option(__version__, prog_name="platform-trace", message="%(prog)s %(version)s")
@click.pass_context
def _group(ctx: click.Context, /, **_: object) -> None:
    """Run a Python service traced: prefix its command, set OTEL_* variables, change no source."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_usage(), err=True)
        click.echo("\nError: no command given\nHint: platform-trace -- COMMAND, or platform-trace --help", err=True)
        ctx.exit(2)


@click.command("run", params=[*_launching_options(), click.Argument(["command"], nargs=-1, required=True)])
def _run(**_: object) -> None:
    """Run COMMAND traced. The word run itself may be left out."""
    # The launcher takes every launch before click is imported; this is here for its help.


def main(words: Sequence[str]) -> NoReturn:
    """Run the command that the arguments name; does not return."""
    try:
        _main(words)
    except PlatformTraceError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
    sys.exit(0)


def _main(words: Sequence[str]) -> None:
    try:
        _group.main(list(words), prog_name="platform-trace", standalone_mode=True)
    except OSError as error:
        # What click itself prints, such as for --help, on a full disk.
        if error.errno != errno.ENOSPC:
            raise
        raise import_module("platform_otel.cli.terminal").unwritable(error) from None
