"""The doctor run as users run it, and its report."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.support import LAUNCHER, PATIENCE, SERVICES, environment

# What the machine that the tests run on may need to reach the world, and the doctor would use as well.
NO_OTHER_WAY: Mapping[str, str | None] = dict.fromkeys(
    (
        *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC"),
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    )
)
# A command that says nothing of itself.
SERVICE = (sys.executable, "-c", "pass")


class Row(NamedTuple):
    """One check, as ``--json`` has it."""

    name: str
    status: str
    detail: str
    hint: str

    @property
    def said(self) -> str:
        """Detail and hint."""
        return f"{self.detail} -> {self.hint}"


@dataclass(frozen=True)
class Report:
    """What the doctor printed and how it ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether nothing failed, by its own word."""
        return bool(self._parsed()["ok"])

    def section(self, title: str) -> dict[str, Row]:
        """The checks of a section by name."""
        return {check["name"]: Row(**check) for check in self._parsed()["sections"][title]}

    def __getitem__(self, place: str) -> Row:
        """The check at "section/name"."""
        section, _, name = place.partition("/")
        return self.section(section)[name]

    def failed(self) -> list[str]:
        """Where checks failed, as "section/name"."""
        sections: Mapping[str, Any] = self._parsed()["sections"]  # Any: what JSON holds
        return [
            f"{title}/{check['name']}"
            for title, checks in sections.items()
            for check in checks
            if check["status"] == "failed"
        ]

    def _parsed(self) -> Any:  # Any: what JSON holds
        return json.loads(self.stdout)


def doctor(*command: str | Path, **variables: str | None) -> Report:
    """Run ``platform-trace doctor --json -- COMMAND`` to its end."""
    return doctor_in(SERVICES, *command, **variables)


def examine(url: str, **variables: str | None) -> Report:
    """The report on a service whose spans go to this address."""
    return doctor(*SERVICE, OTEL_EXPORTER_OTLP_ENDPOINT=url, **variables)


def doctor_in(folder: str | Path, *command: str | Path, **variables: str | None) -> Report:
    """The same, in another current folder."""
    return _run(folder, ["--json", *(["--", *map(str, command)] if command else [])], variables)


def doctor_in_words(*command: str | Path, **variables: str | None) -> Report:
    """Run ``platform-trace doctor -- COMMAND``, which prints text."""
    return _run(SERVICES, ["--", *map(str, command)], variables)


def _run(folder: str | Path, words: Sequence[str], variables: Mapping[str, str | None]) -> Report:
    done = subprocess.run(
        [LAUNCHER, "doctor", *words],
        cwd=folder,
        env=environment(**{**NO_OTHER_WAY, **variables}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Report(done.returncode, done.stdout, done.stderr)
