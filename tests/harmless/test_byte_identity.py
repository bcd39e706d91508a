"""A program prints the same bytes and ends with the same code as without us, while its span is delivered."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.receiver import Receiver
from tests.support import LAUNCHER, PATIENCE, environment, exporting_to, received

SPAN = "from opentelemetry import trace; trace.get_tracer('t').start_span('work').end()\n"
LOGGING = "import logging; log = logging.getLogger('shop')\n"


class Program(NamedTuple):
    """Python code, the words that run it ("{file}" is a file that holds it), and whether it can deliver its span."""

    code: str
    words: tuple[str, ...] = ("{file}",)
    stdin: bool = False
    delivers: bool = True


PROGRAMS = {
    "no logging set up": Program("print('out'); import sys; print('err', file=sys.stderr)"),
    "last-resort handler": Program(f"{LOGGING}log.warning('careful'); log.info('unseen')"),
    "basicConfig": Program(f"{LOGGING}logging.basicConfig(level='DEBUG'); log.debug('all of it')"),
    "dictConfig": Program(
        f"{LOGGING}import logging.config\n"
        "logging.config.dictConfig({'version': 1, 'disable_existing_loggers': True,\n"
        " 'formatters': {'f': {'format': '%(levelname)s %(name)s %(message)s'}},\n"
        " 'handlers': {'h': {'class': 'logging.StreamHandler', 'formatter': 'f'}},\n"
        " 'root': {'handlers': ['h'], 'level': 'DEBUG'}})\n"
        "log.info('formatted'); print(sorted(logging.root.manager.loggerDict) == ['shop'] or 'others')",
    ),
    "warnings": Program("import warnings; warnings.warn('old'); warnings.warn('older', DeprecationWarning)"),
    "warnings are errors": Program("import warnings; warnings.warn('old')", ("-W", "error", "{file}")),
    "crash with traceback": Program("def f():\n    return 1 / 0\nf()"),
    "-c": Program("print(__name__, __import__('sys').argv)", ("-c", "{code}", "x", "y z")),
    "-m": Program("print(__name__, __spec__.name)", ("-m", "program")),
    "script from stdin": Program("print(__name__)", ("-", "word"), stdin=True),
    "binary stdout": Program("import sys; sys.stdout.buffer.write(bytes(range(256)) * 100)"),
    "os._exit": Program("import os; print('bye', flush=True); os._exit(5)", delivers=False),
    "SystemExit": Program("raise SystemExit(37)"),
    "SystemExit with a text": Program("raise SystemExit('what went wrong')"),
    "developer mode": Program("import gc; gc.collect(); print('out')", ("-X", "dev", "{file}")),
    "paths and modules": Program("import sys; print(sys.path, sys.argv, sys.flags, sys.warnoptions)"),
}


def outcome_of(
    program: Program, folder: Path, prefix: list[str], variables: dict[str, str]
) -> subprocess.CompletedProcess[bytes]:
    """Run it to its end in its folder."""
    code = SPAN + program.code + "\n"
    (folder / "program.py").write_text(code)
    words = [word.format(file="program.py", code=code) for word in program.words]
    return subprocess.run(
        [*prefix, sys.executable, *words],
        cwd=folder,
        env=environment(PLATFORM_TRACE_STRICT=None, **variables),
        input=code.encode() if program.stdin else None,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_output_and_exit_code_are_those_of_the_program_alone(name: str, tmp_path: Path, receiver: Receiver) -> None:
    program, variables = PROGRAMS[name], dict(exporting_to(receiver))
    alone = outcome_of(program, tmp_path, [], variables)

    traced = outcome_of(program, tmp_path, [LAUNCHER, "--"], variables)

    assert (traced.returncode, traced.stdout, traced.stderr) == (alone.returncode, alone.stdout, alone.stderr)
    if program.delivers:
        assert [span.name for span in received(receiver, 1)] == ["work"]
