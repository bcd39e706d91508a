"""What a program does traced, held against what it does untraced."""

import subprocess
import sys
import textwrap
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

import pytest

from tests.http.server import AnsweringServer
from tests.receiver import ReceivedSpan, Receiver
from tests.support import exporting_to, launch, run


def needs(*distributions: str) -> pytest.MarkDecorator:
    """Skip where one of them is not installed."""
    missing = [name for name in distributions if not is_installed(name)]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def is_installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def cases(named: Mapping[str, object], *telling: str) -> list[object]:
    """Parameters by their ids; those that tell little more than the telling ones are for `make test-all`."""
    assert named.keys() >= set(telling)
    return [
        pytest.param(case, id=name, marks=() if name in telling else pytest.mark.matrix) for name, case in named.items()
    ]


def spans_of(receiver: Receiver, code: str, *flags: str, **variables: str) -> list[ReceivedSpan]:
    """The spans of a program that prints and ends just as it does without us."""
    program = [sys.executable, *flags, "-c", textwrap.dedent(code)]
    untraced = _outcome(run(*program, **variables))
    traced = _outcome(launch(*program, **exporting_to(receiver, **variables)))

    assert traced == untraced, f"{traced} is not {untraced}"
    return receiver.spans()


def _outcome(process: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    return process.returncode, process.stdout, process.stderr


def client_spans(begin: str, receiver: Receiver, code: str, **variables: str) -> list[ReceivedSpan]:
    """The client spans of a program that prints what it prints without us; "{base!r}" in ``begin`` is a server."""
    with AnsweringServer() as server:
        spans = spans_of(receiver, begin.format(base=server.url) + code, **variables)
        return sorted((span for span in spans if span.kind == "client"), key=lambda span: span.start)
