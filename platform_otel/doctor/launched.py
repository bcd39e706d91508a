"""The process that a command will become, as far as can be told without running it. Pure data."""

from typing import NamedTuple


class Untold(Exception):
    """What Python will run cannot be told of this command: why, such as "make decides what it starts"."""


class Environment(NamedTuple):
    """Where a tool looks for interpreters and scripts before it looks on ``PATH``.

    Args:
        inside: what runs another command there: "uv run".
        project: the folder from which upwards it looks for its project's own environment.
        prefers_active: whether an activated environment comes first.
        is_foretold: False if only the tool can tell: it keeps its environments elsewhere, or makes one.
        changes_path: why ``PATH`` is not known there, where that is all: what is named by a path is found; else "".
    """

    inside: str
    project: str = ""
    prefers_active: bool = False
    is_foretold: bool = True
    changes_path: str = ""


class LaunchedProcess(NamedTuple):
    """What Python will see of a command.

    Args:
        argv: its command line as ``sys.orig_argv`` will have it; empty if that is unclear.
        environ: its environment.
        folder: its current folder; "" is the one that the command is started in, unknown here.
        unclear: why it cannot be told what Python will run, such as "make decides what it starts"; else "".
        script: the script that ``argv`` names in its second word, where it is still to be found, and the interpreter
            in its first line; else "".
        environment: where it is to be found, if a tool decides that.
        writes_elsewhere: whether its standard output is another file than that of the command.
    """

    argv: list[str]
    environ: dict[str, str]
    folder: str
    unclear: str = ""
    script: str = ""
    environment: Environment | None = None
    writes_elsewhere: bool = False

    def because(self, unclear: str) -> "LaunchedProcess":
        """The same, of which it cannot be told what Python will run."""
        return self._replace(argv=[], unclear=unclear)

    def running(self, script: str) -> "LaunchedProcess":
        """The same, once the file of its script is found."""
        return self._replace(argv=["python", script, *self.argv[2:]], script="")


def unknown_option(program: str, option: str) -> Untold:
    """For an option that nobody here has read about: it may take a value, or change what runs.

    What may be its value is not shown: it may be a secret.
    """
    name = option.partition("=")[0] if option.startswith("--") else option[:2]
    return Untold(f"{name} of {program} is not understood here")
