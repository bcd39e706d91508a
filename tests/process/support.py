"""A process that makes one span, and what installers leave of a distribution."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.receiver import ReceivedSpan, Receiver
from tests.support import SERVICES, exporting_to, launch, received

IDENTITY = ["python", "-m", "identity.main"]
CODE = "import child_task; child_task.work()"


def span_of(receiver: Receiver, *command: str, cwd: str | Path = SERVICES, **variables: str) -> ReceivedSpan:
    """The one span of a command that was started by the launcher, in its folder or on that of the services."""
    outcome = launch(*command, cwd=cwd, PYTHONPATH=f"{cwd}:{SERVICES}", **exporting_to(receiver, **variables))
    assert (outcome.returncode, outcome.stderr) == (0, "")
    [span] = received(receiver, 1)
    return span


def install(
    folder: Path, distribution: str, version: str, files: Sequence[str] = (), scripts: str = "", editable: str = ""
) -> None:
    """Leave what pip leaves of a distribution."""
    metadata = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    record = [*files, f"{metadata.name}/RECORD"]
    (metadata / "RECORD").write_text("".join(f"{file},sha256=x,1\n" for file in record))
    if scripts:
        (metadata / "entry_points.txt").write_text(f"[gui_scripts]\nno = x:y\n\n[console_scripts]\n{scripts}\n")
    if editable:
        (metadata / "direct_url.json").write_text(f'{{"url": "file://{editable}", "dir_info": {{"editable": true}}}}')
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
